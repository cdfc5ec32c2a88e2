# SPDX-License-Identifier: BSD-3-Clause
"""Tell a kernel that its notebook was renamed: a Jupyter Server knows, the kernel does not.

This takes a link of its own kind, whose greeting says so. No client's message ever travels on it, so nothing
that a client sends can rename a notebook.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any, Final

import anyio

from ..engine.channel import Channel
from ..engine.connection import Connection, InboundRequest
from ..errors import ConnectionClosed, LinkError, McpError, McpJupyterError
from ..protocol.codes import INVALID_PARAMS, METHOD_NOT_FOUND
from ..protocol.frames import Notification
from .dial import dial
from .files import MAX_PATH_CHARS, ConnectionInfo

__all__ = ["TELL_SECONDS", "hear_moves", "tell_moved"]

TELL_SECONDS: Final = 5.0
"""The engine answers beside a running cell in milliseconds; longer, and something holds its interpreter."""

_MOVED: Final = "notebook/moved"

Move = Callable[[str], Awaitable[ConnectionInfo]]


class _Kernel:
    """The kernel's side."""

    def __init__(self, move: Move | None = None) -> None:
        self._move = move

    async def request(self, call: InboundRequest) -> Any:
        """Answer the one method that there is."""
        if call.method != _MOVED or self._move is None:
            raise McpError(METHOD_NOT_FOUND, f"There is no method {call.method[:100]!r} on this link.")
        path = call.params.get("path")
        if not isinstance(path, str) or not os.path.isabs(path) or "\0" in path or len(path) > MAX_PATH_CHARS:
            raise McpError(INVALID_PARAMS, "params.path must be an absolute path.")
        return {"name": (await self._move(path)).name}

    def notification(self, notification: Notification) -> None:
        """Ignore it: there is none of interest."""


async def hear_moves(channel: Channel, move: Move) -> None:
    """Serve one such link until it is closed.

    Parameters
    ----------
    move : async callable
        Called with the notebook's new real path.
    """
    await Connection(channel, _Kernel(move)).serve()


async def tell_moved(info: ConnectionInfo, path: str) -> None:
    """Tell a kernel its notebook's new real path. When this returns, its connection file has the new name.

    Raises
    ------
    LinkError
        The kernel cannot be reached, or does not answer.
    """
    connection = Connection(await dial(info, moved=True), _Kernel())
    failure: McpJupyterError | None = None
    async with anyio.create_task_group() as tasks:
        await tasks.start(connection.serve)
        try:
            await connection.request(_MOVED, {"path": path}, timeout=TELL_SECONDS)
        except McpJupyterError as exc:
            failure = exc  # raised outside: a task group would wrap it
        connection.close()
    if failure is not None:
        reason = "it hung up" if isinstance(failure, ConnectionClosed) else str(failure)
        raise LinkError(f"The kernel of notebook {info.name!r} was not told its new path: {reason}")
