# SPDX-License-Identifier: BSD-3-Clause
"""What the fields of one form share on the page: safe texts, layouts, and the widgets made with them.

Main thread only. A server's texts are made safe here: front ends set `description`, `placeholder`, `tooltip`
and option labels as text, and then typeset LaTeX in descriptions. The value of `HTML` is set as HTML and not
typeset.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

import ipywidgets as widgets

from ..._util.text import MAX_MESSAGE_CHARS, safe_block, safe_line

__all__ = [
    "MAX_HELP_CHARS",
    "MAX_LABEL_CHARS",
    "Checkboxes",
    "Page",
    "close",
    "first_control",
    "label_text",
    "legend_html",
    "note_html",
    "option_text",
    "tree",
]

MAX_LABEL_CHARS: Final = 80
"""Characters of a label: one line of a form."""

MAX_HELP_CHARS: Final = 1_500
"""Characters of a description: about fifteen lines. Longer ones are written for a model."""

_LATEX: Final = str.maketrans({"$": "＄", "\\": "＼"})  # noqa: RUF001 - look alike and mean nothing


def label_text(text: str) -> str:
    """Return a text for `description`, without LaTeX. One dollar, as in `$filter`, does not start LaTeX."""
    line = safe_line(text, MAX_LABEL_CHARS)
    return line.translate(_LATEX) if "\\" in line or line.count("$") > 1 else line


def option_text(text: str) -> str:
    """Return a text for an option, a placeholder or a tooltip."""
    return safe_line(text, MAX_LABEL_CHARS)


def note_html(help_text: str, problems: Sequence[str]) -> str:
    """Return a field's description and problems for `HTML`, with words and not only a colour for problems."""
    shown = []
    if help_text:
        shown.append(
            '<span style="color: var(--jp-ui-font-color2, #616161); white-space: pre-line">'
            f"{html.escape(safe_block(help_text, MAX_HELP_CHARS))}</span>"
        )
    lines = [safe_line(text, MAX_MESSAGE_CHARS) for text in problems]
    shown += [
        '<span role="alert" style="color: var(--jp-error-color1, #b71c1c); font-weight: bold">'
        f"⚠ {html.escape(line[:1].upper() + line[1:])}</span>"
        for line in lines
    ]
    return (
        f'<div style="line-height: 1.4; overflow-wrap: anywhere">{"<br>".join(shown)}</div>' if shown else ""
    )


def legend_html(text: str) -> str:
    """Return the heading of a group for `HTML`, with the role that screen readers look for."""
    return f'<span role="heading" aria-level="4"><b>{html.escape(option_text(text))}</b></span>'


# -- widgets -------------------------------------------------------------------------------------

_LINE: Final = "3px solid var(--jp-border-color1, #bdbdbd)"


