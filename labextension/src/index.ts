// SPDX-License-Identifier: BSD-3-Clause
/**
 * Activation only: the panel is made, put into the shell and given a command; notebooks take cells from kernels.
 *
 * JupyterLab and Notebook 7 alike: what only one of them has is optional.
 */

import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { listServers } from './api';
import { insertOnRequest } from './cells';
import { keepClicks } from './clicks';
import { mcpIcon } from './icon';
import { improveInputs } from './inputs';
import { keepPlainKeys } from './keys';
import { ServersPanel } from './panel';
import { CommandIDs, PLUGIN_ID, TRANSLATION_DOMAIN } from './tokens';

const plugin: JupyterFrontEndPlugin<void> = {
  id: PLUGIN_ID,
  description: 'A panel with the notebooks that serve MCP.',
  autoStart: true,
  optional: [ILayoutRestorer, ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    const settings = app.serviceManager.serverSettings;
    const panel = new ServersPanel({
      list: () => listServers(settings),
      notebooks: {
        pathOf: kernelId => notebookPath(app, kernelId),
        open: path => void app.commands.execute('docmanager:open', { path })
      },
      trans
    });
    app.shell.add(panel, 'right', { rank: 900, type: 'MCP' });
    restorer?.add(panel, panel.id);

    app.commands.addCommand(CommandIDs.open, {
      label: trans.__('Show MCP Servers'),
      caption: trans.__('Show the notebooks that serve MCP tools'),
      icon: mcpIcon,
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => app.shell.activateById(panel.id)
    });
    palette?.addItem({ command: CommandIDs.open, category: 'MCP' });

    insertOnRequest(app.docRegistry);
    keepPlainKeys(document);
    keepClicks(document);
    improveInputs(document);
  }
};

/** What JupyterLab calls a kernel's notebook: relative to its root, and up to date after a renaming. */
function notebookPath(app: JupyterFrontEnd, kernelId: string): string | null {
  for (const session of app.serviceManager.sessions.running()) {
    if (session.type === 'notebook' && session.kernel?.id === kernelId) {
      return session.path;
    }
  }
  return null;
}

export default plugin;
