# SPDX-License-Identifier: BSD-3-Clause
"""What the panes are made of: text that is only text, buttons, boxes that wrap, and closing all of it.

The one place that knows how JupyterLab's theme is asked for colours. Knows no server.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any, Final

import ipywidgets as widgets

from ..notebook_client.inert import inert
from ..notebook_client.text import one_line

__all__ = [
    "WIDE",
    "announced",
    "button",
    "close_all",
    "failure",
    "framed",
    "heading",
    "labelled",
    "muted",
    "row",
    "said",
    "show",
    "status",
    "text",
]

WIDE: Final = {"width": "100%", "margin": "0"}

_QUIET: Final = "color:var(--jp-ui-font-color2,#616161)"
_BAD: Final = "color:var(--jp-error-color1,#b71c1c)"
_GOOD: Final = "color:var(--jp-success-color1,#388e3c)"
_BLOCK: Final = "line-height:1.45;overflow-wrap:anywhere"


def text(value: str = "", **layout: Any) -> Any:
    """A widget for HTML that the functions below made."""
    widget = widgets.HTML(layout={"width": "auto", "margin": "0 2px", **layout})
    show(widget, value)
    return widget


def show(widget: Any, value: str) -> None:
    """Put HTML into such a widget; without any it takes no room."""
    if widget.value != value:
        widget.value = value
    widget.layout.display = None if value else "none"


def heading(title: str, detail: str = "", sign: str = "", good: bool = True) -> str:
    """A heading of foreign text, and beside it, after a sign in colour, less of a heading."""
    more = f'<span style="{_QUIET}">{inert(one_line(detail, 200))}</span>' if detail else ""
    mark = f'<span aria-hidden="true" style="{_GOOD if good else _BAD}">{html.escape(sign)}</span>'
    return (
        f'<div style="{_BLOCK}"><strong role="heading" aria-level="3">{inert(one_line(title))}</strong>'
        f" {mark if sign else ''} {more}</div>"
    )


def said(value: str) -> str:
    """Foreign text of several lines."""
    return f'<div style="{_BLOCK}">{inert(value)}</div>' if value.strip() else ""


def muted(value: str) -> str:
    """What is said in passing."""
    return f'<div style="{_BLOCK};{_QUIET}">{inert(value)}</div>' if value else ""


def status(value: str) -> str:
    """What a screen reader says when it appears."""
    return f'<div role="status" style="{_BLOCK};{_QUIET}">{inert(value)}</div>'


def failure(value: str, detail: str = "") -> str:
    """What went wrong: in words, by a sign, and in the theme's colour."""
    more = f'<div style="margin-top:2px">{inert(detail)}</div>' if detail else ""
    return (
        f'<div role="alert" style="{_BLOCK}"><strong style="{_BAD}">⚠ {inert(one_line(value, 300))}</strong>'
        f"{more}</div>"
    )


_LABELLED: Final = {
    **WIDE,
    "height": "auto",
    "display": "grid",
    "grid_template_columns": "minmax(0, 1fr)",
    "align_items": "stretch",
}
"""Of a widget whose label stands above it."""


def labelled(kind: Any, label: str, **traits: Any) -> Any:
    """A widget with a label of our own above it, which is its name to a screen reader too."""
    layout = {**_LABELLED, **traits.pop("layout", {})}
    return kind(description=label, style={"description_width": "fit-content"}, layout=layout, **traits)


def button(label: str, about: str, pressed: Callable[[], None], *, primary: bool = False) -> Any:
    """A button; what it does in full is its tooltip, which screen readers read too."""
    made = widgets.Button(
        description=label,
        tooltip=about,
        button_style="primary" if primary else "",
        layout={"width": "auto", "min_width": "5em", "flex": "0 0 auto"},
    )
    made.on_click(lambda _: pressed())
    return made


def announced(value: str) -> str:
    """HTML that a screen reader says at once when it appears."""
    return f'<div role="alert">{value}</div>'


def framed(widget: Any) -> Any:
    """Mark the whole of what a person works in: plain keys are then its own, not the notebook's commands.

    See `labextension/src/keys.ts`; without our extension a key may be taken for a command.
    """
    widget.add_class("mcp-jupyter-widget")
    return widget


def row(*children: Any, **layout: Any) -> Any:
    """Widgets side by side; in a narrow window below each other."""
    wrap = {"flex_flow": "row wrap", "align_items": "center", "overflow": "visible"}
    return widgets.HBox(children, layout={**WIDE, **wrap, **layout})


def close_all(widget: Any) -> None:
    """Close a widget and all within: each is a model of its own in the front end, and in the kernel."""
    for child in getattr(widget, "children", ()):
        close_all(child)
    for name in ("layout", "style"):
        if widget.has_trait(name):
            getattr(widget, name).close()
    widget.close()
