# SPDX-License-Identifier: BSD-3-Clause
"""How one thing of several is chosen, with the mouse or with the keyboard. Knows no entry.

Of the kernel's main thread. There is no drop-down list here: JupyterLab takes the keys pressed in one for
commands on cells (`a` inserts a cell, the arrows go to the next). Texts and checkboxes keep theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, TypeVar

import ipywidgets as widgets

from .page import Area
from .texts import label_text, option_text

__all__ = ["Marks", "Picker"]

T = TypeVar("T")

MAX_LISTED: Final = 8
"""Choices that are named below the field, too."""


class Picker(Generic[T]):
    """A text that is completed to one of several things; its beginning is enough.

    Parameters
    ----------
    choices : sequence of (str, T)
        The server's text for each thing.
    picked : callable
        Called with the thing that was chosen, or None when the text was emptied.
    missed : callable
        Called with a text that is none of them.
    """

    def __init__(
        self,
        area: Area,
        label: str,
        choices: Sequence[tuple[str, T]],
        picked: Callable[[T | None], None],
        missed: Callable[[str], None],
        placeholder: str,
    ) -> None:
        texts = _told_apart([option_text(text) or "(empty)" for text, _ in choices])
        self._choices = dict(zip(texts, (thing for _, thing in choices), strict=True))
        self._picked = picked
        self._missed = missed
        self.box = area.control(
            widgets.Combobox, label, options=texts, placeholder=placeholder, continuous_update=False
        )
        self.box.observe(self._written, "value")

    @property
    def hint(self) -> str:
        """What there is to choose."""
        texts = list(self._choices)
        more = f" and {len(texts) - MAX_LISTED} more" if len(texts) > MAX_LISTED else ""
        return f"one of: {', '.join(texts[:MAX_LISTED])}{more}"

    def show(self, chosen: T | None) -> None:
        """Show what is chosen."""
        text = next((text for text, thing in self._choices.items() if thing == chosen), "")
        self.box.unobserve(self._written, "value")
        self.box.value = text
        self.box.observe(self._written, "value")

    def _written(self, change: Any) -> None:
        text = change["new"].strip()
        if not text:
            self._picked(None)
            return
        found = self._find(text)
        if found is None:
            self._missed(text)
            return
        self.show(self._choices[found])
        self._picked(self._choices[found])

    def _find(self, text: str) -> str | None:
        """The choice with a text, or the only one that begins with it, in capitals or not."""
        if text in self._choices:
            return text
        begun = [choice for choice in self._choices if choice.casefold().startswith(text.casefold())]
        return begun[0] if len(begun) == 1 else None


class Marks(Generic[T]):
    """Checkboxes of which one at most is ticked.

    Parameters
    ----------
    choices : sequence of (str, T)
        What a tick means.
    resting : T
        What no tick means.
    chosen : callable
        Called with what was chosen.
    """

    def __init__(
        self, area: Area, choices: Sequence[tuple[str, T]], resting: T, chosen: Callable[[T], None]
    ) -> None:
        self._resting = resting
        self._chosen = chosen
        self.boxes: list[Any] = []
        self._things = [thing for _, thing in choices]
        for text, _ in choices:
            said = label_text(text)
            self.boxes.append(area.make(widgets.Checkbox, description=said, tooltip=said, indent=False))
        self._observe()

    def show(self, chosen: T) -> None:
        """Show what is chosen."""
        for box in self.boxes:
            box.unobserve_all("value")
        for box, thing in zip(self.boxes, self._things, strict=True):
            box.value = thing == chosen
        self._observe()

    def _observe(self) -> None:
        for box, thing in zip(self.boxes, self._things, strict=True):
            box.observe(lambda change, thing=thing: self._ticked(thing, change["new"]), "value")

    def _ticked(self, thing: T, on: bool) -> None:
        chosen = thing if on else self._resting
        self.show(chosen)
        self._chosen(chosen)


def _told_apart(texts: Sequence[str]) -> list[str]:
    """Texts with a number where there are several of one."""
    apart: dict[str, None] = {}
    for text in texts:
        number, told = 1, text
        while told in apart:
            number += 1
            told = f"{text} ({number})"
        apart[told] = None
    return list(apart)
