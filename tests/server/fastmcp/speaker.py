# SPDX-License-Identifier: BSD-3-Clause
"""A client that says the same in either era."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from mcp_jupyter.protocol.eras import CLIENT_INFO, LOG_LEVEL
from mcp_jupyter.server.fastmcp import FastMCP

from ..memory_client import MODERN, Client, connected

both_eras = pytest.mark.parametrize("era", ["legacy", "modern"])


class Speaker:
    """Asks by the rules of an era, for all log messages; gives results without the era's envelope."""

    def __init__(self, client: Client, era: str, name: str) -> None:
        self.client = client
        self.heard = client.heard
        who = {CLIENT_INFO: {"name": name, "version": "1"}}
        self.meta = {} if era == "legacy" else {**MODERN, **who, LOG_LEVEL: "debug"}

    async def ask(self, method: str, on_progress: Any = None, **params: Any) -> Any:
        if self.meta:
            params["_meta"] = self.meta
        result = await self.client.ask(method, params, on_progress=on_progress)
        for name in ("_meta", "resultType", "ttlMs", "cacheScope"):
            result.pop(name, None)
        return result

    async def call(self, name: str, /, **arguments: Any) -> Any:
        return await self.ask("tools/call", name=name, arguments=arguments)

    async def text(self, name: str, /, **arguments: Any) -> str:
        """The one text block of a call that went well."""
        result = await self.call(name, **arguments)
        assert not result.get("isError"), result
        (block,) = result["content"]
        text: str = block["text"]
        return text

    async def error(self, name: str, /, **arguments: Any) -> str:
        """What a call that fails says."""
        result = await self.call(name, **arguments)
        assert result["isError"] is True
        (block,) = result["content"]
        text: str = block["text"]
        return text


@asynccontextmanager
async def speaking(server: FastMCP, era: str = "legacy", name: str = "mcp_jupyter") -> AsyncIterator[Speaker]:
    opening = "2025-11-25" if era == "legacy" else None
    async with connected(server, initialize=opening, name=name) as client:
        yield Speaker(client, era, name)
