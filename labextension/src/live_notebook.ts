// SPDX-License-Identifier: BSD-3-Clause
/**
 * One live notebook: what it serves, who is connected, and the journal of its calls. The server is asked for the
 * journal only while the panel shows it.
 */

import { type ISignal, Signal } from '@lumino/signaling';

import type { Api, ICall, INotebook } from './api';
import { Coalesced } from './coalesced';
import { REFRESH_MILLISECONDS } from './tokens';

export class LiveNotebook {
  constructor(
    private readonly _api: Pick<Api, 'notebook' | 'calls'>,
    readonly name: string
  ) {
    this.refresh();
  }

  /** What it serves, and its clients; null until its kernel has answered. */
  get details(): INotebook | null {
    return this._details;
  }

  /** Its last calls, the newest first. */
  get calls(): readonly ICall[] {
    return this._calls;
  }

  /** The details or the calls were read again. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Whether the panel shows the calls. */
  get isFollowed(): boolean {
    return this._isFollowed;
  }

  set isFollowed(isFollowed: boolean) {
    const begins = isFollowed && !this._isFollowed;
    this._isFollowed = isFollowed;
    if (begins) {
      this.refresh();
    }
  }

  /** Ask the kernel again, soon. */
  refresh(): void {
    this._question.invoke();
  }

  private async _ask(): Promise<void> {
    try {
      const [details, calls] = await Promise.all([
        this._api.notebook(this.name),
        this._isFollowed ? this._api.calls(this.name) : null
      ]);
      this._details = details;
      this._calls = calls?.slice().reverse() ?? this._calls;
    } catch {
      return; // The kernel is gone or does not answer: the list of notebooks says so.
    }
    this._changed.emit();
  }

  private _details: INotebook | null = null;
  private _calls: readonly ICall[] = [];
  private _isFollowed = false;
  private readonly _changed = new Signal<this, void>(this);
  private readonly _question = new Coalesced(() => this._ask(), REFRESH_MILLISECONDS);
}