class Page:
    """Makes the widgets of one form, with the layouts and styles that they share.

    Parameters
    ----------
    changed : callable
        Called after the user changed a field.

    Attributes
    ----------
    disabled : bool
        Whether new widgets are disabled.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self.changed = changed
        self.disabled = False
        # Layouts and styles are shared, because each is a widget with a comm of its own.
        # A width of 100 % would leave no room for the margins that front ends put around a widget.
        self.wide = widgets.Layout(width="auto", max_width="56em")
        # The label is above the field, so that it is not cut where the page is narrow.
        self.field = _field_layout(flex="1 1 auto", min_width="0", max_width="56em")
        self.narrow = widgets.Layout(width="auto", align_self="flex-start")
        # Beside each other: a box that takes the room there is, and small things that are level with it.
        self.beside_layout = widgets.Layout(width="auto", max_width="56em", align_items="flex-end")
        self.filling = _field_layout(flex="1 1 8em", min_width="0", max_width="28em")
        self.short = _field_layout(flex="1 1 8em", min_width="0", max_width="16em")
        self.small = widgets.Layout(width="28px", flex="0 0 auto", padding="0")
        self.inset = widgets.Layout(width="auto", padding="0 0 0 10px", border_left=_LINE)
        self.hidden = widgets.Layout(display="none")
        self._styles: dict[Any, Any] = {}

    def make(self, kind: Any, **traits: Any) -> Any:
        """Make a widget, as wide as the form unless `layout` is given."""
        if kind in self._styles:
            traits["style"] = self._styles[kind]
        widget = kind(**{"layout": self.wide, **traits})
        if kind not in self._styles and widget.has_trait("style"):
            self._styles[kind] = widget.style
            if widget.style.has_trait("description_width"):
                widget.style.description_width = "fit-content"
        if widget.has_trait("disabled"):
            widget.disabled = self.disabled
        return widget

    def control(self, kind: Any, label: str, **traits: Any) -> Any:
        """Make a widget to fill in; its label is the description, which screen readers use as its name."""
        layout = self.wide if kind is widgets.Checkbox else self.field
        said = {"description": label_text(label), "tooltip": option_text(label)}
        return self.make(kind, **{"layout": layout, **said, **traits})

    def button(self, text: str, pressed: Callable[[], Any]) -> Any:
        """Make a button."""
        button = self.control(widgets.Button, text, layout=self.narrow)
        button.on_click(lambda _: pressed())
        return button

    def small_button(self, sign: str, about: str, pressed: Callable[[], Any]) -> Any:
        """Make a button with a sign; our front-end extension names it by its tooltip for screen readers."""
        button = self.make(widgets.Button, description=sign, tooltip=option_text(about), layout=self.small)
        button.add_class("mcp-jupyter-small")
        button.on_click(lambda _: pressed())
        return button

    def beside(self, *children: Any) -> Any:
        """Place widgets side by side, the first in the room that the others leave."""
        return self.make(widgets.HBox, children=children, layout=self.beside_layout)

    def close(self) -> None:
        """Close the shared layouts and styles."""
        shared = [value for value in vars(self).values() if isinstance(value, widgets.Layout)]
        for each in (*shared, *self._styles.values()):
            each.close()


def _field_layout(**traits: str) -> Any:
    """Return the layout of a field with its label above it."""
    return widgets.Layout(
        width="auto",
        height="auto",
        display="grid",
        grid_template_columns="minmax(0, 1fr)",
        grid_auto_rows="minmax(28px, auto)",
        align_items="stretch",
        **traits,
    )


T = TypeVar("T")


class Checkboxes(Generic[T]):
    """A checkbox for each of several things.

    Parameters
    ----------
    page : Page
        The page of the form.
    texts : mapping of T to str
        The text of each thing, which may come from the server.
    ticked : callable
        Called with a thing and whether it is ticked now, after the user changed that.

    Attributes
    ----------
    widgets : list of ipywidgets.Checkbox
    """

    def __init__(self, page: Page, texts: Mapping[T, str], ticked: Callable[[T, bool], None]) -> None:
        self._ticked = ticked
        self._is_showing = False
        self._things = list(texts)
        self.widgets = [page.control(widgets.Checkbox, text, indent=False) for text in texts.values()]
        for thing, box in zip(self._things, self.widgets, strict=True):
            box.observe(lambda change, thing=thing: self._changed(thing, change["new"]), "value")

    def show(self, chosen: Collection[T]) -> None:
        """Tick the boxes of the chosen things, and no others."""
        self._is_showing = True
        for thing, box in zip(self._things, self.widgets, strict=True):
            box.value = thing in chosen
        self._is_showing = False

    def _changed(self, thing: T, on: bool) -> None:
        if not self._is_showing:
            self._ticked(thing, on)


def tree(widget: Any) -> Iterator[Any]:
    """Yield a widget and all within it, in the order of the page."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from tree(child)


def first_control(widget: Any) -> Any:
    """Return the first widget within another that takes input, or None."""
    return next((each for each in tree(widget) if each.has_trait("disabled")), None)


def close(*closed: Any) -> None:
    """Close widgets and all within them, but not the shared layouts and styles."""
    for widget in closed:
        for each in list(tree(widget)):
            each.close()
