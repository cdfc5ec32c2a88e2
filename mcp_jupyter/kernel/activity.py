# SPDX-License-Identifier: BSD-3-Clause
"""What the kernel's main thread is doing, and since when.

Owns the watch on IPython's cell events. Knows nothing of calls but their names, and decides nothing.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from IPython.core.interactiveshell import InteractiveShell

__all__ = ["Activity", "CellWatch"]


@dataclass(frozen=True, slots=True)
class Activity:
    """A snapshot; may be taken on any thread.

    Attributes
    ----------
    since : float
        When this began, on the clock of `time.monotonic`.
    cell : int, optional
        The number of the cell that runs, as in ``In [12]``.
    call : str, optional
        The name of the call that holds the main thread.
    """

    since: float
    cell: int | None = None
    call: str | None = None

    @property
    def state(self) -> Literal["idle", "busy"]:
        return "idle" if self.cell is None and self.call is None else "busy"

    @property
    def seconds(self) -> int:
        """How long it has lasted, in whole seconds."""
        return int(time.monotonic() - self.since)

    def __str__(self) -> str:
        """What one who waits is told to be waiting for."""
        if self.call is not None:
            return f"another call ({self.call}), {self.seconds} s"
        if self.cell is not None:
            return f"cell [{self.cell}], {self.seconds} s"
        return "the kernel"


class CellWatch:
    """Knows which cell runs on the main thread.

    Parameters
    ----------
    shell : InteractiveShell
        Its events tell when a cell starts and ends. Silent executions (of a front end) have no number.
    ended : callable
        Called on the main thread after each cell, also a silent one.
    """

    def __init__(self, shell: InteractiveShell, ended: Callable[[], None]) -> None:
        self._shell = shell
        self._ended = ended
        self._main_thread = threading.main_thread()
        self._running: list[object] = []  # a cell may run another (`get_ipython().run_cell`)
        self._current = Activity(time.monotonic())
        self._callbacks: dict[str, Callable[..., None]] = {
            "pre_run_cell": self._before,
            "post_run_cell": self._after,
            "post_execute": self._executed,
        }

    @property
    def current(self) -> Activity:
        """The cell that runs, or idle. Any thread."""
        return self._current

    def open(self) -> None:
        """Begin; within a cell (as `%load_ext` is) that cell is taken to be running."""
        for event, callback in self._callbacks.items():
            self._shell.events.register(event, callback)
        if self.on_stack():
            self._before(None)

    def close(self) -> None:
        for event, callback in self._callbacks.items():
            self._shell.events.unregister(event, callback)

    def on_stack(self) -> bool:
        """Whether a cell's code is on this thread's stack.

        It is not while an async cell awaits: then the loop is free and a call may run. It is when a
        cell runs the loop from inside (nest_asyncio does): a call would then run in the midst of it.
        """
        code = InteractiveShell.run_code.__code__
        frame = sys._getframe(1)
        while frame.f_code is not code:
            if frame.f_back is None:
                return False
            frame = frame.f_back
        return True

    def _before(self, info: object) -> None:
        if threading.current_thread() is not self._main_thread:
            return  # a subshell's cell does not hold the main thread
        if not self._running:
            self._current = Activity(time.monotonic(), cell=self._shell.displayhook.prompt_count)
        self._running.append(info)

    def _after(self, result: Any) -> None:
        if threading.current_thread() is not self._main_thread:
            return
        if result is None:  # cancelled
            self._running.clear()
        else:  # an empty cell ends without having begun; None stands for the cell that loaded us
            self._running = [info for info in self._running if info not in (None, result.info)]
        if not self._running and self._current.cell is not None:
            self._current = Activity(time.monotonic())

    def _executed(self) -> None:
        if threading.current_thread() is self._main_thread:
            self._ended()
