// SPDX-License-Identifier: BSD-3-Clause
/**
 * A row of tabs, as ARIA's authoring practices have it: one of them takes the Tab key, arrows go to the others.
 */

export interface ITab {
  readonly id: string;
  readonly label: string;
}

export class Tabs {
  /** `panel` is the element that shows what a tab is about. */
  constructor(
    label: string,
    panel: HTMLElement,
    private readonly _select: (id: string) => void
  ) {
    this.node.className = 'jp-McpPanel-tabs';
    this.node.setAttribute('role', 'tablist');
    this.node.setAttribute('aria-label', label);
    this.node.addEventListener('keydown', event => this._onKey(event));
    panel.setAttribute('role', 'tabpanel');
  }

  readonly node = document.createElement('div');

  /** Show these tabs, the same ones each time; their labels may differ. */
  update(tabs: readonly ITab[], selected: string): void {
    tabs.forEach(({ id, label }, index) => {
      const button = this._buttons[index] ?? this._add(id);
      button.textContent = label;
      button.setAttribute('aria-selected', String(id === selected));
      button.tabIndex = id === selected ? 0 : -1;
    });
  }

  private _add(id: string): HTMLButtonElement {
    const button = document.createElement('button');
    button.type = 'button';
    button.setAttribute('role', 'tab');
    button.addEventListener('click', () => this._select(id));
    this._buttons.push(button);
    this.node.append(button);
    return button;
  }

  private _onKey(event: KeyboardEvent): void {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const index = this._buttons.indexOf(event.target as HTMLButtonElement);
    if (step === undefined || index < 0) {
      return;
    }
    const next = this._buttons[(index + step + this._buttons.length) % this._buttons.length]!;
    next.focus();
    next.click();
    event.preventDefault();
  }

  private readonly _buttons: HTMLButtonElement[] = [];
}
