// SPDX-License-Identifier: BSD-3-Clause
/**
 * A request that is repeated after changes: one at a time, after a pause, and once more if something changed
 * while it was under way. (Lumino's `Throttler` drops changes in that time.)
 */

export class Coalesced {
  /** `pause` is in milliseconds: changes that follow each other closer are one. */
  constructor(
    private readonly _ask: () => Promise<void>,
    private readonly _pause: number
  ) {}

  /** Ask, soon. */
  invoke(): void {
    this._isDue = true;
    if (!this._isRunning) {
      this._isRunning = true;
      void this._run();
    }
  }

  private async _run(): Promise<void> {
    while (this._isDue) {
      this._isDue = false;
      await this._ask();
      await new Promise(resolve => setTimeout(resolve, this._pause));
    }
    this._isRunning = false;
  }

  private _isDue = false;
  private _isRunning = false;
}
