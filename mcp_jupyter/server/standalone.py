# SPDX-License-Identifier: BSD-3-Clause
"""Keep user code on the event loop of the program, and the protocol on a thread of its own.

Theory of operation. A program that calls `FastMCP.run` gives its thread to the server. User code stays on
that thread and its event loop: the lifespan, functions that run in turn, and whatever the program opened
before. So a connection that was opened there works in a tool. The protocol moves to a thread with an asyncio
loop of its own. A function that blocks delays other functions, but no ping, heartbeat or cancellation, and no
concurrent function.

`serve_on_thread` joins the two. It opens the lifespan and a `LoopRunner` on the program's loop, then serves
on the other thread. A signal (`on_terminate`) or a client that leaves ends both: first the protocol, then the
lifespan. `server.calls` says how a call passes between the threads.

Who may touch what: `_current` is set on the program's thread and read on both. `LoopRunner.run` and the rest
of `CallRunner` are for the protocol's thread.
"""

from __future__ import annotations

import asyncio
import inspect
import math
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from typing import Any, Final, Protocol

import anyio
from anyio.abc import TaskGroup

from .._util.tasks import owned_tasks
from .calls import Call, CallRunner, run_step
from .runner import Invocation, Poster, Steps, as_coroutine, is_async
from .stdio import on_terminate

__all__ = ["LoopRunner", "open_loop_runner", "serve_on_thread"]


STDIO_END_SECONDS: Final = 1.0
"""Seconds that the protocol's thread gets to end after a signal, over stdio. It may be stuck in a write that
the client does not read. Hosts kill a server two seconds after SIGTERM."""


class LoopRunner(CallRunner[Call]):
    """Runs functions on the event loop of another thread than the protocol's (see `open_loop_runner`).

    Parameters
    ----------
    post : Poster
        Posts to that loop, asyncio's or trio's.
    tasks : TaskGroup
        Runs async functions there.
    """

    def __init__(self, post: Poster, tasks: TaskGroup, **options: Any) -> None:
        super().__init__("this server", **options)
        self._post = post
        self._tasks = tasks
        self._current: Call | None = None  # the call whose code runs on the program's thread
        self._open = True

    def close(self) -> None:
        """Take no more calls. Those that run were cancelled with their sessions."""
        self._open = False
        self._workers.close()

    # -- the protocol's thread -------------------------------------------------------------------

    def _new_call(self, invocation: Invocation, loop: asyncio.AbstractEventLoop) -> Call:
        return Call(invocation, loop)

    def _queue(self, call: Call) -> None:
        self._post.soon(self._begin, call)

    def _occupied_by(self) -> str:
        current = self._current
        if current is None:
            return "the server's program"
        return f"another call ({current.name}), {int(time.monotonic() - current.since)} s"

    def _never_stops(self, call: Call) -> str:
        if call.cancel is None and not is_async(call.invocation.function):
            return super()._never_stops(call) or "It is not async, so it cannot be stopped"
        return ""

    # -- the program's thread --------------------------------------------------------------------

    def _begin(self, call: Call) -> None:
        if not (self._open and call.claim()):
            return  # the server ends, or the call was withdrawn
        try:
            value = self._step(call, call.context.run, call.start)
        except BaseException as error:  # noqa: BLE001 - user code ends here
            self._end(call, None, error)
            return
        if inspect.isawaitable(value):
            call.context.run(self._tasks.start_soon, self._await, call, value)
        else:
            self._end(call, value, None)

    async def _await(self, call: Call, awaitable: Any) -> None:
        value, error = None, None
        try:
            with anyio.CancelScope() as scope:
                call.cancel = lambda: self._post(scope.cancel)
                if call.stopping:  # it was asked to stop before there was a scope to cancel
                    scope.cancel()
                try:
                    value = await Steps(as_coroutine(awaitable), partial(run_step, call, self._step))
                except BaseException as exc:
                    error = exc
                    if anyio.current_effective_deadline() == -math.inf:
                        raise  # cancelled
        finally:
            self._end(call, value, error)
            del error  # it refers to this frame

    def _step(self, call: Call, function: Callable[..., Any], *args: Any) -> Any:
        """Run some of a call's code, and remember meanwhile whose code runs."""
        self._current = call
        try:
            return function(*args)
        finally:
            self._current = None


@asynccontextmanager
async def open_loop_runner(**options: Any) -> AsyncIterator[LoopRunner]:
    """Run functions on the current event loop while the context is open.

    Yields
    ------
    LoopRunner
        To be used on another thread, which has an asyncio loop.
    """
    async with owned_tasks() as tasks:
        runner = LoopRunner(Poster(), tasks, **options)
        try:
            yield runner
        finally:
            runner.close()


class _KeepsUserCode(Protocol):
    def user_code_here(self) -> AbstractAsyncContextManager[None]:
        """Return a context that keeps user code on the event loop on which it is opened."""


async def serve_on_thread(
    server: _KeepsUserCode, serve: Callable[[], Awaitable[None]], *, end_seconds: float = STDIO_END_SECONDS
) -> None:
    """Run `serve` on a thread of its own until it ends, or until SIGTERM or Ctrl-C; user code stays here.

    Parameters
    ----------
    server : FastMCP
        The server that `serve` serves.
    serve : async callable
        Runs on another thread, on an asyncio loop.
    end_seconds : float
        Seconds that `serve` gets to end when it is cancelled. After them its thread is left behind.
    """
    serving: anyio.CancelScope | None = None

    def stop() -> None:
        (serving or opening).cancel()

    with anyio.CancelScope() as opening, on_terminate(stop) as must_stop:
        async with server.user_code_here():
            # A scope of its own: the lifespan's end, outside of it, must be able to await.
            with anyio.CancelScope() as serving:
                await _run_on_thread(serve, must_stop, end_seconds)


async def _run_on_thread(
    serve: Callable[[], Awaitable[None]], ended: Callable[[], None], end_seconds: float
) -> None:
    """Run an async function on a new thread. When this is cancelled, so is the function.

    Parameters
    ----------
    ended : callable
        Called on that thread at its end; this loop may be blocked then.
    """
    here, over = Poster(), anyio.Event()
    begun: Future[Callable[[], None]] = Future()
    outcome: Future[None] = Future()

    async def main() -> None:
        with anyio.CancelScope() as scope:
            there = Poster()
            begun.set_result(lambda: there(scope.cancel))
            await serve()

    def run() -> None:
        try:
            outcome.set_result(anyio.run(main, backend="asyncio"))
        except BaseException as exc:  # noqa: BLE001 - raised again on the caller's thread
            outcome.set_exception(exc)
        ended()
        with suppress(RuntimeError):  # the caller's loop is closed
            here(over.set)

    # A daemon: what blocks it must not keep the process from ending.
    threading.Thread(target=run, name="mcp-protocol", daemon=True).start()
    try:
        await over.wait()
    except BaseException:
        begun.add_done_callback(_cancel)
        with anyio.move_on_after(end_seconds, shield=True):
            await over.wait()
        raise
    outcome.result()


def _cancel(begun: Future[Callable[[], None]]) -> None:
    with suppress(RuntimeError):  # the thread's loop is closed
        begun.result()()
