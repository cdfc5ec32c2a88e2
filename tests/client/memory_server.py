# SPDX-License-Identifier: BSD-3-Clause
"""A server in memory, with answers from a table, and a session with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio

from mcp_jupyter.client import ClientSession
from mcp_jupyter.client.transport import halves
from mcp_jupyter.engine.channel import Channel, memory_pair
from mcp_jupyter.engine.connection import Connection, InboundRequest
from mcp_jupyter.protocol.frames import Notification

from .conftest import nothing_left
from .scripted_http import DISCOVERED, INITIALIZED


class Server:
    """Answers from a table, and keeps what it was told."""

    def __init__(self, answers: Mapping[str, Any] | None = None) -> None:
        self.answers = {"initialize": INITIALIZED, "server/discover": DISCOVERED, **(answers or {})}
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.told: list[str] = []
        self.heard = anyio.Event()

    async def request(self, call: InboundRequest) -> Any:
        self.asked.append((call.method, call.params))
        answer = self.answers.get(call.method, {})
        if isinstance(answer, Exception):
            raise answer
        return await answer(call) if callable(answer) else answer

    def notification(self, notification: Notification) -> None:
        self.told.append(notification.method)
        self.heard.set()

    async def was_told(self, method: str) -> None:
        with anyio.fail_after(5):
            while method not in self.told:
                await self.heard.wait()
                self.heard = anyio.Event()


class Served:
    """A table of answers as an object that a `Client` serves in memory."""

    connection: Connection

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.table = Server(answers)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        yield

    async def serve(self, channel: Channel) -> None:
        self.connection = Connection(channel, self.table)
        await self.connection.serve()

    def asked(self) -> list[str]:
        """What was asked since the last time."""
        methods = [method for method, _ in self.table.asked]
        self.table.asked.clear()
        return methods


@asynccontextmanager
async def connected(
    server: Server, *, opening: str | None = "initialize", **options: Any
) -> AsyncIterator[tuple[ClientSession, Connection]]:
    """A session, opened, and the server's end of its connection."""
    theirs, ours = memory_pair()
    connection = Connection(theirs, server)
    async with nothing_left(), anyio.create_task_group() as tasks:
        tasks.start_soon(connection.serve)
        async with ClientSession(*halves(ours), **options) as session:
            if opening is not None:
                await getattr(session, opening)()
            yield session, connection
