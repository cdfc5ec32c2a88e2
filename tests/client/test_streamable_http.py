# SPDX-License-Identifier: BSD-3-Clause
"""The Streamable HTTP transport: what it sends, how it cancels, what it receives."""

from __future__ import annotations

import time
from typing import Any

import anyio
import pytest

from mcp_jupyter import types
from mcp_jupyter.client import ClientSession
from mcp_jupyter.client.streamable_http import streamablehttp_client
from mcp_jupyter.errors import McpError, RequestTimeout

from .conftest import nothing_left, official_process
from .scripted_http import (
    SECRET,
    Exchange,
    opening,
    progress_of,
    refuse,
    result_of,
    scripted,
    session,
    then,
)

pytestmark = pytest.mark.anyio


# -- what is sent --------------------------------------------------------------------------------------


async def test_a_legacy_session_from_its_id_to_its_end() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.result({"content": []})

    async with scripted(then(answer)) as server:
        headers = {"Authorization": f"Bearer {SECRET}"}
        async with streamablehttp_client(server.origin + "/mcp", headers) as (read, write, get_id):
            assert get_id() is None
            async with ClientSession(read, write) as client:
                await client.initialize()
                assert get_id() == "session-1234"
                await client.call_tool("t")
    posts = [exchange for exchange in server.seen if exchange.method == "POST"]
    assert [post.message["method"] for post in posts] == [
        "initialize",
        "notifications/initialized",
        "tools/call",
    ]
    assert server.seen[-1].method == "DELETE"
    assert "mcp-session-id" not in posts[0].headers
    assert "mcp-protocol-version" not in posts[0].headers
    for exchange in server.seen:
        assert exchange.headers["authorization"] == f"Bearer {SECRET}"
        assert exchange.path == "/mcp"
        assert "mcp-method" not in exchange.headers
    for exchange in server.seen[1:]:
        assert exchange.headers["mcp-session-id"] == "session-1234"
        assert exchange.headers["mcp-protocol-version"] == "2025-11-25"
    for post in posts:
        assert post.headers["accept"] == "application/json, text/event-stream"
        assert post.headers["content-type"] == "application/json"


async def test_a_session_is_left_alone_when_asked() -> None:
    async with scripted(then(refuse)) as server, session(server, terminate_on_close=False):
        pass
    assert "DELETE" not in server.methods


async def test_a_modern_request_is_mirrored_in_headers() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.result({"content": [], "contents": [], "tools": []}, Mcp_Session_Id="not-in-this-era")

    async with scripted(then(answer)) as server, session(server, modern=True) as client:
        await client.list_tools()
        await client.call_tool("caf\u00e9")
        await client.read_resource("note://today")
    sent = [(e.headers["mcp-method"], e.headers.get("mcp-name")) for e in server.seen]
    assert sent == [
        ("server/discover", None),
        ("tools/list", None),
        ("tools/call", "=?base64?Y2Fmw6k=?="),
        ("resources/read", "note://today"),
    ]
    assert {e.headers["mcp-protocol-version"] for e in server.seen} == {"2026-07-28"}
    assert not any("mcp-session-id" in e.headers for e in server.seen)


async def test_initialized_is_taken_before_anything_else_is_sent() -> None:
    async def script(exchange: Exchange) -> None:
        if exchange.message.get("method") == "notifications/initialized":
            await anyio.sleep(0.1)
            assert server.methods == ["initialize", "notifications/initialized"]
        if not await opening(exchange):
            await exchange.result({"tools": []})

    async with scripted(script) as server, session(server) as client:
        await client.list_tools()
    assert server.methods[:2] == ["initialize", "notifications/initialized"]


async def test_requests_run_at_the_same_time() -> None:
    both = anyio.Event()

    async def answer(exchange: Exchange) -> None:
        if server.methods.count("tools/call") == 2:
            both.set()
        await both.wait()
        await exchange.result({"content": []})

    async with (
        scripted(then(answer)) as server,
        session(server) as client,
        anyio.create_task_group() as tasks,
    ):
        with anyio.fail_after(5):
            tasks.start_soon(client.call_tool, "one")
            await client.call_tool("two")


async def test_more_requests_than_a_server_could_bear_wait_or_are_refused() -> None:
    release = anyio.Event()
    refused: list[str] = []

    async def answer(exchange: Exchange) -> None:
        await release.wait()
        await exchange.result({"content": []})

    async with scripted(then(answer)) as server, session(server) as client:

        async def call() -> None:
            try:
                await client.call_tool("t")
            except McpError as exc:
                refused.append(exc.message)
                if len(refused) == 300 - 256:
                    release.set()

        async with anyio.create_task_group() as tasks:
            for _ in range(300):
                tasks.start_soon(call)
            with anyio.fail_after(20):
                await release.wait()
            assert server.methods.count("tools/call") <= 64
    assert refused == ["More than 256 requests in flight; wait for answers."] * (300 - 256)


async def test_one_connection_serves_call_after_call() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.one_event(result_of(exchange))

    async with scripted(then(answer)) as server, session(server) as client:
        for _ in range(5):
            await client.call_tool("t")
    calls = [exchange for exchange in server.seen if exchange.message.get("method") == "tools/call"]
    assert len({id(exchange.stream) for exchange in calls}) == 1


