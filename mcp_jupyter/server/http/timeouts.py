# SPDX-License-Identifier: BSD-3-Clause
"""Many equal time-outs on one timer.

Nearly every time-out of a request is cancelled within a millisecond. A timer of the event loop for
each would cost more than all the checks of the request together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Timeouts"]

T = TypeVar("T")


class Timeouts(Generic[T]):
    """Calls `expire` with each item that stayed in for `seconds`. Event loop's thread only.

    Parameters
    ----------
    seconds : float
        The same for all items, so the first one in is the first one due.
    expire : callable
        Gets the item, which is out by then.
    """

    def __init__(self, seconds: float, expire: Callable[[T], None]) -> None:
        self.seconds = seconds
        self._expire = expire
        self._due: dict[T, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, item: T) -> None:
        """Put in an item; its time begins, anew for one that is in."""
        self._due.pop(item, None)  # else it would keep its place, and hide those that are due before it
        loop = asyncio.get_running_loop()
        due = self._due[item] = loop.time() + self.seconds
        if self._timer is None:
            self._timer = loop.call_at(due, self._look)

    def discard(self, item: T) -> None:
        """Take an item out, if it is in."""
        self._due.pop(item, None)

    def _look(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._due:
            item, due = next(iter(self._due.items()))
            # Timers may fire a clock tick early.
            if due > now + 0.001:
                self._timer = loop.call_at(due, self._look)
                return
            del self._due[item]
            self._expire(item)
