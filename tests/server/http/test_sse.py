# SPDX-License-Identifier: BSD-3-Clause
"""HTTP+SSE, the transport of 2024-11-05."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urljoin

import pytest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from mcp_jupyter.server.http.app import make_routes

from .conftest import Front
from .test_streamable_legacy import Mount, cancelled, text
from .wire import LEGACY, Wire, call, connect, modern

pytestmark = pytest.mark.anyio

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}


async def open_stream(wire: Wire, path: str = "/sse") -> str:
    """Open a stream; where to post."""
    await wire.send("GET", path, {"Accept": "text/event-stream"})
    head = await wire.head()
    assert (head.status, head.header("Content-Type")) == (200, "text/event-stream")
    kind, url = await wire.event()
    assert kind == "endpoint"
    return urljoin(path, url)


async def said(wire: Wire) -> dict[str, Any]:
    kind, data = await wire.event()
    assert kind == "message"
    message: dict[str, Any] = json.loads(data)
    return message


async def test_a_session_over_a_stream(front: Front) -> None:
    async with connect(front.port) as stream, connect(front.port) as wire:
        url = await open_stream(stream)
        assert url.startswith("/messages?session_key=")
        reply = await wire.post(INITIALIZE, target=url)
        assert (reply.status, reply.body) == (202, b"")
        assert (await said(stream))["result"]["protocolVersion"] == LEGACY
        await wire.post(call(1, "echo", {"text": "hé"}), target=url)
        assert text(await said(stream)) == "hé"
        await wire.post(call(2, "tell"), target=url)
        piece = b""
        while piece.count(b"data:") < 2:
            piece += await stream.chunk()
        assert b"notifications/message" in piece


async def test_server_asks_over_the_stream(front: Front) -> None:
    async with connect(front.port) as stream, connect(front.port) as wire:
        url = await open_stream(stream)
        await wire.post(INITIALIZE, target=url)
        await said(stream)
        await wire.post(call(1, "ask"), target=url)
        question = await said(stream)
        answer = {"jsonrpc": "2.0", "id": question["id"], "result": {"roots": [{"uri": "file:///x"}]}}
        await wire.post(answer, target=url)
        assert text(await said(stream)) == "file:///x"


async def test_closing_the_stream_ends_the_session(front: Front) -> None:
    async with connect(front.port) as wire:
        async with connect(front.port) as stream:
            url = await open_stream(stream)
            await wire.post(INITIALIZE, target=url)
            await said(stream)
            await wire.post(call(1, "wait"), target=url)
            await front.server.until(lambda: front.server.started == 1)
        await front.server.until(lambda: front.server.connections == 0)
        assert front.server.cancelled == 1
        assert len(front.endpoint.sessions) == 0
        assert (await wire.post(call(2, "echo"), target=url)).status == 404


async def test_a_server_that_dies_ends_the_stream(front: Front) -> None:
    async with connect(front.port) as stream, connect(front.port) as wire:
        url = await open_stream(stream)
        await wire.post(INITIALIZE, target=url)
        await said(stream)
        await wire.post(call(1, "die"), target=url)
        message = await said(stream)
        assert (message["id"], message["error"]["code"]) == (1, -32603)
        assert await stream.chunk() == b""


async def test_a_quiet_stream_has_comments(mount: Mount) -> None:
    async with mount(keepalive=0.05) as front, connect(front.port) as stream:
        await open_stream(stream)
        assert (await stream.chunk()).startswith(b":")
        assert (await stream.chunk()).startswith(b":")


@pytest.mark.parametrize(
    ("query", "status"),
    [("", 400), ("?session_key=", 404), ("?session_key=no", 404), ("?session_key=a&session_key=a", 400)],
    ids=["no key", "empty key", "unknown key", "two keys"],
)
async def test_a_post_must_name_a_stream(front: Front, query: str, status: int) -> None:
    async with connect(front.port) as wire:
        reply = await wire.post(call(1, "echo"), target=f"/messages{query}")
    assert reply.status == status


async def test_a_key_of_one_transport_opens_nothing_on_the_other(front: Front) -> None:
    async with connect(front.port) as stream, connect(front.port) as wire:
        url = await open_stream(stream)
        key = url.rpartition("=")[2]
        assert (await wire.post(call(1, "echo"), {"Mcp-Session-Id": key})).status == 404


@pytest.mark.parametrize("body", [b"{", b"7", b'{"jsonrpc":"2.0","id":null,"method":"ping"}'])
async def test_what_is_no_message_is_refused_and_costs_nothing(front: Front, body: bytes) -> None:
    async with connect(front.port) as stream, connect(front.port) as wire:
        url = await open_stream(stream)
        assert (await wire.post(body, target=url)).status == 400
        assert (await wire.post(INITIALIZE, target=url)).status == 202
        assert (await said(stream))["id"] == 0


async def test_a_probe_for_the_modern_era_is_answered_so_that_the_client_falls_back(front: Front) -> None:
    async with connect(front.port) as stream, connect(front.port) as wire:
        url = await open_stream(stream)
        assert (await wire.post(modern("probe", "server/discover"), target=url)).status == 202
        message = await said(stream)
        assert (message["id"], message["error"]["code"]) == ("probe", -32601)


async def test_a_batch_is_taken_apart(front: Front) -> None:
    async with connect(front.port) as stream, connect(front.port) as wire:
        url = await open_stream(stream)
        await wire.post(INITIALIZE, target=url)
        await said(stream)
        batch = [call(1, "echo", {"text": "a"}), {"jsonrpc": "2.0", "id": 2, "method": 7}]
        assert (await wire.post(batch, target=url)).status == 202
        piece = b""
        while piece.count(b"data:") < 2:
            piece += await stream.chunk()
        assert b'"text":"a"' in piece
        assert b"-32600" in piece


async def test_a_cancelled_call_is_not_answered(front: Front) -> None:
    async with connect(front.port) as stream, connect(front.port) as wire:
        url = await open_stream(stream)
        await wire.post(INITIALIZE, target=url)
        await wire.post(cancelled(0), target=url)  # what cannot be cancelled is answered
        assert (await said(stream))["id"] == 0
        await wire.post(call(1, "wait"), target=url)
        await front.server.until(lambda: front.server.started == 1)
        await wire.post(cancelled(1), target=url)
        await front.server.until(lambda: front.server.cancelled == 1)
        await wire.post(call(1, "echo", {"text": "again"}), target=url)
        assert text(await said(stream)) == "again"


async def test_the_url_to_post_to_is_beside_that_of_the_stream(front: Front) -> None:
    [listening] = bind_sockets(0, "127.0.0.1")
    routes = make_routes(
        front.endpoint,
        front.http,
        path="/user/a%20b/mcp-jupyter/x",
        sse_path="/user/a%20b/mcp-jupyter/x/sse",
        messages_path="/user/a%20b/mcp-jupyter/x/messages",
    )
    http = HTTPServer(Application(routes))
    http.add_sockets([listening])
    try:
        async with connect(listening.getsockname()[1]) as stream:
            # the authenticator of `front` knows its own port only
            await stream.send("GET", "/user/a%20b/mcp-jupyter/x/sse/", host=f"localhost:{front.port}")
            assert (await stream.head()).status == 200
            _, url = await stream.event()
            assert url.startswith("/user/a%20b/mcp-jupyter/x/messages?session_key=")
    finally:
        http.stop()
        await http.close_all_connections()
