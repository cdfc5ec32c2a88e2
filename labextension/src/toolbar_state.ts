// SPDX-License-Identifier: BSD-3-Clause
/**
 * The state and the text of the item in a notebook's toolbar, made of what the server says.
 */

import type { TranslationBundle } from '@jupyterlab/translation';

import type { INotebook } from './api';

export interface IToolbarState {
  readonly state: 'off' | 'live' | 'connected' | 'running' | 'waiting' | 'paused';
  /** A sign, which differs in shape from state to state, and a few words or a number. */
  readonly text: string;
  readonly title: string;
}

/**
 * The state of a notebook.
 *
 * @param notebook - null when it serves nothing.
 * @param waiting - how many of its calls wait for the user.
 */
export function toolbarState(
  notebook: INotebook | null,
  waiting: number,
  trans: TranslationBundle
): IToolbarState {
  if (notebook === null) {
    return { state: 'off', text: '○', title: trans.__('This notebook serves no MCP tools') };
  }
  const tools = notebook.items.tools.length;
  const clients = notebook.clients.length;
  if (waiting > 0) {
    const title = trans._n('%1 call waits for you', '%1 calls wait for you', waiting);
    return { state: 'waiting', text: `! ${waiting}`, title };
  }
  if (notebook.paused) {
    return { state: 'paused', text: '‖', title: trans.__('Calls of assistants are paused') };
  }
  if (notebook.call !== null) {
    return {
      state: 'running',
      text: `▶ ${notebook.call}`,
      title: trans.__('An assistant runs %1', notebook.call)
    };
  }
  const served = trans._n('Serves %1 tool', 'Serves %1 tools', tools);
  if (clients === 0) {
    return { state: 'live', text: `● ${tools}`, title: trans.__('%1; no assistant is connected', served) };
  }
  const connected = trans._n('%1 assistant is connected', '%1 assistants are connected', clients);
  return { state: 'connected', text: `◆ ${tools} · ${clients}`, title: `${served}; ${connected}` };
}
