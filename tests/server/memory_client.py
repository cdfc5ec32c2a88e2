# SPDX-License-Identifier: BSD-3-Clause
"""A client's end of a connection in memory, with nothing of ours between test and server but the engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio

from mcp_jupyter.engine.channel import memory_pair
from mcp_jupyter.engine.connection import Connection
from mcp_jupyter.protocol.eras import CLIENT_CAPABILITIES, PROTOCOL_VERSION
from mcp_jupyter.protocol.frames import Notification

MODERN = {PROTOCOL_VERSION: "2026-07-28", CLIENT_CAPABILITIES: {}}


class Client:
    """Sends requests; keeps the notifications that come."""

    def __init__(self, connection: Connection, heard: list[Notification]) -> None:
        self.connection = connection
        self.heard = heard

    async def ask(self, method: str, params: dict[str, Any] | None = None, **options: Any) -> Any:
        return await self.connection.request(method, params or {}, timeout=10, **options)

    async def handshake(self, version: str = "2025-11-25", name: str = "mcp_jupyter") -> Any:
        """The legacy handshake."""
        who = {"name": name, "version": "1"}
        said = await self.ask(
            "initialize", {"protocolVersion": version, "capabilities": {}, "clientInfo": who}
        )
        self.connection.notify("notifications/initialized", {})
        return said

    async def call(self, name: str, arguments: dict[str, Any] | None = None, **options: Any) -> Any:
        return await self.ask("tools/call", {"name": name, "arguments": arguments or {}}, **options)

    async def modern(self, method: str, params: dict[str, Any] | None = None, **meta: Any) -> Any:
        return await self.ask(method, {**(params or {}), "_meta": MODERN | meta})

    def methods(self) -> list[str]:
        return [notification.method for notification in self.heard]

    async def hear(self, method: str) -> Notification:
        """Wait for a notification that has come or will come."""
        with anyio.fail_after(5):
            while True:
                for notification in self.heard:
                    if notification.method == method:
                        self.heard.remove(notification)
                        return notification
                await anyio.lowlevel.checkpoint()


class Ears:
    """Hears notifications and answers whatever it is asked with an empty result."""

    def __init__(self, heard: list[Notification]) -> None:
        self.heard = heard

    async def request(self, call: Any) -> Any:
        return {}

    def notification(self, notification: Notification) -> None:
        self.heard.append(notification)


@asynccontextmanager
async def connected(
    server: Any, *, initialize: str | None = "2025-11-25", name: str = "mcp_jupyter"
) -> AsyncIterator[Client]:
    """A running server and one client of it, with the legacy handshake done unless told otherwise."""
    ours, theirs = memory_pair()
    heard: list[Notification] = []
    connection = Connection(ours, Ears(heard))
    async with server.running(), anyio.create_task_group() as tasks:
        tasks.start_soon(server.serve, theirs)
        await tasks.start(connection.serve)
        client = Client(connection, heard)
        try:
            if initialize is not None:
                await client.handshake(initialize, name)
            yield client
        finally:
            connection.close()
