// SPDX-License-Identifier: BSD-3-Clause
/**
 * The item in the toolbar of each notebook: it shows what MCP clients do there, and opens the panel. Cells that
 * serve something have a mark.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import type { Approvals } from './approvals';
import { mcpIcon } from './icon';
import type { LiveNotebook } from './live_notebook';
import type { OpenNotebook, OpenNotebooks } from './open_notebooks';
import type { Servers } from './servers';
import { toolbarState } from './toolbar_state';

/** What the items work with. */
export interface IToolbarOptions {
  readonly approvals: Approvals;
  readonly notebooks: OpenNotebooks;
  /** Show the panel. */
  readonly open: () => void;
  readonly servers: Servers;
  readonly trans: TranslationBundle;
}

/** Give each notebook that is opened its item. */
export function addToolbarItems(options: IToolbarOptions): void {
  options.notebooks.opened.connect((_, notebook) => {
    // At the end: in a narrow notebook it is ours that moves into the "…", not the kernel's name.
    notebook.panel.toolbar.addItem('mcp', new ToolbarItem(notebook, options));
  });
}

class ToolbarItem extends Widget {
  constructor(
    private readonly _notebook: OpenNotebook,
    private readonly _options: IToolbarOptions
  ) {
    super();
    const { approvals, notebooks, open, servers } = _options;
    this.addClass('jp-McpToolbar');
    this._button.type = 'button';
    this._button.className = 'jp-McpToolbar-button';
    this._button.addEventListener('click', open);
    mcpIcon.element({ container: this._icon, stylesheet: 'toolbarButton' });
    this._button.append(this._icon, this._text);
    this.node.append(this._button);
    servers.changed.connect(this._onServers, this);
    notebooks.changed.connect(this._onServers, this);
    approvals.changed.connect(this._update, this);
    this._onServers();
  }

  private _onServers(): void {
    const { kernel } = this._notebook;
    const { servers } = this._options;
    const name = kernel === null ? null : servers.nameOf(kernel.id);
    const live = name === null ? null : servers.notebook(name);
    if (live !== this._live) {
      this._live?.changed.disconnect(this._update, this);
      live?.changed.connect(this._update, this);
      this._live = live;
    }
    this._update();
  }

  private _update(): void {
    const { approvals, trans } = this._options;
    const details = this._live?.details ?? null;
    const waiting = approvals.waiting.filter(each => each.notebook === this._live?.name).length;
    const { state, text, title } = toolbarState(details, waiting, trans);
    this._button.dataset.state = state;
    this._button.title = title;
    this._button.setAttribute('aria-label', `MCP: ${title}`);
    this._text.textContent = text;
    const serving = new Set(details?.items.tools.map(each => each.cell));
    for (const [number, cell] of this._notebook.cells()) {
      cell.toggleClass('jp-McpServes', serving.has(number));
    }
  }

  private readonly _button = document.createElement('button');
  private readonly _icon = document.createElement('span');
  private readonly _text = document.createElement('span');
  private _live: LiveNotebook | null = null;
}
