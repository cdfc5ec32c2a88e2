// SPDX-License-Identifier: BSD-3-Clause
/**
 * Controls of a connected server's widgets as browsers have them. A core widget has no field for numbers that can
 * be empty, its radio buttons are not a group, and a button with a sign has no name. Without this they are a text
 * box and single buttons, which work too.
 */

import { NUMBER_CLASS, WIDGET_CLASS } from './tokens';

/** A bound of a number, as the kernel writes it into a class: `mcp-jupyter-min=1`. */
const BOUND = /^mcp-jupyter-(min|max|step)=(.+)$/;

let groups = 0;

/** Improve controls when the focus or the mouse comes near them, from now on. */
export function improveInputs(document: Document): void {
  for (const type of ['focusin', 'pointerover']) {
    document.addEventListener(type, event => improveAround(event.target), true);
  }
  document.addEventListener(
    'change',
    event => {
      // What a browser cannot read as a number it reports as empty: then nothing else may be seen in the field.
      if (event.target instanceof HTMLInputElement && event.target.validity.badInput) {
        event.target.value = '';
      }
    },
    true
  );
}

function improveAround(target: EventTarget | null): void {
  const widget = target instanceof Element ? target.closest(`.${WIDGET_CLASS}`) : null;
  widget
    ?.querySelectorAll<HTMLInputElement>(`.${NUMBER_CLASS} input[type="text"]`)
    .forEach(makeNumber);
  widget?.querySelectorAll<HTMLElement>('.widget-radio').forEach(makeGroup);
  widget?.querySelectorAll<HTMLElement>('.widget-slider').forEach(nameHandle);
  widget
    ?.querySelectorAll<HTMLElement>('.mcp-jupyter-small')
    .forEach(button => button.setAttribute('aria-label', button.title));
}

function makeNumber(input: HTMLInputElement): void {
  input.type = 'number';
  for (const name of input.closest(`.${NUMBER_CLASS}`)?.classList ?? []) {
    const [, attribute, value] = BOUND.exec(name) ?? [];
    if (attribute !== undefined && value !== undefined) {
      input.setAttribute(attribute, value);
    }
  }
}

/** Make radio buttons a group: arrow keys choose in it, and a focus given to it arrives at a button. */
function makeGroup(widget: HTMLElement): void {
  const radios = [...widget.querySelectorAll<HTMLInputElement>('input[type="radio"]')];
  const first = radios[0];
  if (first === undefined || first.name) {
    return;
  }
  groups += 1;
  radios.forEach(radio => (radio.name = `mcp-jupyter-${groups}`));
  const box = first.closest('.widget-radio-box');
  box?.setAttribute('role', 'radiogroup');
  box?.setAttribute('aria-label', widget.querySelector('.widget-label')?.textContent ?? '');
  const label = first.parentElement; // ipywidgets gives the focus to this one
  if (label !== null) {
    label.tabIndex = -1;
    label.addEventListener('focus', () => (radios.find(radio => radio.checked) ?? first).focus());
  }
}

function nameHandle(widget: HTMLElement): void {
  const name = widget.querySelector<HTMLElement>('.widget-label')?.title ?? '';
  widget.querySelector('.noUi-handle')?.setAttribute('aria-label', name);
}
