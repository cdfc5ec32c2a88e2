# SPDX-License-Identifier: BSD-3-Clause
"""The log of a connection, the newest line first. Main thread only."""

from __future__ import annotations

import asyncio
import html
import time
from collections.abc import Callable, Sequence
from typing import Final

import ipywidgets as widgets

from ..notebook_client.log import LogBook, LogLine
from .pieces import WIDE, close_all, muted, row, text

__all__ = ["LogPane"]

MAX_SHOWN: Final = 200
"""Lines that are shown; the book keeps some more."""

MAX_LINE_CHARS: Final = 500
"""Of one line as it is shown."""

DRAW_SECONDS: Final = 0.5
"""How often it is drawn at most: a server that floods the log must not flood the page."""

_TROUBLE: Final = frozenset({"warning", "error", "critical", "alert", "emergency"})
_ALL: Final = "everything"
_CHOICES: Final[dict[str, Callable[[LogLine], bool]]] = {
    _ALL: lambda line: True,
    "warnings and errors": lambda line: line.kind in _TROUBLE or line.text.startswith("failed"),
    "calls and questions": lambda line: line.kind in ("call", "question"),
}

_LINES: Final = {**WIDE, "margin": "8px 0 0 0", "max_height": "360px", "overflow": "auto"}
_CODE: Final = (
    "background:transparent;padding:0;white-space:pre-wrap;overflow-wrap:anywhere;"
    "font-size:var(--jp-code-font-size,13px)"
)
_KIND: Final = "color:var(--jp-ui-font-color2,#616161)"


class LogPane:
    """Shows a `LogBook` while it is looked at.

    Attributes
    ----------
    widget : ipywidgets.VBox
    """

    def __init__(self, book: LogBook) -> None:
        self._book = book
        self._is_seen = False
        self._drawn: Sequence[LogLine] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._choice = widgets.Dropdown(
            description="Show",
            options=list(_CHOICES),
            value=_ALL,
            style={"description_width": "auto"},
            layout={"width": "240px"},
        )
        self._choice.observe(lambda _: self._draw(), "value")
        self._lines = widgets.HTML(layout=_LINES)
        order = text(muted("The newest line is first."), margin="0 0 0 12px")
        self.widget = widgets.VBox([row(self._choice, order), self._lines], layout=WIDE)

    def set_seen(self, is_seen: bool) -> None:
        """Say whether anybody looks."""
        self._is_seen = is_seen
        if is_seen:
            self._draw()

    def refresh(self) -> None:
        """Show new lines, soon."""
        if self._is_seen and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(DRAW_SECONDS, self._draw)

    def close(self) -> None:
        """Close all."""
        if self._timer is not None:
            self._timer.cancel()
        close_all(self.widget)

    def _draw(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        is_wanted = _CHOICES[self._choice.value]
        lines = [line for line in reversed(self._book.lines) if is_wanted(line)][:MAX_SHOWN]
        if lines != self._drawn:
            self._drawn = lines
            self._lines.value = "".join(map(_line_html, lines)) or muted("Nothing yet.")


def _line_html(line: LogLine) -> str:
    clock = time.strftime("%H:%M:%S", time.localtime(line.time))
    said = line.text if len(line.text) <= MAX_LINE_CHARS else f"{line.text[:MAX_LINE_CHARS]}…"
    return (
        f'<div style="line-height:1.5"><code style="{_CODE}"><span style="{_KIND}">{clock} '
        f"{html.escape(line.kind)}</span> {html.escape(said)}</code></div>"
    )
