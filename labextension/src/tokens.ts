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

/** Names the lock and the channel of the windows that share one stream. */
export const OBSERVER = 'mcp-jupyter-observer';

/** The first pause before a stream that ended is opened again. */
export const PAUSE_MILLISECONDS = 2_000;

/** How long the pause gets while the server does not answer: soon enough after it was restarted. */
export const LONGEST_PAUSE_MILLISECONDS = 15_000;

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

/** How long a stream may say nothing: longer than the server's pings are apart. */
export const SILENCE_MILLISECONDS = 90_000;

/** What changes within this time is asked for once. */
export const REFRESH_MILLISECONDS = 300;

/** How many calls the feed has: more than anybody reads, and little enough to send after each call. */
export const MAX_CALLS = 100;

/** How often is asked, while a dialog waits for it, whether an assistant has come. */
export const CONNECTED_MILLISECONDS = 1_000;

/** How long a dialog that came unasked takes no key and no click: as long as it takes to notice it. */
export const DELIBERATE_MILLISECONDS = 700;

/** The longest reason for a denial (`MAX_REASON_CHARS` of `mcp_jupyter/extension/api.py`). */
export const MAX_REASON_CHARS = 500;

export namespace CommandIDs {
  /** Show the panel. */
  export const open = 'mcp-jupyter:open';
  /** Show the calls that wait for the user. */
  export const review = 'mcp-jupyter:review';
  /** Ask the browser for the permission to notify. */
  export const notify = 'mcp-jupyter:notify';
  /** Have a notebook refuse calls, or take them again. */
  export const pause = 'mcp-jupyter:pause';
  /** Stop a call. */
  export const stop = 'mcp-jupyter:stop';
  /** Put a call into a new cell. */
  export const insert = 'mcp-jupyter:insert-call';
  /** Go to the cell that defines a tool. */
  export const jump = 'mcp-jupyter:jump-to-cell';
  /** Revoke a token. */
  export const revoke = 'mcp-jupyter:revoke-token';
  /** Show how to connect an assistant. */
  export const connect = 'mcp-jupyter:connect-assistant';
}
