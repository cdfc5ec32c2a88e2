# SPDX-License-Identifier: BSD-3-Clause
"""A server to call: in memory, or as a process (`python -m tests.notebook_client.servers`)."""

from __future__ import annotations

import asyncio
import os
from typing import Literal

from pydantic import BaseModel

from mcp_jupyter.server.fastmcp import Context, FastMCP


class Trip(BaseModel):
    city: str
    nights: int = 2


def weather(events: list[str] | None = None) -> FastMCP:
    """The server; `events` tells what happened in it."""
    mcp = FastMCP("Weather")
    _add_plain(mcp)
    _add_asking(mcp)
    _add_odd(mcp, [] if events is None else events)
    _add_life(mcp)
    _add_texts(mcp)
    return mcp


def _add_plain(mcp: FastMCP) -> None:
    @mcp.tool()
    def forecast(city: str, unit: Literal["celsius", "fahrenheit"] = "celsius", days: int = 1) -> str:
        """The weather of the next days.

        Parameters
        ----------
        city
            Where.
        """
        return f"{city}: sunny, {20 if unit == 'celsius' else 68}, {days} d"

    @mcp.tool()
    def stations(n: int) -> dict[str, list[int]]:
        """Numbers of stations."""
        return {"stations": list(range(n))}

    @mcp.tool()
    async def measure(ctx: Context, steps: int = 3) -> str:
        """Report progress and end."""
        for step in range(1, steps + 1):
            await ctx.report_progress(step, steps, f"step {step}")
        await ctx.info("measured")
        return "measured"


def _add_odd(mcp: FastMCP, happened: list[str]) -> None:
    @mcp.tool()
    async def forever() -> str:
        """Never ends by itself."""
        happened.append("began")
        try:
            await asyncio.Event().wait()
        finally:
            happened.append("cancelled")
        return ""

    @mcp.tool()
    def broken(why: str) -> str:
        """Always fails."""
        raise ValueError(f"no weather today: {why}")


def _add_asking(mcp: FastMCP) -> None:
    @mcp.tool()
    async def book(ctx: Context) -> str:
        """Ask where to."""
        answer = await ctx.elicit("Where do you want to go?", Trip)
        if answer.action != "accept":
            return answer.action
        return f"{answer.data.nights} nights in {answer.data.city}"

    @mcp.tool()
    async def haiku(ctx: Context) -> str:
        """Have a model write."""
        result = await ctx.sample("Write a haiku about rain.")
        return f"wrote: {result.content.text}"

    @mcp.tool()
    async def folders(ctx: Context) -> list[str]:
        """What the client works in."""
        return [root.name or "" for root in await ctx.list_roots()]


def _add_life(mcp: FastMCP) -> None:
    @mcp.tool()
    def learn(name: str) -> str:
        """Offer another tool from now on."""
        mcp.add_tool(lambda: "new", name=name, description="Learnt.")
        return name

    @mcp.tool()
    def turn(name: str, description: str) -> str:
        """Give a tool another description."""
        mcp.remove(name)
        mcp.add_tool(lambda: "turned", name=name, description=description)
        return name

    @mcp.tool()
    def die() -> str:
        """End the process."""
        os._exit(3)


def _add_texts(mcp: FastMCP) -> None:
    @mcp.resource("weather://stations", mime_type="text/csv")
    def all_stations() -> str:
        """All stations."""
        return "id,city\n1,Paris\n2,Oslo\n"

    @mcp.resource("weather://stations/{city}")
    def station(city: str) -> str:
        """One station."""
        return f"station of {city}"

    @mcp.prompt()
    def pack(city: str) -> str:
        """What to pack."""
        return f"What should I pack for {city}?"


if __name__ == "__main__":
    weather().run()
