// SPDX-License-Identifier: BSD-3-Clause
/**
 * Plain keys in the widgets of a connected server are the widgets' own. To a notebook, a letter typed in a list
 * or on a button is a command: `b` adds a cell, `d d` deletes one. Keys with Ctrl, Alt or Command stay
 * commands, and Escape leads back to the cell. Ctrl-Enter (Cmd-Enter) in a form presses the button that sends it,
 * and so does Enter in a field of one line. In a list of rows the arrow keys move.
 */

import { REQUEST_CLASS, ROWS_CLASS, SEND_CLASS, WIDGET_CLASS } from './tokens';

/** Lumino looks for no key binding at an element that has it. */
const SUPPRESS = 'data-lm-suppress-shortcuts';

/** Keep the keys to the widgets, from now on. */
export function keepPlainKeys(document: Document): void {
  // Capturing: before anybody looks for a binding.
  document.addEventListener('keydown', decide, true);
}

function decide(event: KeyboardEvent): void {
  const target = event.target;
  if (!(target instanceof Element) || target.closest(`.${WIDGET_CLASS}`) === null) {
    return;
  }
  const isCommand = event.ctrlKey || event.metaKey || event.altKey;
  const isUsed = sends(event, target) || moves(event, target);
  target.toggleAttribute(SUPPRESS, !isCommand || isUsed);
  if (isUsed) {
    event.preventDefault();
    event.stopPropagation();
  }
  if (event.key === 'Escape') {
    target.closest<HTMLElement>('.jp-Cell')?.focus();
  }
}

const TEXT = 'input:not([type="checkbox"]):not([type="radio"]), textarea';

/** Send the form around an element, if the key asks for that and there is one. */
function sends(event: KeyboardEvent, target: Element): boolean {
  if (event.key !== 'Enter' || event.altKey || event.shiftKey || event.isComposing) {
    return false;
  }
  const isLine = target.matches(TEXT) && !(target instanceof HTMLTextAreaElement);
  if (!event.ctrlKey && !event.metaKey && !isLine) {
    return false;
  }
  const form = target.closest(`.${REQUEST_CLASS}`);
  const button = form?.querySelector<HTMLButtonElement>(`button.${SEND_CLASS}`);
  if (!button) {
    return false;
  }
  if (target.matches(TEXT)) {
    // A field hands its text to the kernel when it changes, for a browser: when it is left. Here it is now.
    target.dispatchEvent(new Event('change', { bubbles: true }));
  }
  button.click();
  return true;
}

const STEPS: Record<string, (index: number, last: number) => number> = {
  ArrowDown: (index, last) => Math.min(index + 1, last),
  ArrowUp: index => Math.max(index - 1, 0),
  Home: () => 0,
  End: (_, last) => last
};

/** Move the focus in a list of rows, if the key asks for that. */
function moves(event: KeyboardEvent, target: Element): boolean {
  const step = STEPS[event.key];
  const rows = target.closest(`.${ROWS_CLASS}`);
  if (step === undefined || rows === null || event.ctrlKey || event.metaKey || event.altKey) {
    return false;
  }
  const buttons = [...rows.querySelectorAll<HTMLButtonElement>('button')];
  buttons[step(buttons.indexOf(target as HTMLButtonElement), buttons.length - 1)]?.focus();
  return true;
}
