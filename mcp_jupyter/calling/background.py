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
from concurrent.futures import Future
from typing import Any, Final, TypeVar

from anyio.from_thread import BlockingPortal

from ..errors import ConnectionClosed

__all__ = ["Background"]

START_SECONDS: Final = 10.0
"""A loop starts in milliseconds, on a machine under load in seconds."""

STOP_SECONDS: Final = 8.0
"""Servers are ended meanwhile: closing stdin, terminating and killing take 2 s each at most. Past this the
daemon thread is left behind."""

T = TypeVar("T")


class Background:
    """A daemon thread with an event loop, for tasks that outlive the cell that began them."""

    def __init__(self) -> None:
        self._portal: BlockingPortal | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._pid = os.getpid()

    def spawn(self, function: Callable[..., Awaitable[T]], *args: Any, name: str) -> Future[T]:
        """Run an async function as a task of the loop; cancelling the future cancels the task.

        Raises
        ------
        ConnectionClosed
            The thread could not be started, or this is the child of a fork.
        """
        return self._running().start_task_soon(function, *args, name=name)

    def post(self, function: Callable[..., object], *args: Any) -> None:
        """Call a function on the loop's thread, soon; waits for nothing. Of no effect once the loop ended."""
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(function, *args)

    def stop(self) -> None:
        """Cancel what runs there and end the thread. Idempotent."""
        atexit.unregister(self.stop)
        portal, thread = self._portal, self._thread
        self._portal = self._loop = self._thread = None
        if portal is None or thread is None or os.getpid() != self._pid:
            return
        with contextlib.suppress(RuntimeError):
            portal.start_task_soon(portal.stop, True)
        thread.join(STOP_SECONDS)

    def _running(self) -> BlockingPortal:
        if os.getpid() != self._pid:
            raise ConnectionClosed("Connections do not survive a fork: connect again in this process.")
        with self._lock:
            if self._portal is None or self._thread is None or not self._thread.is_alive():
                self._loop, self._portal = self._start()
            return self._portal

    def _start(self) -> tuple[asyncio.AbstractEventLoop, BlockingPortal]:
        ready: Future[tuple[asyncio.AbstractEventLoop, BlockingPortal]] = Future()
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


def _run(ready: Future[tuple[asyncio.AbstractEventLoop, BlockingPortal]]) -> None:
    async def serve() -> None:
        async with BlockingPortal() as portal:
            ready.set_result((asyncio.get_running_loop(), portal))
            await portal.sleep_until_stopped()

    try:
        asyncio.run(serve())
    except BaseException as exc:  # noqa: BLE001 - the thread's top: whoever waits hears of it
        if not ready.done():
            ready.set_exception(exc)
