// SPDX-License-Identifier: BSD-3-Clause
/**
 * The server extension's REST interface, as far as the page needs it, without widgets.
 */

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import type { ISchema } from './signature';
import { MAX_CALLS, URL_SPACE } from './tokens';

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

/** What the author of a tool says about it (`ToolAnnotations` of the MCP specification). */
export interface IHints {
  readonly readOnlyHint?: boolean;
  readonly destructiveHint?: boolean;
  readonly openWorldHint?: boolean;
}

/** A call that waits for the user's approval. The kernel has made all texts inert. */
export interface IApproval {
  readonly id: string;
  /** Until when a decision is taken, in seconds since the epoch. */
  readonly ends: number;
  /** Stands for what the user saw: a decision holds for nothing else. */
  readonly digest: string;
  readonly notebook: string;
  readonly path: string | null;
  readonly host: string;
  readonly version: string;
  readonly principal: string;
  readonly tool: string;
  readonly title: string;
  readonly description: string;
  readonly hints: IHints;
  readonly ask: string;
  readonly cell: number | null;
  readonly arguments: { readonly [name: string]: string };
  /** The arguments of the tool's last allowed call. */
  readonly before: { readonly [name: string]: string } | null;
  readonly preview: string;
}

/** A client of a notebook. */
export interface IClient {
  readonly name: string;
  readonly version: string;
  readonly since: string;
  /** The labels of the tokens with which it called. */
  readonly principals: readonly string[];
  readonly lastCall: string | null;
}

export interface ITool {
  readonly name: string;
  readonly description?: string;
  readonly inputSchema: ISchema;
  readonly annotations?: IHints;
  /** When the user is asked before a call. */
  readonly asks: 'always' | 'once' | 'never';
  readonly concurrent: boolean;
  /** The number of the cell that defines it. */
  readonly cell: number | null;
  readonly calls: number;
}

export interface IResource {
  readonly uri: string;
  readonly name: string;
  readonly description?: string;
}

export interface IPrompt {
  readonly name: string;
  readonly description?: string;
  readonly arguments?: readonly { readonly name: string; readonly required?: boolean }[];
}

/** One live notebook in full, as its kernel describes it. */
export interface INotebook {
  readonly name: string;
  readonly path: string | null;
  readonly state: 'idle' | 'busy';
  /** The tool that runs, and for how long. */
  readonly call: string | null;
  readonly seconds: number | null;
  readonly waiting: number;
  readonly paused: boolean;
  readonly approvals: number;
  readonly clients: readonly IClient[];
  readonly items: {
    readonly tools: readonly ITool[];
    readonly resources: readonly IResource[];
    readonly prompts: readonly IPrompt[];
  };
}

/** An entry of a notebook's journal (`mcp_jupyter/kernel/journal.py`). */
export interface ICall {
  readonly id: number;
  readonly time: string;
  readonly kind: 'tool' | 'resource' | 'prompt' | 'question';
  readonly name: string;
  readonly arguments: { readonly [name: string]: unknown };
  readonly host: { readonly name: string; readonly version: string };
  readonly principal: string;
  readonly state: 'waiting' | 'asking' | 'running' | 'done';
  readonly result: 'ok' | 'error' | 'denied' | 'cancelled' | null;
  readonly ran: number;
  readonly answer: string | null;
  readonly printed: string | null;
  /** The variables that changed after the answer. */
  readonly changed: readonly string[];
  /** The call as code. */
  readonly code: string | null;
}

/** A token, without its secret. */
export interface IToken {
  readonly id: string;
  readonly label: string;
  readonly servers: readonly string[];
  readonly notebooks: readonly { readonly path: string; readonly root: string | null }[];
  readonly tools: readonly string[];
  readonly expires: string | null;
  readonly last_used: string | null;
  readonly revoked: string | null;
}

/** What a new token opens, and for how long. */
export interface ITokenRequest {
  readonly label: string;
  readonly servers: readonly string[];
  readonly tools: readonly string[];
  readonly resources: readonly string[];
  readonly prompts: readonly string[];
  readonly days: number;
}

