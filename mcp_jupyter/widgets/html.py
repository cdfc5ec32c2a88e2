# SPDX-License-Identifier: BSD-3-Clause
"""Building blocks of the panes: escaped text, buttons, boxes that wrap, and closing of widgets.

Foreign text is escaped here, and colours come from JupyterLab's theme.
"""

from __future__ import annotations

import asyncio
import html
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import ipywidgets as widgets

from .._ipython.cards import inert
from .._util.json_schema import Schema, branches, is_secret, members
from .._util.text import MAX_MESSAGE_CHARS, safe_line
from ..notebook_client.functions import attribute_names, is_plain_name

__all__ = [
    "REQUEST",
    "ROW",
    "ROWS",
    "SEND",
    "WIDE",
    "announced",
    "button",
    "call_code",
    "close_all",
    "failure",
    "framed",
    "heading",
    "labelled",
    "literals",
    "muted",
    "prompt_code",
    "read_code",
    "row",
    "said",
    "show",
    "status",
    "text",
]


WIDE: Final = {"width": "100%", "margin": "0"}

# Classes that our front-end extension knows (`labextension/src/tokens.ts` and `style/index.css`).

REQUEST: Final = "mcp-jupyter-request"
"""The class around a form and the button that sends it."""

SEND: Final = "mcp-jupyter-send"
"""The class of that button, which Enter presses."""

ROWS: Final = "mcp-jupyter-rows"
"""The class of a list of rows, in which arrow keys move."""

ROW: Final = "mcp-jupyter-row"
"""The class of a row: a button with two lines."""

_QUIET: Final = "color:var(--jp-ui-font-color2,#616161)"
_BAD: Final = "color:var(--jp-error-color1,#b71c1c)"
_GOOD: Final = "color:var(--jp-success-color1,#388e3c)"
_BLOCK: Final = "line-height:1.45;overflow-wrap:anywhere"


def text(value: str = "", **layout: Any) -> Any:
    """Make a widget for HTML from the functions below."""
    widget = widgets.HTML(layout={"width": "auto", "margin": "0 2px", **layout})
    show(widget, value)
    return widget


def show(widget: Any, value: str) -> None:
    """Put HTML into such a widget; an empty one takes no room."""
    if widget.value != value:
        widget.value = value
    widget.layout.display = None if value else "none"


def heading(title: str, detail: str = "", sign: str = "", good: bool = True) -> str:
    """Return a heading of foreign text, and beside it a detail after a coloured sign."""
    more = f'<span style="{_QUIET}">{inert(safe_line(detail))}</span>' if detail else ""
    mark = f'<span aria-hidden="true" style="{_GOOD if good else _BAD}">{html.escape(sign)}</span>'
    return (
        f'<div style="{_BLOCK}"><strong role="heading" aria-level="3">{inert(safe_line(title))}</strong>'
        f" {mark if sign else ''} {more}</div>"
    )


def said(value: str) -> str:
    """Return foreign text of several lines."""
    return f'<div style="{_BLOCK}">{inert(value)}</div>' if value.strip() else ""


def muted(value: str) -> str:
    """Return a less prominent text."""
    return f'<div style="{_BLOCK};{_QUIET}">{inert(value)}</div>' if value else ""


def status(value: str) -> str:
    """Return a text that a screen reader announces when it appears."""
    return f'<div role="status" style="{_BLOCK};{_QUIET}">{inert(value)}</div>'


def failure(value: str, detail: str = "") -> str:
    """Return an error in words, with a sign and the theme's colour."""
    more = f'<div style="margin-top:2px">{inert(detail)}</div>' if detail else ""
    line = inert(safe_line(value, MAX_MESSAGE_CHARS))
    return f'<div role="alert" style="{_BLOCK}"><strong style="{_BAD}">⚠ {line}</strong>{more}</div>'


_LABELLED: Final = {
    **WIDE,
    "height": "auto",
    "display": "grid",
    "grid_template_columns": "minmax(0, 1fr)",
    "align_items": "stretch",
}
"""Layout of a widget with its label above it."""


def labelled(kind: Any, label: str, **traits: Any) -> Any:
    """Make a widget with a label of our own above it, which is also its name for screen readers."""
    layout = {**_LABELLED, **traits.pop("layout", {})}
    return kind(description=label, style={"description_width": "fit-content"}, layout=layout, **traits)


SETTLE_SECONDS: Final = 0.15
"""Seconds. A page holds back a second change of a field until the kernel has handled the first one, but sends
a click at once: without this time the click could overtake what the user entered last."""


class SendButton(widgets.Button):  # type: ignore[misc]
    """A button that sends a form: it acts after the page has sent what was entered."""

    def click(self) -> None:
        """Press the button, as the page does."""
        asyncio.get_running_loop().call_later(SETTLE_SECONDS, self._act)

    def _act(self) -> None:
        if self.comm is not None:  # not closed in the meantime
            super().click()


