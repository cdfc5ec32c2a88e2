# SPDX-License-Identifier: BSD-3-Clause
"""Legacy sessions that the server ends, and the new ones that take their place."""

from __future__ import annotations

import itertools
from typing import Any

import anyio
import pytest
from anyio.abc import TaskStatus

from mcp_jupyter import Client, types
from mcp_jupyter.client.transport import SESSION_ENDED
from mcp_jupyter.errors import McpError
from mcp_jupyter.server.http.app import serve_http

from .memory_server import Server, connected
from .our_server import our_server
from .scripted_http import INITIALIZED, Exchange, opening, scripted, session, then

pytestmark = pytest.mark.anyio


class Forgetful:
    """A server that has forgotten its sessions up to `forgotten`, and numbers new ones."""

    def __init__(self, forgotten: int = 1) -> None:
        self.sessions = 0
        self.forgotten = forgotten
        self.done: list[tuple[str, Any]] = []

    async def __call__(self, exchange: Exchange) -> None:
        message = exchange.message
        method = message.get("method", exchange.method)
        if method == "initialize":
            assert "mcp-session-id" not in exchange.headers
            assert "mcp-protocol-version" not in exchange.headers
            self.sessions += 1
            result = {
                "protocolVersion": "2025-06-18",
                "capabilities": {},
                "serverInfo": {"name": "f", "version": ""},
            }
            await exchange.result(result, Mcp_Session_Id=f"session-{self.sessions}")
        elif method == "notifications/initialized":
            await exchange.send("202 Accepted")
        elif method in ("GET", "DELETE"):
            self.done.append((method, exchange.headers["mcp-session-id"]))
            await exchange.send("405 Method Not Allowed")
        elif int(exchange.headers["mcp-session-id"].rpartition("-")[2]) <= self.forgotten:
            body = b'{"jsonrpc": "2.0", "id": null, "error": {"code": 1, "message": "?"}}'
            await exchange.send("404 Not Found", body, Content_Type="application/json")
        else:
            self.done.append((method, message["params"].get("name", message["params"].get("uri"))))
            await exchange.result({"content": []})


async def test_a_session_that_the_server_has_ended_is_opened_anew_and_the_call_repeated() -> None:
    script = Forgetful()
    async with scripted(script) as server, session(server) as client:
        await client.call_tool("t")
        assert client.protocol_version == "2025-06-18"
    assert server.methods.count("initialize") == 2
    assert server.methods.count("tools/call") == 2
    assert ("tools/call", "t") in script.done
    assert ("GET", "session-2") in script.done
    assert script.done[-1] == ("DELETE", "session-2")


async def test_calls_at_the_same_time_share_the_new_session() -> None:
    script = Forgetful()
    async with scripted(script) as server, session(server) as client, anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(client.call_tool, str(number))
    assert server.methods.count("initialize") == 2
    names = [name for method, name in script.done if method == "tools/call"]
    assert sorted(names, key=int) == [str(number) for number in range(20)]


async def test_what_the_old_session_knew_the_new_one_is_told() -> None:
    script = Forgetful(forgotten=0)
    async with scripted(script) as server, session(server) as client:
        await client.subscribe_resource("note://1")
        await client.subscribe_resource("note://2")
        await client.unsubscribe_resource("note://2")
        await client.set_logging_level("error")
        script.done.clear()
        script.forgotten = 1
        await client.call_tool("t")
    posts = [entry for entry in script.done if entry[0] not in ("GET", "DELETE")]
    assert posts == [("logging/setLevel", None), ("resources/subscribe", "note://1"), ("tools/call", "t")]


@pytest.mark.parametrize("takes_new", [True, False])
async def test_who_only_waits_to_be_told_gets_a_new_session_too(
    takes_new: bool, caplog: pytest.LogCaptureFixture
) -> None:
    listened: list[str] = []
    again = anyio.Event()

    class Listened(Forgetful):
        async def __call__(self, exchange: Exchange) -> None:
            if exchange.method == "GET" and "last-event-id" in exchange.headers:
                await exchange.send("404 Not Found")
            elif exchange.method == "GET":
                listened.append(exchange.headers["mcp-session-id"])
                await exchange.begin_events()
                if len(listened) == 1:
                    await exchange.stream.send(b"id: a\nretry: 1\ndata:\n\n")
                    await exchange.stream.aclose()
                else:
                    again.set()
                    await exchange.gone()
            elif exchange.message.get("method") == "initialize" and self.sessions and not takes_new:
                await exchange.send("503 Service Unavailable")
                again.set()
            else:
                await super().__call__(exchange)

    async with scripted(Listened(forgotten=0)) as server, session(server) as client:
        with anyio.fail_after(10):
            await again.wait()
        assert client.protocol_version == "2025-06-18"
        if not takes_new:
            await client.call_tool("t")  # the old session may still be good for that
            with anyio.fail_after(10):
                while "could not be opened anew" not in caplog.text:
                    await anyio.sleep(0.01)
    assert server.methods.count("initialize") == 2
    assert listened == (["session-1", "session-2"] if takes_new else ["session-1"])
    assert ("could not be opened anew" in caplog.text) is not takes_new


