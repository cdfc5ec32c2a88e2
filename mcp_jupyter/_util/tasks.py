# SPDX-License-Identifier: BSD-3-Clause
"""Tasks that live as long as a block of code, tasks whose failure ends no other, and a queue with a task.

`owned_tasks` hides nothing of what its block raises. `guarded`, `FailureLog` and `NoticeQueue` are the
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
    """Run `work` as the top of a task: log what it raises, so that its group and the other tasks go on."""
    try:
        await work(*args)
    except Exception:  # the top of a task
        log.exception("%s failed", what)


class FailureLog:
    """The boundary around each round of periodic work: `with failures:`.

    An exception ends the round and is logged, each once until a round succeeds.

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
    """A task group whose tasks end with the body, and that does not wrap what the body raises.

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
        del failure  # it holds this frame, and this frame would hold it


class _Notice(Protocol):
    @property
    def method(self) -> str: ...


NoticeT = TypeVar("NoticeT", bound=_Notice)


class NoticeQueue(Generic[NoticeT]):
    """Give notifications to one function, in order and one after the other. One event loop's thread uses it.

    A flood drops the oldest ones, so memory is bounded. What the function raises is logged and ends nothing,
    because no sender of a notification waits for an answer.

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
        """Keep a notification for `run`."""
        self._waiting.append(notice)
        self._arrived.set()

    async def run(self) -> None:
        """Handle what was put, until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived = anyio.Event()
            while self._waiting:
                await self.handle(self._waiting.popleft())

    async def handle(self, notice: NoticeT) -> None:
        """Handle one notification now, before those that wait."""
        try:
            await self._handle(notice)
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException:  # a user's function may raise SystemExit
            log.exception("The handler of %s failed", notice.method)