/** A line that connects a host, and where to put it. It has a token in it. */
export interface IConnectLine {
  readonly host: string;
  readonly where: string;
  readonly text: string;
}

export type Decision = 'once' | 'until_changed' | 'deny';

/**
 * The requests. Each rejects with `ServerConnection.ResponseError` when the server answers with an error, and
 * with `ServerConnection.NetworkError` when it does not answer.
 */
export class Api {
  constructor(private readonly _settings: ServerConnection.ISettings) {}

  /** The live MCP servers of this Jupyter Server. */
  async servers(): Promise<readonly ILiveServer[]> {
    return (await this._get<{ servers: readonly ILiveServer[] }>('servers')).servers;
  }

  /** One notebook in full. */
  notebook(name: string): Promise<INotebook> {
    return this._get('servers', name);
  }

  /** The last calls of a notebook, the oldest first. */
  async calls(name: string): Promise<readonly ICall[]> {
    const path = ['servers', name, 'calls'];
    const response = await this._request(path, {}, { last: MAX_CALLS });
    return ((await response.json()) as { calls: readonly ICall[] }).calls;
  }

  /** Stop a call that waits or runs. */
  async stop(name: string, id: number): Promise<void> {
    await this._post(['servers', name, 'calls', String(id), 'stop'], {});
  }

  /** Have a notebook refuse all calls, or take them again. */
  async pause(name: string, paused: boolean): Promise<void> {
    await this._post(['servers', name, 'pause'], { paused });
  }

  /** The tokens of this user that are not revoked. */
  async tokens(): Promise<readonly IToken[]> {
    const { tokens } = await this._get<{ tokens: readonly IToken[] }>('tokens');
    return tokens.filter(each => each.revoked === null);
  }

  /** Make a token; return its text, which is nowhere else. */
  async makeToken(wanted: ITokenRequest): Promise<string> {
    const response = await this._post(['tokens'], wanted);
    return ((await response.json()) as { token: string }).token;
  }

  /** The lines that connect each host to a URL with a token. */
  async connectLines(name: string, url: string, token: string): Promise<readonly IConnectLine[]> {
    const response = await this._post(['connect-lines'], { name, url, token });
    return ((await response.json()) as { lines: readonly IConnectLine[] }).lines;
  }

  /** Revoke a token. */
  async revoke(id: string): Promise<void> {
    await this._request(['tokens', id], { method: 'DELETE' });
  }

  /** The calls that wait for approval, of all notebooks. */
  async approvals(): Promise<readonly IApproval[]> {
    return (await this._get<{ approvals: readonly IApproval[] }>('approvals')).approvals;
  }

  /** Decide about a call. */
  async decide(approval: IApproval, decision: Decision, reason: string): Promise<void> {
    await this._post(['approvals', approval.id], { decision, digest: approval.digest, reason });
  }

  /** Open the stream of what happens (see `observe.ts`). */
  observe(signal: AbortSignal): Promise<Response> {
    return this._request(['observe'], { signal });
  }

  private async _get<T>(...path: string[]): Promise<T> {
    return (await (await this._request(path, {})).json()) as T;
  }

  private _post(path: string[], body: unknown): Promise<Response> {
    return this._request(path, { method: 'POST', body: JSON.stringify(body) });
  }

  private async _request(
    path: string[],
    init: RequestInit,
    options: { readonly [name: string]: number } = {}
  ): Promise<Response> {
    const { baseUrl } = this._settings;
    // An open page must not keep an idle server from being culled, so its requests do not count as activity.
    const looks = init.method === undefined ? { ...options, no_track_activity: 1 } : {};
    const query = URLExt.objectToQueryString(looks);
    const url = URLExt.join(baseUrl, URL_SPACE, 'api', ...path.map(encodeURIComponent)) + query;
    const response = await ServerConnection.makeRequest(url, init, this._settings);
    if (!response.ok) {
      throw await ServerConnection.ResponseError.create(response);
    }
    return response;
  }
}

/** Whether an error says that what was asked for does not exist. */
export function isMissing(error: unknown): boolean {
  return error instanceof ServerConnection.ResponseError && error.response.status === 404;
}

/** An error's message, for the user. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
