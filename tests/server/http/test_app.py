# SPDX-License-Identifier: BSD-3-Clause
"""A server of its own: its life, and the official SDK's clients as guests."""

from __future__ import annotations

import asyncio
import threading
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any

import anyio
import httpx2
import pytest
from mcp import ClientSession
from mcp.client import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from tornado.httputil import HTTPHeaders

from mcp_jupyter.engine.channel import Channel
from mcp_jupyter.server.http import app
from mcp_jupyter.server.http.admission import StandaloneAuthenticator
from mcp_jupyter.server.http.app import serve_http

from .conftest import Front
from .test_streamable_legacy import text
from .tiny import TinyServer
from .wire import ACCEPT, BOUND, Wire, call, connect, initialize, modern, modern_headers

pytestmark = pytest.mark.anyio


# -- the official SDK's clients --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "version"), [("legacy", "2025-11-25"), ("auto", "2026-07-28"), ("2026-07-28", "2026-07-28")]
)
async def test_official_client_over_streamable_http(mode: Any, version: str) -> None:
    server = TinyServer()
    async with serve_http(server, port=0) as port:
        async with Client(f"http://127.0.0.1:{port}/mcp", mode=mode) as client:
            assert client.protocol_version == version
            tools = await client.list_tools()
            assert "echo" in {tool.name for tool in tools.tools}
            for number in range(5):
                result = await client.call_tool("echo", {"text": f"hé {number}"})
                assert result.content[0].text == f"hé {number}"  # type: ignore[union-attr]
            seen: list[float] = []

            async def progressed(progress: float, total: float | None, message: str | None) -> None:
                seen.append(progress)

            await client.call_tool("progress", {"steps": 100}, progress_callback=progressed)
            assert seen == list(range(100))
            large = await client.call_tool("big", {"size": 2_000_000})
            assert len(large.content[0].text) == 2_000_000  # type: ignore[union-attr]
        await server.until(lambda: mode != "legacy" or server.connections == 0)


async def test_official_client_over_sse() -> None:
    server = TinyServer()
    async with serve_http(server, port=0) as port:
        async with sse_client(f"http://127.0.0.1:{port}/sse") as streams, ClientSession(*streams) as session:
            await session.initialize()
            assert len((await session.list_tools()).tools) > 3
            for number in range(5):
                result = await session.call_tool("echo", {"text": str(number)})
                assert result.content[0].text == str(number)  # type: ignore[union-attr]
        await server.until(lambda: server.connections == 0)


async def test_official_client_hears_what_belongs_to_no_request() -> None:
    heard = anyio.Event()

    async def listen(message: Any) -> None:
        if getattr(message, "method", "") == "notifications/message":
            heard.set()

    async with serve_http(TinyServer(), port=0) as port:
        url = f"http://127.0.0.1:{port}/mcp"
        async with Client(url, mode="legacy", message_handler=listen) as client:
            await client.call_tool("tell", {})
            with anyio.fail_after(BOUND):
                await heard.wait()


async def test_official_client_with_a_token() -> None:
    async with serve_http(
        TinyServer(), port=0, authenticator=StandaloneAuthenticator(token="s3cret")
    ) as port:
        url = f"http://127.0.0.1:{port}/mcp"
        async with (
            httpx2.AsyncClient(headers={"Authorization": "Bearer s3cret"}) as http,
            Client(streamable_http_client(url, http_client=http)) as client,
        ):
            assert (await client.call_tool("echo", {"text": "in"})).content[0].text == "in"  # type: ignore[union-attr]


async def test_a_refused_client_reads_why() -> None:
    """Its body comes after its headers: the connection must not be torn down under it."""
    message = modern(1, "server/discover", {"padding": "x" * 10_000})
    headers = {**modern_headers(message), "Accept": ACCEPT}
    authenticator = StandaloneAuthenticator(token="s3cret")
    async with (
        serve_http(TinyServer(), port=0, authenticator=authenticator) as port,
        httpx2.AsyncClient() as http,
    ):
        for _ in range(50):
            reply = await http.post(f"http://127.0.0.1:{port}/mcp", json=message, headers=headers)
            assert reply.status_code == 401


@pytest.mark.parametrize(
    ("host", "token", "called", "passes"),
    [
        ("127.0.0.1", None, "localhost:7", True),
        ("127.0.0.1", None, "localhost:8", False),  # a page that was rebound names its own port
        ("127.0.0.1", None, "example.com:7", False),
        ("127.0.0.2", None, "127.0.0.2:7", True),
        ("::1", None, "[::1]:7", True),
        ("127.0.0.1", "t", "localhost:8", True),  # a forwarded port
        ("127.0.0.1", "t", "example.com:7", False),
        ("0.0.0.0", "t", "example.com", True),
        ("example.com", "t", "localhost:1", True),
    ],
)
def test_which_host_a_server_answers_to(host: str, token: str | None, called: str, passes: bool) -> None:
    request = SimpleNamespace(headers=HTTPHeaders({"Host": called}))
    authenticator = StandaloneAuthenticator.listening(host, 7, token)
    handler: Any = SimpleNamespace(request=request)
    if passes:
        assert authenticator.origin_problem(handler) is None
        request.headers.add("Host", called)
    assert "Host" in (authenticator.origin_problem(handler) or "")


async def test_beyond_the_loopback_interface_a_token_is_needed() -> None:
    with pytest.raises(ValueError, match=r"reach a server at '0\.0\.0\.0': give a token"):
        async with serve_http(TinyServer(), host="0.0.0.0", port=0):
            pass


