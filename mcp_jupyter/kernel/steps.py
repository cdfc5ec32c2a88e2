# SPDX-License-Identifier: BSD-3-Clause
"""The wall around a call's coroutines, one step at a time.

asyncio lets SystemExit and KeyboardInterrupt out of a task into the loop, and ends it; here they end
in the task. Each step of a coroutine also runs by way of a function given, which is how the main
thread's signals are kept to it. Knows nothing of signals or queues.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from ..server.runner import OneProcess
from .calls import CURRENT, Call, walled

__all__ = ["Steps", "as_coroutine", "task_factory"]

Run = Callable[..., Any]
"""Takes a call, a function and its arguments; calls the function."""


class Steps:
    """A coroutine, as a task sees one, around another.

    Parameters
    ----------
    coroutine : Coroutine
        The user's.
    call : Call
        Whose it is.
    run : callable
        Makes each step.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, Any], call: Call, run: Run) -> None:
        self._coroutine = coroutine
        self._call = call
        self._run = run

    def send(self, value: Any) -> Any:
        return self._step(self._coroutine.send, value)

    def throw(self, *error: Any) -> Any:
        return self._step(self._coroutine.throw, *error)

    def close(self) -> None:
        self._coroutine.close()

    def __getattr__(self, name: str) -> Any:
        # What shows a coroutine's state (`inspect.getcoroutinestate`, on which anyio relies) sees it.
        return getattr(self._coroutine, name)

    def _step(self, function: Callable[..., Any], *args: Any) -> Any:
        try:
            return self._run(self._call, _in_one_process, function, *args)
        except (SystemExit, KeyboardInterrupt) as error:
            raise walled(self._call, error) from error


def _in_one_process(function: Callable[..., Any], *args: Any) -> Any:
    # Here, below the gate of the main thread: in a forked child its lock may be held for ever.
    with OneProcess():
        return function(*args)


Coroutine.register(Steps)  # what asyncio.Task asks for


async def _await(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def as_coroutine(awaitable: Awaitable[Any]) -> Coroutine[Any, Any, Any]:
    """The awaitable as something a task can be made of."""
    return awaitable if asyncio.iscoroutine(awaitable) else _await(awaitable)


def task_factory(previous: Callable[..., Any] | None, run: Run) -> Callable[..., Any]:
    """Make a loop's task factory that puts the wall around tasks which calls start.

    Parameters
    ----------
    previous : callable, optional
        The factory that makes the tasks.
    run : callable
        Makes the steps of calls' tasks.
    """

    def make(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> Any:
        context = options.get("context")
        call = CURRENT.get() if context is None else context.get(CURRENT)
        if call is not None and not isinstance(coroutine, Steps):
            coroutine = Steps(coroutine, call, run)
        if previous is not None:
            return previous(loop, coroutine, **options)
        return asyncio.Task(coroutine, loop=loop, **options)

    return make
