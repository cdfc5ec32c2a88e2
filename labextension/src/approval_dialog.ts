// SPDX-License-Identifier: BSD-3-Clause
/**
 * Ask the user about calls that wait, in a dialog of JupyterLab: one at a time, each once by itself. A call that
 * is settled elsewhere (another window, a terminal, its time) takes its dialog with it.
 *
 * The dialog comes unasked, perhaps while the user types. So no key and no click counts for a moment, nothing is
 * allowed by Enter unless the user went to the button, and Escape decides nothing: the call goes on waiting.
 */

import { Dialog, Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { VirtualDOM } from '@lumino/virtualdom';
import { Widget } from '@lumino/widgets';

import { type Decision, type IApproval, messageOf } from './api';
import { approvalView, endsText, hostOf } from './approval_view';
import type { Approvals } from './approvals';
import { DELIBERATE_MILLISECONDS, MAX_REASON_CHARS } from './tokens';

export class ApprovalDialogs {
  constructor(
    private readonly _approvals: Approvals,
    private readonly _trans: TranslationBundle
  ) {
    _approvals.changed.connect(this._onChanged, this);
    this._onChanged();
  }

  /** Show the first call that waits, also if the user put it off. */
  review(): void {
    this._seen.clear();
    this._onChanged();
  }

  private _onChanged(): void {
    const { waiting } = this._approvals;
    if (this._open !== null) {
      const { approval, dialog } = this._open;
      if (!waiting.some(each => each.id === approval.id)) {
        dialog.reject();
      }
      return;
    }
    const next = waiting.find(each => !this._seen.has(each.id));
    if (next !== undefined) {
      this._seen.add(next.id);
      void this._ask(next);
    }
  }

  private async _ask(approval: IApproval): Promise<void> {
    const body = new QuestionBody(approval, this._approvals, this._trans);
    const dialog = dialogOf(approval, body, this._trans);
    this._open = { approval, dialog };
    try {
      const { button } = await dialog.launch();
      const decision = button.actions[0] as Decision | undefined;
      if (decision !== undefined && !(await this._approvals.decide(approval, decision, body.reason))) {
        Notification.warning(this._trans.__('%1 waits no longer: it was settled before.', approval.tool));
      }
    } catch (error) {
      Notification.error(this._trans.__('The decision did not arrive: %1', messageOf(error)));
    } finally {
      this._open = null;
      this._onChanged();
    }
  }

  private _open: { approval: IApproval; dialog: Dialog<unknown> } | null = null;
  private readonly _seen = new Set<string>();
}

function dialogOf(
  approval: IApproval,
  body: QuestionBody,
  trans: TranslationBundle
): Dialog<unknown> {
  const button = (decision: Decision, label: string, displayType: 'default' | 'warn'): Dialog.IButton =>
    Dialog.createButton({ accept: decision !== 'deny', actions: [decision], displayType, label });
  const deletes = approval.hints.destructiveHint === true;
  const dialog = new Dialog<unknown>({
    title: trans.__('%1 wants to run %2', hostOf(approval, trans), approval.tool),
    body,
    buttons: [
      button('deny', trans.__('Deny'), 'default'),
      button('until_changed', trans.__('Allow for this host until the cell is run again'), 'default'),
      button('once', trans.__('Allow once'), deletes ? 'warn' : 'default')
    ],
    defaultButton: 0,
    focusNodeSelector: deletes ? '' : '.jp-McpApproval-question'
  });
  dialog.addClass('jp-McpApproval');
  onlyDeliberate(dialog.node);
  return dialog;
}

/** Let no key and no click through that was meant for what the dialog covers. */
function onlyDeliberate(node: HTMLElement): void {
  const from = performance.now() + DELIBERATE_MILLISECONDS;
  const check = (event: Event): void => {
    const isDecision = event instanceof KeyboardEvent ? isEnterBesideButton(event) : false;
    if (performance.now() < from || isDecision) {
      event.stopImmediatePropagation();
      event.preventDefault();
    }
  };
  // Before the dialog's own listeners, which it adds when it is attached.
  node.addEventListener('keydown', check, true);
  node.addEventListener('keyup', check, true);
  node.addEventListener('click', check, true);
}

/** Enter means the default button to a dialog, wherever the focus is. */
function isEnterBesideButton(event: KeyboardEvent): boolean {
  return event.key === 'Enter' && !(event.target instanceof HTMLButtonElement);
}

/** The question, with a field for the reason of a denial. */
class QuestionBody extends Widget {
  constructor(
    private readonly _approval: IApproval,
    private readonly _approvals: Approvals,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this._question.className = 'jp-McpApproval-question';
    this._question.tabIndex = 0;
    const label = document.createElement('label');
    label.textContent = _trans.__('If you deny it, why? The model gets this.');
    this._reason.maxLength = MAX_REASON_CHARS;
    label.append(this._reason);
    this._ends.className = 'jp-McpApproval-ends';
    this._ends.setAttribute('role', 'timer');
    VirtualDOM.render(approvalView(_approval, _trans), this._question);
    this.node.append(this._question, this._ends, label);
    this._tick();
    this._clock = setInterval(() => this._tick(), 1000);
  }

  /** What the user wrote. */
  get reason(): string {
    return this._reason.value;
  }

  override dispose(): void {
    clearInterval(this._clock);
    super.dispose();
  }

  private _tick(): void {
    const seconds = Math.max(0, Math.round(this._approval.ends - Date.now() / 1000));
    if (seconds === 0) {
      void this._approvals.refresh();
    }
    const others = this._approvals.waiting.filter(each => each.id !== this._approval.id).length;
    this._ends.textContent = endsText(seconds, others, this._trans);
  }

  private readonly _ends = document.createElement('p');
  private readonly _question = document.createElement('div');
  private readonly _reason = document.createElement('input');
  private readonly _clock: ReturnType<typeof setInterval>;
}
