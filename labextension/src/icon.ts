// SPDX-License-Identifier: BSD-3-Clause
/**
 * The extension's icon: a socket and a plug, drawn in the theme's colours.
 */

import { LabIcon } from '@jupyterlab/ui-components';

export const mcpIcon = new LabIcon({
  name: 'mcp-jupyter:icon',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
  <g class="jp-icon3" fill="#616161">
    <path d="M8 2h2v5H8zM14 2h2v5h-2z"/>
    <path d="M5 8h14v3a7 7 0 0 1-6 6.9V22h-2v-4.1A7 7 0 0 1 5 11z"/>
  </g>
</svg>`
});
