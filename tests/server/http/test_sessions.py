# SPDX-License-Identifier: BSD-3-Clause
"""Sessions: whose they are, how many, how long; and what a principal may do in them."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import pytest
from tornado.web import RequestHandler

from mcp_jupyter.engine.channel import memory_pair
from mcp_jupyter.protocol.frames import Frame, Message, Notification, Request, Response, encode
from mcp_jupyter.server.http.admission import Principal, Refusal, bearer_token
from mcp_jupyter.server.http.response_stream import Exchange
from mcp_jupyter.server.http.sessions import SessionTable, SseSession, StreamableSession

from .conftest import Front
from .test_sse import INITIALIZE, open_stream, said
from .test_streamable_legacy import get, text
from .wire import call, connect, initialize, modern, modern_headers

pytestmark = pytest.mark.anyio

Mount = Callable[..., AbstractAsyncContextManager[Front]]


# -- the table ---------------------------------------------------------------------------------------------


def table(now: list[float], **limits: Any) -> SessionTable:
    return SessionTable(clock=lambda: now[0], **limits)


def opened(sessions: SessionTable, principal: str = "") -> StreamableSession:
    session = sessions.add(Principal(principal), StreamableSession)
    session.start(memory_pair()[0])
    session.establish("2025-11-25")
    return session


def ask(session: StreamableSession, id_: int) -> Exchange:
    request, exchange = Request(id_, "ping"), Exchange()
    session.deliver(request, encode(request), exchange, Principal())
    return exchange


async def test_a_session_is_found_once_it_is_established_by_its_principal_alone() -> None:
    sessions = table([0.0])
    session = sessions.add(Principal("a"), StreamableSession)
    assert sessions.get(session.id, Principal("a"), StreamableSession) is None
    session.establish("2025-11-25")
    assert sessions.get(session.id, Principal("a"), StreamableSession) is session
    assert sessions.get(session.id, Principal("b"), StreamableSession) is None
    assert sessions.get(session.id, Principal("a"), SseSession) is None
    sessions.close()
    assert len(sessions) == 0


async def test_at_the_limit_the_session_idle_longest_makes_room() -> None:
    now = [0.0]
    sessions = table(now, per_principal=3)
    first, second, third = (opened(sessions) for _ in range(3))
    now[0] = 1.0
    first.touch()
    now[0] = 2.0
    third.reading = True
    opened(sessions)
    assert second not in list(sessions)
    assert {first, third} <= set(sessions)
    sessions.close()


async def test_sessions_in_use_make_no_room_and_lock_out_nobody_else() -> None:
    sessions = table([0.0], per_principal=2, total=3)
    for _ in range(2):
        opened(sessions, "greedy").reading = True
    with pytest.raises(Refusal) as refusal:
        sessions.add(Principal("greedy"), StreamableSession)
    assert refusal.value.status == 429
    opened(sessions, "modest").reading = True
    with pytest.raises(Refusal) as refusal:
        sessions.add(Principal("third"), StreamableSession)
    assert refusal.value.status == 503
    sessions.close()


async def test_a_handshake_under_way_counts_and_is_not_evicted() -> None:
    sessions = table([0.0], per_principal=1)
    sessions.add(Principal(), StreamableSession)
    with pytest.raises(Refusal):
        sessions.add(Principal(), StreamableSession)
    sessions.close()


async def test_idle_sessions_end_and_used_ones_do_not() -> None:
    now = [0.0]
    sessions = table(now, idle=100.0)
    idle, reading, busy, touched = (opened(sessions) for _ in range(4))
    reading.reading = True
    ask(busy, 1)
    now[0] = 99.0
    assert sessions.get(touched.id, Principal(), StreamableSession) is touched
    now[0] = 100.0
    sessions.sweep()
    assert set(sessions) == {reading, busy, touched}
    assert idle not in list(sessions)
    # An answer counts as use.
    busy.message(Message.of(Response(1, {})))
    now[0] = 199.5
    sessions.sweep()
    assert busy in list(sessions)
    sessions.close()


async def test_a_client_that_never_reads_ends_its_own_session() -> None:
    sessions = table([0.0])
    session = opened(sessions)
    for id_ in range(3000):
        session.message(Message.of(Request(id_, "roots/list")))
    assert len(sessions) == 0
    session = opened(sessions)
    for _ in range(3000):
        session.message(Message.of(Notification("notifications/message")))
    assert len(sessions) == 1
    sessions.close()


async def test_a_session_that_has_ended_answers_what_comes_too_late() -> None:
    sessions = table([0.0])
    session = opened(sessions)
    session.close()
    assert b"-32603" in ask(session, 1).take()[0].raw


async def test_more_requests_than_anyone_needs_are_refused() -> None:
    sessions = table([0.0])
    session = opened(sessions)
    for id_ in range(256):
        assert not ask(session, id_).ended
    one_more = ask(session, -1)
    assert b"-32600" in one_more.take()[0].raw
    sessions.close()


# -- principals --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Limited(Principal):
    """May not call `wait`, and does not see it."""

    def check(self, frame: Frame) -> Refusal | None:
        if isinstance(frame, Request) and frame.params.get("name") == "wait":
            challenge = {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}
            return Refusal(403, "This token may not call that tool.", challenge)
        return None

    def filter(self, request: Request, message: Message) -> Message:
        if request.method != "tools/list" or not isinstance(message.frame, Response):
            return message
        tools = [tool for tool in message.frame.result["tools"] if tool["name"] != "wait"]
        return Message.of(Response(message.frame.id, {**message.frame.result, "tools": tools}))


class Tokens:
    """Any token opens; it is the principal's name."""

    def origin_problem(self, handler: RequestHandler) -> str | None:
        return None

    async def authenticate(self, handler: RequestHandler) -> Principal:
        token = bearer_token(handler)
        if not token:
            raise Refusal(401, "no token")
        return Limited(token) if token.startswith("limited") else Principal(token)


