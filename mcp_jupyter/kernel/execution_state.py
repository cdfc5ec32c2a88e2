# SPDX-License-Identifier: BSD-3-Clause
"""Publish `status` messages on IOPub while the kernel works for MCP calls, as it does for cells.

Jupyter Server ends kernels that seem unused (`cull_idle_timeout`), JupyterHub ends servers, and JupyterLab
shows whether the kernel is busy. All three rely on these messages alone: the last one tells whether it is
busy, and each one updates `last_activity` of the kernel and of the server.

A call on the main thread holds the kernel busy. The kernel stays busy for `LINGER_SECONDS` after it, so that
a burst of calls causes one pair of messages. A concurrent call leaves the main thread free: a pair of "busy"
and "idle" is sent at its start, every `PULSE_SECONDS` and at its end. While something else holds the kernel
busy, "busy" alone is sent again.

Rule for maintainers: decide about a message and send it under one lock, which ipykernel's own messages take
as well. Else a cell's "busy" could come between the decision that the kernel is idle and the message.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import Any, Final

from .._ipython.private import PUBLISH_STATUS, Replacement, publish

__all__ = ["ExecutionState"]

log = logging.getLogger(__name__)

LINGER_SECONDS: Final = 0.25
"""How long the kernel stays busy after a call: at most four pairs of messages a second are sent, however fast
calls follow each other. A pair costs the kernel, the server and every page 0.1 ms or more."""

PULSE_SECONDS: Final = 30.0
"""Between two pairs while calls run. The shortest useful `cull_idle_timeout` is a minute."""

REST_SECONDS: Final = 1.0
"""At least, between two pulses of concurrent calls: no program counts activity in shorter steps."""


class ExecutionState:
    """The status that the kernel publishes.

    `hold` and `release` are for the main thread. The docstrings of other methods say which thread calls them.

    Parameters
    ----------
    kernel : ipykernel.kernelbase.Kernel
        Between `open` and `close` all its status messages pass through this object, on every thread.
    """

    def __init__(self, kernel: Any) -> None:
        self._kernel = kernel
        # Reentrant: a signal's handler may run while this thread holds it.
        self._lock = threading.RLock()
        self._replacement: Replacement | None = None  # replaces the kernel's method
        self._open = False
        self._requests: dict[int, Any] = {}  # by thread: the front end's shell request that it works on
        self._holding = 0  # calls on the main thread
        self._shown: Any = None  # the parent header of our "busy", until its "idle" is sent
        self._spoke = 0.0  # when our last message was sent
        self._running = 0  # calls of both kinds; the engine's thread
        self._ticker: asyncio.TimerHandle | None = None  # the engine's thread
        self._lingering: asyncio.TimerHandle | None = None  # the engine's thread

    def open(self, in_cell: bool) -> None:
        """Begin to publish. Main thread.

        Parameters
        ----------
        in_cell : bool
            Whether a cell runs, so that its "busy" has already been sent.
        """
        with self._lock:
            if in_cell:
                self._requests[threading.get_ident()] = self._kernel.get_parent("shell")
            self._replacement = Replacement(self._kernel, PUBLISH_STATUS, self._publish_status)
            self._open = True

    def close(self) -> None:
        """Send an "idle" that is due, and put the kernel's method back. Main thread."""
        with self._lock:
            if self._shown is not None:
                self._let_go()
            if self._replacement is not None:
                self._replacement.undo()
            self._requests.clear()
            self._open = False

    # -- calls on the main thread ------------------------------------------------------------------

    def hold(self) -> None:
        """Publish that a call begins to use the main thread."""
        with self._lock:
            self._holding += 1
            if self._shown is None and self._open:
                self._shown = self._new_parent()
                self._send("busy", self._shown)

    def release(self) -> None:
        """Note that the call has ended; `settled` follows on the engine's thread."""
        with self._lock:
            self._holding -= 1

    def settled(self, loop: asyncio.AbstractEventLoop) -> None:
        """Schedule the "idle" that ends our "busy". The engine's thread, after a call's end."""
        if self._lingering is None and self._shown is not None and not self._holding:
            # On this loop: the main thread's does not run while a GUI's loop has that thread.
            self._lingering = loop.call_later(LINGER_SECONDS, self._linger_ended)

    def _linger_ended(self) -> None:
        self._lingering = None
        with self._lock:
            if self._shown is not None and not self._holding:
                self._let_go()

    def _let_go(self) -> None:
        """End our "busy". Repeat the "busy" of requests that are still being served, as of an async cell."""
        shown, self._shown = self._shown, None
        self._send("idle", shown)
        for parent in self._requests.values():
            self._send("busy", parent)

    # -- all calls; the engine's thread --------------------------------------------------------------

    def begun(self, loop: asyncio.AbstractEventLoop, concurrent: bool) -> None:
        """Note that a call has arrived."""
        self._running += 1
        if concurrent:
            self._pulse()
        if self._ticker is None:
            self._ticker = loop.call_later(PULSE_SECONDS, self._tick, loop)

    def ended(self, concurrent: bool) -> None:
        """Note that a call's caller has its result."""
        self._running -= 1
        if not self._running and self._ticker is not None:
            self._ticker.cancel()
            self._ticker = None
        if concurrent:
            self._pulse()

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self._ticker = None
        if self._running:
            self._pulse()
            self._ticker = loop.call_later(PULSE_SECONDS, self._tick, loop)

    def _pulse(self) -> None:
        """Publish activity without changing the kernel's last published status."""
        with self._lock:
            if time.monotonic() - self._spoke < REST_SECONDS or not self._open:
                return
            busy_for = self._shown or next(iter(self._requests.values()), None)
            self._send("busy", busy_for or (parent := self._new_parent()))
            if busy_for is None:
                self._send("idle", parent)

    # -- messages --------------------------------------------------------------------------------------

    def _publish_status(self, status: str, channel: str, parent: Any = None) -> None:
        """Replaces the kernel's method. Any thread."""
        with self._lock:
            assert self._replacement is not None
            send = self._replacement.original
            if not self._open:  # a package that replaced the method after us still calls this one
                send(status, channel, parent)
                return
            parent = parent or self._kernel.get_parent(channel)
            if channel == "shell" and status == "busy":
                if self._shown is not None and not self._holding:
                    self._let_go()
                self._requests[threading.get_ident()] = parent
            elif channel == "shell" and status == "idle":
                self._requests.pop(threading.get_ident(), None)
            send(status, channel, parent)
            if status == "idle" and self._holding and self._shown is not None:
                self._send("busy", self._shown)  # an async call awaits while cells run

    def _new_parent(self) -> Any:
        # Both messages of a pair have this parent, which is not a front end's request.
        return self._kernel.session.msg_header("mcp_call")

    def _send(self, status: str, parent: Any) -> None:
        """Send as ipykernel does: its socket hands messages to the IOPub thread, from any thread."""
        self._spoke = time.monotonic()
        try:
            publish(self._kernel, "status", {"execution_state": status}, parent)
        except Exception:  # a boundary: when the kernel ends, a call must not fail because of its status
            log.debug("The kernel's status was not published", exc_info=True)
