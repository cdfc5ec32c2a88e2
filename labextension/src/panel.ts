// SPDX-License-Identifier: BSD-3-Clause
/**
 * The panel: asks for the live servers again and again while it can be seen, and shows the answer. How the
 * servers are found is not its business, nor what an answer looks like.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import { refreshIcon } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import { type IPoll, Poll } from '@lumino/polling';
import { VirtualDOM, type VirtualElement } from '@lumino/virtualdom';
import { Widget } from '@lumino/widgets';

import type { ILiveServer } from './api';
import { mcpIcon } from './icon';
import { PANEL_ID, POLL_MILLISECONDS, SLOWEST_POLL_MILLISECONDS } from './tokens';
import { failureView, type INotebooks, serversView } from './view';

type Servers = readonly ILiveServer[];

export class ServersPanel extends Widget {
  constructor(options: ServersPanel.IOptions) {
    super();
    this._notebooks = options.notebooks;
    this._trans = options.trans;

    this.id = PANEL_ID;
    this.addClass('jp-McpPanel');
    this.title.icon = mcpIcon;
    this.title.caption = this._trans.__('MCP Servers');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', this._trans.__('MCP servers'));

    this._body = element('div', { className: 'jp-McpPanel-body' });
    this.node.append(this._header(), options.card, this._body);

    // By itself a poll stands still while the browser's tab is hidden. An answer that was overtaken by a later
    // question, or that comes after the panel was hidden, is dropped by it.
    this._poll = new Poll<Servers, unknown>({
      name: PANEL_ID,
      auto: false,
      factory: () => options.list(),
      frequency: {
        interval: POLL_MILLISECONDS,
        backoff: true,
        max: SLOWEST_POLL_MILLISECONDS
      }
    });
    this._poll.ticked.connect(this._onTicked, this);
  }

  override dispose(): void {
    this._poll.dispose();
    super.dispose();
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    void this._poll.refresh();
  }

  protected override onAfterHide(message: Message): void {
    super.onAfterHide(message);
    void this._poll.stop();
  }

  private _onTicked(_: unknown, state: IPoll.State<Servers, unknown, string>): void {
    if (state.phase === 'resolved') {
      this._show(serversView(state.payload as Servers, this._notebooks, this._trans));
    } else if (state.phase === 'rejected') {
      this._show(failureView(state.payload, this._trans));
    }
  }

  /** Change what is different, and that alone: selected text stays selected, and the focus where it is. */
  private _show(content: VirtualElement[]): void {
    VirtualDOM.render(content, this._body);
  }

  private _header(): HTMLElement {
    const label = this._trans.__('Refresh');
    const button = element('button', { className: 'jp-McpPanel-refresh', type: 'button' });
    button.title = label;
    button.setAttribute('aria-label', label);
    button.addEventListener('click', () => void this._poll.refresh());
    refreshIcon.element({ container: button, tag: 'span', stylesheet: 'menuItem' });

    const header = element('header', { className: 'jp-McpPanel-header' });
    header.append(element('h2', { textContent: this._trans.__('MCP') }), button);
    return header;
  }

  private readonly _body: HTMLElement;
  private readonly _notebooks: INotebooks;
  private readonly _poll: Poll<Servers, unknown>;
  private readonly _trans: TranslationBundle;
}

export namespace ServersPanel {
  export interface IOptions {
    /** Finds the live servers. */
    list: () => Promise<Servers>;
    /** Stands above the servers. */
    card: HTMLElement;
    notebooks: INotebooks;
    trans: TranslationBundle;
  }
}

function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]>
): HTMLElementTagNameMap[K] {
  return Object.assign(document.createElement(tag), properties);
}