def as_(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {name}"}


async def test_a_session_is_useless_to_another_principal(mount: Mount) -> None:
    async with mount(Tokens()) as front, connect(front.port) as wire, connect(front.port) as stream:
        session = await initialize(wire, headers=as_("a"))
        stolen = {**session, **as_("b")}
        assert (await wire.post(call(1, "echo"), stolen)).status == 404
        assert (await wire.request("GET", "/mcp", {**stolen, "Accept": "*/*"})).status == 404
        assert (await wire.request("DELETE", "/mcp", stolen)).status == 404
        assert (await wire.post(call(1, "echo"), session)).status == 200
        await stream.send("GET", "/sse", as_("a"))
        assert (await stream.head()).status == 200
        _, url = await stream.event()
        assert (await wire.post(INITIALIZE, as_("b"), url)).status == 404
        assert (await wire.post(INITIALIZE, as_("a"), url)).status == 202


async def test_what_a_principal_may_not_send_goes_no_further(mount: Mount) -> None:
    async with mount(Tokens()) as front, connect(front.port) as wire, connect(front.port) as stream:
        session = await initialize(wire, "2025-03-26", as_("limited"))
        message = modern(3, "tools/call", {"name": "wait"})
        for body, headers in [
            (call(3, "wait"), session),
            (message, {**modern_headers(message), **as_("limited")}),
        ]:
            reply = await wire.post(body, headers)
            assert (reply.status, reply.json["id"]) == (403, 3)
            assert "insufficient_scope" in (reply.header("WWW-Authenticate") or "")
        batch = await wire.post([call(1, "wait"), call(2, "echo", {"text": "b"})], session)
        assert [("error" in answer, answer["id"]) for answer in batch.json] == [(True, 1), (False, 2)]
        await stream.send("GET", "/sse", as_("limited"))
        await stream.head()
        _, url = await stream.event()
        reply = await wire.post(call(1, "wait"), as_("limited"), url)
        assert (reply.status, reply.json["id"]) == (403, 1)
        await wire.post(INITIALIZE, as_("limited"), url)
        await said(stream)
        await wire.post([call(5, "wait")], as_("limited"), url)
        assert (await said(stream))["id"] == 5, "so that the client need not wait"
    assert front.server.started == 0


async def test_lists_show_a_principal_what_it_may_use(mount: Mount) -> None:
    list_tools = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    new = modern(1, "tools/list")

    def names(message: Any) -> set[str]:
        return {tool["name"] for tool in message["result"]["tools"]}

    async with mount(Tokens()) as front, connect(front.port) as wire, connect(front.port) as stream:
        for who, sees in (("limited", False), ("whole", True)):
            session = await initialize(wire, headers=as_(who))
            assert ("wait" in names((await wire.post(list_tools, session)).json)) is sees
            reply = await wire.post(new, {**modern_headers(new), **as_(who)})
            assert ("wait" in names(reply.json)) is sees
        await stream.send("GET", "/sse", as_("limited"))
        await stream.head()
        _, url = await stream.event()
        await wire.post(INITIALIZE, as_("limited"), url)
        await said(stream)
        await wire.post(list_tools, as_("limited"), url)
        assert "wait" not in names(await said(stream))


async def test_ending_a_principal_ends_all_it_has_and_nothing_else(mount: Mount) -> None:
    waiting = modern(1, "tools/call", {"name": "wait"})
    async with (
        mount(Tokens()) as front,
        connect(front.port) as wire,
        connect(front.port) as stream,
        connect(front.port) as running,
        connect(front.port) as other,
    ):
        session = await initialize(wire, headers=as_("a"))
        kept = await initialize(other, headers=as_("b"))
        await get(stream, session)
        await running.send_message(waiting, {**modern_headers(waiting), **as_("a")})
        await wire.send_message(call(2, "wait"), session)
        await front.server.until(lambda: front.server.started == 2)
        front.endpoint.end("a")
        assert (await running.reply()).json["error"]["code"] == -32603
        assert (await wire.reply()).json["error"]["code"] == -32603
        while await stream.chunk():
            pass
        await front.server.until(lambda: front.server.cancelled == 2)
        assert (await wire.post(call(3, "echo"), session)).status == 404
        assert text((await other.post(call(3, "echo", {"text": "on"}), kept)).json) == "on"


async def test_a_principal_at_its_limit_gets_429(mount: Mount) -> None:
    async with (
        mount(Tokens(), SessionTable(per_principal=1)) as front,
        connect(front.port) as wire,
        connect(front.port) as stream,
    ):
        await stream.send("GET", "/sse", as_("a"))
        await stream.head()
        await stream.event()
        reply = await wire.post(INITIALIZE, as_("a"))
        assert (reply.status, reply.json["id"]) == (429, None)
        assert (await wire.post(INITIALIZE, as_("b"))).status == 200


async def test_an_open_stream_survives_its_neighbours(front: Front) -> None:
    async with connect(front.port) as stream, connect(front.port) as wire:
        url = await open_stream(stream)
        for _ in range(70):
            await initialize(wire)
        await wire.post(INITIALIZE, target=url)
        assert json.dumps(await said(stream))
