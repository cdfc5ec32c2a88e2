// SPDX-License-Identifier: BSD-3-Clause
/**
 * The extension's commands. Each is in the palette, under "MCP".
 */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import { type ICommandPalette, Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';

import { messageOf } from './api';
import type { ApprovalDialogs } from './approval_dialog';
import type { Approvals } from './approvals';
import { mcpIcon } from './icon';
import { askToNotify } from './notify';
import { CommandIDs, PANEL_ID } from './tokens';

/** What the commands work with. */
export interface IParts {
  readonly approvals: Approvals;
  readonly dialogs: ApprovalDialogs;
  readonly trans: TranslationBundle;
}

const NO_ARGUMENTS = { args: { type: 'object', properties: {} } } as const;

/** Add the commands to the application, and to the palette if there is one. */
export function addCommands(
  app: JupyterFrontEnd,
  palette: ICommandPalette | null,
  parts: IParts
): void {
  const { approvals, dialogs, trans } = parts;
  const add = (command: string, options: CommandRegistry.ICommandOptions): void => {
    const { execute } = options;
    app.commands.addCommand(command, {
      describedBy: NO_ARGUMENTS,
      ...options,
      // What a server refuses is said once, here.
      execute: async args => {
        try {
          await execute.call(undefined, args);
        } catch (error) {
          Notification.error(messageOf(error));
        }
      }
    });
    palette?.addItem({ command, category: 'MCP' });
  };

  add(CommandIDs.open, {
    label: trans.__('Show MCP Servers'),
    caption: trans.__('Show the notebooks that serve MCP tools'),
    icon: mcpIcon,
    execute: () => app.shell.activateById(PANEL_ID)
  });
  add(CommandIDs.review, {
    label: trans.__('Review Calls That Wait for You'),
    caption: trans.__('Allow or deny the calls of assistants that need your approval'),
    isEnabled: () => approvals.waiting.length > 0,
    execute: () => dialogs.review()
  });
  approvals.changed.connect(() => app.commands.notifyCommandChanged(CommandIDs.review));
  add(CommandIDs.notify, {
    label: trans.__('Notify Me in the Browser About Calls That Wait'),
    caption: trans.__('Ask the browser for the permission to notify while this page is hidden'),
    execute: () => askToNotify()
  });
}
