// SPDX-License-Identifier: BSD-3-Clause
/**
 * Plain keys in the widgets of a connected server are the widgets' own. To a notebook, a letter typed in a list
 * or on a button is a command: `b` adds a cell, `d d` deletes one. Keys with Ctrl, Alt or Command stay
 * commands, and Escape leads back to the cell.
 */

import { WIDGET_CLASS } from './tokens';

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
  target.toggleAttribute(SUPPRESS, !isCommand);
  if (event.key === 'Escape') {
    target.closest<HTMLElement>('.jp-Cell')?.focus();
  }
}
