// SPDX-License-Identifier: BSD-3-Clause
/**
 * Follows what happens in live notebooks by one stream of the server extension, which is opened again when it
 * ends. The stream has ids and no contents: a view that shows a call asks the server for it.
 *
 * Browsers open six connections to a server, for all of their windows together. So one window holds the stream,
 * which a Web Lock decides, and passes on to the others what it hears. Where there are no locks (a page without
 * HTTPS from another machine), each window holds its own while it can be seen.
 */

import { type ISignal, Signal } from '@lumino/signaling';

import { type Api, isMissing } from './api';
import {
  LONGEST_PAUSE_MILLISECONDS,
  OBSERVER,
  PAUSE_MILLISECONDS,
  SILENCE_MILLISECONDS
} from './tokens';

/** One line of the stream. */
export type Happening =
  | { readonly event: 'approvals' | 'servers' | 'ping' }
  | {
      readonly event: 'call';
      readonly notebook: string;
      readonly id: number;
      readonly kind: string;
      readonly name: string;
      readonly what: 'arrived' | 'asking' | 'running' | 'done';
    };

/** Told after the stream was opened, because changes before that were missed. */
const MISSED: readonly Happening[] = [{ event: 'approvals' }, { event: 'servers' }];

export class Observer {
  /** `baseUrl` tells the Jupyter Servers of one host apart. */
  constructor(api: Pick<Api, 'observe'>, baseUrl: string) {
    this._api = api;
    this._channel = new BroadcastChannel(`${OBSERVER}:${baseUrl}`);
    this._channel.onmessage = message => this._happened.emit(message.data as Happening);
    if (navigator.locks !== undefined) {
      void navigator.locks.request(this._channel.name, () => this._follow());
    } else {
      void this._follow();
    }
  }

  /** Something happened. */
  get happened(): ISignal<this, Happening> {
    return this._happened;
  }

  /** Read one stream after the other, for as long as the page lives. */
  private async _follow(): Promise<void> {
    for (let pause = PAUSE_MILLISECONDS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MILLISECONDS)) {
      try {
        await this._read(() => (pause = PAUSE_MILLISECONDS));
      } catch (error) {
        if (isMissing(error)) {
          return; // The server extension is not running: the panel says what to do.
        }
      }
      await new Promise(resolve => setTimeout(resolve, pause));
    }
  }

  private async _read(opened: () => void): Promise<void> {
    await seen(navigator.locks === undefined);
    const aborted = new AbortController();
    if (navigator.locks === undefined) {
      document.addEventListener('visibilitychange', () => aborted.abort(), { once: true });
    }
    const response = await this._api.observe(aborted.signal);
    opened();
    MISSED.forEach(each => this._tell(each));
    // A connection that was cut without a word, as by a laptop that slept, would be silent for ever.
    const abort = (): void => aborted.abort();
    let silence = setTimeout(abort, SILENCE_MILLISECONDS);
    try {
      for await (const line of lines(response)) {
        clearTimeout(silence);
        silence = setTimeout(abort, SILENCE_MILLISECONDS);
        this._tell(JSON.parse(line) as Happening);
      }
    } finally {
      clearTimeout(silence);
    }
  }

  private _tell(happening: Happening): void {
    this._happened.emit(happening);
    this._channel.postMessage(happening);
  }

  private readonly _api: Pick<Api, 'observe'>;
  private readonly _channel: BroadcastChannel;
  private readonly _happened = new Signal<this, Happening>(this);
}

/** The lines of a response, as they come. */
async function* lines(response: Response): AsyncGenerator<string> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) {
      return;
    }
    const parts = (rest + value).split('\n');
    rest = parts.pop()!;
    yield* parts.filter(part => part !== '');
  }
}

/** Wait until the page can be seen, if that is asked for. */
function seen(asked: boolean): Promise<void> {
  if (!asked || document.visibilityState === 'visible') {
    return Promise.resolve();
  }
  return new Promise(resolve =>
    document.addEventListener('visibilitychange', () => resolve(), { once: true })
  );
}
