# SPDX-License-Identifier: BSD-3-Clause
"""Lists in pages."""

from __future__ import annotations

import pytest

from mcp_jupyter.errors import McpError
from mcp_jupyter.server.fastmcp import FastMCP

from ..asking import Asked, asked
from ..memory_client import connected

pytestmark = pytest.mark.anyio

LISTS = {
    "tools/list": "tools",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
    "prompts/list": "prompts",
}


def server(count: int, page_size: int) -> FastMCP:
    mcp = FastMCP(page_size=page_size)
    for number in range(count):
        mcp.tool(f"t{number}")(lambda: 1)
        mcp.prompt(f"t{number}")(lambda: "p")
        mcp.resource(f"data://{number}", name=f"t{number}")(lambda: "r")
        mcp.resource(f"data://{number}/{{x}}", name=f"t{number}")(lambda x: x)
    return mcp


async def listed(client, method: str) -> list[list[str]]:
    """The names on each page."""
    pages, cursor = [], None
    while True:
        result = await client.ask(method, {"cursor": cursor} if cursor else {})
        pages.append([item["name"] for item in result[LISTS[method]]])
        cursor = result.get("nextCursor")
        if cursor is None:
            return pages


@pytest.mark.parametrize("method", LISTS)
@pytest.mark.parametrize(
    ("count", "sizes"), [(0, [0]), (2, [2]), (3, [3]), (4, [3, 1]), (6, [3, 3]), (7, [3, 3, 1])]
)
async def test_a_list_comes_whole_and_in_order(method, count, sizes):
    async with connected(server(count, 3)) as client:
        pages = await listed(client, method)
    assert [len(page) for page in pages] == sizes
    assert [name for page in pages for name in page] == [f"t{number}" for number in range(count)]


async def test_what_changes_between_two_pages_moves_nothing_else():
    mcp = server(6, 2)
    async with connected(mcp) as client:
        first = await client.ask("tools/list")
        mcp.remove("t0")
        second = await client.ask("tools/list", {"cursor": first["nextCursor"]})
        assert [tool["name"] for tool in second["tools"]] == ["t2", "t3"]


async def test_a_cursor_whose_place_is_gone_is_refused():
    mcp = server(6, 2)
    async with connected(mcp) as client:
        cursor = (await client.ask("tools/list"))["nextCursor"]
        mcp.remove("t1")
        with pytest.raises(McpError, match="its place in the list is gone") as caught:
            await client.ask("tools/list", {"cursor": cursor})
    assert caught.value.code == -32602


@pytest.mark.parametrize("cursor", ["", "x", "MQ", "A" * 5000, "ä"])
@pytest.mark.parametrize("count", [0, 6])
async def test_a_cursor_that_was_not_given_out_is_refused(cursor, count):
    async with connected(server(count, 2)) as client:
        with pytest.raises(McpError, match="cursor: ") as caught:
            await client.ask("tools/list", {"cursor": cursor})
    assert caught.value.code == -32602


async def test_a_cursor_is_for_one_list_and_one_client():
    one, other = Asked("modern", {}), Asked("modern", {})
    async with asked(server(6, 2), one, other):
        cursor = (await one.round("tools/list", {}))["nextCursor"]
        for client, method in ((one, "prompts/list"), (other, "tools/list")):
            with pytest.raises(McpError, match="cursor: "):
                await client.round(method, {"cursor": cursor})
        assert (await one.round("tools/list", {"cursor": cursor}))["tools"][0]["name"] == "t2"


def test_a_page_has_at_least_one_item():
    with pytest.raises(ValueError, match="page_size must be at least 1, not 0"):
        FastMCP(page_size=0)
