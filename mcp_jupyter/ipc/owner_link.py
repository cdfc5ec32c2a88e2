# SPDX-License-Identifier: BSD-3-Clause
"""The link on which the user's own programs see and direct a live notebook.

It is a separate kind of link, marked in its greeting. No message of an MCP client travels on it: no front and
no proxy passes one on, so a client can neither rename a notebook nor watch its calls. Both ends are programs
of this user, who alone can read the key.

The requests are those of `methods`. `notebook/moved` tells the kernel that its notebook was renamed, which a
Jupyter Server knows and the kernel does not.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias

from .._util.tasks import owned_tasks
from .._util.text import safe_line
from ..engine.channel import Channel
from ..engine.connection import Connection, InboundRequest
from ..errors import INVALID_PARAMS, METHOD_NOT_FOUND, ConnectionClosed, LinkError, McpError, McpJupyterError
from ..protocol.frames import Notification
from ..protocol.limits import MAX_PATH_CHARS
from .connect import RequestOnlyHandler, dial
from .files import ConnectionInfo

__all__ = ["ASK_SECONDS", "Methods", "ask_owner", "moved", "owner_link", "serve_owner", "tell_moved"]

ASK_SECONDS: Final = 5.0
"""Seconds. The engine answers in milliseconds, even beside a running cell, unless the cell holds the GIL."""

_MOVED: Final = "notebook/moved"

Method: TypeAlias = Callable[[InboundRequest], Awaitable[Any]]
Methods: TypeAlias = Mapping[str, Method]
"""What the kernel does at each request. A method that stays open may notify the other end."""


class _Kernel:
    """The kernel's end."""

    def __init__(self, methods: Methods) -> None:
        self._methods = methods

    async def request(self, call: InboundRequest) -> Any:
        """Answer a request."""
        method = self._methods.get(call.method)
        if method is None:
            raise McpError(METHOD_NOT_FOUND, f"Unknown method {safe_line(call.method)!r} on this link.")
        return await method(call)

    def notification(self, notification: Notification) -> None:
        """Ignore it: notifications to the kernel have no meaning on this link."""


async def serve_owner(channel: Channel, methods: Methods) -> None:
    """Serve an owner's link until it is closed."""
    await Connection(channel, _Kernel(methods)).serve()


def moved(move: Callable[[str], Awaitable[ConnectionInfo]]) -> Methods:
    """Return the method that takes the notebook's new path.

    Parameters
    ----------
    move : async callable
        Called with the notebook's new real path.
    """

    async def answer(call: InboundRequest) -> Any:
        path = call.params.get("path")
        if not isinstance(path, str) or not os.path.isabs(path) or "\0" in path or len(path) > MAX_PATH_CHARS:
            raise McpError(INVALID_PARAMS, "params.path must be an absolute path.")
        return {"name": (await move(path)).name}

    return {_MOVED: answer}


class _Owner(RequestOnlyHandler):
    """The other end: it sends requests, and may hear notifications."""

    def __init__(self, heard: Callable[[Notification], None] | None) -> None:
        self._heard = heard

    def notification(self, notification: Notification) -> None:
        """Pass a notification on."""
        if self._heard is not None:
            self._heard(notification)


@asynccontextmanager
async def owner_link(
    info: ConnectionInfo, heard: Callable[[Notification], None] | None = None
) -> AsyncIterator[Connection]:
    """Open an owner's link to a kernel.

    Parameters
    ----------
    heard : callable, optional
        Called with each notification of the kernel.

    Raises
    ------
    LinkError
        The kernel cannot be reached.
    """
    connection = Connection(await dial(info, owner=True), _Owner(heard))
    async with owned_tasks() as tasks:
        await tasks.start(connection.serve)
        yield connection


async def ask_owner(info: ConnectionInfo, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Send a kernel one request on an owner's link of its own, and return the result.

    Raises
    ------
    LinkError
        The kernel cannot be reached or does not answer.
    McpError
        The kernel refuses the request.
    """
    async with owner_link(info) as connection:
        try:
            found: Mapping[str, Any] = await connection.request(method, params, timeout=ASK_SECONDS)
        except McpError:
            raise
        except McpJupyterError as exc:
            reason = "it hung up" if isinstance(exc, ConnectionClosed) else str(exc)
            raise LinkError(f"The kernel of notebook {info.name!r} did not answer: {reason}") from None
    return found


async def tell_moved(info: ConnectionInfo, path: str) -> None:
    """Tell a kernel its notebook's new real path; then its connection file has the new name.

    Raises
    ------
    LinkError
        The kernel cannot be reached, or refuses the path.
    """
    try:
        await ask_owner(info, _MOVED, {"path": path})
    except (LinkError, McpError) as exc:
        message = f"The kernel of notebook {info.name!r} was not told its new path: {exc}"
        raise LinkError(message) from None
