# SPDX-License-Identifier: BSD-3-Clause
"""A server of ours with one of each, to be served in this process or as a child over stdio."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel

from mcp_jupyter.server.fastmcp import Context, FastMCP


class Person(BaseModel):
    name: str


def our_server() -> FastMCP:
    """Make the server."""
    mcp = FastMCP("ours", instructions="For tests.")

    @mcp.tool()
    async def add(a: int, b: int, ctx: Context) -> int:
        await ctx.report_progress(1, 2)
        await ctx.info("adding")
        return a + b

    @mcp.tool()
    async def who(ctx: Context) -> str:
        answer = await ctx.elicit("Who are you?", schema=Person)
        return answer.data.name if answer.action == "accept" else answer.action

    @mcp.tool()
    def grow(name: str) -> str:
        mcp.add_tool(lambda: name, name=name)
        mcp.resource_updated("note://today")
        return "grown"

    @mcp.tool()
    def variable(name: str) -> str:
        return os.environ.get(name, "")

    @mcp.tool()
    def folder() -> str:
        return str(Path.cwd())

    @mcp.resource("note://today", mime_type="text/plain")
    def today() -> str:
        return "sunny"

    @mcp.resource("note://{day}")
    def note(day: str) -> str:
        return day

    @mcp.prompt()
    def greet(name: str) -> str:
        return f"Say hello to {name}."

    return mcp


if __name__ == "__main__":
    our_server().run("stdio")
