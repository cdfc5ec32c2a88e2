# SPDX-License-Identifier: BSD-3-Clause
"""Whole lists, and subscriptions in both eras."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from mcp_jupyter import Client, types
from mcp_jupyter.engine.connection import InboundRequest
from mcp_jupyter.errors import McpError
from mcp_jupyter.protocol.limits import MAX_PAGES
from mcp_jupyter.server.fastmcp import FastMCP

from .conftest import nothing_left
from .memory_server import Served
from .scripted_http import DISCOVERED, INITIALIZED

pytestmark = pytest.mark.anyio

TOOL = {"name": "t", "inputSchema": {"type": "object"}}


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_a_list_has_all_pages(era: Any) -> None:
    async def answer(call: InboundRequest) -> dict[str, Any]:
        page = int(call.params.get("cursor", "0"))
        following = {"nextCursor": str(page + 1)} if page < 4 else {}
        return {"tools": [{**TOOL, "name": f"t{page}"}], **following}

    async with nothing_left(), Client(Served({"tools/list": answer}), era=era) as client:
        assert [tool.name for tool in await client.list_tools()] == ["t0", "t1", "t2", "t3", "t4"]


async def test_a_list_that_does_not_end_is_given_up() -> None:
    server = Served({})

    async def answer(call: InboundRequest) -> dict[str, Any]:
        return {"tools": [TOOL], "nextCursor": f"ever new {len(server.table.asked)}"}

    server.table.answers["tools/list"] = answer
    async with nothing_left(), Client(server, era="legacy") as client:
        with pytest.raises(McpError, match=f"tools/list do not end: {MAX_PAGES} pages"):
            await client.list_tools()


@pytest.mark.parametrize("is_heeded", [False, True])
async def test_a_cursor_that_stands_still_ends_the_list(
    is_heeded: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Each item is there once, and the end is said (1.22)."""

    async def answer(call: InboundRequest) -> dict[str, Any]:
        is_second = is_heeded and "cursor" in call.params
        return {"tools": [{**TOOL, "name": "t1" if is_second else "t0"}], "nextCursor": "again"}

    async with nothing_left(), Client(Served({"tools/list": answer}), era="legacy") as client:
        names = [tool.name for tool in await client.list_tools()]
    assert names == (["t0", "t1"] if is_heeded else ["t0"])
    assert "The server gave a cursor of tools/list twice. The list ends with page 2." in caplog.messages


@pytest.mark.parametrize("era", ["legacy", "modern"])
@pytest.mark.parametrize("kind", ["tools", "resources", "resource_templates", "prompts"])
async def test_a_list_that_a_server_does_not_declare_is_empty(
    era: Any, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The server is not asked, and a warning says so (2: slow or odd)."""
    bare = {"server/discover": {**DISCOVERED, "capabilities": {}}}
    bare["initialize"] = {**INITIALIZED, "capabilities": {}}
    server = Served(bare)
    async with nothing_left(), Client(server, era=era) as client:
        server.asked()
        assert await getattr(client, f"list_{kind}")() == []
        assert server.asked() == []
    capability = "resources" if kind == "resource_templates" else kind
    (said,) = caplog.messages
    assert said.startswith(f"The server declares no {capability}, ")


class Ears:
    """Keeps what a message handler is told."""

    def __init__(self) -> None:
        self.heard: list[types.Notification] = []
        self._more = anyio.Event()

    async def __call__(self, notification: types.Notification) -> None:
        self.heard.append(notification)
        self._more.set()

    async def hear(self, count: int) -> list[str]:
        """The methods heard, once there are so many."""
        with anyio.fail_after(5):
            while len(self.heard) < count:
                await self._more.wait()
                self._more = anyio.Event()
        return [notification.method for notification in self.heard]


def notebook() -> FastMCP:
    mcp = FastMCP("notebook")

    @mcp.resource("note://1")
    def note() -> str:
        return "x"

    @mcp.tool()
    def first() -> str:
        return "1"

    return mcp


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_changes_are_heard_while_subscribed(era: Any) -> None:
    mcp, ears = notebook(), Ears()
    async with nothing_left(), Client(mcp, era=era, message_handler=ears) as client:
        async with client.subscribed(tools=True, uris=["note://1"]) as granted:
            assert granted.toolsListChanged is True
            assert granted.resourceSubscriptions == ["note://1"]
            assert granted.promptsListChanged is None
            assert [tool.name for tool in await client.list_tools()] == ["first"]
            mcp.add_tool(lambda: "2", name="second")
            await ears.hear(1)
            assert [tool.name for tool in await client.list_tools()] == ["first", "second"]
            mcp.resource_updated("note://1")
            mcp.resource_updated("note://2")
            mcp.resource_updated("note://1")
            heard = await ears.hear(3)
        assert heard == [
            "notifications/tools/list_changed",
            "notifications/resources/updated",
            "notifications/resources/updated",
        ]
        mcp.resource_updated("note://1")
        await client.ping()
        assert len(ears.heard) == 3


async def test_a_legacy_resource_is_subscribed_to_once_however_often_it_is_watched() -> None:
    server = Served({})

    def asked() -> list[tuple[str, Any]]:
        return [
            (method.rpartition("/")[2], params["uri"])
            for method, params in server.table.asked
            if method.startswith("resources/")
        ]

    async with nothing_left(), Client(server, era="legacy") as client:
        async with client.subscribed(uris=["a://1"]):
            async with client.subscribed(uris=["a://1", "a://2"]):
                assert asked() == [("subscribe", "a://1"), ("subscribe", "a://2")]
            assert asked()[2:] == [("unsubscribe", "a://2")]
        assert asked()[3:] == [("unsubscribe", "a://1")]


async def test_a_subscription_that_is_refused_leaves_none_behind() -> None:
    async def subscribe(call: InboundRequest) -> dict[str, Any]:
        if call.params["uri"] == "a://2":
            raise McpError(-32002, "no such resource")
        return {}

    server = Served({"resources/subscribe": subscribe})
    async with nothing_left(), Client(server, era="legacy") as client:
        with pytest.raises(McpError, match="no such resource"):
            async with client.subscribed(uris=["a://1", "a://2"]):
                pytest.fail("it was refused")
        assert server.table.asked[-1][0] == "resources/unsubscribe"
        await client.ping()


async def test_a_server_that_leaves_does_not_hinder_the_end_of_a_subscription() -> None:
    server = Served({})
    async with nothing_left(), Client(server, era="legacy") as client:
        with anyio.fail_after(3):
            async with client.subscribed(uris=["a://1"]):
                server.connection.close()
