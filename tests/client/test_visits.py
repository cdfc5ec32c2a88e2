# SPDX-License-Identifier: BSD-3-Clause
"""A server of 2025-11-25 that has the person visit a URL before it answers (error -32042)."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_jupyter import Client, types
from mcp_jupyter.errors import McpError, UrlElicitationRequired
from mcp_jupyter.server.fastmcp import FastMCP

pytestmark = pytest.mark.anyio


def shop(visited: list[str], *, urls: int = 1) -> FastMCP:
    """It sells once each of its pages was visited."""
    mcp = FastMCP()

    @mcp.tool()
    async def pay() -> str:
        if len(visited) < urls:
            raise UrlElicitationRequired(
                [
                    {
                        "mode": "url",
                        "message": f"m{n}",
                        "url": f"https://x.example/{n}",
                        "elicitationId": str(n),
                    }
                    for n in range(urls)
                ]
            )
        return "paid"

    return mcp


def person(visited: list[str], action: str = "accept") -> Any:
    async def callback(params: types.ElicitRequestParams) -> types.ElicitResult:
        assert isinstance(params, types.ElicitRequestURLParams)
        if action == "accept":
            visited.append(params.url)
        return types.ElicitResult(action=action)

    return callback


async def test_the_person_is_sent_there_and_the_call_is_made_again() -> None:
    visited: list[str] = []
    async with Client(shop(visited, urls=2), era="legacy", elicitation_callback=person(visited)) as client:
        result = await client.call_tool("pay")
    assert result.content[0].text == "paid"
    assert sorted(visited) == ["https://x.example/0", "https://x.example/1"]


@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_a_person_who_does_not_go_gets_the_servers_error(action: str) -> None:
    visited: list[str] = []
    callback = person(visited, action)
    async with Client(shop(visited), era="legacy", elicitation_callback=callback) as client:
        with pytest.raises(McpError) as caught:
            await client.call_tool("pay")
    assert caught.value.code == -32042


async def test_a_server_that_is_never_content_is_asked_once_more_only() -> None:
    visited: list[str] = []
    async with Client(shop([]), era="legacy", elicitation_callback=person(visited)) as client:
        with pytest.raises(McpError) as caught:
            await client.call_tool("pay")
    assert caught.value.code == -32042
    assert len(visited) == 1


async def test_who_takes_no_urls_gets_the_servers_error() -> None:
    async def forms_only(params: types.ElicitRequestFormParams) -> types.ElicitResult:
        raise AssertionError("not asked")

    async with Client(shop([]), era="legacy", elicitation_callback=forms_only) as client:
        with pytest.raises(McpError) as caught:
            await client.call_tool("pay")
    assert caught.value.code == -32042
