# SPDX-License-Identifier: BSD-3-Clause
"""The Python blocks of README.md: pasted into cells of one notebook, in their order, each one works."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mcp_jupyter import Client
from mcp_jupyter.server.fastmcp import FastMCP
from mcp_jupyter.server.http.app import serve_http
from tests.conftest import JupyterDirs
from tests.kernel.live import live_kernel

pytestmark = pytest.mark.anyio

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SCRIPT = "# server.py\n"
"""How a block begins that is a file of its own."""

BLOCKS = BLOCK.findall((Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8"))
CELLS = [block for block in BLOCKS if not block.startswith(SCRIPT)]

CELL_SECONDS = 120.0
"""Seconds. One block starts a cluster of processes, which import pandas on a busy machine."""

REMOTE_URL = "https://example.com/mcp"
REMOTE_COMMAND = "npx -y @modelcontextprotocol/server-filesystem ."
CLUSTER = "cluster = Client()"


def forecasts() -> FastMCP:
    """A server with the tool that README calls."""
    mcp = FastMCP("Weather")

    @mcp.tool()
    def forecast(city: str, days: int = 1) -> list[dict[str, Any]]:
        return [{"city": city, "day": day, "celsius": 20} for day in range(days)]

    return mcp


@pytest.fixture
async def local() -> AsyncIterator[dict[str, str]]:
    """Stand-ins for what a test may not use: servers elsewhere, and the fixed port of Dask's dashboard."""
    command = f"{shlex.quote(sys.executable)} {Path(__file__).parents[2] / 'notebooks/servers/weather.py'}"
    async with serve_http(forecasts(), port=0) as port:
        yield {
            REMOTE_URL: f"http://127.0.0.1:{port}/mcp",
            REMOTE_COMMAND: command,
            CLUSTER: "cluster = Client(n_workers=1, dashboard_address=None)",
        }


async def test_the_blocks_work_when_they_are_pasted_in_order(
    jupyter_dirs: JupyterDirs, local: dict[str, str]
) -> None:
    """README's five minutes, and what follows, need nothing that they do not define (1.33)."""
    path = str(jupyter_dirs.notebooks / "quickstart.ipynb")
    with live_kernel(jupyter_dirs.runtime, jupyter_dirs.environ, path) as kernel:
        for cell in CELLS:
            for elsewhere, here in local.items():
                cell = cell.replace(elsewhere, here)
            ran = await kernel.arun(cell, CELL_SECONDS)
            assert ran.error == "", f"{cell}\n{ran.error}\n{ran.printed}"
        async with kernel.connect() as client:
            tools = {tool["name"] for tool in (await client.ask("tools/list"))["tools"]}
            assert tools == {"top_customers", "count_rows", "drop_region", "delete_region", "simulate"}
            best = await client.call("top_customers", {"n": 1})
            assert "Curie" in best["content"][0]["text"]
        assert (await kernel.arun("cluster.close()", CELL_SECONDS)).error == ""


async def test_the_script_serves(tmp_path: Path) -> None:
    """The block that is a file works as one (1.33)."""
    (script,) = (block for block in BLOCKS if block.startswith(SCRIPT))
    file = tmp_path / "server.py"
    file.write_text(script, encoding="utf-8")
    async with Client([sys.executable, str(file)]) as client:
        assert (await client.call_tool("add", {"a": 2, "b": 3})).structuredContent == {"result": 5}
        read = await client.read_resource("greeting://Ada")
        assert read.contents[0].text == "Hello, Ada!"
