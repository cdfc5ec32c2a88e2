# SPDX-License-Identifier: BSD-3-Clause
"""A server over stdio that does what well-behaved servers do, and some of what others do. Run as a file."""

from __future__ import annotations

import asyncio
import os
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from mcp_jupyter.server.fastmcp import Context, FastMCP, Image

mcp = FastMCP("Trips")
cancelled: list[str] = []


class Stop(BaseModel):
    """One stop of a trip."""

    city: str = Field(description="Where to stay.")
    nights: int = Field(1, ge=1, le=30)


class Trip(BaseModel):
    """A whole trip."""

    traveller: str
    stops: list[Stop] = Field(min_length=1)
    tags: list[Literal["beach", "museum", "food"]] = []


class Booking(BaseModel):
    """What is asked before booking."""

    city: str = Field(description="Where to?")
    nights: int = Field(2, ge=1)
    breakfast: bool = True


@mcp.tool(title="Weather forecast")
def forecast(
    city: Annotated[str, Field(description="Name of a city.")],
    unit: Literal["celsius", "fahrenheit"] = "celsius",
    days: Annotated[int, Field(ge=1, le=14, description="How many days.")] = 1,
) -> str:
    """The weather of the next days, one line a day.

    It is made up, and always good.
    """
    degrees = 20 if unit == "celsius" else 68
    return "\n".join(f"{city}, day {day + 1}: sunny, {degrees + day}°" for day in range(days))


@mcp.tool()
def plan(
    trip: Trip, secret: Annotated[str, Field(json_schema_extra={"format": "password"})] = ""
) -> dict[str, int]:
    """Count the nights of a trip."""
    return {stop.city: stop.nights for stop in trip.stops}


@mcp.tool()
async def search(ctx: Context, steps: int = 1000) -> None:
    """Search for flights, step by step, until cancelled: a page that is slow misses nothing."""
    try:
        for step in range(steps):
            await ctx.report_progress(step + 1, steps, f"airline {step + 1}")
            await asyncio.sleep(0.05)
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        cancelled.append("search")
        raise


@mcp.tool(annotations={"destructiveHint": True})
def cancel_trip(number: int) -> str:
    """Cancel a trip for good."""
    return f"cancelled trip {number}"


@mcp.tool()
def cancellations() -> list[str]:
    """Which calls were cancelled."""
    return cancelled


@mcp.tool()
async def book(ctx: Context) -> str:
    """Book a room; asks for the details."""
    answer = await ctx.elicit("Which room shall it be?", Booking)
    if answer.action != "accept":
        return f"not booked: {answer.action}"
    return f"booked {answer.data.nights} nights in {answer.data.city}"


@mcp.tool()
async def pay(ctx: Context) -> str:
    """Pay at the bank's own page."""
    answer = await ctx.elicit_url("Pay at the bank.", "https://bank.example/pay?id=1", "payment-1")
    return answer.action


@mcp.tool()
async def postcard(ctx: Context) -> str:
    """Have a postcard written."""
    written = await ctx.sample("Write a postcard from Oslo.")
    return f"The postcard says: {written.content.text}"


@mcp.tool()
def picture() -> list[object]:
    """A picture and a word about it."""
    import io

    from PIL import Image as Pillow

    buffer = io.BytesIO()
    Pillow.new("RGB", (240, 80), "#1976d2").save(buffer, "PNG")
    return ["The sea, today:", Image(data=buffer.getvalue())]


@mcp.tool()
def fail(why: str = "the agency is closed") -> str:
    """Always fails."""
    raise ValueError(why)


@mcp.tool()
async def flood(ctx: Context) -> str:
    """Report more than anybody reads."""
    for number in range(5000):
        await ctx.report_progress(number + 1, 5000, f"line {number}")
        await ctx.info(f"line {number}")
    return "flooded"


@mcp.tool()
def extend() -> str:
    """Give the forecast another argument from now on."""

    def forecast(city: str, unit: Literal["celsius", "kelvin"] = "celsius", wind: bool = False) -> str:
        """The weather, with wind."""
        return f"{city}: {unit}, wind {wind}"

    mcp.remove("forecast")
    mcp.add_tool(forecast)
    return "extended"


@mcp.tool()
def die() -> str:
    """End the process in the middle of the call."""
    os._exit(3)


@mcp.resource("trips://brochure", mime_type="text/plain")
def brochure() -> str:
    """What there is to see."""
    return "Mountains, and the sea."


@mcp.resource("trips://guides/{city}")
def guide(city: str) -> str:
    """The guide of one city."""
    return f"A guide of {city}"


@mcp.prompt()
def pack(city: str, nights: str = "2") -> str:
    """What to pack for a trip."""
    return f"What should I pack for {nights} nights in {city}?"


if __name__ == "__main__":
    mcp.run("stdio")
