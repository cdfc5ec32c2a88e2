# SPDX-License-Identifier: BSD-3-Clause
"""One form for one schema: its widget, its value, what is wrong with it. Knows no server and no call."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from .building import build
from .drawing import TextDrawn
from .drawing_groups import draw
from .entries import LEFT_OUT, Entry
from .groups import GroupEntry
from .page import Page
from .problems import FormError, Problem

__all__ = ["SchemaForm"]


class SchemaForm:
    """A form a person fills in, from any JSON Schema. It belongs to the kernel's main thread.

    What no field can show is entered as JSON; what a field cannot show of a value is shown as JSON.

    Parameters
    ----------
    schema : Any
        The schema; it may be hostile.
    label : str
        A legend for the whole.

    Attributes
    ----------
    widget : ipywidgets.Widget
        What is displayed.
    """

    def __init__(self, schema: Any, *, label: str = "") -> None:
        self._listeners: list[Callable[[SchemaForm], None]] = []
        self._says_problems = False
        self._entry = build(schema, label)
        self._page = Page(self._changed, draw)
        self._drawn = draw(self._entry, self._page, label)
        self._blanks = self._page.make(
            widgets.Checkbox,
            description="Say what empty fields mean: left out, empty text, null",
            indent=False,
            layout=self._page.wide if self._has_fields else self._page.hidden,
        )
        self._blanks.observe(self._show_blanks, "value")
        self.widget = self._page.make(widgets.VBox, children=[self._drawn.widget, self._blanks])

    # -- the value ------------------------------------------------------------------------------

    def value(self) -> Any:
        """The JSON value that was entered.

        Raises
        ------
        FormError
            Something is missing or does not fit; each field shows what is wrong with it.
        """
        value, problems = self._read()
        self._says_problems = bool(problems)
        self._show_problems(problems)
        if problems:
            raise FormError(problems)
        return value

    @property
    def is_json(self) -> bool:
        """Whether the whole is entered as one JSON text."""
        return type(self._entry) is Entry

    @property
    def entered(self) -> Any:
        """What was entered so far, without what is missing or cannot be read; it may not fit the schema."""
        value, _ = self._read()
        return None if value is LEFT_OUT else value

    def set(self, value: Any) -> None:
        """Show a JSON value in place of what was entered.

        Raises
        ------
        TypeError, ValueError
            It is no JSON value.
        """
        self._entry.set(json.loads(json.dumps(value, allow_nan=False)))
        self._says_problems = False
        self._drawn.draw()
        self._changed()

    def problems(self) -> list[str]:
        """What keeps the form from having a value, one line a problem: `city: required`."""
        return [str(problem) for problem in self._read()[1]]

    def on_change(self, listener: Callable[[SchemaForm], None]) -> None:
        """Have `listener(form)` called after each change."""
        self._listeners.append(listener)

    # -- the widget -----------------------------------------------------------------------------

    @property
    def disabled(self) -> bool:
        """Whether nothing can be changed, as while a call runs."""
        return self._page.disabled

    @disabled.setter
    def disabled(self, disabled: bool) -> None:
        self._page.disabled = self._blanks.disabled = disabled
        for drawn in self._drawn.within:
            for area in drawn.areas:
                area.disable(disabled)

    def focus(self) -> None:
        """Put the keyboard's focus into the first field."""
        for drawn in self._drawn.within:
            for area in drawn.areas:
                for widget in area.focusable:
                    widget.focus()
                    return

    def close(self) -> None:
        """Close all widgets of the form."""
        self._drawn.close()
        self._blanks.close()
        self.widget.close()
        self._page.close()
        self._listeners.clear()

    # -- within ---------------------------------------------------------------------------------

    @property
    def _has_fields(self) -> bool:
        return not isinstance(self._entry, GroupEntry) or self._entry.size > 1

    def _read(self) -> tuple[Any, list[Problem]]:
        problems: list[Problem] = []
        value = self._entry.read((), problems)
        if value is LEFT_OUT and not problems:
            problems.append(Problem((), "required", self._entry))
        return value, problems

    def _show_problems(self, problems: list[Problem]) -> None:
        for drawn in self._drawn.within:
            drawn.show_problems(problems)

    def _changed(self) -> None:
        if self._says_problems:
            self._show_problems(self._read()[1])
        for listener in list(self._listeners):
            listener(self)

    def _show_blanks(self, change: Any) -> None:
        self._page.shows_blanks = change["new"]
        for drawn in list(self._drawn.within):
            if isinstance(drawn, TextDrawn):
                drawn.draw()
