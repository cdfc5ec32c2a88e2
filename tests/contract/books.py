# SPDX-License-Identifier: BSD-3-Clause
"""What is served in every test of this folder: by a script (`python -m tests.contract.books`), in memory,
over a link, over HTTP, and from a notebook. Each function is about one part of the protocol.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Literal

import anyio
from pydantic import BaseModel

from mcp_jupyter import types
from mcp_jupyter.server.fastmcp import Context, FastMCP
from mcp_jupyter.types import ToolAnnotations


class Book(BaseModel):
    title: str
    pages: int


class Shelf(Enum):
    NOVELS = "novels"
    MAPS = "maps"


class Loan(BaseModel):
    name: str
    days: int = 14


def offer(target: Any) -> None:
    """Register everything at a `FastMCP`, or at what has its decorators."""
    _offer_answers(target)
    _offer_talk(target)
    _offer_questions(target)
    _offer_reading(target)


def _offer_answers(target: Any) -> None:
    @target.tool(title="Add", annotations=ToolAnnotations(readOnlyHint=True))
    def add(a: int, b: int = 1) -> int:
        """Add two numbers."""
        return a + b

    @target.tool()
    async def book() -> Book:
        """A book, as structured output."""
        return Book(title="Emma", pages=474)

    @target.tool()
    def broken() -> None:
        """Fail."""
        raise ValueError("no such shelf")

    @target.tool()
    async def mixed() -> list[Any]:
        """Content of several kinds."""
        link = types.ResourceLink(name="emma", uri="books://emma")
        return [types.TextContent(text="text"), types.ImageContent(data="aW1n", mimeType="image/png"), link]


def _offer_talk(target: Any) -> None:
    @target.tool()
    async def talk(ctx: Context) -> str:
        """Report progress and log."""
        for step in range(3):
            await ctx.report_progress(step + 1, 3, f"step {step + 1}")
            await ctx.info(f"step {step + 1}")
        return "done"

    waits: dict[str, str] = {}

    @target.tool()
    async def wait(key: str) -> None:
        """Wait until cancelled."""
        waits[key] = "begun"
        try:
            await anyio.sleep_forever()
        finally:
            waits[key] = "ended"

    @target.tool()
    async def waited(key: str) -> str:
        """What became of a call of `wait`."""
        return waits.get(key, "unknown")


def _offer_questions(target: Any) -> None:
    @target.tool()
    async def lend(ctx: Context) -> str:
        """Ask the person."""
        answer = await ctx.elicit("Who borrows it?", Loan)
        return f"{answer.data.name}, {answer.data.days} days" if answer.action == "accept" else answer.action

    @target.tool()
    async def consult(ctx: Context) -> str:
        """Ask the client's model, and for its roots."""
        said = await ctx.sample("Name a colour.")
        roots = await ctx.list_roots()
        return f"{said.content.text}, {roots[0].uri}"


def _offer_reading(target: Any) -> None:
    @target.resource("books://emma", mime_type="text/plain")
    def emma() -> str:
        """A novel."""
        return "Emma Woodhouse, handsome, clever, and rich"

    @target.resource("books://{shelf}/cover", mime_type="image/png")
    def cover(shelf: Shelf) -> bytes:
        """A picture."""
        return shelf.value.encode()

    @target.prompt(title="Review")
    def review(title: str, tone: Literal["kind", "keen", "harsh"] = "kind") -> str:
        """Ask for a review."""
        return f"Review {title}, {tone}."


def library(**options: Any) -> FastMCP:
    """A server of its own."""
    server = FastMCP("library", "Lends books.", **options)
    offer(server)

    @server.tool()
    async def publish(ctx: Context) -> str:
        """Change what is served, and a resource."""
        server.add_tool(lambda: 1, "published")
        server.resource_updated("books://emma")
        return "published"

    return server


if __name__ == "__main__":
    library().run("stdio")
