// SPDX-License-Identifier: BSD-3-Clause
/**
 * The extension's commands. Each is in the palette, under "MCP".
 */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Dialog, type ICommandPalette, Notification, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyJSONObject, ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { type Api, type ICall, messageOf } from './api';
import type { ApprovalDialogs } from './approval_dialog';
import type { Approvals } from './approvals';
import { connectAssistant } from './connect_dialog';
import { mcpIcon } from './icon';
import type { LiveNotebook } from './live_notebook';
import { askToNotify } from './notify';
import type { OpenNotebook, OpenNotebooks } from './open_notebooks';
import type { Servers } from './servers';
import type { Tokens } from './token_list';
import { CommandIDs, PANEL_ID } from './tokens';

/** What the commands work with. */
export interface IParts {
  readonly approvals: Approvals;
  readonly api: Api;
  readonly dialogs: ApprovalDialogs;
  readonly notebooks: OpenNotebooks;
  readonly servers: Servers;
  /** Have the panel show the tokens. */
  showTokens(): void;
  readonly tokens: Tokens;
  readonly trans: TranslationBundle;
}

const NO_ARGUMENTS = { args: { type: 'object', properties: {} } } as const;

/** Add the commands to the application, and to the palette if there is one. */
export function addCommands(
  app: JupyterFrontEnd,
  palette: ICommandPalette | null,
  parts: IParts
): void {
  const { api, approvals, dialogs, trans } = parts;
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

  /** The notebook of these arguments; without one, the notebook in front. */
  const chosen = (args: ReadonlyPartialJSONObject): IChosen => choose(args, parts);
  const liveOnly = (args: ReadonlyPartialJSONObject): boolean => chosen(args).live !== null;

  add(CommandIDs.pause, {
    label: args =>
      isPaused(chosen(args)) ? trans.__('Take Calls of Assistants Again') : trans.__('Pause Calls of Assistants'),
    caption: trans.__('Have the notebook refuse all calls, or take them again'),
    describedBy: described({ notebook: NOTEBOOK, paused: { type: 'boolean' } }),
    isEnabled: liveOnly,
    execute: async args => {
      const { live } = chosen(args);
      if (live !== null) {
        await api.pause(live.name, Boolean(args.paused ?? !isPaused({ live })));
        live.refresh();
      }
    }
  });
  add(CommandIDs.connect, {
    label: trans.__('Connect an Assistant…'),
    caption: trans.__('Make a token for a host, and show the line that connects it'),
    describedBy: described({ notebook: NOTEBOOK }),
    isEnabled: liveOnly,
    execute: async args => {
      const { live } = chosen(args);
      const server = parts.servers.list?.find(each => each.name === live?.name);
      if (server !== undefined) {
        await connectAssistant(api, await api.notebook(server.name), server.urls.http, trans);
      }
    }
  });
  add(CommandIDs.stop, {
    label: trans.__('Stop the Call of an Assistant'),
    caption: trans.__('Stop a call that waits or runs; by default the newest one'),
    describedBy: described({ notebook: NOTEBOOK, id: CALL }),
    isEnabled: liveOnly,
    execute: async args => {
      const { live } = chosen(args);
      const call = live && (await callOf(api, live, args, each => each.state !== 'done'));
      if (live && call) {
        await api.stop(live.name, call.id);
        live.refresh();
      }
    }
  });
  add(CommandIDs.insert, {
    label: trans.__('Insert a Call of an Assistant as a Cell'),
    caption: trans.__('Write a call as code below the active cell; by default the newest one'),
    describedBy: described({ notebook: NOTEBOOK, id: CALL }),
    isEnabled: args => liveOnly(args) && chosen(args).open !== null,
    execute: async args => {
      const { live, open } = chosen(args);
      const call = live && (await callOf(api, live, args, each => each.code !== null));
      if (open && call?.code) {
        open.insertBelow(call.code);
      }
    }
  });
  add(CommandIDs.jump, {
    label: trans.__('Jump to a Cell That Serves Tools'),
    caption: trans.__('Go to the cell with this number; by default to the first that serves a tool'),
    describedBy: described({ notebook: NOTEBOOK, cell: { type: 'integer' } }),
    isEnabled: args => liveOnly(args) && chosen(args).open !== null,
    execute: args => {
      const { live, open } = chosen(args);
      const cell = args.cell ?? live?.details?.items.tools.find(each => each.cell !== null)?.cell;
      if (open !== null && typeof cell === 'number') {
        app.shell.activateById(open.panel.id);
        open.jumpTo(cell);
      }
    }
  });
  add(CommandIDs.revoke, {
    label: trans.__('Revoke a Token of an Assistant…'),
    caption: trans.__('End at once everything that the bearer of a token has open'),
    describedBy: described({ token: { type: 'string' }, label: { type: 'string' } }),
    execute: async args => {
      if (typeof args.token !== 'string') {
        app.shell.activateById(PANEL_ID);
        parts.showTokens();
        return;
      }
      const { button } = await showDialog({
        title: trans.__('Revoke %1?', String(args.label ?? args.token)),
        body: trans.__('Whoever has this token is disconnected at once, and cannot come in with it again.'),
        buttons: [
          Dialog.cancelButton({ label: trans.__('Keep It') }),
          Dialog.warnButton({ label: trans.__('Revoke') })
        ],
        defaultButton: 0
      });
      if (button.accept) {
        await api.revoke(args.token);
        parts.tokens.refresh();
      }
    }
  });
}

const NOTEBOOK = { type: 'string', description: 'The name of a live notebook' } as const;
const CALL = { type: 'integer', description: 'The number of a call in the journal' } as const;

function described(properties: ReadonlyJSONObject): { args: ReadonlyJSONObject } {
  return { args: { type: 'object', properties } };
}

/** A notebook: what is known of it, and where it is open. */
interface IChosen {
  readonly live: LiveNotebook | null;
  readonly open: OpenNotebook | null;
}

function choose(args: ReadonlyPartialJSONObject, { notebooks, servers }: IParts): IChosen {
  const { current } = notebooks;
  const name = args.notebook ?? (current?.kernel ? servers.nameOf(current.kernel.id) : null);
  const server = servers.list?.find(each => each.name === name);
  return server === undefined
    ? { live: null, open: null }
    : { live: servers.notebook(server.name), open: notebooks.ofKernel(server.kernel_id) };
}

function isPaused({ live }: Pick<IChosen, 'live'>): boolean {
  return live?.details?.paused === true;
}

/** The call of these arguments; without one, the newest that fits. */
async function callOf(
  api: Api,
  { name }: LiveNotebook,
  { id }: ReadonlyPartialJSONObject,
  fits: (call: ICall) => boolean
): Promise<ICall | undefined> {
  const calls = [...(await api.calls(name))].reverse();
  return calls.find(each => (id === undefined ? fits(each) : each.id === id));
}
