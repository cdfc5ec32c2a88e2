// SPDX-License-Identifier: BSD-3-Clause
/**
 * Activation only: the parts are made and joined, and put into the shell.
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

import { Api } from './api';
import { approvalCard } from './approval_card';
import { ApprovalDialogs } from './approval_dialog';
import { Approvals } from './approvals';
import { insertOnRequest } from './cells';
import { keepClicks } from './clicks';
import { addCommands } from './commands';
import { improveInputs } from './inputs';
import { keepPlainKeys } from './keys';
import type { IActions } from './notebook_view';
import { notifyWhenHidden } from './notify';
import { Observer } from './observe';
import { OpenNotebooks } from './open_notebooks';
import { McpPanel } from './panel';
import { Servers } from './servers';
import { Tokens } from './token_list';
import { CommandIDs, PLUGIN_ID, TRANSLATION_DOMAIN } from './tokens';
import { addToolbarItems } from './toolbar_item';

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
    const api = new Api(settings);
    const observer = new Observer(api, settings.baseUrl);
    const approvals = new Approvals(api, observer.happened);
    const dialogs = new ApprovalDialogs(approvals, trans);
    notifyWhenHidden(approvals, trans);

    const notebooks = new OpenNotebooks(app);
    const servers = new Servers(api, observer.happened);
    notebooks.changed.connect(() => servers.refresh());
    const tokens = new Tokens(api);

    const run: IActions['run'] = (command, args) => void app.commands.execute(command, args);
    const panel = new McpPanel({
      card: approvalCard(approvals, () => run(CommandIDs.review, {}), trans),
      notebooks,
      places: {
        pathOf: kernelId => notebookPath(app, kernelId),
        open: path => run('docmanager:open', { path })
      },
      run,
      servers,
      tokens,
      trans
    });
    app.shell.add(panel, 'right', { rank: 900, type: 'MCP' });
    restorer?.add(panel, panel.id);
    const showTokens = (): void => panel.choose('tokens');
    addCommands(app, palette, { api, approvals, dialogs, notebooks, servers, showTokens, tokens, trans });

    const open = (): void => {
      app.shell.activateById(panel.id);
      panel.choose('notebook');
    };
    addToolbarItems({ approvals, notebooks, open, servers, trans });
    insertOnRequest(notebooks);
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
