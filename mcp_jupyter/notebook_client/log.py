# SPDX-License-Identifier: BSD-3-Clause
"""What happened at a connection, line by line, for a person to read. Bounded; draws nothing.

Threads: `add` is for any thread; what `lines` gives is a copy.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Final

from .text import clean

__all__ = ["LogBook", "LogLine"]

MAX_LINES: Final = 500
"""More than a person scrolls through; a server that floods loses its own oldest lines."""

MAX_LINE_CHARS: Final = 2000
"""Of one line."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line.

    Attributes
    ----------
    time : float
        Seconds since the epoch.
    kind : str
        A severity of the protocol ("info", "error"), or "call", "question", "state".
    text : str
        Fit to be shown.
    """

    time: float
    kind: str
    text: str


class LogBook:
    """The last `MAX_LINES` lines of one connection."""

    def __init__(self) -> None:
        self._lines: deque[LogLine] = deque(maxlen=MAX_LINES)
        self._lock = threading.Lock()

    def add(self, kind: str, text: str) -> LogLine:
        """Write a line."""
        line = LogLine(time.time(), clean(kind, limit=20), clean(text, limit=MAX_LINE_CHARS))
        with self._lock:
            self._lines.append(line)
        return line

    @property
    def lines(self) -> tuple[LogLine, ...]:
        """What is kept, the oldest first."""
        with self._lock:
            return tuple(self._lines)

    def __repr__(self) -> str:
        """The lines without their times, which differ from run to run."""
        return "\n".join(f"{line.kind}: {line.text}" for line in self.lines)
