# SPDX-License-Identifier: BSD-3-Clause
"""The official SDK's client and a low-level server of ours, over stdio and HTTP, in both eras."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from mcp_jupyter.server.http.app import serve_http

from .lending import command, make_server

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.slow,  # the official SDK takes seconds to start, in a process for each transport
]

LIMIT_SECONDS = 30


@pytest.fixture(autouse=True)
def patient_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """After its ten seconds it takes a slow machine's server for a legacy one."""
    monkeypatch.setattr("mcp.client.session.DISCOVER_TIMEOUT_SECONDS", LIMIT_SECONDS)


@asynccontextmanager
async def reached(transport: str, mode: Any) -> AsyncIterator[Client]:
    with anyio.fail_after(LIMIT_SECONDS), open(os.devnull, "w") as nowhere:
        async with AsyncExitStack() as stack:
            if transport == "stdio":
                program, *args = command()
                target: Any = stdio_client(StdioServerParameters(command=program, args=args), errlog=nowhere)
            else:
                port = await stack.enter_async_context(serve_http(make_server(), port=0))
                target = f"http://127.0.0.1:{port}/mcp"
            yield await stack.enter_async_context(Client(target, mode=mode))


@pytest.mark.parametrize("transport", ["stdio", "http"])
@pytest.mark.parametrize(("mode", "version"), [("legacy", "2025-11-25"), ("auto", "2026-07-28")])
async def test_one_of_everything(transport: str, mode: str, version: str):
    async with reached(transport, mode) as client:
        assert client.protocol_version == version
        assert [tool.name for tool in (await client.list_tools()).tools] == ["author"]
        result = await client.call_tool("author", {"title": "emma"})
        assert (result.content[0].text, result.is_error) == ("Jane Austen", False)  # type: ignore[union-attr]
        assert (await client.call_tool("author", {"title": 3})).is_error
        (part,) = (await client.read_resource("book://emma")).contents
        assert part.text == "The text of book://emma."  # type: ignore[union-attr]
        prompt = await client.get_prompt("review", {"title": "emma"})
        assert prompt.messages[0].content.text == "Review emma."  # type: ignore[union-attr]
