# SPDX-License-Identifier: BSD-3-Clause
"""Legacy streams that break off, and how they go on."""

from __future__ import annotations

import json
import time
from typing import Any

import anyio
import pytest

from mcp_jupyter import types
from mcp_jupyter.client import streamable_http
from mcp_jupyter.client.streamable_http import StreamPosition
from mcp_jupyter.errors import McpError, RequestTimeout

from .scripted_http import Exchange, opening, progress_of, result_of, scripted, session

pytestmark = pytest.mark.anyio

ANSWER = {"content": [{"type": "text", "text": "resumed"}]}


async def send_event(exchange: Exchange, message: Any = None, **fields: str) -> None:
    """One event with the fields as they are, and the message as its data."""
    lines = [f"{name}: {value}" for name, value in fields.items()]
    lines.append("data: " + ("" if message is None else json.dumps(message)))
    await exchange.stream.send("\n".join([*lines, "", ""]).encode())


class Breaking:
    """A server whose streams break off: scripts for the calls and for each GET that resumes one."""

    def __init__(self) -> None:
        self.call: Exchange | None = None
        self.resumed: list[tuple[float, str]] = []
        self.broken_at = 0.0

    async def __call__(self, exchange: Exchange) -> None:
        if exchange.method == "GET" and "last-event-id" in exchange.headers:
            self.resumed.append((time.monotonic(), exchange.headers["last-event-id"]))
            assert exchange.headers["mcp-session-id"] == "session-1234"
            assert exchange.headers["mcp-protocol-version"] == "2025-11-25"
            assert exchange.headers["accept"] == "text/event-stream"
            await self.resume(exchange, len(self.resumed))
        elif not await opening(exchange):
            self.call = exchange
            await self.begin(exchange)
            self.broken_at = time.monotonic()
            await exchange.stream.aclose()

    async def begin(self, exchange: Exchange) -> None:
        await exchange.begin_events()
        await send_event(exchange, id="a", retry="300")

    async def resume(self, exchange: Exchange, number: int) -> None:
        assert self.call is not None
        await exchange.begin_events()
        await send_event(exchange, result_of(self.call, ANSWER), id="b")
        await exchange.stream.aclose()


async def test_a_stream_is_resumed_where_it_broke_off_after_the_wait_the_server_asked_for() -> None:
    seen: list[float] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        seen.append(done)

    class Server(Breaking):
        async def begin(self, exchange: Exchange) -> None:
            await super().begin(exchange)
            await send_event(exchange, progress_of(exchange, 1), id="after 1")

        async def resume(self, exchange: Exchange, number: int) -> None:
            if number == 1:
                await exchange.begin_events()
                await send_event(exchange, progress_of(self.call, 2), id="after 2")
                await exchange.stream.aclose()
            else:
                await super().resume(exchange, number)

    script = Server()
    async with scripted(script) as server, session(server) as client:
        with anyio.fail_after(10):
            result = await client.call_tool("t", progress_callback=progress)
    assert result.content[0].text == "resumed"
    assert seen == [1, 2]
    assert [where for _, where in script.resumed] == ["after 1", "after 2"]
    assert 0.25 <= script.resumed[0][0] - script.broken_at <= 1.0
    assert server.methods.count("tools/call") == 1


async def test_a_server_that_is_busy_is_asked_again() -> None:
    class Server(Breaking):
        async def begin(self, exchange: Exchange) -> None:
            await exchange.begin_events()
            await send_event(exchange, id="a", retry="1")

        async def resume(self, exchange: Exchange, number: int) -> None:
            if number == 1:
                await exchange.send("503 Service Unavailable")
            elif number == 2:
                await exchange.stream.aclose()
            else:
                await super().resume(exchange, number)

    script = Server()
    async with scripted(script) as server, session(server) as client:
        with anyio.fail_after(10):
            await client.call_tool("t")
    assert len(script.resumed) == 3


@pytest.mark.parametrize(
    ("status", "tries"),
    [("405 Method Not Allowed", 1), ("404 Not Found", 1), ("500 Internal Server Error", 5)],
)
async def test_a_stream_that_the_server_does_not_resume_fails_the_call_alone(status: str, tries: int) -> None:
    class Server(Breaking):
        async def begin(self, exchange: Exchange) -> None:
            await exchange.begin_events()
            await send_event(exchange, id="a", retry="1")

        async def resume(self, exchange: Exchange, number: int) -> None:
            await exchange.send(status)

    script = Server()
    async with scripted(script) as server, session(server) as client:
        with pytest.raises(McpError, match=f"ended the stream before it answered tools/call. .*{status}"):
            await client.call_tool("t")
    assert len(script.resumed) == tries
    assert server.methods.count("tools/call") == 1


