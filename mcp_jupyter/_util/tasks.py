# SPDX-License-Identifier: BSD-3-Clause
"""Tasks that live as long as a block of code, and hide nothing of what that code raises; and tasks whose
failure ends none of the others.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import TracebackType

import anyio
from anyio.abc import TaskGroup

__all__ = ["FailureLog", "guarded", "owned_tasks"]

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