# -- cancelling ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("streaming", [False, True], ids=["before the response", "within the stream"])
async def test_cancelling_a_modern_request_closes_its_stream(streaming: bool) -> None:
    asked, closed = anyio.Event(), anyio.Event()

    async def answer(exchange: Exchange) -> None:
        if streaming:
            await exchange.begin_events()
        asked.set()
        await exchange.gone()
        closed.set()

    async with scripted(then(answer)) as server, session(server, modern=True) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "t")
            with anyio.fail_after(5):
                await asked.wait()
                tasks.cancel_scope.cancel()
        with anyio.fail_after(5):
            await closed.wait()
    assert server.methods == ["server/discover", "tools/call"]


async def test_cancelling_a_legacy_request_is_said_and_its_stream_closed() -> None:
    closed = anyio.Event()

    async def answer(exchange: Exchange) -> None:
        if exchange.message["method"] == "notifications/cancelled":
            await exchange.send("202 Accepted")
        else:
            await exchange.begin_events()
            await exchange.gone()
            closed.set()

    async with scripted(then(answer)) as server, session(server) as client:
        with pytest.raises(RequestTimeout):
            await client.call_tool("t", timeout=0.2)
        with anyio.fail_after(5):
            await closed.wait()
    call = next(e.message for e in server.seen if e.message.get("method") == "tools/call")
    cancelled = next(e.message for e in server.seen if e.message.get("method") == "notifications/cancelled")
    assert cancelled["params"] == {"requestId": call["id"]}


async def test_leaving_with_calls_under_way_takes_no_time() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.begin_events()
        await exchange.gone()

    async with scripted(then(answer)) as server:
        async with anyio.create_task_group() as tasks, session(server) as client:
            tasks.start_soon(client.call_tool, "t")
            with anyio.fail_after(5):
                while "tools/call" not in server.methods:
                    await anyio.sleep(0.01)
            begin = time.monotonic()
            tasks.cancel_scope.cancel()
        assert time.monotonic() - begin < 2


# -- what arrives --------------------------------------------------------------------------------------


async def test_progress_and_answer_come_on_the_stream_of_the_call() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.begin_events()
        await exchange.stream.send(b": keep-alive\n\nid: 1\ndata:\n\n")
        for number in (1, 2):
            await exchange.event(progress_of(exchange, number))
        await exchange.event("junk")
        await exchange.event(result_of(exchange), kind="another-kind")
        await exchange.event(result_of(exchange, {"content": [], "isError": False}))
        await exchange.stream.aclose()

    seen: list[float] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        seen.append(done)

    async with scripted(then(answer)) as server, session(server) as client:
        result = await client.call_tool("t", progress_callback=progress)
    assert (seen, result.isError) == ([1, 2], False)


async def test_a_stream_that_stays_open_after_the_answer_does_not_keep_us() -> None:
    closed = anyio.Event()

    async def answer(exchange: Exchange) -> None:
        await exchange.begin_events()
        await exchange.event(result_of(exchange))
        await exchange.gone()
        closed.set()

    async with scripted(then(answer)) as server, session(server) as client:
        with anyio.fail_after(5):
            await client.call_tool("t")
        with anyio.fail_after(5):
            await closed.wait()


async def test_the_get_stream_carries_what_belongs_to_no_request() -> None:
    heard: list[Any] = []
    told = anyio.Event()

    async def handler(notification: Any) -> None:
        heard.append(notification)
        told.set()

    async def script(exchange: Exchange) -> None:
        if exchange.method == "GET":
            assert exchange.headers["accept"] == "text/event-stream"
            await exchange.begin_events()
            await exchange.event({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})
            await exchange.gone()
        else:
            await opening(exchange)

    async with scripted(script) as server, session(server, message_handler=handler):
        with anyio.fail_after(5):
            await told.wait()
    assert [type(notification) for notification in heard] == [types.ToolListChangedNotification]


async def test_a_flood_of_events_ends_with_the_answer() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.begin_events()
        for number in range(5_000):
            await exchange.event(progress_of(exchange, number))
        await exchange.event(result_of(exchange))
        await exchange.stream.aclose()

    seen: list[float] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        seen.append(done)

    async with scripted(then(answer)) as server, session(server) as client:
        with anyio.fail_after(60):
            await client.call_tool("t", progress_callback=progress)
    assert seen[-1] == 4_999
    assert seen == sorted(seen)


# -- a real server that dies ---------------------------------------------------------------------------


async def test_calls_fail_at_once_when_the_server_dies() -> None:
    with official_process("http") as (url, process):
        async with (
            nothing_left(),
            streamablehttp_client(url) as (read, write, _),
            ClientSession(read, write) as client,
        ):
            await client.initialize()

            async def progress(done: float, total: float | None, message: str | None) -> None:
                process.kill()

            with anyio.fail_after(10):
                with pytest.raises(McpError, match=r"Talking to|ended the stream"):
                    await client.call_tool("count_slowly", progress_callback=progress)
                with pytest.raises(McpError, match="Talking to"):
                    await client.send_ping()
