// SPDX-License-Identifier: BSD-3-Clause
/**
 * The live notebooks of this Jupyter Server, and the details of each. `view` and `notebook_view` show them.
 */

import { type ISignal, Signal } from '@lumino/signaling';

import type { Api, ILiveServer } from './api';
import { Coalesced } from './coalesced';
import { LiveNotebook } from './live_notebook';
import type { Happening } from './observe';
import { REFRESH_MILLISECONDS } from './tokens';

export class Servers {
  constructor(
    private readonly _api: Api,
    happened: ISignal<unknown, Happening>
  ) {
    happened.connect((_, happening) => {
      if (happening.event === 'servers') {
        this.refresh();
      } else if (happening.event === 'call') {
        this._notebooks.get(happening.notebook)?.refresh();
      }
    });
    this.refresh();
  }

  /** The notebooks; null until the server has answered once. */
  get list(): readonly ILiveServer[] | null {
    return this._list;
  }

  /** Why the last question had no answer; null when it had one. */
  get error(): unknown {
    return this._error;
  }

  /** `list` or `error` was asked for anew. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** The name of the notebook that runs on a kernel; null when it serves nothing. */
  nameOf(kernelId: string): string | null {
    return this._list?.find(each => each.kernel_id === kernelId)?.name ?? null;
  }

  /** What is known of one notebook. It is kept up to date from now on, as long as the notebook is live. */
  notebook(name: string): LiveNotebook {
    let notebook = this._notebooks.get(name);
    if (notebook === undefined) {
      notebook = new LiveNotebook(this._api, name);
      this._notebooks.set(name, notebook);
    }
    return notebook;
  }

  /** Ask the server again, soon. */
  refresh(): void {
    this._question.invoke();
  }

  private async _ask(): Promise<void> {
    try {
      this._list = await this._api.servers();
      this._error = null;
    } catch (error) {
      this._error = error;
    }
    const names = new Set(this._list?.map(each => each.name));
    for (const [name, notebook] of this._notebooks) {
      if (names.has(name)) {
        notebook.refresh();
      } else {
        this._notebooks.delete(name);
      }
    }
    this._changed.emit();
  }

  private _list: readonly ILiveServer[] | null = null;
  private _error: unknown = null;
  private readonly _notebooks = new Map<string, LiveNotebook>();
  private readonly _changed = new Signal<this, void>(this);
  private readonly _question = new Coalesced(() => this._ask(), REFRESH_MILLISECONDS);
}
