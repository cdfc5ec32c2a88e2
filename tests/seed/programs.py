# SPDX-License-Identifier: BSD-3-Clause
"""Starts servers in processes of their own, as the README does. Asserts nothing."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mcp_jupyter import ClientSession, StdioServerParameters
from mcp_jupyter.client.stdio import stdio_client

SERVERS = Path(__file__).parent / "servers"
SECONDS = 30.0
RUN = ("-m", "mcp_jupyter.cli", "run")
"""`mcp run`, as far as Python is concerned."""


@asynccontextmanager
async def started(
    *args: str | Path, cwd: Path | None = None, **callbacks: Any
) -> AsyncIterator[ClientSession]:
    """Start `python *args` and open a session with it."""
    server = StdioServerParameters(command=sys.executable, args=[str(arg) for arg in args], cwd=cwd)
    async with (
        stdio_client(server) as (read, write),
        ClientSession(read, write, read_timeout_seconds=SECONDS, **callbacks) as session,
    ):
        await session.initialize()
        yield session
