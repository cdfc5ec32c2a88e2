# SPDX-License-Identifier: BSD-3-Clause
"""Open a channel or a connection to a kernel, or find out whether the kernel is live.

The result of a connection attempt is ambiguous in two cases. A kernel whose backlog is full cannot take the
connection now (EAGAIN on Linux, ECONNREFUSED on macOS), so the attempt is repeated. A refused connection or a
missing socket means that the kernel is gone only if its process is gone too.
"""

from __future__ import annotations

import asyncio
import enum
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import anyio

from .._util.private_files import is_own
from .._util.tasks import owned_tasks
from ..engine.connection import Connection, InboundRequest
from ..errors import METHOD_NOT_FOUND, LinkError, McpError, NotebookNotFound
from ..protocol.frames import Notification
from .channel import LinkChannel
from .files import NO_RESOURCES, ConnectionInfo, process_runs
from .wire import greeting

__all__ = ["DIAL_SECONDS", "PROBE_SECONDS", "Liveness", "RequestOnlyHandler", "connected", "dial", "probe"]

DIAL_SECONDS: Final = 5.0
"""Seconds. A kernel accepts late when one long call holds its interpreter; meanwhile the system queues the
connection."""

PROBE_SECONDS: Final = 1.0
"""Seconds. The system answers for a live kernel in microseconds, so a longer wait is not worthwhile."""

RETRY_SECONDS: Final = 0.005
"""Seconds between two attempts at a full backlog: a kernel accepts a few connections per millisecond."""

_ProtocolT = TypeVar("_ProtocolT", bound=asyncio.Protocol)


class Liveness(enum.Enum):
    """The result of a look at a kernel's socket."""

    LIVE = "the kernel listens"
    GONE = "nobody will ever listen there again"
    SILENT = "nothing can be said now"


async def _connect(info: ConnectionInfo, protocol: type[_ProtocolT]) -> tuple[asyncio.Transport, _ProtocolT]:
    """Make one connection attempt.

    Raises
    ------
    BlockingIOError
        The backlog of a Unix socket is full.
    LinkError
        The kernel runs on another machine, or this platform has no Unix sockets.
    OSError
        The system's error.
    """
    if not info.is_here:
        raise LinkError(f"It runs on another machine or in another container ({info.place})")
    loop = asyncio.get_running_loop()
    sock = await _connected_socket(info, loop)
    try:
        return await loop.create_connection(protocol, sock=sock)
    except BaseException:
        sock.close()
        raise


async def _connected_socket(info: ConnectionInfo, loop: asyncio.AbstractEventLoop) -> socket.socket:
    if isinstance(info.address, tuple):
        family = socket.AF_INET6 if ":" in info.address[0] else socket.AF_INET
    elif sys.platform == "win32":
        raise LinkError("This platform has no Unix sockets")
    # If a dead kernel's directory was cleaned away, another user may listen at its path now.
    elif not is_own(os.stat(info.address)):
        raise LinkError("The socket belongs to another user")
    else:
        family = socket.AF_UNIX
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if isinstance(info.address, tuple):
            await loop.sock_connect(sock, info.address)
        else:
            # `loop.sock_connect` takes EAGAIN (a full backlog) for a connection in progress, and then returns
            # a socket that is not connected.
            sock.connect(info.address)
    except BaseException:
        sock.close()
        raise
    return sock


async def dial(info: ConnectionInfo, timeout: float = DIAL_SECONDS, *, owner: bool = False) -> LinkChannel:
    """Open a channel to a kernel.

    Parameters
    ----------
    timeout : float
        Seconds.
    owner : bool
        Whether it is an owner's link (see `owner_link`).

    Raises
    ------
    NotebookNotFound
        The kernel's process has ended.
    LinkError
        The kernel cannot be reached. (A wrong key shows later: the kernel closes the connection.)
    """
    reason = f"no answer within {timeout:g} s"
    try:
        with anyio.fail_after(timeout):
            while True:
                try:
                    transport, channel = await _connect(info, LinkChannel)
                except BlockingIOError:
                    reason = f"it did not take the connection within {timeout:g} s"
                except ConnectionRefusedError as exc:
                    if not process_runs(info.pid):
                        raise
                    reason = f"{exc.strerror or exc} for {timeout:g} s"
                else:
                    transport.write(greeting(info.key, owner=owner))
                    return channel
                await anyio.sleep(RETRY_SECONDS)
    except TimeoutError:
        pass
    except LinkError as exc:
        reason = str(exc)
    except OSError as exc:
        reason = exc.strerror or str(exc)
        if isinstance(exc, FileNotFoundError | ConnectionRefusedError) and not process_runs(info.pid):
            raise NotebookNotFound(
                f"The kernel of notebook {info.name!r} is not serving: its process has ended. Run its cells "
                "again, first the one with `%load_ext mcp_jupyter`."
            ) from None
    raise LinkError(f"The kernel of notebook {info.name!r} cannot be reached: {reason}.")


class RequestOnlyHandler:
    """Handler of a connection on which only this end sends requests; it refuses the kernel's."""

    async def request(self, call: InboundRequest) -> Any:
        """Refuse a request."""
        raise McpError(METHOD_NOT_FOUND, "This client answers nothing.")

    def notification(self, notification: Notification) -> None:
        """Ignore a notification."""


@asynccontextmanager
async def connected(info: ConnectionInfo, timeout: float = DIAL_SECONDS) -> AsyncIterator[Connection]:
    """Connect to a kernel for a few requests of our own; parameters and errors as for `dial`."""
    connection = Connection(await dial(info, timeout), RequestOnlyHandler())
    async with owned_tasks() as tasks:
        await tasks.start(connection.serve)
        yield connection


async def probe(info: ConnectionInfo, timeout: float = PROBE_SECONDS) -> Liveness:
    """Find out whether a kernel listens, without sending it anything.

    Raises
    ------
    LinkError
        This process has no descriptors or memory left.
    """
    try:
        with anyio.fail_after(timeout):
            transport, _ = await _connect(info, asyncio.Protocol)
    except BlockingIOError:
        return Liveness.LIVE  # a full backlog means that the kernel listens
    except (FileNotFoundError, ConnectionRefusedError):
        return Liveness.SILENT if process_runs(info.pid) else Liveness.GONE
    except OSError as exc:
        if exc.errno in NO_RESOURCES:
            raise LinkError(f"Live notebooks cannot be looked for: {exc.strerror}.") from exc
        return Liveness.SILENT
    except LinkError:
        return Liveness.SILENT
    transport.abort()
    return Liveness.LIVE
