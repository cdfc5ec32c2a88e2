# SPDX-License-Identifier: BSD-3-Clause
"""Servers and clients in programs that use `asyncio.run`, which tells anyio less than `anyio.run` does."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from mcp_jupyter import Client
from mcp_jupyter.server.fastmcp import Context, FastMCP
from mcp_jupyter.server.http.app import serve_http

STDIO = """
import asyncio
from mcp_jupyter.server.fastmcp import FastMCP

mcp = FastMCP("s")

@mcp.tool()
async def add(a: int, b: int) -> int:
    return a + b

asyncio.run(mcp.run_stdio_async())
"""


async def sum_of(target: Any) -> int:
    async with Client(target, read_timeout_seconds=20) as client:
        return (await client.call_tool("add", {"a": 1, "b": 2})).structuredContent["result"]


def test_stdio():
    assert asyncio.run(sum_of([sys.executable, "-c", STDIO])) == 3


@pytest.mark.parametrize("path", ["mcp", "sse"])
def test_http(path: str):
    async def main() -> int:
        mcp = FastMCP("s")

        @mcp.tool(concurrent=True)
        def add(a: int, b: int, ctx: Context) -> int:
            ctx.info("from a thread")
            return a + b

        async with serve_http(mcp, port=0) as port:
            return await sum_of(f"http://127.0.0.1:{port}/{path}")

    assert asyncio.run(main()) == 3
