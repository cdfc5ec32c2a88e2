# SPDX-License-Identifier: BSD-3-Clause
"""The bare link below a client: a listener serves, the client's session has the channel that was dialled.

Stands where a `Client` opens its transport; nothing of Jupyter, of HTTP or of resumption is in between.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from mcp_jupyter.client.config.targets import InMemoryServer
from mcp_jupyter.client.connect import EraChoice, Opened, SessionFactory
from mcp_jupyter.client.transport import halves
from mcp_jupyter.ipc.channel import LinkChannel
from mcp_jupyter.ipc.connect import dial
from mcp_jupyter.ipc.listener import Listener

__all__ = ["connected"]

BOUND = 20.0
"""Seconds for the link to close."""


@asynccontextmanager
async def linked(server: InMemoryServer) -> AsyncIterator[LinkChannel]:
    """The client's end of a link at whose other end the server is."""
    # Not under tmp_path: a Unix socket's path may have 107 bytes, and pytest's directories are long.
    with tempfile.TemporaryDirectory(prefix="jp-") as root:
        listen = Listener.open(server.serve, name="library", kernel_id="k", runtime_dir=Path(root))
        async with server.running(), listen as listener:
            channel = await dial(listener.info)
            yield channel
            channel.close()
            with anyio.fail_after(BOUND):
                await channel.wait_closed()


@asynccontextmanager
async def connected(
    server: InMemoryServer, new_session: SessionFactory, *, era: EraChoice, auth: None = None
) -> AsyncIterator[Opened]:
    """In place of `mcp_jupyter.client.connect.connected`."""
    async with linked(server) as channel, new_session(*halves(channel)) as session:
        yield Opened(session, await (session.initialize() if era == "legacy" else session.discover()))
