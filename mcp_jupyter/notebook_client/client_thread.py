# SPDX-License-Identifier: BSD-3-Clause
"""The thread that connections live on: one event loop a kernel, started by the first of them.

Owns the thread, its start and its end. Knows no server and no call. It is not the engine's thread: a server
that floods us slows down its own callers, never the notebook's.

Threads: `spawn` and `post` are for any thread, `stop` is for the main one.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import anyio
from anyio.abc import TaskGroup

from ..errors import ConnectionClosed

__all__ = ["Background"]

START_SECONDS: Final = 10.0
"""A loop starts in milliseconds, on a machine under load in seconds."""

BEGIN_SECONDS: Final = 10.0
"""A task begins at once; past this something blocks the loop that should not, and may do so for ever."""

STOP_SECONDS: Final = 8.0
"""Servers are ended meanwhile: closing stdin, terminating and killing take 2 s each at most. Past this the
daemon thread is left behind."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Running:
    """The loop, its tasks, and what is to begin there: one for each thread that spawns, for it waits.

    From other threads only the loop's `call_soon_threadsafe` is used: it waits for nothing.
    """

    loop: asyncio.AbstractEventLoop
    tasks: TaskGroup
    beginning: asyncio.Queue[Callable[[], None]]


class Background:
    """A daemon thread with an event loop, for tasks that outlive the cell that began them."""

    def __init__(self) -> None:
        self._now: _Running | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._pid = os.getpid()

    def spawn(self, function: Callable[..., Awaitable[T]], *args: Any, name: str) -> Future[T]:
        """Run an async function as a task of the loop; cancelling the future cancels the task.

        Raises
        ------
        ConnectionClosed
            The thread could not be started or is held up, or this is the child of a fork.
        """
        running = self._running()
        future: Future[T] = Future()
        begun: Future[None] = Future()

        def begin() -> None:
            if begun.set_running_or_notify_cancel():  # else nobody waits for it any more
                running.tasks.start_soon(_kept, future, function, args, name=name)
                begun.set_result(None)

        try:
            running.loop.call_soon_threadsafe(running.beginning.put_nowait, begin)
            begun.result(BEGIN_SECONDS)
        except TimeoutError:
            if begun.cancel():
                raise ConnectionClosed(_HELD_UP) from None
        except RuntimeError:
            raise ConnectionClosed("The connections' thread has just ended: connect again.") from None
        except BaseException:  # an interrupt
            begun.cancel()
            future.cancel()
            raise
        return future

    def post(self, function: Callable[..., object], *args: Any) -> None:
        """Call a function on the loop's thread, soon; waits for nothing. Of no effect once the loop ended."""
        running = self._now
        if running is not None:
            _post(running.loop, function, *args)

    def stop(self) -> None:
        """Cancel what runs there and end the thread. Idempotent."""
        atexit.unregister(self.stop)
        running, thread = self._now, self._thread
        self._now = self._thread = None
        if running is None or thread is None or os.getpid() != self._pid:
            return
        _post(running.loop, running.tasks.cancel_scope.cancel)
        thread.join(STOP_SECONDS)

    def _running(self) -> _Running:
        if os.getpid() != self._pid:
            raise ConnectionClosed("Connections do not survive a fork: connect again in this process.")
        with self._lock:
            if self._now is None or self._thread is None or not self._thread.is_alive():
                self._now = self._start()
            return self._now

    def _start(self) -> _Running:
        ready: Future[_Running] = Future()
        self._thread = threading.Thread(target=_run, args=(ready,), name="mcp-client", daemon=True)
        # A breakpoint in a cell must not stop it, nor list it.
        self._thread.pydev_do_not_trace = True  # type: ignore[attr-defined]
        self._thread.is_pydev_daemon_thread = True  # type: ignore[attr-defined]
        self._thread.start()
        atexit.register(self.stop)
        try:
            return ready.result(START_SECONDS)
        except TimeoutError:
            raise ConnectionClosed(f"The client's thread did not start within {START_SECONDS:g} s.") from None


_HELD_UP: Final = (
    f"The connections' thread has been held up for {BEGIN_SECONDS:g} s: something there blocks, an async "
    "function for --sampling perhaps. When that has ended, try again; or restart the kernel."
)


def _post(loop: asyncio.AbstractEventLoop, function: Callable[..., object], *args: Any) -> None:
    with contextlib.suppress(RuntimeError):  # closed
        loop.call_soon_threadsafe(function, *args)


def _run(ready: Future[_Running]) -> None:
    async def serve() -> None:
        async with anyio.create_task_group() as tasks:
            running = _Running(asyncio.get_running_loop(), tasks, asyncio.Queue())
            ready.set_result(running)
            while True:
                (await running.beginning.get())()

    try:
        asyncio.run(serve())
    except BaseException as exc:  # noqa: BLE001 - the thread's top: whoever waits hears of it
        if not ready.done():
            ready.set_exception(exc)


async def _kept(future: Future[T], function: Callable[..., Awaitable[T]], args: tuple[Any, ...]) -> None:
    """Run a task, and keep for its future what comes of it: nothing it raises ends the loop."""
    loop = asyncio.get_running_loop()
    with anyio.CancelScope() as scope:

        def cancelled(future: Future[T]) -> None:
            if future.cancelled():
                _post(loop, scope.cancel)

        future.add_done_callback(cancelled)
        try:
            value = await function(*args)
        except anyio.get_cancelled_exc_class():
            future.cancel()
            raise
        except BaseException as exc:  # noqa: BLE001 - whoever has the future hears of it
            with contextlib.suppress(InvalidStateError):  # cancelled meanwhile
                future.set_exception(exc)
        else:
            with contextlib.suppress(InvalidStateError):
                future.set_result(value)
