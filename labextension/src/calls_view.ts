// SPDX-License-Identifier: BSD-3-Clause
/**
 * The feed of a notebook's calls, the newest first. All text goes in as text, never as HTML.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import { h, type VirtualElement } from '@lumino/virtualdom';

import type { ICall } from './api';
import { button, type IActions, timeOf } from './notebook_view';
import { CommandIDs } from './tokens';

/** Characters of the arguments in the feed; the code of a call has them in full. */
const ARGUMENTS_CHARS = 60;

/** What of the feed is shown. */
export interface IFeed {
  /** Only calls that did not end well. */
  readonly failedOnly: boolean;
  /** The calls whose answers are shown. */
  readonly expanded: ReadonlySet<number>;
  filter(failedOnly: boolean): void;
  toggle(id: number): void;
}

/** The calls of a notebook. */
export function callsView(
  notebook: string,
  calls: readonly ICall[],
  feed: IFeed,
  actions: IActions,
  trans: TranslationBundle
): VirtualElement[] {
  const shown = feed.failedOnly ? calls.filter(hasFailed) : calls;
  const choice = (failedOnly: boolean, label: string): VirtualElement =>
    h.button(
      {
        className: 'jp-McpButton',
        type: 'button',
        'aria-pressed': failedOnly === feed.failedOnly ? 'true' : 'false',
        onclick: () => feed.filter(failedOnly)
      },
      label
    );
  return [
    h.div(
      { className: 'jp-McpPanel-feed' },
      h.h4(trans.__('Calls')),
      h.span(choice(false, trans.__('All')), choice(true, trans.__('Failed')))
    ),
    shown.length === 0
      ? h.p(feed.failedOnly ? trans.__('No call has failed.') : trans.__('No call yet.'))
      : h.ol(
          { className: 'jp-McpPanel-calls' },
          shown.map(each => callItem(notebook, each, feed, actions, trans))
        )
  ];
}

function hasFailed(call: ICall): boolean {
  return call.result !== null && call.result !== 'ok';
}

function callItem(
  notebook: string,
  call: ICall,
  feed: IFeed,
  actions: IActions,
  trans: TranslationBundle
): VirtualElement {
  const { answer, changed, code, id, printed } = call;
  const isOpen = feed.expanded.has(id);
  const buttons = [
    call.state === 'done'
      ? null
      : button(trans.__('Stop'), () => actions.run(CommandIDs.stop, { notebook, id })),
    answer === null
      ? null
      : h.button(
          {
            className: 'jp-McpButton',
            type: 'button',
            'aria-expanded': isOpen ? 'true' : 'false',
            onclick: () => feed.toggle(id)
          },
          trans.__('Answer')
        ),
    code === null
      ? null
      : button(trans.__('Insert as Cell'), () => actions.run(CommandIDs.insert, { notebook, id }))
  ];
  const text = argumentsOf(call);
  return h.li(
    { key: String(id), dataset: { result: call.result ?? call.state } },
    h.p(
      h.span({ className: 'jp-McpPanel-result' }, stateText(call, trans)),
      ' ',
      h.span({ className: 'jp-McpPanel-name' }, call.kind === 'tool' ? call.name : `${call.kind} ${call.name}`)
    ),
    h.p([timeOf(call.time), call.host.name || call.principal, duration(call)].filter(Boolean).join(' · ')),
    text ? h.p({ className: 'jp-McpPanel-signature' }, text) : null,
    changed.length === 0
      ? null
      : h.p(
          { className: 'jp-McpPanel-changed' },
          trans.__('%1 changed after this answer', changed.join(', '))
        ),
    h.div({ className: 'jp-McpPanel-actions' }, buttons),
    isOpen
      ? h.pre(
          { className: 'jp-McpPanel-answer', tabindex: '0' },
          [answer, printed].filter(Boolean).join('\n')
        )
      : null
  );
}

/** A glyph and a word: neither colour nor shape alone. */
function stateText(call: ICall, trans: TranslationBundle): string {
  const words = {
    ok: `✓ ${trans.__('ok')}`,
    error: `✗ ${trans.__('failed')}`,
    denied: `⊘ ${trans.__('denied')}`,
    cancelled: `– ${trans.__('cancelled')}`,
    waiting: `… ${trans.__('waits for its turn')}`,
    asking: `! ${trans.__('waits for you')}`,
    running: `▶ ${trans.__('runs')}`,
    done: trans.__('done')
  };
  return words[call.result ?? call.state];
}

function duration(call: ICall): string {
  if (call.state !== 'done') {
    return '';
  }
  return call.ran < 1 ? `${Math.round(call.ran * 1000)} ms` : `${call.ran.toFixed(1)} s`;
}

function argumentsOf(call: ICall): string {
  const said = Object.entries(call.arguments).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  const text = said.join(', ');
  return text.length > ARGUMENTS_CHARS ? `${text.slice(0, ARGUMENTS_CHARS - 1)}…` : text;
}
