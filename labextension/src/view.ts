// SPDX-License-Identifier: BSD-3-Clause
/**
 * What the panel shows of all notebooks, as functions of what is known: the servers, or why they are not known. Nothing here
 * asks anybody or remembers anything. All text goes in as text, never as HTML.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import { h, type VirtualElement } from '@lumino/virtualdom';

import { type ILiveServer, isMissing, messageOf } from './api';

/** The notebooks of this JupyterLab, as far as the view is concerned. */
export interface INotebooks {
  /** The path of the notebook that a kernel runs; null when no notebook open here runs on it. */
  pathOf(kernelId: string): string | null;
  /** Bring a notebook to the front. */
  open(path: string): void;
}

/** The live servers; or how to begin, when there are none. */
export function serversView(
  servers: readonly ILiveServer[],
  notebooks: INotebooks,
  trans: TranslationBundle
): VirtualElement[] {
  if (servers.length === 0) {
    return howToBegin(trans.__('No notebook serves MCP tools now.'), trans);
  }
  const items = servers.map(server => serverItem(server, notebooks, trans));
  return [h.ul({ className: 'jp-McpPanel-list' }, items)];
}

/** Why the servers are not known, and what to do about it. */
export function failureView(error: unknown, trans: TranslationBundle): VirtualElement[] {
  if (isMissing(error)) {
    return [
      alert(trans.__('The MCP server extension is not running in this Jupyter Server.')),
      h.ol(
        step(
          trans.__('In a terminal, run:'),
          'jupyter server extension enable mcp_jupyter'
        ),
        step(trans.__('Restart Jupyter, then reload this page.'))
      )
    ];
  }
  return [alert(trans.__('The servers could not be listed: %1', messageOf(error)))];
}

function serverItem(
  server: ILiveServer,
  notebooks: INotebooks,
  trans: TranslationBundle
): VirtualElement {
  const states = {
    idle: trans.__('idle'),
    busy: trans.__('busy'),
    gone: trans.__('kernel is gone')
  };
  const counts = [
    trans._n('%1 tool', '%1 tools', server.tools),
    trans._n('%1 resource', '%1 resources', server.resources),
    trans._n('%1 prompt', '%1 prompts', server.prompts)
  ];
  return h.li(
    {
      className: 'jp-McpPanel-server',
      dataset: { state: server.state },
      key: server.kernel_id
    },
    h.h3(server.name),
    h.span({ className: 'jp-McpPanel-state' }, states[server.state]),
    h.p(counts.join(', ')),
    h.p(notebook(server, notebooks, trans)),
    h.code(server.urls.http)
  );
}

function notebook(
  server: ILiveServer,
  notebooks: INotebooks,
  trans: TranslationBundle
): VirtualElement | string {
  const path = notebooks.pathOf(server.kernel_id);
  if (path === null) {
    return server.path ?? trans.__('a kernel without a notebook');
  }
  return h.button(
    {
      className: 'jp-McpPanel-open',
      type: 'button',
      title: trans.__('Open this notebook'),
      onclick: () => notebooks.open(path)
    },
    path
  );
}

/** There is no notebook in this page that could be shown. */
export function noNotebook(trans: TranslationBundle): VirtualElement[] {
  return [h.p(trans.__('No notebook is open here.'))];
}

/** How to serve tools; `what` says that nothing does. */
export function howToBegin(what: string, trans: TranslationBundle): VirtualElement[] {
  return [
    h.p(what),
    h.ol(
      step(trans.__('In a notebook, run:'), '%load_ext mcp_jupyter'),
      step(trans.__('Begin a cell that defines a function with:'), '%%mcp_tool'),
      step(trans.__('Run the cell. The notebook appears here.'))
    )
  ];
}

function step(text: string, code?: string): VirtualElement {
  return h.li(text, code === undefined ? null : h.code(code));
}

function alert(text: string): VirtualElement {
  return h.p({ className: 'jp-McpPanel-alert', role: 'alert' }, text);
}
