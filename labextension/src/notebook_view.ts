// SPDX-License-Identifier: BSD-3-Clause
/**
 * What the panel shows of one notebook: its state, who is connected, and what it serves. All text goes in as
 * text, never as HTML.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import { h, type VirtualElement } from '@lumino/virtualdom';

import type { IClient, INotebook, IPrompt, IResource, ITool } from './api';
import { hintBadges } from './hints';
import { signatureOf } from './signature';
import { CommandIDs } from './tokens';

/** What the views of a notebook can have done. */
export interface IActions {
  /** Execute a command of the extension. */
  run(command: string, args: { readonly [name: string]: string | number | boolean }): void;
  /** The numbers of the cells that can be gone to. */
  readonly cells: ReadonlySet<number>;
}

/** The notebook. */
export function notebookView(
  notebook: INotebook,
  actions: IActions,
  trans: TranslationBundle
): VirtualElement[] {
  const { tools, resources, prompts } = notebook.items;
  const section = (title: string, items: VirtualElement[]): VirtualElement[] =>
    items.length === 0 ? [] : [h.h4(`${title} (${items.length})`), h.ul({ className: LIST }, items)];
  return [
    h.div({ className: 'jp-McpPanel-server' }, ...header(notebook, actions, trans)),
    ...section(
      trans.__('Assistants'),
      notebook.clients.map(each => clientItem(each, trans))
    ),
    ...section(
      trans.__('Tools'),
      tools.map(each => toolItem(each, notebook.name, actions, trans))
    ),
    ...section(trans.__('Resources'), resources.map(resourceItem)),
    ...section(trans.__('Prompts'), prompts.map(promptItem)),
    tools.length + resources.length + prompts.length > 0
      ? h.span()
      : h.p(trans.__('Nothing is served yet: begin a cell that defines a function with %%mcp_tool.'))
  ];
}

const LIST = 'jp-McpPanel-list';

/** A small button that executes a command. */
export function button(label: string, run: () => void, title = label): VirtualElement {
  return h.button({ className: 'jp-McpButton', type: 'button', title, onclick: run }, label);
}

function header(
  notebook: INotebook,
  actions: IActions,
  trans: TranslationBundle
): VirtualElement[] {
  const { name, paused } = notebook;
  return [
    h.h3(name),
    h.span(
      { className: 'jp-McpPanel-state', dataset: { state: stateOf(notebook) } },
      stateText(notebook, trans)
    ),
    h.div(
      { className: 'jp-McpPanel-actions' },
      button(trans.__('Connect an Assistant…'), () => actions.run(CommandIDs.connect, { notebook: name })),
      button(
        paused ? trans.__('Go On') : trans.__('Pause'),
        () => actions.run(CommandIDs.pause, { notebook: name, paused: !paused }),
        paused ? trans.__('Take calls again') : trans.__('Refuse all calls until you go on')
      )
    )
  ];
}

function stateOf(notebook: INotebook): string {
  return notebook.paused ? 'paused' : notebook.call === null ? notebook.state : 'busy';
}

function stateText(notebook: INotebook, trans: TranslationBundle): string {
  if (notebook.paused) {
    return trans.__('paused');
  }
  if (notebook.call !== null) {
    return trans.__('runs %1', notebook.call);
  }
  return notebook.state === 'busy' ? trans.__('busy') : trans.__('idle');
}

function clientItem(client: IClient, trans: TranslationBundle): VirtualElement {
  const { lastCall, principals, since } = client;
  const said = [
    ...principals,
    trans.__('since %1', timeOf(since)),
    lastCall === null ? trans.__('no call yet') : trans.__('last call %1', timeOf(lastCall))
  ];
  return h.li(
    h.span({ className: 'jp-McpPanel-name' }, `${client.name} ${client.version}`),
    h.p(said.join(' · '))
  );
}

function toolItem(
  tool: ITool,
  notebook: string,
  actions: IActions,
  trans: TranslationBundle
): VirtualElement {
  const { cell } = tool;
  const said = [
    tool.asks === 'never' ? '' : trans.__('asks you first'),
    tool.concurrent ? trans.__('runs beside cells') : '',
    trans._n('%1 call', '%1 calls', tool.calls)
  ];
  return h.li(
    { key: tool.name },
    h.code({ className: 'jp-McpPanel-name' }, tool.name),
    ...hintBadges(tool.annotations ?? {}, trans),
    h.p({ className: 'jp-McpPanel-signature' }, signatureOf(tool.inputSchema)),
    h.p({ title: tool.description ?? '' }, tool.description?.split('\n')[0] ?? ''),
    h.p(said.filter(Boolean).join(' · ')),
    cell !== null && actions.cells.has(cell)
      ? button(
          trans.__('Jump to Cell'),
          () => actions.run(CommandIDs.jump, { notebook, cell }),
          trans.__('Go to the cell that defines %1', tool.name)
        )
      : h.span()
  );
}

function resourceItem(resource: IResource): VirtualElement {
  return h.li(
    { key: resource.uri },
    h.span({ className: 'jp-McpPanel-name' }, resource.name),
    h.p(resource.description ?? resource.uri)
  );
}

function promptItem(prompt: IPrompt): VirtualElement {
  const names = prompt.arguments?.map(each => (each.required ? each.name : `${each.name}?`)) ?? [];
  return h.li(
    { key: prompt.name },
    h.span({ className: 'jp-McpPanel-name' }, `${prompt.name}(${names.join(', ')})`),
    h.p(prompt.description ?? '')
  );
}

/** A time of today, or a date, as the browser writes it. */
export function timeOf(iso: string): string {
  const time = new Date(iso);
  const isToday = time.toDateString() === new Date().toDateString();
  return isToday ? time.toLocaleTimeString() : time.toLocaleDateString();
}
