# SPDX-License-Identifier: BSD-3-Clause
"""Connect a client and a server in one process, as the first-generation SDK does in tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

from .. import types
from .._util.tasks import owned_tasks
from ..client.callbacks import Callback
from ..client.session import ClientSession
from ..engine.channel import ReadHalf, WriteHalf, halves, joined, memory_pair
from ..server.fastmcp.server import FastMCP
from ..server.lowlevel import Server

__all__ = ["create_client_server_memory_streams", "create_connected_server_and_client_session"]

Halves = tuple[ReadHalf, WriteHalf]


@asynccontextmanager
async def create_client_server_memory_streams() -> AsyncIterator[tuple[Halves, Halves]]:
    """Yield a client's pair (read, write) and the server's pair connected to it."""
    client, server = memory_pair()
    try:
        yield halves(client), halves(server)
    finally:
        client.close()


@asynccontextmanager
async def create_connected_server_and_client_session(
    server: Server[Any] | FastMCP,
    read_timeout_seconds: timedelta | float | None = None,
    sampling_callback: Callback | None = None,
    list_roots_callback: Callback | None = None,
    logging_callback: Callback | None = None,
    message_handler: Callback | None = None,
    client_info: types.Implementation | None = None,
    raise_exceptions: bool = False,
    elicitation_callback: Callback | None = None,
) -> AsyncIterator[ClientSession]:
    """Run a server and open a session with it; both end with the context.

    `mcp_jupyter.Client(server)` does the same with the newest protocol version.

    Parameters
    ----------
    raise_exceptions : bool
        End and raise at the first exception of a low-level server's handler that is not sent as a result.
    """
    async with create_client_server_memory_streams() as (ours, theirs), AsyncExitStack() as stack:
        if raise_exceptions and isinstance(server, Server):
            tasks = await stack.enter_async_context(owned_tasks())
            tasks.start_soon(server.run, *theirs, None, True)
        else:
            await stack.enter_async_context(server.running())
            tasks = await stack.enter_async_context(owned_tasks())
            tasks.start_soon(server.serve, joined(*theirs))
        async with ClientSession(
            *ours,
            read_timeout_seconds,
            sampling_callback,
            elicitation_callback,
            list_roots_callback,
            logging_callback,
            message_handler,
            client_info,
        ) as session:
            await session.initialize()
            yield session
