# SPDX-License-Identifier: BSD-3-Clause
"""What was asked for in a pane: to be asked again, or to become a cell. Main thread only.

Values that were filled in are kept in the kernel's memory, and shown nowhere but in the form they came from
and in the code that the person asks for.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import ipywidgets as widgets

from ..notebook_client.text import one_line
from .inserting import Inserter
from .items import Item
from .pieces import WIDE, button, close_all, labelled, muted, row, show, status, text

__all__ = ["Asked", "History"]

MAX_ENTRIES: Final = 20
"""More than a person remembers having made."""

MAX_ROWS: Final = 5
"""Of the list; more scroll."""

MAX_CODE_LINES: Final = 12
"""Of the code that is shown at once."""

_FRAME: Final = {
    **WIDE,
    "border_top": "1px solid var(--jp-border-color2, #e0e0e0)",
    "margin": "12px 0 0 0",
    "padding": "8px 0 0 0",
}

_COPY: Final = "To copy: this page has not inserted a cell by itself."


@dataclass(frozen=True)
class Asked:
    """One request that ended.

    Attributes
    ----------
    item : Item
        As it was then.
    arguments : mapping
        What was filled in.
    outcome : str
    at : float
        Seconds since the epoch.
    """

    item: Item
    arguments: Mapping[str, Any]
    outcome: str
    at: float = field(default_factory=time.time)

    def __str__(self) -> str:
        clock = time.strftime("%H:%M:%S", time.localtime(self.at))
        return f"{clock}  {one_line(self.item.name, 60)}  {self.outcome}"


class History:
    """The last requests of a pane, the newest first.

    Parameters
    ----------
    again : function
        Told of a request that the person wants to make again.

    Attributes
    ----------
    widget : ipywidgets.VBox
        Takes no room while it is empty.
    """

    def __init__(self, again: Callable[[Asked], None]) -> None:
        self._entries: deque[Asked] = deque(maxlen=MAX_ENTRIES)
        self._again = again
        self._inserter = Inserter(self._inserted)
        self._list = labelled(widgets.Select, "History", options=())
        self._code = labelled(widgets.Textarea, "Code", layout={"display": "none"})
        self._code.add_class("mcp-jupyter-code")
        self._note = text()
        buttons = row(
            button("Again", "Fill the form in as it was then", lambda: self._with_chosen(self._again)),
            button(
                "Insert as code",
                "Put this request into a new cell below",
                lambda: self._with_chosen(self._insert),
            ),
            self._note,
        )
        self.widget = widgets.VBox(
            [self._list, buttons, self._code],
            layout={**_FRAME, "display": "none"},
        )

    def add(self, asked: Asked) -> None:
        """Note a request that ended."""
        self._entries.appendleft(asked)
        self._list.options = [(str(entry), place) for place, entry in enumerate(self._entries)]
        self._list.index = 0
        self._list.rows = max(2, min(len(self._entries), MAX_ROWS))
        self.widget.layout.display = None

    def close(self) -> None:
        """Close all."""
        self._inserter.close()
        close_all(self.widget)

    def _with_chosen(self, use: Callable[[Asked], None]) -> None:
        self._show_code("")
        show(self._note, "")
        index = self._list.index
        if index is not None and index < len(self._entries):
            use(self._entries[index])

    def _insert(self, asked: Asked) -> None:
        code = asked.item.code(asked.arguments)
        self._show_code(code)
        show(self._note, muted(_COPY))
        self._inserter.insert(code)

    def _inserted(self) -> None:
        self._show_code("")
        show(self._note, status("Inserted as a new cell below."))

    def _show_code(self, code: str) -> None:
        self._code.value = code
        self._code.rows = min(code.count("\n") + 1, MAX_CODE_LINES)
        self._code.layout.display = "grid" if code else "none"
