// SPDX-License-Identifier: BSD-3-Clause
/**
 * A tool's hints as words. The colour says nothing that the words do not.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import { h, type VirtualElement } from '@lumino/virtualdom';

import type { IHints } from './api';

/** What a tool's author says about it, one badge each. */
export function hintBadges(hints: IHints, trans: TranslationBundle): VirtualElement[] {
  const badges: VirtualElement[] = [];
  if (hints.readOnlyHint) {
    badges.push(badge('reads', trans.__('reads only')));
  }
  if (hints.destructiveHint) {
    badges.push(badge('deletes', trans.__('deletes')));
  }
  if (hints.openWorldHint) {
    badges.push(badge('reaches', trans.__('reaches beyond the notebook, with your rights')));
  }
  return badges;
}

function badge(hint: string, text: string): VirtualElement {
  return h.span({ className: 'jp-McpBadge', dataset: { hint } }, text);
}
