// SPDX-License-Identifier: BSD-3-Clause
/**
 * The notebooks that are open in this page: which is in front, where its cells are, and new cells in it. Knows
 * nothing of MCP.
 */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { Kernel } from '@jupyterlab/services';
import type { Toolbar } from '@jupyterlab/ui-components';
import { type ISignal, Signal } from '@lumino/signaling';
import type { Widget } from '@lumino/widgets';

/** What is used of a notebook's panel (`NotebookPanel` of `@jupyterlab/notebook`). */
interface INotebookPanel extends Widget {
  readonly toolbar: Toolbar;
  readonly content: Widget & {
    activeCellIndex: number;
    readonly widgets: readonly ICell[];
    scrollToCell(cell: ICell): Promise<void>;
  };
}

/** What is used of a cell. */
interface ICell extends Widget {
  readonly model: { readonly type: string; readonly executionCount?: number | null };
}

/** What is used of a notebook's document. */
interface IDocument {
  insertCell(
    index: number,
    cell: { cell_type: 'code'; source: string; metadata: { trusted: boolean } }
  ): unknown;
}

export class OpenNotebook {
  constructor(
    readonly panel: INotebookPanel,
    private readonly _context: {
      readonly path: string;
      readonly model: { readonly sharedModel: unknown };
      readonly sessionContext: {
        readonly session: { readonly kernel: Kernel.IKernelConnection | null } | null;
      };
    }
  ) {}

  /** The notebook's path. */
  get path(): string {
    return this._context.path;
  }

  /** Its kernel; null while it has none. */
  get kernel(): Kernel.IKernelConnection | null {
    return this._context.sessionContext.session?.kernel ?? null;
  }

  /** The code cells, by the number of their execution. */
  cells(): Map<number, Widget> {
    const found = new Map<number, Widget>();
    for (const cell of this.panel.content.widgets) {
      const { type, executionCount } = cell.model;
      if (type === 'code' && executionCount) {
        found.set(executionCount, cell);
      }
    }
    return found;
  }

  /** Bring a cell into view and select it. */
  jumpTo(executionCount: number): void {
    const { content } = this.panel;
    const cell = this.cells().get(executionCount);
    const index = content.widgets.findIndex(each => each === cell);
    const target = content.widgets[index];
    if (target !== undefined) {
      content.activeCellIndex = index;
      void content.scrollToCell(target);
    }
  }

  /** Put code into a new cell below the active one. The user runs it, or not. */
  insertBelow(source: string): void {
    const { content } = this.panel;
    const index = content.activeCellIndex + 1;
    const document = this._context.model.sharedModel as IDocument;
    // As the notebook's own command does: a cell that the user runs may show what they see.
    document.insertCell(index, { cell_type: 'code', source, metadata: { trusted: true } });
    content.activeCellIndex = index;
  }
}

export class OpenNotebooks {
  constructor(app: JupyterFrontEnd) {
    app.docRegistry.addWidgetExtension('Notebook', {
      createNew: (widget, context) => {
        const notebook = new OpenNotebook(widget as unknown as INotebookPanel, context);
        this._open.add(notebook);
        context.sessionContext.kernelChanged.connect(() => this._changed.emit());
        context.sessionContext.statusChanged.connect(() => this._changed.emit());
        widget.disposed.connect(() => {
          this._open.delete(notebook);
          this._front = this._front === notebook ? null : this._front;
          this._changed.emit();
        });
        this._opened.emit(notebook);
        this._changed.emit();
      }
    });
    this._shell = app.shell;
    app.shell.currentChanged?.connect(() => this._changed.emit());
  }

  /** The notebook in front; one that was in front before, when something else is now. */
  get current(): OpenNotebook | null {
    const { currentWidget } = this._shell;
    this._front = [...this._open].find(each => each.panel === currentWidget) ?? this._front;
    return this._front;
  }

  /** The notebook that runs on a kernel. */
  ofKernel(kernelId: string): OpenNotebook | null {
    return [...this._open].find(each => each.kernel?.id === kernelId) ?? null;
  }

  /** A notebook was opened. */
  get opened(): ISignal<this, OpenNotebook> {
    return this._opened;
  }

  /** Another notebook is in front, or a kernel has another state. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  private _front: OpenNotebook | null = null;
  private readonly _open = new Set<OpenNotebook>();
  private readonly _shell: JupyterFrontEnd.IShell;
  private readonly _opened = new Signal<this, OpenNotebook>(this);
  private readonly _changed = new Signal<this, void>(this);
}
