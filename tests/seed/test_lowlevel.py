# SPDX-License-Identifier: BSD-3-Clause
"""The README's low-level lifespan, with the database it leaves out; its server is in `test_servers`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from mcp_jupyter import Client
from mcp_jupyter.server.lowlevel import Server

pytestmark = pytest.mark.anyio


class Database:
    """Stands in for a database."""

    def __init__(self) -> None:
        self.events: list[str] = []

    async def connect(self) -> None:
        self.events.append("connected")

    async def disconnect(self) -> None:
        self.events.append("disconnected")

    async def query(self, sql: str) -> list[Any]:
        self.events.append(sql)
        return [("robin", 2)]


async def test_a_lifespan_whose_context_handlers_find():
    db = Database()

    @asynccontextmanager
    async def server_lifespan(server: Server[Any]) -> AsyncIterator[dict[str, Any]]:
        try:
            await db.connect()
            yield {"db": db}
        finally:
            await db.disconnect()

    server = Server("example-server", lifespan=server_lifespan)

    @server.call_tool()
    async def query_db(name: str, arguments: dict[str, Any]) -> list[Any]:
        ctx = server.request_context
        db = ctx.lifespan_context["db"]
        return await db.query(arguments["query"])

    async with Client(server) as client:
        result = await client.call_tool("query_db", {"query": "SELECT"})
    assert result.content[0].text == '[["robin",2]]'
    assert db.events == ["connected", "SELECT", "disconnected"]
