// SPDX-License-Identifier: BSD-3-Clause
/**
 * Names shared by the parts of the extension. No behaviour and no side effects.
 */

/** The plugin's id: also what `jupyter labextension disable` takes. */
export const PLUGIN_ID = 'mcp-jupyter:panel';

/** The panel's id in the shell, and its name when the layout is restored. */
export const PANEL_ID = 'mcp-jupyter-panel';

/** The server extension's URL space below the base URL. */
export const URL_SPACE = 'mcp-jupyter';

/** The domain of the extension's translated texts. */
export const TRANSLATION_DOMAIN = 'mcp-jupyter';

/**
 * How often a panel that can be seen asks. A person who started a cell looks again within seconds; an answer
 * costs the server about as much as one of JupyterLab's own polls, which are slower because there are many.
 */
export const POLL_MILLISECONDS = 2_000;

/** How slow polling gets while the server does not answer: soon enough after it was restarted. */
export const SLOWEST_POLL_MILLISECONDS = 15_000;

/** The class of the widgets of a connected server (`mcp_jupyter/widgets/html.py`, as the next three). */
export const WIDGET_CLASS = 'mcp-jupyter-widget';

/** The class around a form and the button that sends it. */
export const REQUEST_CLASS = 'mcp-jupyter-request';

/** The class of that button. */
export const SEND_CLASS = 'mcp-jupyter-send';

/** The class of a list of buttons, one of which is chosen. */
export const ROWS_CLASS = 'mcp-jupyter-rows';

/** The class of a text box for numbers (`mcp_jupyter/widgets/forms/controls.py`). */
export const NUMBER_CLASS = 'mcp-jupyter-number';

/** The comm target at which a kernel asks for a new cell (`mcp_jupyter/widgets/history.py`). */
export const INSERT_TARGET = 'mcp-jupyter.insert';

/** The longest code that is put into a cell: more than anybody reads, and too little to slow the page down. */
export const MAX_CODE_CHARS = 100_000;

export namespace CommandIDs {
  /** Show the panel. */
  export const open = 'mcp-jupyter:open';
}
