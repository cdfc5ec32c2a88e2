# SPDX-License-Identifier: BSD-3-Clause
"""Helpers for tasks: a task group for a block of code, isolated failures, and a queue of notifications.

`owned_tasks` raises the exceptions of its block unchanged. `guarded`, `FailureLog` and `NoticeQueue` are the
boundaries where a task's exception is logged instead of raised.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Generic, Protocol, TypeVar

import anyio
from anyio.abc import TaskGroup

__all__ = ["FailureLog", "NoticeQueue", "guarded", "owned_tasks"]

log = logging.getLogger(__name__)


async def guarded(what: str, work: Callable[..., Awaitable[object]], *args: object) -> None:
    """Run `work` as the top of a task: log its exception, so that the other tasks of the group go on.

    Parameters
    ----------
    what : str
        The work, as the subject of a sentence.
    work : async function
        The function to run.
    *args
        Its arguments.
    """
    try:
        await work(*args)
    except Exception:  # the top of a task
        log.exception("%s failed", what)


class FailureLog:
    """The boundary around each round of periodic work: `with failures:`.

    An exception ends the round and is logged, unless the round before ended with the same one.

    Parameters
    ----------
    what : str
        The work, as the subject of a sentence.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._last = ""

    def __enter__(self) -> None:
        """Begin a round."""

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if exc is not None and not isinstance(exc, Exception):
            return False  # the task is cancelled
        text = "" if exc is None else f"{type(exc).__name__}: {exc}"
        if text and text != self._last:
            log.error("%s failed, and is tried again: %s", self._what, text, exc_info=exc)
        self._last = text
        return True


@asynccontextmanager
async def owned_tasks() -> AsyncIterator[TaskGroup]:
    """Open a task group that ends its tasks with the body, and does not wrap exceptions of the body.

    A plain task group turns every exception of its body into an exception group, so that
    ``except McpError`` around a client would not catch an `McpError`.
    """
    failure: BaseException | None = None
    try:
        async with anyio.create_task_group() as tasks:
            try:
                yield tasks
            except BaseException as exc:  # noqa: BLE001 - raised again below, once the tasks have ended
                failure = exc
            tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure
    finally:
        del failure  # its traceback refers to this frame: else they would form a cycle


class _Notice(Protocol):
    @property
    def method(self) -> str: ...


NoticeT = TypeVar("NoticeT", bound=_Notice)


class NoticeQueue(Generic[NoticeT]):
    """Passes notifications to one function, in order and one at a time. For the thread of one event loop.

    In a flood the oldest notifications are dropped, so memory is bounded. Exceptions of the function are
    logged and end nothing, because notifications have no response that could report them.

    Parameters
    ----------
    handle : async function
        Takes one notification.
    max_waiting : int
        Notifications that are kept for it.
    """

    def __init__(self, handle: Callable[[NoticeT], Awaitable[None]], max_waiting: int) -> None:
        self._handle = handle
        self._waiting: deque[NoticeT] = deque(maxlen=max_waiting)
        self._arrived = anyio.Event()

    def put(self, notice: NoticeT) -> None:
        """Append a notification for `run`."""
        self._waiting.append(notice)
        self._arrived.set()

    async def run(self) -> None:
        """Handle the notifications until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived = anyio.Event()
            while self._waiting:
                await self.handle(self._waiting.popleft())

    async def handle(self, notice: NoticeT) -> None:
        """Handle one notification at once, ahead of the queue."""
        try:
            await self._handle(notice)
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException:  # a user's function may raise SystemExit
            log.exception("The handler of %s failed", notice.method)