async def test_cancelling_ends_the_wait_to_resume() -> None:
    class Server(Breaking):
        async def begin(self, exchange: Exchange) -> None:
            await exchange.begin_events()
            await send_event(exchange, id="a", retry="3600000")

    script = Server()
    begin = time.monotonic()
    async with scripted(script) as server, session(server) as client:
        with pytest.raises(RequestTimeout):
            await client.call_tool("t", timeout=0.2)
    assert time.monotonic() - begin < 5
    assert script.resumed == []


async def test_a_stream_that_breaks_after_its_answer_is_left_alone() -> None:
    class Server(Breaking):
        async def begin(self, exchange: Exchange) -> None:
            body = f"id: a\nretry: 1\ndata: {json.dumps(result_of(exchange, ANSWER))}\n\n"
            head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
            await exchange.stream.send(f"{head}{len(body):x}\r\n{body}\r\n".encode())

    script = Server()
    async with scripted(script) as server, session(server) as client:
        for _ in range(65):
            await client.call_tool("t")
    assert script.resumed == []
    assert server.methods[-1] == "DELETE"


@pytest.mark.parametrize("id_", ["", "\u00e9", "x" * 1025])
async def test_what_has_no_usable_event_id_is_not_resumed(id_: str) -> None:
    class Server(Breaking):
        async def begin(self, exchange: Exchange) -> None:
            await exchange.begin_events()
            await send_event(exchange, id="a")
            await send_event(exchange, id=id_)

    script = Server()
    async with scripted(script) as server, session(server) as client:
        with pytest.raises(McpError, match=r"before it answered tools/call\.$"):
            await client.call_tool("t")
    assert script.resumed == []


async def test_a_modern_stream_is_not_resumed() -> None:
    script = Breaking()
    async with scripted(script) as server, session(server, modern=True) as client:
        with pytest.raises(McpError, match="ended the stream before it answered"):
            await client.call_tool("t")
    assert server.methods == ["server/discover", "tools/call"]


async def test_the_stream_of_a_session_is_opened_again() -> None:
    heard: list[Any] = []
    told = anyio.Event()
    gets: list[str | None] = []

    async def handle(notification: Any) -> None:
        heard.append(notification)
        told.set()

    async def script(exchange: Exchange) -> None:
        if exchange.method != "GET":
            await opening(exchange)
            return
        gets.append(exchange.headers.get("last-event-id"))
        await exchange.begin_events()
        if len(gets) == 1:
            await send_event(exchange, id="a", retry="10")
            await exchange.stream.aclose()
        elif len(gets) == 2:
            await exchange.stream.aclose()
        else:
            await exchange.event({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})
            await exchange.gone()

    async with scripted(script) as server, session(server, message_handler=handle):
        with anyio.fail_after(10):
            await told.wait()
    assert [type(notification) for notification in heard] == [types.ToolListChangedNotification]
    assert gets == [None, "a", "a"]


@pytest.mark.parametrize("lasting", [False, True], ids=["short", "lasting"])
async def test_a_quiet_stream_is_opened_again_for_as_long_as_its_connections_last(
    lasting: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(streamable_http, "WAIT_SECONDS", 0.001)
    monkeypatch.setattr(streamable_http, "LASTING_SECONDS", 0.0 if lasting else 60.0)
    gets, enough = 0, anyio.Event()

    async def script(exchange: Exchange) -> None:
        nonlocal gets
        if exchange.method != "GET":
            await opening(exchange)
            return
        gets += 1
        await exchange.begin_events()
        await exchange.stream.aclose()
        if gets == (20 if lasting else 1 + streamable_http.MAX_TRIES):
            enough.set()

    async with scripted(script) as server, session(server):
        with anyio.fail_after(10):
            await enough.wait()
            while not lasting and not caplog.records:
                await anyio.sleep(0.01)
    assert gets >= 20 if lasting else gets == 1 + streamable_http.MAX_TRIES
    assert [record.getMessage() for record in caplog.records] == (
        []
        if lasting
        else [f"No more notifications until a new session: {server.origin} ended the event stream."]
    )


async def test_an_answer_on_another_stream_ends_the_wait_for_the_first() -> None:
    asked = anyio.Event()

    async def script(exchange: Exchange) -> None:
        if exchange.method == "GET":
            await exchange.begin_events()
            await asked.wait()
            call = next(e for e in server.seen if e.message.get("method") == "tools/call")
            await exchange.event(result_of(call, ANSWER))
            await exchange.gone()
        elif not await opening(exchange):
            await exchange.begin_events()
            await send_event(exchange, id="a", retry="3600000")
            asked.set()
            await exchange.gone()
            closed.set()

    closed = anyio.Event()
    async with scripted(script) as server, session(server) as client:
        with anyio.fail_after(5):
            assert (await client.call_tool("t")).content[0].text == "resumed"
            await closed.wait()


def test_the_waits_grow_and_end() -> None:
    waits = []
    position = StreamPosition()
    while (wait := position.wait()) is not None:
        waits.append(wait)
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0]
