# SPDX-License-Identifier: BSD-3-Clause
"""The history of a pane: ended requests, to make again or to insert as a cell. Main thread only.

Entered values are kept in the kernel's memory. Values that are secret by their schema are shown nowhere.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import ipywidgets as widgets
from comm import create_comm

from .._util.text import shorten
from .html import WIDE, button, close_all, labelled, literals, muted, row, show, status, text
from .items import Item
from .rows import Rows

__all__ = ["TARGET", "Asked", "History", "Inserter"]


MAX_ENTRIES: Final = 20
"""Requests that are kept: more than a user remembers making."""

MAX_ARGUMENT_CHARS: Final = 60
"""Characters of the arguments in a row: enough to tell two calls apart."""

MAX_VALUE_CHARS: Final = 24
"""Characters of one value in a row, so that a long text hides no other argument."""

MAX_CODE_LINES: Final = 12
"""Visible lines of the code."""

_FRAME: Final = {
    **WIDE,
    "border_top": "1px solid var(--jp-border-color2, #e0e0e0)",
    "margin": "12px 0 0 0",
    "padding": "8px 0 0 0",
}

_COPY: Final = "To copy: this page has not inserted a cell by itself."


@dataclass(frozen=True)
class Asked:
    """A request that has ended.

    Attributes
    ----------
    item : Item
        The item at the time of the request.
    arguments : mapping
        The entered values.
    outcome : str
        How the request ended and how long it took.
    at : float
        Seconds since the epoch.
    """

    item: Item
    arguments: Mapping[str, Any]
    outcome: str
    at: float = field(default_factory=time.time)

    def lines(self, earlier: Asked | None) -> tuple[str, str]:
        """Return the two lines of a row: the request, and its arguments, those that changed first.

        Parameters
        ----------
        earlier : Asked or None
            The request of the same item before this one.
        """
        clock = time.strftime("%H:%M:%S", time.localtime(self.at))
        own = self._values()
        before = own if earlier is None else earlier._values()
        changed = [
            f"{name}={own.get(name, 'not sent')} (was {before.get(name, 'not sent')})"
            for name in {**own, **before}
            if own.get(name) != before.get(name)
        ]
        same = [f"{name}={value}" for name, value in own.items() if before.get(name) == value]
        arguments = shorten(", ".join([*changed, *same]), MAX_ARGUMENT_CHARS)
        return f"{clock}  {self.item.name}  ·  {self.outcome}", arguments or "without arguments"

    def _values(self) -> dict[str, str]:
        found = literals(self.arguments, self.item.schema)
        return {name: shorten(value, MAX_VALUE_CHARS) for name, value in found.items()}


class History:
    """The last requests of a pane, newest first.

    Parameters
    ----------
    again : function
        Called with a request that the user wants to make again.

    Attributes
    ----------
    widget : ipywidgets.VBox
        Takes no room while the history is empty.
    """

    def __init__(self, again: Callable[[Asked], None]) -> None:
        self._entries: deque[Asked] = deque(maxlen=MAX_ENTRIES)
        self._again = again
        self._inserter = Inserter(self._inserted)
        self._chosen: Asked | None = None
        self._rows = Rows(lambda index: self._choose(self._entries[index]))
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
        title = text(muted("History"))
        self.widget = widgets.VBox(
            [title, self._rows.widget, buttons, self._code], layout={**_FRAME, "display": "none"}
        )

    def add(self, asked: Asked) -> None:
        """Add a request that has ended."""
        self._entries.appendleft(asked)
        self._choose(asked)
        self.widget.layout.display = None

    def close(self) -> None:
        """Close all widgets."""
        self._inserter.close()
        self._rows.close()
        close_all(self.widget)

    def _choose(self, asked: Asked) -> None:
        self._chosen = asked
        entries = list(self._entries)
        rows = [entry.lines(_earlier(entries[place + 1 :], entry)) for place, entry in enumerate(entries)]
        self._rows.show(rows, entries.index(asked))

    def _with_chosen(self, use: Callable[[Asked], None]) -> None:
        self._show_code("")
        show(self._note, "")
        if self._chosen is not None:
            use(self._chosen)

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


def _earlier(entries: Sequence[Asked], asked: Asked) -> Asked | None:
    return next((entry for entry in entries if entry.item.key == asked.item.key), None)


# -- inserting -----------------------------------------------------------------------------------
#
# Insert code as a new cell below the current one, through our front-end extension.
#
# The page listens at a comm target (`labextension/src/cells.ts`), inserts the cell and closes the comm with
# `{"inserted": true}`. Without a listener (no extension, another front end) Jupyter closes the comm, or it
# stays open; the user then copies the code. The code is never run.

TARGET: Final = "mcp-jupyter.insert"
"""The same as in `labextension/src/tokens.ts`."""


class Inserter:
    """Requests one insertion at a time. Main thread only.

    Parameters
    ----------
    inserted : function
        Called when the cell has been inserted.
    """

    def __init__(self, inserted: Callable[[], None]) -> None:
        self._inserted = inserted
        self._comm: Any = None

    def insert(self, code: str) -> None:
        """Request a cell with this code."""
        self.close()
        comm = create_comm(target_name=TARGET, data={"code": code})
        comm.on_close(lambda message: self._closed(comm, message))
        self._comm = comm

    def close(self) -> None:
        """Stop waiting for an answer."""
        comm, self._comm = self._comm, None
        if comm is not None:
            comm.close()

    def _closed(self, comm: Any, message: Mapping[str, Any]) -> None:
        if comm is not self._comm:
            return  # closed by us
        self._comm = None
        data = message.get("content", {}).get("data")
        if isinstance(data, Mapping) and data.get("inserted") is True:
            self._inserted()
