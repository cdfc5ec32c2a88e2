// SPDX-License-Identifier: BSD-3-Clause
/**
 * The panel: shows what the models know, in tabs. How they know it is not its business, nor what it looks like.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import { refreshIcon } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import { VirtualDOM, type VirtualElement } from '@lumino/virtualdom';
import { Widget } from '@lumino/widgets';

import { callsView } from './calls_view';
import { mcpIcon } from './icon';
import type { LiveNotebook } from './live_notebook';
import { type IActions, notebookView } from './notebook_view';
import type { OpenNotebooks } from './open_notebooks';
import type { Servers } from './servers';
import { Tabs } from './tabs';
import type { Tokens } from './token_list';
import { PANEL_ID } from './tokens';
import { tokensView } from './tokens_view';
import { failureView, howToBegin, noNotebook, serversView } from './view';

type Tab = 'notebook' | 'all' | 'tokens';

export class McpPanel extends Widget {
  constructor(private readonly _options: McpPanel.IOptions) {
    super();
    const { card, notebooks, servers, tokens, trans } = _options;

    this.id = PANEL_ID;
    this.addClass('jp-McpPanel');
    this.title.icon = mcpIcon;
    this.title.caption = trans.__('MCP Servers');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('MCP servers'));

    this._body = element('div', { className: 'jp-McpPanel-body' });
    this._tabs = new Tabs(trans.__('What is shown'), this._body, id => this.choose(id as Tab));
    this.node.append(this._header(), this._tabs.node, card, this._body);

    servers.changed.connect(this._update, this);
    notebooks.changed.connect(this._update, this);
    tokens.changed.connect(this._update, this);
  }

  /** Show a tab. */
  choose(tab: Tab): void {
    this._chosen = tab;
    this._refresh();
    this._update();
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this._refresh();
    this._update();
  }

  protected override onAfterHide(message: Message): void {
    super.onAfterHide(message);
    this._follow(null);
  }

  private _refresh(): void {
    this._options.servers.refresh();
    if (this._tab === 'tokens') {
      this._options.tokens.refresh();
    }
  }

  /** The tab that the user chose; before, the one that has something to say. */
  private get _tab(): Tab {
    return this._chosen ?? (this._options.notebooks.current === null ? 'all' : 'notebook');
  }

  /** Show what is known now. Nobody sees a hidden panel, so it has nothing to show. */
  private _update(): void {
    if (!this.isVisible) {
      return;
    }
    const { servers, trans } = this._options;
    const tab = this._tab;
    const count = servers.list?.length ?? 0;
    this._tabs.update(
      [
        { id: 'notebook', label: trans.__('This notebook') },
        { id: 'all', label: count > 0 ? trans.__('All %1', count) : trans.__('All') },
        { id: 'tokens', label: trans.__('Tokens') }
      ],
      tab
    );
    this._follow(tab === 'notebook' ? this._current() : null);
    // What is different changes, and that alone: selected text stays selected, and the focus where it is.
    VirtualDOM.render(this._content(tab), this._body);
  }

  private _content(tab: Tab): VirtualElement[] {
    const { run, servers, tokens, trans } = this._options;
    if (servers.error !== null) {
      return failureView(servers.error, trans);
    }
    if (tab === 'tokens') {
      return tokensView(tokens.list, { run, cells: new Set() }, trans);
    }
    if (tab === 'notebook') {
      return this._notebookContent();
    }
    return servers.list === null ? [] : serversView(servers.list, this._options.places, trans);
  }

  private _notebookContent(): VirtualElement[] {
    const { notebooks, run, servers, trans } = this._options;
    const { current } = notebooks;
    if (current === null) {
      return noNotebook(trans);
    }
    if (this._followed === null) {
      return servers.list === null ? [] : howToBegin(trans.__('This notebook serves no MCP tools now.'), trans);
    }
    const { calls, details, name } = this._followed;
    if (details === null) {
      return [];
    }
    const actions: IActions = { run, cells: new Set(current.cells().keys()) };
    const feed = {
      failedOnly: this._failedOnly,
      expanded: this._expanded,
      filter: (failedOnly: boolean) => {
        this._failedOnly = failedOnly;
        this._update();
      },
      toggle: (id: number) => {
        if (!this._expanded.delete(id)) {
          this._expanded.add(id);
        }
        this._update();
      }
    };
    return [
      ...notebookView(details, actions, trans),
      ...callsView(name, calls, feed, actions, trans)
    ];
  }

  /** What is known of the notebook in front; null when it serves nothing. */
  private _current(): LiveNotebook | null {
    const { notebooks, servers } = this._options;
    const kernel = notebooks.current?.kernel;
    const name = kernel ? servers.nameOf(kernel.id) : null;
    return name === null ? null : servers.notebook(name);
  }

  private _follow(notebook: LiveNotebook | null): void {
    const before = this._followed;
    if (before === notebook) {
      return;
    }
    this._followed = notebook;
    this._expanded.clear();
    if (before !== null) {
      before.isFollowed = false;
      before.changed.disconnect(this._update, this);
    }
    if (notebook !== null) {
      notebook.isFollowed = true;
      notebook.changed.connect(this._update, this);
    }
  }

  private _header(): HTMLElement {
    const { trans } = this._options;
    const label = trans.__('Refresh');
    const button = element('button', { className: 'jp-McpPanel-refresh', type: 'button' });
    button.title = label;
    button.setAttribute('aria-label', label);
    button.addEventListener('click', () => this._refresh());
    refreshIcon.element({ container: button, tag: 'span', stylesheet: 'menuItem' });

    const header = element('header', { className: 'jp-McpPanel-header' });
    header.append(element('h2', { textContent: trans.__('MCP') }), button);
    return header;
  }

  private readonly _body: HTMLElement;
  private readonly _tabs: Tabs;
  private _chosen: Tab | null = null;
  private _failedOnly = false;
  private readonly _expanded = new Set<number>();
  private _followed: LiveNotebook | null = null;
}

export namespace McpPanel {
  export interface IOptions {
    /** Stands above the content. */
    card: HTMLElement;
    notebooks: OpenNotebooks;
    /** Finds and opens notebooks by their kernels. */
    places: Parameters<typeof serversView>[1];
    run: IActions['run'];
    servers: Servers;
    tokens: Tokens;
    trans: TranslationBundle;
  }
}

function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]>
): HTMLElementTagNameMap[K] {
  return Object.assign(document.createElement(tag), properties);
}
