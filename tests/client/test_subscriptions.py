# SPDX-License-Identifier: BSD-3-Clause
"""`subscriptions/listen`: acknowledged, heard, ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anyio
import pytest

from mcp_jupyter import types
from mcp_jupyter.engine.connection import InboundRequest
from mcp_jupyter.errors import ConnectionClosed, McpError, RequestTimeout
from mcp_jupyter.protocol.eras import SUBSCRIPTION_ID

from .memory_server import Server, connected
from .scripted_http import Exchange, scripted, session, then

pytestmark = pytest.mark.anyio

ACKNOWLEDGED = "notifications/subscriptions/acknowledged"


class Listened(Server):
    """Acknowledges, and keeps subscriptions open until told otherwise."""

    def __init__(self, granted: Mapping[str, Any] | None = None) -> None:
        super().__init__({"subscriptions/listen": self.listen})
        self.granted = granted
        self.calls: list[InboundRequest] = []
        self.end = anyio.Event()

    async def listen(self, call: InboundRequest) -> Any:
        self.calls.append(call)
        granted = call.params["notifications"] if self.granted is None else self.granted
        self.tell(call, ACKNOWLEDGED, {"notifications": granted})
        await self.end.wait()
        return {"resultType": "complete", "_meta": {SUBSCRIPTION_ID: call.id}}

    def tell(self, call: InboundRequest, method: str, params: Mapping[str, Any]) -> None:
        call.connection.notify(method, {**params, "_meta": {SUBSCRIPTION_ID: call.id}})


async def test_a_subscription_is_asked_for_acknowledged_heard_and_ended() -> None:
    heard: list[Any] = []
    told = anyio.Event()

    async def handle(notification: Any) -> None:
        heard.append(notification)
        told.set()

    server = Listened({"toolsListChanged": True})
    async with connected(server, opening="discover", message_handler=handle) as (client, _):
        async with client.listen(tools=True, resources=True, uris=["note://1"]) as subscription:
            assert subscription.granted == types.SubscriptionFilter(toolsListChanged=True)
            (call,) = server.calls
            assert call.params["notifications"] == {
                "toolsListChanged": True,
                "resourcesListChanged": True,
                "resourceSubscriptions": ["note://1"],
            }
            assert "io.modelcontextprotocol/protocolVersion" in call.meta
            server.tell(call, "notifications/tools/list_changed", {})
            with anyio.fail_after(5):
                await told.wait()
            assert "notifications/cancelled" not in server.told
        await server.was_told("notifications/cancelled")
        assert not subscription.ended.is_set()
    assert [type(one) for one in heard] == [types.ToolListChangedNotification]


async def test_subscriptions_have_ids_of_their_own() -> None:
    server = Listened()
    async with connected(server, opening="discover") as (client, _):
        async with client.listen(tools=True) as first, client.listen(prompts=True) as second:
            assert first.granted.toolsListChanged
            assert second.granted.promptsListChanged
            assert not second.granted.toolsListChanged
        async with client.listen():
            pass
    assert len({call.id for call in server.calls}) == 3


@pytest.mark.parametrize("way", ["result", "cancelled"])
async def test_a_server_may_end_a_subscription_in_good_order(way: str) -> None:
    server = Listened()
    async with (
        connected(server, opening="discover") as (client, connection),
        client.listen(tools=True) as subscription,
    ):
        if way == "result":
            server.end.set()
        else:
            connection.notify("notifications/cancelled", {"requestId": server.calls[0].id})
        with anyio.fail_after(5):
            await subscription.ended.wait()
        assert subscription.error is None


async def test_the_end_of_the_server_ends_a_subscription_with_a_reason() -> None:
    server = Listened()
    async with (
        connected(server, opening="discover") as (client, connection),
        client.listen(tools=True) as subscription,
    ):
        connection.close()
        with anyio.fail_after(5):
            await subscription.ended.wait()
        assert isinstance(subscription.error, ConnectionClosed)


async def test_what_is_not_acknowledged_is_not_opened() -> None:
    async def hang(call: InboundRequest) -> Any:
        await anyio.sleep_forever()

    async def malformed(call: InboundRequest) -> Any:
        call.connection.notify(
            ACKNOWLEDGED, {"notifications": {"toolsListChanged": []}, "_meta": {SUBSCRIPTION_ID: call.id}}
        )
        await anyio.sleep_forever()

    async def another(call: InboundRequest) -> Any:
        for meta in ({SUBSCRIPTION_ID: 1}, {SUBSCRIPTION_ID: ["x"]}, {}, None):
            call.connection.notify(ACKNOWLEDGED, {"notifications": {}, "_meta": meta})
        await anyio.sleep_forever()

    refusal = McpError(-32601, "not here")
    cases: tuple[tuple[Any, type[Exception], str], ...] = (
        (hang, RequestTimeout, "No acknowledgement of subscriptions/listen within 0.05 s"),
        (another, RequestTimeout, "No acknowledgement"),
        (malformed, McpError, "acknowledgement is malformed"),
        (refusal, McpError, "not here"),
    )
    for answer, kind, words in cases:
        server = Server({"subscriptions/listen": answer})
        async with connected(server, opening="discover") as (client, _):
            with pytest.raises(kind, match=words):
                async with client.listen(tools=True, timeout=0.05):
                    raise AssertionError("it must not be entered")


async def test_a_legacy_session_has_none() -> None:
    async with connected(Server()) as (client, _):
        with pytest.raises(McpError, match="does not exist in version 2025-11-25"):
            async with client.listen(tools=True):
                pass


async def test_over_http_a_subscription_is_a_stream_that_is_closed() -> None:
    closed = anyio.Event()

    async def answer(exchange: Exchange) -> None:
        message = exchange.message
        assert exchange.headers["mcp-method"] == "subscriptions/listen"
        await exchange.begin_events()
        params = {"notifications": {"toolsListChanged": True}, "_meta": {SUBSCRIPTION_ID: message["id"]}}
        await exchange.event({"jsonrpc": "2.0", "method": ACKNOWLEDGED, "params": params})
        await exchange.gone()
        closed.set()

    async with scripted(then(answer)) as server, session(server, modern=True) as client:
        async with client.listen(tools=True) as subscription:
            assert subscription.granted.toolsListChanged
        with anyio.fail_after(5):
            await closed.wait()
    assert server.methods == ["server/discover", "subscriptions/listen"]


async def test_a_stream_that_breaks_ends_the_subscription_with_an_error() -> None:
    go = anyio.Event()

    async def answer(exchange: Exchange) -> None:
        await exchange.begin_events()
        params = {"notifications": {}, "_meta": {SUBSCRIPTION_ID: exchange.message["id"]}}
        await exchange.event({"jsonrpc": "2.0", "method": ACKNOWLEDGED, "params": params})
        await go.wait()
        await exchange.stream.aclose()

    async with (
        scripted(then(answer)) as server,
        session(server, modern=True) as client,
        client.listen(tools=True) as subscription,
    ):
        go.set()
        with anyio.fail_after(5):
            await subscription.ended.wait()
        assert "ended the stream before it answered" in str(subscription.error)
