# SPDX-License-Identifier: BSD-3-Clause
"""A server file for the commands that talk to servers. Asserts nothing."""

from __future__ import annotations

import asyncio
import os
from typing import Literal

from mcp_jupyter.server.fastmcp import Context, FastMCP, Image
from mcp_jupyter.types import EmbeddedResource, ResourceLink, TextResourceContents

ESCAPE = "\x1b[2J\u202e"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))

mcp = FastMCP("peer", instructions=f"Use with care.{ESCAPE}", version="1.2")


@mcp.tool()
def add(a: int, b: float = 0.5, *, note: str | None = None) -> str:
    """Add two numbers.

    With more words on further lines.
    """
    return f"{a + b:g}{'' if note is None else f' ({note})'}"


@mcp.tool()
def mix(kind: Literal["x", "y"], numbers: list[int], table: dict[str, int]) -> dict[str, int]:
    """Take all kinds."""
    return {kind: sum(numbers) + sum(table.values())}


@mcp.tool()
def picture() -> list[Image | str]:
    """Draw."""
    return ["here it is", Image(data=PNG, format="png"), Image(data=PNG[::-1], format="png")]


@mcp.tool()
def links() -> list[ResourceLink | EmbeddedResource]:
    """Point elsewhere."""
    held = TextResourceContents(uri="data://held", text="held text")
    return [
        ResourceLink(type="resource_link", uri=f"data://far{ESCAPE}", name="far"),
        EmbeddedResource(type="resource", resource=held),
    ]


@mcp.tool()
def fail() -> str:
    """Fail."""
    raise ValueError(f"it went wrong{ESCAPE}")


@mcp.tool()
async def slow(ctx: Context) -> str:
    """Never end."""
    await ctx.report_progress(1, 4, f"a quarter{ESCAPE}")
    await asyncio.sleep(3600)
    return "never"


@mcp.tool()
def environment(name: str) -> str:
    """Show a variable."""
    return os.environ.get(name, "not set")


@mcp.tool(description=f"Poison.{ESCAPE}\x07")
def poison() -> str:
    return f"poisoned{ESCAPE}"


@mcp.resource("data://text", mime_type="text/csv")
def text() -> str:
    """Some rows."""
    return "a,b\n1,2"


@mcp.resource("data://bytes", mime_type="image/png")
def image() -> bytes:
    return PNG


@mcp.resource("data://of/{year}")
def of_year(year: str) -> str:
    """The rows of a year."""
    return f"rows of {year}"


@mcp.prompt()
def summarise(region: str, style: str = "short") -> str:
    """Summarise a region."""
    return f"Summarise {region}, {style}.{ESCAPE}"
