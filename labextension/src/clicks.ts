// SPDX-License-Identifier: BSD-3-Clause
/**
 * A click on a button of a connected server's widgets counts although the button moves while the mouse is
 * pressed. A field is checked when it loses the focus, so pressing the mouse on "Call" may remove a note above
 * it. The button moves up, the mouse is released beside it, and browsers then send the click to an element that
 * contains both places.
 */

import { WIDGET_CLASS } from './tokens';

/** Pixels. Who moves the mouse further before releasing it has changed their mind. */
const SAME_PLACE = 5;

/** Pass on clicks that missed their button, from now on. */
export function keepClicks(document: Document): void {
  let pressed: { button: HTMLElement; x: number; y: number } | null = null;

  // Capturing: also where a widget keeps its events to itself.
  document.addEventListener(
    'pointerdown',
    event => {
      const button = buttonAt(event.target);
      pressed = button && event.button === 0 ? { button, x: event.clientX, y: event.clientY } : null;
    },
    true
  );
  document.addEventListener(
    'click',
    event => {
      const before = pressed;
      pressed = null;
      if (before === null || !event.isTrusted || before.button.contains(event.target as Node)) {
        return;
      }
      if (Math.hypot(event.clientX - before.x, event.clientY - before.y) <= SAME_PLACE) {
        before.button.click();
      }
    },
    true
  );
}

function buttonAt(target: EventTarget | null): HTMLElement | null {
  return target instanceof Element ? target.closest<HTMLElement>(`.${WIDGET_CLASS} button`) : null;
}