async def test_silent_connections_keep_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """When all connections are taken, those that wait for a request give way (1.25)."""
    monkeypatch.setattr(app, "MAX_CONNECTIONS", 4)
    async with serve_http(TinyServer(), port=0) as port, AsyncExitStack() as stack:

        async def opened() -> Wire:
            return await stack.enter_async_context(connect(port))

        busy = await opened()
        await busy.send("GET", "/sse", {"Accept": "text/event-stream"})
        assert (await busy.head()).status == 200
        silent = [await opened() for _ in range(8)]
        kept = await opened()
        assert await initialize(kept)
        with anyio.fail_after(BOUND):
            assert all([await each.closed() for each in silent[:6]])
        assert await initialize(kept)  # it was heard last
        assert await busy.event()  # and what is being answered is not dropped


# -- the life of a server ----------------------------------------------------------------------------------


async def test_stopping_answers_what_is_under_way() -> None:
    server = TinyServer()
    waiting = modern(2, "tools/call", {"name": "wait"})
    async with AsyncExitStack() as stack:
        async with serve_http(server, port=0) as port:
            wire, second, third = [await stack.enter_async_context(connect(port)) for _ in range(3)]
            session = await initialize(wire)
            await wire.send_message(call(1, "wait"), session)
            await second.send_message(waiting, modern_headers(waiting))
            await third.send("GET", "/sse", {"Accept": "text/event-stream"})
            assert (await third.head()).status == 200
            await third.event()
            await server.until(lambda: server.started == 2)
        assert (await wire.reply()).json["error"]["code"] == -32603
        assert (await second.reply()).json["error"]["code"] == -32603
        while await third.chunk():
            pass
        assert await wire.closed()
    assert (server.connections, server.cancelled) == (0, 2)


async def test_a_door_that_is_shut_lets_nobody_in(front: Front) -> None:
    front.http.refuse_new()
    async with connect(front.port) as wire:
        assert (await wire.post(modern(1, "server/discover"))).status == 503


async def test_the_port_is_free_again() -> None:
    async with serve_http(TinyServer(), port=0) as port:
        with pytest.raises(OSError, match="in use"):
            async with serve_http(TinyServer(), port=port):
                pass
    async with serve_http(TinyServer(), port=port) as again, connect(again) as wire:
        assert await initialize(wire)


@pytest.mark.parametrize("transport", ["streamable-http", "sse"])
async def test_only_the_transports_asked_for(transport: str) -> None:
    async with serve_http(TinyServer(), port=0, transports=[transport]) as port:
        for path, kind in (("/mcp", "streamable-http"), ("/sse", "sse")):
            async with connect(port) as wire:
                await wire.send("GET", path, {"Accept": "*/*"})
                assert ((await wire.head()).status == 404) is (kind != transport)


async def test_unknown_transports_are_an_error() -> None:
    with pytest.raises(ValueError, match="pigeon"):
        async with serve_http(TinyServer(), port=0, transports=["pigeon"]):
            pass


async def test_paths_can_be_chosen() -> None:
    async with (
        serve_http(TinyServer(), port=0, path="/x/y", sse_path="/s", messages_path="/m/") as port,
        connect(port) as wire,
        connect(port) as stream,
    ):
        assert (await wire.post(modern(1, "ping"), target="/x/y/")).status == 400
        await stream.send("GET", "/s", {"Accept": "*/*"})
        await stream.head()
        assert (await stream.event())[1].startswith("/m/?session_key=")


async def test_a_connection_that_fails_harms_no_other(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(TinyServer):
        async def serve(self, channel: Channel) -> None:
            if self.connections:
                raise RuntimeError("no second connection")
            await super().serve(channel)

    async with serve_http(Failing(), port=0) as port, connect(port) as wire:
        session = await initialize(wire)
        async with connect(port) as other:
            message = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {}}
            reply = await other.post(message)
            assert reply.json["error"]["code"] == -32603
        assert text((await wire.post(call(1, "echo", {"text": "on"}), session)).json) == "on"
    assert "Serving a connection failed" in caplog.text


async def test_connections_beyond_the_limit_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "MAX_CONNECTIONS", 2)
    async with serve_http(TinyServer(), port=0) as port:
        async with connect(port) as first, connect(port) as second:
            for wire in (first, second):  # both are being answered: neither gives way
                await wire.send("GET", "/sse", {"Accept": "text/event-stream"})
                assert (await wire.head()).status == 200
            async with connect(port) as third:
                assert await third.closed()
            assert await first.event()
        async with asyncio.timeout(BOUND):
            while True:
                async with connect(port) as wire:
                    try:
                        assert await initialize(wire)
                        break
                    except (ConnectionError, asyncio.IncompleteReadError):
                        continue


async def test_headers_that_drip_are_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "IDLE_CONNECTION_SECONDS", 0.2)
    async with serve_http(TinyServer(), port=0) as port, connect(port) as wire:
        await wire.raw(b"POST /mcp HTTP/1.1\r\nHost: x\r\n")
        assert await wire.closed()


def test_a_server_lives_on_the_loop_of_any_thread() -> None:
    """In a kernel that is the engine's thread, not the main one."""
    answers: list[str] = []

    async def serve_and_ask() -> None:
        async with serve_http(TinyServer(), port=0) as port, connect(port) as wire:
            session = await initialize(wire)
            answers.append(text((await wire.post(call(1, "echo", {"text": "here"}), session)).json))

    thread = threading.Thread(target=asyncio.run, args=(serve_and_ask(),))
    thread.start()
    thread.join(BOUND)
    assert answers == ["here"]


async def test_what_the_body_of_the_context_raises_comes_out_as_it_is() -> None:
    with pytest.raises(KeyError):
        async with serve_http(TinyServer(), port=0):
            raise KeyError("mine")