async def test_a_stream_that_ends_with_404_is_given_up_where_there_is_no_session_id(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def script(exchange: Exchange) -> None:
        if exchange.message.get("method") == "initialize":
            await exchange.result(INITIALIZED)
        elif exchange.method == "GET" and server.methods[-2:] != ["GET", "GET"]:
            await exchange.begin_events()
            await exchange.stream.send(b"retry: 1\ndata:\n\n")
            await exchange.stream.aclose()
        elif exchange.method == "GET":
            await exchange.send("404 Not Found")
        else:
            await opening(exchange)

    async with scripted(script) as server, session(server):
        with anyio.fail_after(10):
            while "No more notifications" not in caplog.text and server.methods.count("initialize") < 2:
                await anyio.sleep(0.01)
    assert server.methods.count("initialize") == 1
    assert server.methods.count("GET") == 2


async def test_a_server_that_ends_every_session_at_once_is_given_up() -> None:
    script = Forgetful(forgotten=1000)
    async with scripted(script) as server, session(server) as client:
        with pytest.raises(McpError, match=r"has ended this session \(404 Not Found\)\.$"):
            await client.call_tool("t")
    assert server.methods.count("initialize") == 2
    assert "DELETE" not in server.methods


async def test_a_server_that_takes_no_new_session_says_why() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send("404 Not Found")

    async def script(exchange: Exchange) -> None:
        if exchange.message.get("method") == "initialize" and "tools/call" in server.methods:
            await exchange.send("503 Service Unavailable", b"closed for today", Content_Type="text/plain")
        else:
            await then(answer)(exchange)

    async with scripted(script) as server, session(server) as client:
        with pytest.raises(McpError, match="503 Service Unavailable: closed for today"):
            await client.call_tool("t")


async def test_a_404_without_a_session_is_an_ordinary_refusal() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send("404 Not Found")

    async with scripted(then(answer)) as server, session(server, modern=True) as client:
        with pytest.raises(McpError, match=r"answered 404 Not Found\.$"):
            await client.call_tool("t")
    assert server.methods == ["server/discover", "tools/call"]


async def test_a_modern_server_cannot_talk_a_client_into_a_legacy_session() -> None:
    server = Server({"tools/call": McpError(-32603, "over", dict(SESSION_ENDED))})
    async with connected(server, opening="discover") as (client, _):
        with pytest.raises(McpError, match="over"):
            await client.call_tool("t")
    assert [method for method, _ in server.asked] == ["server/discover", "tools/call"]


async def test_a_real_server_may_start_anew_under_a_session() -> None:
    heard: list[Any] = []

    async def handle(notification: Any) -> None:
        heard.append(notification)

    async def serve(stop: anyio.Event, port: int, *, task_status: TaskStatus[int]) -> None:
        async with serve_http(our_server(), port=port) as bound:
            task_status.started(bound)
            await stop.wait()
        gone.set()

    gone, end = anyio.Event(), anyio.Event()
    async with anyio.create_task_group() as tasks:
        stop = anyio.Event()
        port = await tasks.start(serve, stop, 0)
        async with Client(f"http://127.0.0.1:{port}/mcp", era="legacy", message_handler=handle) as client:
            await client.session.subscribe_resource("note://today")
            stop.set()
            with anyio.fail_after(20):
                await gone.wait()
                await tasks.start(serve, end, port)
                assert (await client.call_tool("add", {"a": 1, "b": 2})).structuredContent == {"result": 3}
                names = (f"tool_{number}" for number in itertools.count())
                while not any(isinstance(one, types.ResourceUpdatedNotification) for one in heard):
                    await client.call_tool("grow", {"name": next(names)})  # the stream may still be opening
        end.set()
