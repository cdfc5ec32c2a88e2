// SPDX-License-Identifier: BSD-3-Clause
/**
 * The tokens of this user, as the server lists them. `tokens_view` shows them.
 */

import { type ISignal, Signal } from '@lumino/signaling';

import type { Api, IToken } from './api';
import { Coalesced } from './coalesced';
import { REFRESH_MILLISECONDS } from './tokens';

export class Tokens {
  constructor(private readonly _api: Pick<Api, 'tokens'>) {}

  /** The tokens that are not revoked. */
  get list(): readonly IToken[] {
    return this._list;
  }

  /** The tokens were asked for anew. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Ask the server again, soon. */
  refresh(): void {
    this._question.invoke();
  }

  private async _ask(): Promise<void> {
    this._list = await this._api.tokens().catch(() => this._list);
    this._changed.emit();
  }

  private _list: readonly IToken[] = [];
  private readonly _changed = new Signal<this, void>(this);
  private readonly _question = new Coalesced(() => this._ask(), REFRESH_MILLISECONDS);
}