def button(label: str, about: str, pressed: Callable[[], None], *, primary: bool = False) -> Any:
    """Make a button; its tooltip describes it in full, also for screen readers.

    Enter in a field of the same request presses the primary one.
    """
    made = (SendButton if primary else widgets.Button)(
        description=label,
        tooltip=about,
        button_style="primary" if primary else "",
        layout={"width": "auto", "min_width": "5em", "flex": "0 0 auto"},
    )
    if primary:
        made.add_class(SEND)
    made.on_click(lambda _: pressed())
    return made


def announced(value: str) -> str:
    """Return HTML that a screen reader announces at once when it appears."""
    return f'<div role="alert">{value}</div>'


def framed(widget: Any) -> Any:
    """Mark a widget in which the user works, so that plain keys are not taken for the notebook's commands.

    See `labextension/src/keys.ts`; without our extension a key may be taken for a command.
    """
    widget.add_class("mcp-jupyter-widget")
    return widget


def row(*children: Any, **layout: Any) -> Any:
    """Place widgets side by side; in a narrow window they wrap."""
    wrap = {"flex_flow": "row wrap", "align_items": "center", "overflow": "visible"}
    return widgets.HBox(children, layout={**WIDE, **wrap, **layout})


def close_all(widget: Any) -> None:
    """Close a widget and its children: each is a model of its own in the front end and in the kernel."""
    for child in getattr(widget, "children", ()):
        close_all(child)
    for name in ("layout", "style"):
        if widget.has_trait(name):
            getattr(widget, name).close()
    widget.close()


# -- code ----------------------------------------------------------------------------------------
#
# The Python code of a request: `weather.tools.forecast(city='Paris')`. Pure.
#
# Foreign values become literals by `repr`, so that they cannot run or hide anything. Secrets become `...`,
# for the user to fill in.

MAX_LINE_CHARS: Final = 88
"""Characters of a call on one line; a longer call has one line per argument."""

MAX_DEPTH: Final = 40
"""Nested values; deeper ones become `...`."""


def call_code(
    alias: str, name: str, names: Iterable[str], arguments: Mapping[str, Any], schema: Mapping[str, Any]
) -> str:
    """Return the code of a tool call.

    Parameters
    ----------
    alias : str
        The server's name in the notebook.
    name : str
        The tool's name.
    names : iterable of str
        The names of all tools of the server, which decide on the attribute's name.
    arguments : mapping
        JSON values.
    schema : mapping
        The schema of the arguments, which says which ones are secret.
    """
    attribute = {own: attribute for attribute, own in attribute_names(names).items()}.get(name)
    where = f"{alias}.tools[{name!r}]" if attribute is None else f"{alias}.tools.{attribute}"
    return _call(where, [], literals(arguments, schema))


def prompt_code(alias: str, name: str, arguments: Mapping[str, Any]) -> str:
    """Return the code that gets a prompt."""
    return _call(f"{alias}.prompt", [repr(name)], literals(arguments, {}))


def read_code(alias: str, uri: str) -> str:
    """Return the code that reads a resource."""
    return _call(f"{alias}.read", [repr(uri)], {})


def _call(where: str, first: list[str], arguments: Mapping[str, str]) -> str:
    named = [f"{name}={literal}" for name, literal in arguments.items() if is_plain_name(name)]
    others = [f"{name!r}: {literal}" for name, literal in arguments.items() if not is_plain_name(name)]
    parts = [*first, *named, *([f"**{{{', '.join(others)}}}"] if others else [])]
    line = f"{where}({', '.join(parts)})"
    if len(line) <= MAX_LINE_CHARS or not parts:
        return line
    lines = "".join(f"    {part},\n" for part in parts)
    return f"{where}(\n{lines})"


def literals(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, str]:
    """Return the arguments as Python code; the value of a secret is `...`."""
    parts = branches(schema, schema)
    return {name: _literal(value, members(parts, name, schema), schema) for name, value in arguments.items()}


def _literal(value: Any, parts: Sequence[Schema], root: Schema, depth: int = 0) -> str:
    """Return a JSON value as Python code; a value that is secret by its schema becomes `...`.

    Parameters
    ----------
    parts : sequence of mapping
        The branches of the value's schema.
    """
    if depth > MAX_DEPTH or any(map(is_secret, parts)):
        return "..."
    if isinstance(value, Mapping):
        items = (
            f"{key!r}: {_literal(item, members(parts, key, root), root, depth + 1)}"
            for key, item in value.items()
        )
        return f"{{{', '.join(items)}}}"
    if isinstance(value, list):
        within = members(parts, None, root)
        return f"[{', '.join(_literal(item, within, root, depth + 1) for item in value)}]"
    return repr(value)
