# SPDX-License-Identifier: BSD-3-Clause
"""Widgets as a person uses them: by their labels and what they say. Knows nothing of what they are for."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import ipywidgets as widgets

from mcp_jupyter.widgets.html import ROWS

BOUND = 10.0


class Person:
    """Uses a widget and all within it.

    Parameters
    ----------
    widget
        The whole that the person sees.
    """

    def __init__(self, widget: Any) -> None:
        self._widget = widget

    def press(self, label: str) -> None:
        """Press a button that can be seen and pressed."""
        button = self.find(widgets.Button, label)
        assert not button.disabled, f"{label} is disabled"
        widgets.Button.click(button)  # at once, as nothing is on its way from a page

    def choose(self, label: str, option: str) -> None:
        """Choose from a list of rows."""
        names = self.options(label)
        assert option in names, f"no {option!r} among {names}"
        self._row_buttons(label)[names.index(option)].click()

    def fill(self, label: str, text: Any) -> None:
        """Fill a field in."""
        self.find(widgets.ValueWidget, label).value = text

    def entered(self, label: str) -> Any:
        """What is filled in."""
        return self.find(widgets.ValueWidget, label).value

    def options(self, label: str) -> list[str]:
        """What a list offers: the names, without what is said of them."""
        return [row.partition("\n")[0].partition(" · ")[0] for row in self.rows(label)]

    def rows(self, label: str) -> list[str]:
        """What the rows of a list say."""
        return [button.description for button in self._row_buttons(label)]

    def _row_buttons(self, label: str) -> list[Any]:
        """The rows of a pane's items, by what they are; or those of the one history that there is."""
        for each in self.seen():
            parts = getattr(each, "children", ())
            rows = [part for part in parts if ROWS in part._dom_classes]
            texts = [getattr(part, "description", "") or getattr(part, "value", "") for part in parts]
            if rows and any(label in text for text in texts if isinstance(text, str)):
                return list(rows[0].children)
        return []

    def can_press(self, label: str) -> bool:
        """Whether there is such a button, to be pressed."""
        return any(
            isinstance(each, widgets.Button) and each.description == label and not each.disabled
            for each in self.seen()
        )

    def find(self, kind: Any, label: str) -> Any:
        """The first widget of a kind that can be seen and has a label."""
        for each in self.seen():
            if isinstance(each, kind) and each.has_trait("description") and each.description == label:
                return each
        raise AssertionError(
            f"no {label!r}; there are {[getattr(each, 'description', '') for each in self.seen()]}"
        )

    def find_all(self, label: str) -> list[Any]:
        """All buttons that can be seen and have a label."""
        buttons = [each for each in self.seen() if isinstance(each, widgets.Button)]
        return [button for button in buttons if button.description == label]

    def tab(self, title: str) -> Person:
        """What is within one tab."""
        tabs = next(each for each in self.seen() if isinstance(each, widgets.Tab))
        return Person(tabs.children[tabs.titles.index(title)])

    @property
    def text(self) -> str:
        """All that can be read, without tags."""
        parts: list[str] = []
        for each in self.seen():
            if isinstance(each, widgets.HTML):
                parts.append(html.unescape(re.sub(r"<[^>]*>", " ", each.value)))
            elif isinstance(each, widgets.Output):
                parts += [output["data"].get("text/plain", "") for output in each.outputs]
        return "\n".join(parts)

    @property
    def html(self) -> str:
        """All HTML that is shown."""
        return "\n".join(each.value for each in self.seen() if isinstance(each, widgets.HTML))

    def seen(self) -> Iterator[Any]:
        """All widgets that are not hidden; of tabs, all."""
        yield from _seen(self._widget)

    async def until(self, fact: Callable[[], object]) -> None:
        """Wait until a fact has come about."""
        with anyio.fail_after(BOUND):
            while not fact():
                await anyio.sleep(0.01)

    async def reads(self, text: str) -> None:
        """Wait until a text can be read."""
        try:
            await self.until(lambda: text in self.text)
        except TimeoutError:
            raise AssertionError(f"no {text!r} in:\n{self.text}") from None


def _seen(widget: Any) -> Iterator[Any]:
    if widget.layout.display != "none":
        yield widget
        for child in getattr(widget, "children", ()):
            yield from _seen(child)
