// SPDX-License-Identifier: BSD-3-Clause
/**
 * Everything that the user needs to decide about a call, as a function of the question. All text goes in as
 * text, never as HTML.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import { h, type VirtualElement } from '@lumino/virtualdom';

import type { IApproval } from './api';
import { hintBadges } from './hints';

/** Who asks, as in "Claude Code 2.1.0". */
export function hostOf(approval: IApproval, trans: TranslationBundle): string {
  return [approval.host || trans.__('A client'), approval.version].filter(Boolean).join(' ');
}

/** The question. */
export function approvalView(approval: IApproval, trans: TranslationBundle): VirtualElement[] {
  const { title, description, preview } = approval;
  return [
    h.p(
      { className: 'jp-McpApproval-tool' },
      h.code(approval.tool),
      title ? h.span(` ${title}`) : null,
      ...hintBadges(approval.hints, trans)
    ),
    h.p(trans.__('From %1, in %2', approval.principal, place(approval, trans))),
    description ? h.p({ className: 'jp-McpApproval-text' }, description) : null,
    argumentList(approval, trans),
    preview ? h.h3(trans.__('Preview')) : null,
    preview ? h.pre({ className: 'jp-McpApproval-text' }, preview) : null
  ].filter(each => each !== null);
}

/** How many seconds a question still waits, and how many other calls do. */
export function endsText(seconds: number, others: number, trans: TranslationBundle): string {
  const ends = trans.__('No answer in %1 counts as no.', clock(seconds));
  return others > 0 ? `${ends} ${trans._n('%1 more waits.', '%1 more wait.', others)}` : ends;
}

function place(approval: IApproval, trans: TranslationBundle): string {
  const notebook = approval.path?.split(/[\\/]/).pop() ?? approval.notebook;
  return approval.cell === null ? notebook : trans.__('%1, cell [%2]', notebook, approval.cell);
}

function argumentList(approval: IApproval, trans: TranslationBundle): VirtualElement {
  const given = Object.entries(approval.arguments);
  if (given.length === 0) {
    return h.p(trans.__('Without arguments'));
  }
  const { before } = approval;
  return h.dl(
    { className: 'jp-McpApproval-arguments' },
    given.flatMap(([name, value]) => [
      h.dt(name),
      h.dd(h.pre(value), before === null ? null : change(before[name], value, trans))
    ])
  );
}

/** What differs from the last allowed call. */
function change(
  before: string | undefined,
  now: string,
  trans: TranslationBundle
): VirtualElement | null {
  if (before === now) {
    return null;
  }
  const text = before === undefined ? trans.__('(was: not given)') : trans.__('(was: %1)', before);
  return h.pre({ className: 'jp-McpApproval-before' }, text);
}

function clock(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
