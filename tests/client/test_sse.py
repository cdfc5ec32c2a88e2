# SPDX-License-Identifier: BSD-3-Clause
"""The HTTP+SSE transport: its opening, and what a server may do to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from mcp_jupyter.client import ClientSession
from mcp_jupyter.client.sse import sse_client
from mcp_jupyter.errors import ConnectionClosed, McpError

from .conftest import nothing_left, official_process
from .scripted_http import INITIALIZED, SECRET, Exchange, Script, ScriptedServer, scripted

pytestmark = pytest.mark.anyio

HEADERS = {"Authorization": f"Bearer {SECRET}"}


class EventServer:
    """A well-behaved server, but for what a test gives it to do on `tools/call`."""

    def __init__(self, endpoint: str, call: Script | None = None) -> None:
        self.endpoint, self.call = endpoint, call
        self.stream: Exchange | None = None

    async def __call__(self, exchange: Exchange) -> None:
        if exchange.method == "GET":
            self.stream = exchange
            await exchange.begin_events()
            await exchange.event(self.endpoint, "endpoint")
            await exchange.gone()
            return
        method = exchange.message["method"]
        if method == "tools/call" and self.call is not None:
            await self.call(exchange)
            return
        await exchange.send("202 Accepted", b"Accepted")
        if method == "initialize":
            await self.answer(exchange, INITIALIZED)
        elif "id" in exchange.message:
            await self.answer(exchange, {"content": []})

    async def answer(self, exchange: Exchange, result: dict[str, Any]) -> None:
        assert self.stream is not None
        await self.stream.stream.send(b": keep-alive\n\ndata:\n\n")
        await self.stream.event({"jsonrpc": "2.0", "id": exchange.message["id"], "result": result})


@asynccontextmanager
async def session(server: ScriptedServer, **options: Any) -> AsyncIterator[ClientSession]:
    url = server.origin + "/base/sse?token=1"
    async with sse_client(url, HEADERS, **options) as halves, ClientSession(*halves) as client:
        await client.initialize()
        yield client


@pytest.mark.parametrize(
    ("endpoint", "path"),
    [
        ("/messages?session_id=abc", "/messages?session_id=abc"),
        ("messages/?session_id=abc", "/base/messages/?session_id=abc"),
        ("?session_id=abc", "/base/sse?session_id=abc"),
        ("{origin}/elsewhere", "/elsewhere"),
    ],
)
async def test_messages_are_posted_where_the_endpoint_event_says(endpoint: str, path: str) -> None:
    script = EventServer(endpoint)
    async with scripted(script) as server:
        script.endpoint = endpoint.format(origin=server.origin)
        async with session(server) as client:
            await client.call_tool("t")
    stream, *posts = server.seen
    assert (stream.method, stream.path) == ("GET", "/base/sse?token=1")
    assert stream.headers["accept"] == "text/event-stream"
    assert [(post.path, post.message["method"]) for post in posts] == [
        (path, "initialize"),
        (path, "notifications/initialized"),
        (path, "tools/call"),
    ]
    assert {exchange.headers["authorization"] for exchange in server.seen} == {f"Bearer {SECRET}"}


@pytest.mark.parametrize(
    "endpoint",
    ["{other}/messages", "//{host}/messages", "https://127.0.0.1:1/x", "file:///etc/passwd", "http://[x/"],
)
async def test_an_endpoint_on_another_origin_is_refused(endpoint: str) -> None:
    async def refuse(exchange: Exchange) -> None:
        raise AssertionError

    script = EventServer("")
    async with scripted(refuse) as other, scripted(script) as server:
        script.endpoint = endpoint.format(other=other.origin, host=other.origin.removeprefix("http://"))
        with pytest.raises(ConnectionClosed):
            async with session(server):
                pass
    assert other.seen == []
    assert [exchange.method for exchange in server.seen] == ["GET"]


async def test_a_stream_that_names_no_endpoint_is_given_up() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.begin_events()
        await exchange.event("hello")
        await exchange.gone()

    async with scripted(script) as server:
        with anyio.fail_after(5), pytest.raises(ConnectionClosed, match=r"named no endpoint within 0\.2 s"):
            async with session(server, timeout=0.2):
                pass


@pytest.mark.parametrize(
    ("status", "kind", "body", "words"),
    [
        ("401 Unauthorized", "text/plain", f"who is {SECRET}?", r"401 Unauthorized: who is \*\*\*\?$"),
        ("404 Not Found", "text/html", "<h1>404</h1>", r"404 Not Found\.$"),
        ("200 OK", "text/html", "<h1>hello</h1>", "without an event stream"),
        ("200 OK", "text/event-stream", "", "ended the event stream"),
        ("302 Found", "text/html", "", "redirects to http://example.org: another origin"),
    ],
)
async def test_a_stream_that_does_not_open_says_why(status: str, kind: str, body: str, words: str) -> None:
    async def script(exchange: Exchange) -> None:
        headers = {"Location": "http://example.org/"} if status.startswith("302") else {}
        await exchange.send(status, body.encode(), Content_Type=kind, **headers)

    async with scripted(script) as server:
        with anyio.fail_after(5), pytest.raises(ConnectionClosed, match=words) as caught:
            async with session(server):
                pass
    assert SECRET not in str(caught.value)


async def test_a_server_that_is_not_there_is_named() -> None:
    async with scripted(EventServer("")) as server:
        pass
    with pytest.raises(ConnectionClosed, match=f"Talking to {server.origin} failed"):
        async with session(server):
            pass


async def test_a_stream_that_ends_fails_what_waits_at_once() -> None:
    script = EventServer("/messages")

    async def leave(exchange: Exchange) -> None:
        await exchange.send("202 Accepted")
        assert script.stream is not None
        await script.stream.stream.aclose()

    script.call = leave
    async with scripted(script) as server, session(server) as client:
        with anyio.fail_after(5):
            for _ in range(2):
                with pytest.raises(ConnectionClosed, match="ended the event stream"):
                    await client.call_tool("t")


async def test_a_server_that_is_gone_is_said_to_be_whichever_connection_ends_first() -> None:
    script = EventServer("/messages")

    async def die(exchange: Exchange) -> None:
        await exchange.stream.aclose()
        await anyio.wait_all_tasks_blocked()  # the client has seen it
        assert script.stream is not None
        await script.stream.stream.aclose()

    script.call = die
    async with scripted(script) as server, session(server) as client:
        with anyio.fail_after(5), pytest.raises(ConnectionClosed, match="ended the event stream"):
            await client.call_tool("t")


async def test_a_silent_stream_is_given_up() -> None:
    script = EventServer("/messages", lambda exchange: exchange.send("202 Accepted"))
    async with scripted(script) as server, session(server, sse_read_timeout=0.2) as client:
        with anyio.fail_after(5), pytest.raises(ConnectionClosed, match="did not answer in time"):
            await client.call_tool("t")


async def test_a_refused_post_fails_its_call_and_the_session_goes_on() -> None:
    async def refuse(exchange: Exchange) -> None:
        await exchange.send(
            "404 Not Found", b"no such session: " + SECRET.encode(), Content_Type="text/plain"
        )

    async with scripted(EventServer("/messages", refuse)) as server, session(server) as client:
        with pytest.raises(McpError, match=r"404 Not Found: no such session: \*\*\*$"):
            await client.call_tool("t")
        await client.send_ping()


async def test_calls_fail_at_once_when_the_server_dies() -> None:
    with official_process("sse") as (url, process):
        async with nothing_left(), sse_client(url) as halves, ClientSession(*halves) as client:
            await client.initialize()
            process.kill()
            with anyio.fail_after(10), pytest.raises(ConnectionClosed):
                await client.call_tool("sleep", {"seconds": 60})


async def test_many_clients_come_and_go(official_url: Callable[[str], str]) -> None:
    async with nothing_left():
        for _ in range(5):
            async with sse_client(official_url("sse")) as halves, ClientSession(*halves) as client:
                await client.initialize()


async def test_an_answer_with_too_many_lists_ends_the_connection() -> None:
    """(1.26)."""
    script = EventServer("/messages")

    async def bomb(exchange: Exchange) -> None:
        await exchange.send("202 Accepted", b"Accepted")
        await script.answer(exchange, {"content": [], "structuredContent": {"x": [[]] * 200_000}})

    script.call = bomb
    async with scripted(script) as server, session(server) as client:
        with (
            anyio.fail_after(30),
            pytest.raises(ConnectionClosed, match="a message of more than 100,000 lists and objects"),
        ):
            await client.call_tool("t")
