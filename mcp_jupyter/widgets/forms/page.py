# SPDX-License-Identifier: BSD-3-Clause
"""The widgets of one form: made alike, and closed together. Knows no kind of field.

Of the kernel's main thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import ipywidgets as widgets

from .texts import label_text, option_text

if TYPE_CHECKING:
    from .drawing import Drawn
    from .entries import Entry

__all__ = ["Area", "Page"]

_LINE: Final = "3px solid var(--jp-border-color1, #bdbdbd)"


class Page:
    """What all fields of a form share.

    Parameters
    ----------
    changed : callable
        Called after a person changed an entry.
    draw : callable
        Draws an entry, whatever its kind.
    """

    def __init__(self, changed: Callable[[], None], draw: Callable[[Entry, Page, str], Drawn]) -> None:
        self.changed = changed
        self.draw = draw
        self.disabled = False
        self.shows_blanks = False
        # Shared: each layout and style is a widget with a comm of its own.
        # A width of 100 % would not leave room for the margins that front ends put around a widget.
        self.wide = widgets.Layout(width="auto", max_width="56em")
        # The label above, so that it is whole, also where the page is narrow.
        self.field = widgets.Layout(
            width="auto",
            max_width="56em",
            height="auto",
            display="grid",
            grid_template_columns="minmax(0, 1fr)",
            grid_auto_rows="minmax(28px, auto)",
            align_items="stretch",
        )
        self.narrow = widgets.Layout(width="auto", align_self="flex-start")
        self.inset = widgets.Layout(width="auto", padding="0 0 0 10px", border_left=_LINE)
        self.hidden = widgets.Layout(display="none")
        self._styles: dict[Any, Any] = {}

    def make(self, kind: Any, **traits: Any) -> Any:
        """Make a widget, as wide as the form unless `layout` says otherwise."""
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

    def close(self) -> None:
        """Close what is shared."""
        for shared in (self.wide, self.field, self.narrow, self.inset, self.hidden, *self._styles.values()):
            shared.close()


class Area:
    """Widgets that come and go together."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._widgets: list[Any] = []
        self.drawn: list[Drawn] = []

    def make(self, kind: Any, **traits: Any) -> Any:
        """Make a widget, which is the area's to close."""
        self._widgets.append(self._page.make(kind, **traits))
        return self._widgets[-1]

    def control(self, kind: Any, label: str, **traits: Any) -> Any:
        """Make a widget that a person fills in; its label is the description, which names it to a reader."""
        if kind is not widgets.Checkbox:
            traits["layout"] = self._page.field
        return self.make(kind, description=label_text(label), tooltip=option_text(label), **traits)

    def button(self, text: str, pressed: Callable[[], None]) -> Any:
        """Make a button."""
        said = label_text(text)
        button = self.make(widgets.Button, description=said, tooltip=said, layout=self._page.narrow)
        button.on_click(lambda _: pressed())
        return button

    def draw(self, entry: Entry, label: str) -> Drawn:
        """Draw an entry, which is the area's to close."""
        self.drawn.append(self._page.draw(entry, self._page, label))
        return self.drawn[-1]

    def disable(self, disabled: bool) -> None:
        """Let a person change nothing, or again."""
        for widget in self._widgets:
            if widget.has_trait("disabled"):
                widget.disabled = disabled

    @property
    def focusable(self) -> Iterator[Any]:
        """What can have the focus, in the order it was made."""
        yield from (widget for widget in self._widgets if widget.has_trait("disabled"))

    def clear(self) -> None:
        """Close all."""
        for drawn in self.drawn:
            drawn.close()
        for widget in self._widgets:
            widget.close()
        self.drawn, self._widgets = [], []
