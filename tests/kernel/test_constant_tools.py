# SPDX-License-Identifier: BSD-3-Clause
"""Constant tools of a real kernel: who gets them, and what a cell changes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import JupyterDirs
from tests.server.memory_client import MODERN, Client

from .live import LiveKernel, live_kernel

pytestmark = pytest.mark.anyio

CONSTANT = ["find_tools", "use_tool", "read_more"]
TOOL = """\
%%mcp_tool
def total(n: int) -> int:
    "Ten times n."
    print("counting")
    return 10 * n
"""


@pytest.fixture(scope="module")
def kernel(module_jupyter_dirs: JupyterDirs) -> Iterator[LiveKernel]:
    with live_kernel(module_jupyter_dirs.runtime, module_jupyter_dirs.environ) as kernel:
        assert not kernel.run("%load_ext mcp_jupyter").error
        yield kernel


@pytest.fixture(autouse=True)
def clean(kernel: LiveKernel) -> Iterator[None]:
    yield
    kernel.run("%mcp_remove total")


async def listed(client: Client) -> list[str]:
    tools = (await client.modern("tools/list"))["tools"]  # without a name: an unknown host
    return [tool["name"] for tool in tools]


async def test_an_unknown_host_gets_them_from_a_notebook(kernel: LiveKernel) -> None:
    """A tool of a later cell is found and called; what the call prints is part of it (2: constant tools)."""
    async with kernel.connect(initialize=False) as client:
        assert await listed(client) == CONSTANT
        assert not (await kernel.arun(TOOL)).error
        found = await client.modern("tools/call", {"name": "find_tools", "arguments": {"query": "ten"}})
        assert "total" in found["content"][0]["text"]
        arguments = {"name": "total", "arguments": {"n": 4}}
        result = await client.modern("tools/call", {"name": "use_tool", "arguments": arguments})
        direct = await client.modern("tools/call", {"name": "total", "arguments": {"n": 4}})
        assert result["content"] == direct["content"]
        assert result["content"][0]["text"] == "40"


async def test_find_tools_begins_with_the_data(kernel: LiveKernel) -> None:
    """Kind, shape and columns, for hosts whose models read no instructions (2: constant tools)."""
    find = {"name": "find_tools", "arguments": {"query": ""}}
    async with kernel.connect(initialize=False) as client:
        said = (await client.modern("tools/call", find))["content"][0]["text"]
        assert "Data" not in said
        assert not (await kernel.arun("sales = [1, 2]\n%mcp_resource sales --description 'By day'")).error
        said = (await client.modern("tools/call", find))["content"][0]["text"]
        assert said.splitlines()[0] == "Data: sales (By day (list))."
        await kernel.arun("%mcp_remove sales")


async def test_a_cell_says_who_gets_them(kernel: LiveKernel) -> None:
    """Clients hear that the list changed; another word is refused (2: constant tools)."""
    async with kernel.connect() as client:
        assert (await client.ask("tools/list"))["tools"] == []  # our own client needs none
        for mode, names in (("no", []), ("yes", CONSTANT), ("auto", CONSTANT)):
            assert not (await kernel.arun(f"%mcp_serve --constant-tools {mode}")).error
            await client.hear("notifications/tools/list_changed")
            assert await listed(client) == names
        ran = await kernel.arun("%mcp_serve --constant-tools maybe")
        assert "'maybe'" in ran.error
        assert "yes" in ran.error


async def test_the_magics_count_the_notebooks_own_tools(kernel: LiveKernel) -> None:
    """Constant tools are in no card and cannot be removed (2: constant tools)."""
    assert "use_tool" not in (await kernel.arun("%mcp_status")).text
    assert "use_tool" in (await kernel.arun("%mcp_remove use_tool")).error
    assert not (await kernel.arun(TOOL)).error
    async with kernel.connect(initialize=False) as client:
        status = (await client.ask("server/discover", {"_meta": MODERN}))["_meta"]["mcp-jupyter/notebook"]
        assert status["tools"] == 1
