// SPDX-License-Identifier: BSD-3-Clause
/**
 * New cells at a kernel's request: the widgets' "Insert as code". The code becomes the text of a new cell, below
 * the active one. Only the user runs it.
 */

import type { Kernel } from '@jupyterlab/services';

import type { OpenNotebook, OpenNotebooks } from './open_notebooks';
import { INSERT_TARGET, MAX_CODE_CHARS } from './tokens';

/** Have every notebook that is opened answer the requests of its kernel. */
export function insertOnRequest(notebooks: OpenNotebooks): void {
  notebooks.opened.connect((_, notebook) => {
    const known = new WeakSet<Kernel.IKernelConnection>();
    const listen = (): void => {
      const { kernel } = notebook;
      if (kernel !== null && !known.has(kernel)) {
        known.add(kernel);
        answerRequests(kernel, notebook);
      }
    };
    listen();
    notebooks.changed.connect(listen);
    notebook.panel.disposed.connect(() => notebooks.changed.disconnect(listen));
  });
}

function answerRequests(kernel: Kernel.IKernelConnection, notebook: OpenNotebook): void {
  kernel.registerCommTarget(INSERT_TARGET, (comm, message) => {
    const code = message.content.data.code;
    const inserted = typeof code === 'string' && code.length <= MAX_CODE_CHARS;
    if (inserted) {
      notebook.insertBelow(code);
    }
    comm.close({ inserted });
  });
}
