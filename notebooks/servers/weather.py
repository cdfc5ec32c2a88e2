# SPDX-License-Identifier: BSD-3-Clause
"""A small server for the notebook `calling-servers.ipynb`. Its weather is made up, and the same every day."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import BaseModel

from mcp_jupyter.server.fastmcp import Context, FastMCP

mcp = FastMCP("Weather")

LATITUDES = {"Bergen": 60.4, "Lisbon": 38.7, "Nairobi": -1.3}


class Day(BaseModel):
    """The weather of one day."""

    day: int
    temperature: float
    rain: bool


@mcp.tool()
def forecast(
    city: Literal["Bergen", "Lisbon", "Nairobi"],
    days: int = 3,
    unit: Literal["celsius", "fahrenheit"] = "celsius",
) -> list[Day]:
    """The weather of the next days.

    Parameters
    ----------
    city
        Where.
    days : int
        How many.
    """
    found = []
    for day in range(1, days + 1):
        celsius = 30 - abs(LATITUDES[city]) / 3 + 3 * math.sin(day)
        degrees = celsius if unit == "celsius" else celsius * 9 / 5 + 32
        found.append(Day(day=day, temperature=round(degrees, 1), rain=celsius < 14))
    return found


@mcp.tool()
async def climate(ctx: Context, years: int = 4) -> dict[str, float]:
    """The mean temperature of each city over some years; takes a while."""
    for year in range(1, years + 1):
        await ctx.report_progress(year, years, f"year {year}")
    return {city: round(30 - abs(latitude) / 3, 1) for city, latitude in LATITUDES.items()}


@mcp.resource("weather://stations", mime_type="text/csv")
def stations() -> str:
    """Where it is measured."""
    return "city,latitude\n" + "".join(f"{city},{latitude}\n" for city, latitude in LATITUDES.items())


@mcp.prompt()
def pack(city: str) -> str:
    """What to take along."""
    return f"Look at the forecast for {city} and say in one sentence what to pack."


if __name__ == "__main__":
    mcp.run()
