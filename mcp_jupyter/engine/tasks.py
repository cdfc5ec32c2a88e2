# SPDX-License-Identifier: BSD-3-Clause
"""Tasks that live as long as a block of code, and hide nothing of what that code raises."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from anyio.abc import TaskGroup

__all__ = ["owned_tasks"]


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
