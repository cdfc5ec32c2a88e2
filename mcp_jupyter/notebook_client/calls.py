# SPDX-License-Identifier: BSD-3-Clause
"""One request to a server that runs on the background loop: its progress, result and cancellation.

`Call` makes what happens on the loop's thread visible to other threads.

Threads: `run` is for the loop's thread, everything else for any thread. Listeners are called on the loop's
thread and must only pass the news on (to a queue, or to the main thread's loop).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import anyio

from .._util.text import MAX_PAGE_CHARS, safe_block, safe_line
from ..errors import McpError, McpJupyterError
from .tracebacks import ConnectionClosed, short_traceback

__all__ = ["MAX_CALLS", "Call", "CallCancelled", "Progress", "Report", "ServerError", "Work"]

MAX_CALLS: Final = 64
"""Calls under way at one server. A user starts a few; a loop that starts more should wait for some."""


class CallCancelled(McpJupyterError):
    """The user cancelled a call; the server was told."""


class ServerError(McpError):
    """A server's error whose message is safe to show; `code` and `data` are as the server sent them."""

    def __init__(self, error: McpError) -> None:
        super().__init__(error.code, safe_block(error.message, MAX_PAGE_CHARS), error.data)

    def _render_traceback_(self) -> list[str]:
        first, *more = str(self).split("\n")
        return short_traceback(self, [f"McpError {self.code}: {first}", *more])


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a call is, as reported by the server, which may leave out `total` and `message`."""

    value: float
    total: float | None = None
    message: str = ""

    @property
    def fraction(self) -> float | None:
        """The share that is done, from 0 to 1; None when the total is unknown."""
        return min(max(self.value / self.total, 0.0), 1.0) if self.total and self.total > 0 else None


Report: TypeAlias = Callable[[float, float | None, str | None], Awaitable[None]]

Work: TypeAlias = Callable[[Report], Awaitable[Any]]
"""The request itself: takes a function that reports progress, returns the call's result."""


class Call:
    """A request under way.

    Parameters
    ----------
    what : str
        The method, as in "tools/call".
    name : str
        The tool, prompt or URI.
    arguments : mapping
    work : async function
        See `Work`.

    Attributes
    ----------
    started : float
        `time.monotonic` of the start, in seconds.
    ended : float or None
        `time.monotonic` of the end, in seconds.
    progress : Progress or None
        The last progress that the server reported.
    """

    def __init__(self, what: str, name: str, arguments: Mapping[str, Any], work: Work) -> None:
        self.what = what
        self.name = name
        self.arguments = dict(arguments)
        self.started = time.monotonic()
        self.ended: float | None = None
        self.progress: Progress | None = None
        self._work = work
        self._value: Any = None
        self._error: BaseException | None = None
        self._done = threading.Event()
        self._scope: anyio.CancelScope | None = None
        self._is_cancelled = False
        self._post: Callable[..., None] | None = None
        self._listeners: tuple[Callable[[Call], None], ...] = ()
        self._lock = threading.Lock()

    @property
    def seconds(self) -> float:
        """Seconds since the start, or from the start to the end."""
        return (self.ended or time.monotonic()) - self.started

    def done(self) -> bool:
        """Return whether the call has ended."""
        return self._done.is_set()

    def result(self) -> Any:
        """Return the result of a call that is done.

        Raises
        ------
        ToolError, ServerError, RequestTimeout, ConnectionClosed, CallCancelled
            The error that the call ended with.
        """
        __tracebackhide__ = True
        if not self._done.is_set():
            raise RuntimeError("The call is still under way.")
        if self._error is not None:
            raise self._error.with_traceback(None)
        return self._value

    @property
    def error(self) -> BaseException | None:
        """The error of a failed call; None while it runs and when it succeeded."""
        return self._error

    def cancel(self) -> None:
        """Cancel the call and tell the server. Idempotent."""
        self._is_cancelled = True
        if self._post is not None:
            self._post(self._cancel)

    def wait(self, seconds: float) -> bool:
        """Wait up to `seconds` for the end; return whether the call has ended."""
        return self._done.wait(seconds)

    def add_listener(self, listener: Callable[[Call], None]) -> None:
        """Call `listener` at each change, and at once if the call has ended."""
        with self._lock:
            self._listeners = (*self._listeners, listener)
            is_over = self._done.is_set()
        if is_over:
            listener(self)

    # -- the loop's thread -----------------------------------------------------------------------

    def starts_on(self, post: Callable[..., None]) -> None:
        """Set the function that posts to the loop's thread; called before `run`."""
        self._post = post

    async def run(self) -> None:
        """Do the work. This is a boundary: `result` raises whatever the work raised."""
        try:
            with anyio.CancelScope() as self._scope:
                if self._is_cancelled:
                    self._scope.cancel()
                self._value = await self._work(self._report)
            if self._scope.cancelled_caught:
                self._error = CallCancelled(f"{self.name} was cancelled.")
        # A cancellation of this call ends at its own scope; this one is of the whole connection.
        except anyio.get_cancelled_exc_class():
            self._error = ConnectionClosed(f"{self.name}: the connection was closed during the call.")
            raise
        except McpError as exc:
            self._error = ServerError(exc)
        except BaseException as exc:  # noqa: BLE001 - `result` raises it on the caller's thread
            self._error = exc
        finally:
            self._scope = None
            self.ended = time.monotonic()
            # Under the lock: a new listener is either called below, or finds the call done.
            with self._lock:
                self._done.set()
            self._changed()

    def _cancel(self) -> None:
        if self._scope is not None:
            self._scope.cancel()

    async def _report(self, value: float, total: float | None, message: str | None) -> None:
        is_total = isinstance(total, int | float) and not isinstance(total, bool)
        said = safe_line(message) if isinstance(message, str) else ""
        self.progress = Progress(value, total if is_total else None, said)
        self._changed()

    def _changed(self) -> None:
        for listener in self._listeners:
            listener(self)
