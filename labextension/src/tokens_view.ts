// SPDX-License-Identifier: BSD-3-Clause
/**
 * The tokens of this user, with which assistants come in. Their secrets are nowhere in the page.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import { h, type VirtualElement } from '@lumino/virtualdom';

import type { IToken } from './api';
import { button, type IActions, timeOf } from './notebook_view';
import { CommandIDs } from './tokens';

/** The tokens, or that there are none. */
export function tokensView(
  tokens: readonly IToken[],
  actions: IActions,
  trans: TranslationBundle
): VirtualElement[] {
  if (tokens.length === 0) {
    return [h.p(trans.__('No token exists, so no assistant can come in over HTTP.'))];
  }
  const items = tokens.map(token =>
    h.li(
      { className: 'jp-McpPanel-server', key: token.id },
      h.h3(token.label),
      h.p(trans.__('Opens %1', opens(token))),
      h.p(trans.__('Tools: %1', token.tools.join(', ') || trans.__('none'))),
      h.p(
        token.last_used === null
          ? trans.__('Never used')
          : trans.__('Last used %1', timeOf(token.last_used))
      ),
      token.expires === null
        ? h.p({ className: 'jp-McpPanel-endless' }, trans.__('Never expires'))
        : h.p(trans.__('Expires %1', timeOf(token.expires))),
      button(
        trans.__('Revoke…'),
        () => actions.run(CommandIDs.revoke, { token: token.id, label: token.label }),
        trans.__('Revoke %1', token.label)
      )
    )
  );
  return [h.ul({ className: 'jp-McpPanel-list' }, items)];
}

function opens(token: IToken): string {
  const paths = token.notebooks.map(({ path, root }) =>
    root !== null && path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path
  );
  return [...paths, ...token.servers].join(', ');
}
