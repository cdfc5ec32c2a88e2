# SPDX-License-Identifier: BSD-3-Clause
"""Recording and replaying in a few words. Asserts nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mcp_jupyter import Client
from mcp_jupyter.client.cassettes import Cassette
from mcp_jupyter.server.fastmcp import FastMCP

__all__ = ["ALIAS", "calls_in", "counting_server", "recording", "replaying", "written"]

ALIAS = "ours"


@asynccontextmanager
async def recording(server: Any, path: Path, *, alias: str = ALIAS, **options: Any) -> AsyncIterator[Client]:
    """Open a client that records; `redact`, `no_redact` and `secrets` are the cassette's."""
    given = {name: options.pop(name) for name in ("redact", "no_redact", "secrets") if name in options}
    track = Cassette.open(path, "record", **given).track(alias)
    async with Client(server, cassette=track, **options) as client:
        yield client


@asynccontextmanager
async def replaying(path: Path, *, alias: str = ALIAS, **options: Any) -> AsyncIterator[Client]:
    """Open a client on a recording."""
    async with Client(None, cassette=Cassette.open(path, "replay").track(alias), **options) as client:
        yield client


def calls_in(path: Path, alias: str = ALIAS) -> list[dict[str, Any]]:
    """Read the calls in a file."""
    calls = json.loads(path.read_bytes())["servers"][alias]["interactions"]
    assert isinstance(calls, list)
    return calls


def written(*calls: dict[str, Any], alias: str = ALIAS) -> str:
    """Give the text of a cassette with these calls."""
    result = {"supportedVersions": ["2026-07-28"], "capabilities": {}}
    opening = {"method": "server/discover", "version": "2026-07-28", "result": result}
    return json.dumps({"cassette": 1, "servers": {alias: {"opening": opening, "interactions": [*calls]}}})


def counting_server(*, with_unit: bool = False) -> FastMCP:
    """Make a server whose answers differ each time; a later version of it wants a unit."""
    mcp = FastMCP("counting")
    counts: dict[str, int] = {}

    @mcp.tool()
    def count(name: str) -> int:
        counts[name] = counts.get(name, 0) + 1
        return counts[name]

    def forecast(city: str, days: int = 1) -> str:
        return f"{city}: {days}"

    def forecast_in(city: str, unit: str, days: int = 1) -> str:
        return f"{city}: {days} {unit}"

    mcp.add_tool(forecast_in if with_unit else forecast, name="forecast")
    return mcp
