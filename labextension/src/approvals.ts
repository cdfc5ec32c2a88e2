// SPDX-License-Identifier: BSD-3-Clause
/**
 * The calls that wait for the user's approval, and the decisions about them, without a view.
 */

import { type ISignal, Signal } from '@lumino/signaling';

import { type Api, type Decision, type IApproval, isMissing } from './api';
import type { Happening } from './observe';

export class Approvals {
  constructor(
    private readonly _api: Pick<Api, 'approvals' | 'decide'>,
    happened: ISignal<unknown, Happening>
  ) {
    happened.connect((_, { event }) => {
      if (event === 'approvals') {
        void this.refresh();
      }
    });
    void this.refresh();
  }

  /** The calls, the first to end first. */
  get waiting(): readonly IApproval[] {
    return this._waiting;
  }

  /** `waiting` has other calls than before. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Ask the server what waits. */
  async refresh(): Promise<void> {
    const question = ++this._questions;
    // A server that does not answer for a moment takes no dialog away.
    const waiting = await this._api
      .approvals()
      .catch(error => (isMissing(error) ? [] : this._waiting));
    if (question === this._questions && ids(waiting) !== ids(this._waiting)) {
      this._waiting = waiting;
      this._changed.emit();
    }
  }

  /** Decide about a call; return whether it still waited. */
  async decide(approval: IApproval, decision: Decision, reason = ''): Promise<boolean> {
    try {
      await this._api.decide(approval, decision, reason);
      return true;
    } catch (error) {
      if (isMissing(error)) {
        return false;
      }
      throw error;
    } finally {
      await this.refresh();
    }
  }

  private _waiting: readonly IApproval[] = [];
  private _questions = 0;
  private readonly _changed = new Signal<this, void>(this);
}

function ids(approvals: readonly IApproval[]): string {
  return approvals.map(each => each.id).join();
}
