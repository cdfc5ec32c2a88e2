# SPDX-License-Identifier: BSD-3-Clause
"""Lists to choose one thing from: rows of a few words, and the picker of a pane's items. Main thread only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import ipywidgets as widgets

from .._util.text import safe_line
from .html import ROW, ROWS, close_all, labelled, muted, show, text
from .items import Item

__all__ = ["Picker", "Rows"]

_ROWS: Final = {"width": "auto", "max_height": "420px", "overflow": "hidden auto", "margin": "0"}
_CHOSEN: Final = "mcp-jupyter-chosen"
"""The class of the chosen row."""


class Rows:
    """Rows of two lines, each a button, so that they are reached and chosen with the keyboard.

    Parameters
    ----------
    chosen : function
        Called with the index of the row that the user chose.

    Attributes
    ----------
    widget : ipywidgets.VBox
    """

    def __init__(self, chosen: Callable[[int], None]) -> None:
        self._chosen = chosen
        self._buttons: list[Any] = []  # more than are shown, to be used again
        # Shared, because each is a widget with a comm of its own.
        self._layout = widgets.Layout(width="auto", margin="0")
        self._style = widgets.ButtonStyle()
        self.widget = widgets.VBox(layout=_ROWS)
        self.widget.add_class(ROWS)

    def show(self, rows: Sequence[tuple[str, str]], index: int | None) -> None:
        """Show rows.

        Parameters
        ----------
        rows : sequence of (str, str)
            The two lines of each row.
        index : int or None
            The chosen row.
        """
        while len(self._buttons) < len(rows):
            self._buttons.append(self._made(len(self._buttons)))
        shown = self._buttons[: len(rows)]
        for place, (button, (first, second)) in enumerate(zip(shown, rows, strict=True)):
            first, second = safe_line(first), safe_line(second)
            button.description = f"{first}\n{second}" if second else first
            is_chosen = place == index
            button.tabbable = is_chosen or (index is None and place == 0)  # arrow keys reach the others
            (button.add_class if is_chosen else button.remove_class)(_CHOSEN)
        if len(self.widget.children) != len(shown):
            self.widget.children = shown

    def close(self) -> None:
        """Close all widgets."""
        for button in self._buttons:
            button.close()
        self._layout.close()
        self._style.close()
        self.widget.children = ()
        close_all(self.widget)

    def _made(self, place: int) -> Any:
        button = widgets.Button(layout=self._layout, style=self._style)
        button.add_class(ROW)
        button.on_click(lambda _: self._chosen(place))
        return button


# -- picker --------------------------------------------------------------------------------------

FILTER_FROM: Final = 9
"""Shorter lists have no filter: the user sees them at a glance."""

MAX_SHOWN: Final = 200
"""Items in the list, a widget each; the filter finds the others."""


class Picker:
    """Chooses one of several items.

    Parameters
    ----------
    what : str
        The kind of the items, in the plural.
    picked : function
        Called with the chosen item, or None without one.
    **layout : str
        Layout of the widget.

    Attributes
    ----------
    widget : ipywidgets.VBox
    """

    def __init__(self, what: str, picked: Callable[[Item | None], None], **layout: str) -> None:
        self._what = what
        self._picked = picked
        self._items: Sequence[Item] = ()
        self._shown: Sequence[Item] = ()
        self._key: str | None = None
        self._is_drawing = False
        self._filter = labelled(
            widgets.Text,
            "Filter",
            placeholder="words of a name or description",
            tooltip=f"Show the {what.lower()} with these words in their name or description",
        )
        self._rows = Rows(self._tell)
        # Our style sheet shows it in place of the rows where the page is narrow.
        self._list = labelled(widgets.Dropdown, what, options=(), layout={"display": "none"})
        self._list.add_class("mcp-jupyter-list")
        self._none = text()
        self._filter.observe(lambda _: self._draw(), "value")
        self._list.observe(self._chosen, "index")
        self.widget = widgets.VBox([self._filter, self._rows.widget, self._list, self._none], layout=layout)
        self.widget.add_class("mcp-jupyter-has-list")
        self._draw()

    def show(self, items: Sequence[Item]) -> None:
        """Show these items; the chosen one stays chosen, by its key."""
        self._items = items
        self._draw()

    def pick(self, key: str) -> bool:
        """Choose an item by its key; return whether it exists."""
        if not any(item.key == key for item in self._items):
            return False
        self._key = key
        if self._filter.value:
            self._filter.value = ""  # its observer draws
        else:
            self._draw()
        return True

    def close(self) -> None:
        """Close all widgets."""
        self._rows.close()
        close_all(self.widget)

    def _draw(self) -> None:
        words = self._filter.value.lower().split()
        found = [item for item in self._items if _has(item, words)]
        self._shown = found[:MAX_SHOWN]
        keys = [item.key for item in self._shown]
        self._filter.layout.display = "grid" if len(self._items) >= FILTER_FROM else "none"
        show(self._none, muted(self._why_empty(len(found))))
        self._tell(keys.index(self._key) if self._key in keys else (0 if keys else None))

    def _why_empty(self, found: int) -> str:
        if found > MAX_SHOWN:
            return f"{MAX_SHOWN} of {found}: filter to see the others."
        if found:
            return ""
        return "None has these words." if self._items else f"No {self._what.lower()}."

    def _chosen(self, change: Any) -> None:
        if not self._is_drawing:
            self._tell(change["new"])

    def _tell(self, index: int | None) -> None:
        """Show which item is chosen, and pass it on."""
        item = None if index is None or index >= len(self._shown) else self._shown[index]
        if item is not None:
            self._key = item.key
        self._rows.show([(_headline(item), _first_line(item.about)) for item in self._shown], index)
        self._is_drawing = True
        try:
            options = [(_headline(item), place) for place, item in enumerate(self._shown)]
            if list(self._list.options) != options:
                self._list.options = options
            self._list.index = index
        finally:
            self._is_drawing = False
        self._picked(item)


def _headline(item: Item) -> str:
    return safe_line(f"{item.name}  ·  {item.effect}" if item.effect else item.name)


def _first_line(value: str) -> str:
    return value.strip().partition("\n")[0]


def _has(item: Item, words: Sequence[str]) -> bool:
    text = safe_line(f"{item.name} {item.title} {item.about}", 2000).lower()
    return all(word in text for word in words)
