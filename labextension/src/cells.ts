// SPDX-License-Identifier: BSD-3-Clause
/**
 * New cells at a kernel's request: the widgets' "Insert as code". The code is put into a cell as text, below the
 * one in use; it is run by nobody but the person. Knows nothing of where the code comes from.
 */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { Kernel } from '@jupyterlab/services';

import { INSERT_TARGET, MAX_CODE_CHARS } from './tokens';

/** What is used of a notebook's panel. */
interface INotebookPanel {
  readonly content: { activeCellIndex: number };
}

/** What is used of a notebook's document. */
interface INotebookDocument {
  insertCell(
    index: number,
    cell: { cell_type: 'code'; source: string; metadata: { trusted: boolean } }
  ): unknown;
}

/** Have every notebook that is opened answer the requests of its kernel. */
export function insertOnRequest(docRegistry: JupyterFrontEnd['docRegistry']): void {
  docRegistry.addWidgetExtension('Notebook', {
    createNew: (widget, context) => {
      const view = (widget as unknown as INotebookPanel).content;
      const document = context.model.sharedModel as unknown as INotebookDocument;
      const listen = (kernel: Kernel.IKernelConnection | null | undefined): void =>
        kernel?.registerCommTarget(INSERT_TARGET, (comm, message) => {
          const code = message.content.data.code;
          const inserted = typeof code === 'string' && code.length <= MAX_CODE_CHARS;
          if (inserted) {
            insertBelow(view, document, code);
          }
          comm.close({ inserted });
        });
      listen(context.sessionContext.session?.kernel);
      context.sessionContext.kernelChanged.connect((_, change) => listen(change.newValue));
    }
  });
}

function insertBelow(
  view: INotebookPanel['content'],
  document: INotebookDocument,
  source: string
): void {
  const index = view.activeCellIndex + 1;
  // As the notebook's own command does: a cell that the person runs may show what they see.
  document.insertCell(index, { cell_type: 'code', source, metadata: { trusted: true } });
  view.activeCellIndex = index;
}
