// SPDX-License-Identifier: BSD-3-Clause
/**
 * Tell the user through the browser about calls that wait, while the page is hidden and if the user allowed it
 * before. The notification has no arguments: it may be shown on a locked screen.
 */

import type { TranslationBundle } from '@jupyterlab/translation';

import { hostOf } from './approval_view';
import type { Approvals } from './approvals';

/** Notify from now on. */
export function notifyWhenHidden(approvals: Approvals, trans: TranslationBundle): void {
  const shown = new Map<string, Notification>();
  approvals.changed.connect(() => {
    const waiting = new Set(approvals.waiting.map(each => each.id));
    for (const [id, notification] of shown) {
      if (!waiting.has(id)) {
        notification.close();
        shown.delete(id);
      }
    }
    if (!document.hidden || !mayNotify()) {
      return;
    }
    for (const approval of approvals.waiting.filter(each => !shown.has(each.id))) {
      const title = trans.__('%1 wants to run %2', hostOf(approval, trans), approval.tool);
      // The tag: several windows with one Jupyter Server show it once.
      const notification = new Notification(title, { body: approval.notebook, tag: approval.id });
      notification.onclick = () => window.focus();
      shown.set(approval.id, notification);
    }
  });
}

/** Ask the user whether the browser may notify. */
export async function askToNotify(): Promise<void> {
  if ('Notification' in window) {
    await Notification.requestPermission();
  }
}

function mayNotify(): boolean {
  return 'Notification' in window && Notification.permission === 'granted';
}
