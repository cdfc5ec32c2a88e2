// SPDX-License-Identifier: BSD-3-Clause
/**
 * The server extension's REST interface, as far as the panel needs it. Knows nothing of widgets.
 */

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import { URL_SPACE } from './tokens';

/** One notebook that serves MCP, as `GET api/servers` reports it. */
export interface ILiveServer {
  readonly name: string;
  readonly kernel_id: string;
  /** The notebook's path; null for a kernel without a notebook. */
  readonly path: string | null;
  readonly state: 'idle' | 'busy' | 'gone';
  readonly tools: number;
  readonly resources: number;
  readonly prompts: number;
  readonly urls: { readonly http: string; readonly sse: string };
}

/**
 * The live MCP servers of this Jupyter Server.
 *
 * Rejects with `ServerConnection.ResponseError` when the server answers with an error, and with
 * `ServerConnection.NetworkError` when it does not answer.
 */
export async function listServers(
  settings: ServerConnection.ISettings
): Promise<readonly ILiveServer[]> {
  // An open panel is no activity: it must not keep an idle server from being culled.
  const query = URLExt.objectToQueryString({ no_track_activity: 1 });
  const url = URLExt.join(settings.baseUrl, URL_SPACE, 'api', 'servers') + query;
  const response = await ServerConnection.makeRequest(url, {}, settings);
  if (!response.ok) {
    throw await ServerConnection.ResponseError.create(response);
  }
  const answer = (await response.json()) as { servers: readonly ILiveServer[] };
  return answer.servers;
}
