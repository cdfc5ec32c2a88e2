# SPDX-License-Identifier: BSD-3-Clause
"""The thread of a kernel's client connections: one event loop, started by the first connection.

It is separate from the engine's thread, so a server that floods this client slows down the client's own calls
only, not those that the notebook serves.

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

__all__ = ["ClientThread"]

START_SECONDS: Final = 10.0
"""Seconds. A loop starts in milliseconds, and in seconds on a machine under load."""

BEGIN_SECONDS: Final = 10.0
"""Seconds. A task begins at once; if it does not, something blocks the loop, perhaps for ever."""

STOP_SECONDS: Final = 8.0
"""Seconds. Closing stdin, terminating and killing a server take at most 2 s each. After that the daemon
thread is left running."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Running:
    """The loop, its task group, and a queue of functions that start tasks: at most one per waiting thread.

    Other threads use only the loop's `call_soon_threadsafe`, which never blocks.
    """

    loop: asyncio.AbstractEventLoop
    tasks: TaskGroup
    beginning: asyncio.Queue[Callable[[], None]]


class ClientThread:
    """A daemon thread with an event loop, for tasks that outlive the cell that started them."""

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
            if begun.set_running_or_notify_cancel():  # False once the caller has stopped waiting
                running.tasks.start_soon(_kept, future, function, args, name=name)
                begun.set_result(None)

        try:
            # Waiting for the task to begin detects a loop that is blocked; its result is not waited for.
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
        """Call a function on the loop's thread without waiting for it; does nothing once the loop ended."""
        running = self._now
        if running is not None:
            _post(running.loop, function, *args)

    def stop(self) -> None:
        """Cancel all tasks and end the thread. Idempotent."""
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
        # A debugger must neither stop this thread at a breakpoint nor list it.
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
    with contextlib.suppress(RuntimeError):  # the loop is closed
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
    except BaseException as exc:  # noqa: BLE001 - the thread's top: `_start` raises it
        if not ready.done():
            ready.set_exception(exc)


async def _kept(future: Future[T], function: Callable[..., Awaitable[T]], args: tuple[Any, ...]) -> None:
    """Run a task and store its result or error in the future, so that no error ends the loop."""
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
        except BaseException as exc:  # noqa: BLE001 - the future raises it for its caller
            with contextlib.suppress(InvalidStateError):  # cancelled meanwhile
                future.set_exception(exc)
        else:
            with contextlib.suppress(InvalidStateError):
                future.set_result(value)
