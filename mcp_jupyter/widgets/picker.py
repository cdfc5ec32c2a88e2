# SPDX-License-Identifier: BSD-3-Clause
"""A list to choose one item from, with a filter where it is long. Main thread only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import ipywidgets as widgets

from ..notebook_client.text import one_line
from .forms.texts import option_text
from .items import Item
from .pieces import close_all, labelled, muted, show, text

__all__ = ["Picker"]

FILTER_FROM: Final = 9
"""Fewer items are seen at one glance."""

MAX_ROWS: Final = 10
"""Of the list; more scroll."""

MAX_SHOWN: Final = 500
"""Items in the list; the filter finds the others."""


class Picker:
    """Chooses one of several items.

    Parameters
    ----------
    what : str
        What they are, in the plural.
    picked : function
        Told of the item that was chosen, None where there is none.
    **layout : str
        Of the widget.

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
        self._list = labelled(widgets.Select, what, options=())
        self._none = text()
        self._filter.observe(lambda _: self._draw(), "value")
        self._list.observe(self._chosen, "index")
        self.widget = widgets.VBox([self._filter, self._list, self._none], layout=layout)
        self._draw()

    def show(self, items: Sequence[Item]) -> None:
        """Show these items; the one that was chosen stays, by its key."""
        self._items = items
        self._draw()

    def pick(self, key: str) -> bool:
        """Choose an item; whether there is such a one."""
        if not any(item.key == key for item in self._items):
            return False
        self._key = key
        if self._filter.value:
            self._filter.value = ""  # which draws
        else:
            self._draw()
        return True

    def close(self) -> None:
        """Close all."""
        close_all(self.widget)

    def _draw(self) -> None:
        words = self._filter.value.lower().split()
        found = [item for item in self._items if _has(item, words)]
        self._shown = found[:MAX_SHOWN]
        keys = [item.key for item in self._shown]
        index = keys.index(self._key) if self._key in keys else (0 if keys else None)
        options = [(option_text(item.name), place) for place, item in enumerate(self._shown)]
        self._is_drawing = True
        try:
            if list(self._list.options) != options:
                self._list.options = options
            self._list.index = index
        finally:
            self._is_drawing = False
        self._list.rows = max(2, min(len(options), MAX_ROWS))
        self._filter.layout.display = "grid" if len(self._items) >= FILTER_FROM else "none"
        self._list.layout.display = "grid" if options else "none"
        show(self._none, muted(self._why_empty(len(found))))
        self._tell(index)

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
        item = None if index is None or index >= len(self._shown) else self._shown[index]
        if item is not None:
            self._key = item.key
        self._picked(item)


def _has(item: Item, words: Sequence[str]) -> bool:
    text = one_line(f"{item.name} {item.title} {item.about}", 2000).lower()
    return all(word in text for word in words)
