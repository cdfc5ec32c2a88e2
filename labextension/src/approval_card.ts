// SPDX-License-Identifier: BSD-3-Clause
/**
 * The card at the top of the panel: how many calls wait for the user, and the way to them.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import { h, VirtualDOM } from '@lumino/virtualdom';

import type { Approvals } from './approvals';

/** Return the card; it is empty while nothing waits. */
export function approvalCard(
  approvals: Approvals,
  review: () => void,
  trans: TranslationBundle
): HTMLElement {
  const node = document.createElement('div');
  node.className = 'jp-McpPanel-waiting';
  // Of all that the panel shows, this and errors are what a screen reader says by itself.
  node.setAttribute('aria-live', 'polite');
  const render = (): void => {
    const count = approvals.waiting.length;
    const text = trans._n('%1 call waits for you', '%1 calls wait for you', count);
    const button = h.button(
      { className: 'jp-McpButton', type: 'button', onclick: review },
      trans.__('Review')
    );
    VirtualDOM.render(count === 0 ? [] : [h.p(text), button], node);
  };
  approvals.changed.connect(render);
  render();
  return node;
}
