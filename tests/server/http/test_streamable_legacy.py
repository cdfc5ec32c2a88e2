# SPDX-License-Identifier: BSD-3-Clause
"""Streamable HTTP, legacy era: sessions, streams, batches."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

import pytest

from .conftest import Front
from .wire import ACCEPT, LEGACY, MODERN, Wire, call, connect, initialize

pytestmark = pytest.mark.anyio

SESSION = "Mcp-Session-Id"
VERSION = "MCP-Protocol-Version"


class Mount(Protocol):
    def __call__(self, *args: Any, **bounds: Any) -> AbstractAsyncContextManager[Front]: ...


def text(message: Mapping[str, Any]) -> str:
    return str(message["result"]["content"][0]["text"])


async def get(wire: Wire, session: Mapping[str, str]) -> None:
    """Open a session's GET stream and see that it is open."""
    await wire.send("GET", "/mcp", {**session, "Accept": "text/event-stream"})
    head = await wire.head()
    assert (head.status, head.header("Content-Type")) == (200, "text/event-stream")
    assert (await wire.chunk()).startswith(b":")


# -- the rules, one a row ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rule:
    """A request inside a live session (`None` in `change` removes a header), and what it must get."""

    name: str
    status: int
    code: int | None = None
    method: str = "POST"
    body: Any = field(default_factory=lambda: call(1, "echo"))
    change: Mapping[str, str | None] = field(default_factory=dict)


PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
RULES = [
    Rule("a request is answered", 200),
    Rule("id 0 is an id", 200, body={**PING, "id": 0}),
    Rule("a missing version header is forgiven", 200, change={VERSION: None}),
    Rule("another legacy version in the header is forgiven", 200, change={VERSION: "2024-11-05"}),
    Rule("an unknown version in the header is refused", 400, -32602, change={VERSION: "1999-01-01"}),
    Rule("the modern version without its envelope is refused", 400, -32602, change={VERSION: MODERN}),
    Rule("no session id", 400, -32600, change={SESSION: None}),
    Rule("an unknown session id", 404, -32600, change={SESSION: "nobody"}),
    Rule("a notification", 202, body={"jsonrpc": "2.0", "method": "notifications/roots/list_changed"}),
    Rule("a response nobody waits for", 202, body={"jsonrpc": "2.0", "id": 9, "result": {}}),
    Rule("an error response", 202, body={"jsonrpc": "2.0", "id": 9, "error": {"code": 1, "message": ""}}),
    Rule("a dispatched error is 200", 200, -32602, body=call(1, "nonsense")),
    Rule("an unknown method is 200", 200, -32601, body={**PING, "method": "server/nonsense"}),
    Rule("not JSON", 400, -32700, body=b"{"),
    Rule("an empty body", 400, -32700, body=b""),
    Rule("NaN is not JSON", 400, -32700, body=b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":NaN}}'),
    Rule("deep nesting", 400, -32700, body=b"[" * 100_000),
    Rule("not UTF-8", 400, -32700, body=b'{"jsonrpc":"2.0","id":1,"method":"\xff"}'),
    Rule("not an object", 400, -32600, body=7),
    Rule("no jsonrpc", 400, -32600, body={"id": 1, "method": "ping"}),
    Rule("a null id", 400, -32600, body={**PING, "id": None}),
    Rule("a float id", 400, -32600, body={**PING, "id": 1.5}),
    Rule("a boolean id", 400, -32600, body={**PING, "id": True}),
    Rule("an object id", 400, -32600, body={**PING, "id": {}}),
    Rule("an endless id", 400, -32600, body={**PING, "id": "x" * 1000}),
    Rule("params in an array", 400, -32600, body={**PING, "params": []}),
    Rule("a batch in this version", 400, -32600, body=[PING]),
    Rule("only JSON is accepted", 406, -32600, change={"Accept": "application/json"}),
    Rule("only events are accepted", 406, -32600, change={"Accept": "text/event-stream"}),
    Rule("anything is accepted", 200, change={"Accept": "*/*"}),
    Rule("kinds of types are accepted", 200, change={"Accept": "application/*;q=0.5, text/*"}),
    Rule("nothing is said of what is accepted", 200, change={"Accept": None}),
    Rule("form data", 415, -32600, change={"Content-Type": "application/x-www-form-urlencoded"}),
    Rule("no content type", 415, -32600, change={"Content-Type": None}),
    Rule("a charset is fine", 200, change={"Content-Type": "Application/JSON; charset=utf-8"}),
    Rule("GET without a session", 400, -32600, "GET", change={SESSION: None}),
    Rule("GET of an unknown session", 404, -32600, "GET", change={SESSION: "nobody"}),
    Rule("GET that takes no events", 406, -32600, "GET", change={"Accept": "application/json"}),
    Rule("GET of the modern version", 405, -32600, "GET", change={VERSION: MODERN}),
    Rule("DELETE without a session", 400, -32600, "DELETE", change={SESSION: None}),
    Rule("DELETE of an unknown session", 404, -32600, "DELETE", change={SESSION: "nobody"}),
    Rule("DELETE of the modern version", 405, -32600, "DELETE", change={VERSION: MODERN}),
    Rule("DELETE ends the session", 204, None, "DELETE"),
]


@pytest.mark.parametrize("rule", RULES, ids=[rule.name for rule in RULES])
async def test_rule(front: Front, rule: Rule) -> None:
    async with connect(front.port) as wire:
        session = await initialize(wire)
        headers: dict[str, str | None] = {**session, "Accept": ACCEPT, "Content-Type": "application/json"}
        sent = {name: value for name, value in (headers | dict(rule.change)).items() if value is not None}
        if rule.method == "POST":
            body = rule.body if isinstance(rule.body, bytes) else json.dumps(rule.body).encode()
            reply = await wire.request("POST", "/mcp", sent, body)
        else:
            reply = await wire.request(rule.method, "/mcp", sent)
        assert reply.status == rule.status
        if rule.code is not None:
            assert reply.header("Content-Type") == "application/json"
            assert reply.json["error"]["code"] == rule.code
        elif rule.status == 200:
            assert reply.json["id"] == rule.body["id"]
        else:
            assert reply.body == b""
        if rule.method == "POST":  # whatever it was: the session goes on
            async with connect(front.port) as other:
                assert text((await other.post(call(2, "echo", {"text": "on"}), session)).json) == "on"


async def test_two_session_headers_are_refused(front: Front) -> None:
    async with connect(front.port) as wire:
        session = await initialize(wire)
        reply = await wire.post(call(1, "echo"), [*session.items(), (SESSION, session[SESSION])])
    assert reply.status == 400


# -- answers ---------------------------------------------------------------------------------------------


async def test_a_call_is_answered_as_json(front: Front) -> None:
    async with connect(front.port) as wire:
        session = await initialize(wire)
        reply = await wire.post(call(1, "echo", {"text": "hé"}), session)
    assert (reply.status, reply.header("Content-Type")) == (200, "application/json")
    assert reply.json == {"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": "hé"}]}}


async def test_line_ends_between_tokens_do_no_harm(front: Front) -> None:
    async with connect(front.port) as wire:
        session = await initialize(wire)
        reply = await wire.post(json.dumps(call(1, "echo", {"text": "a\nb"}), indent=2).encode(), session)
    assert text(reply.json) == "a\nb"


async def test_progress_comes_before_the_answer_on_an_event_stream(front: Front) -> None:
    async with connect(front.port) as wire:
        session = await initialize(wire)
        reply = await wire.post(call(1, "progress", {"steps": 3}, progressToken="p"), session)
        again = await wire.post(call(2, "echo", {"text": "on"}), session)
    assert (reply.status, reply.header("Content-Type")) == (200, "text/event-stream")
    assert reply.header("X-Accel-Buffering") == "no"
    assert [event.get("params", {}).get("progress") for event in reply.events] == [0, 1, 2, None]
    assert text(reply.events[-1]) == "done"
    assert text(again.json) == "on"


@pytest.mark.parametrize("pause", [False, True], ids=["in one go", "with the loop running between"])
async def test_a_thousand_progress_messages_cost_a_few_writes(front: Front, pause: bool) -> None:
    async with connect(front.port) as wire:
        session = await initialize(wire)
        arguments = {"steps": 1000, "yield": pause}
        await wire.send_message(call(1, "progress", arguments, progressToken="p"), session)
        reply = await wire.head()
        writes = 0
        if reply.header("Transfer-Encoding") == "chunked":
            while piece := await wire.chunk():
                writes += 1
                reply.body += piece
        else:
            reply.body = await wire.reader.readexactly(int(reply.header("Content-Length") or 0))
    assert [event["params"]["progress"] for event in reply.events[:-1]] == list(range(1000))
    assert text(reply.events[-1]) == "done"
    assert writes < 50


async def test_a_slow_call_gets_a_stream_with_comments(mount: Mount) -> None:
    async with mount(keepalive=0.05) as front, connect(front.port) as wire:
        session = await initialize(wire)
        await wire.send_message(call(1, "wait"), session)
        head = await wire.head()
        assert head.header("Content-Type") == "text/event-stream"
        assert (await wire.chunk()).startswith(b"id: ")
        for _ in range(3):
            assert (await wire.chunk()).startswith(b":")
        front.server.release.set()
        while (piece := await wire.chunk()).startswith(b":"):
            pass
        assert b"released" in piece


async def test_server_asks_and_the_client_answers_with_another_post(front: Front) -> None:
    async with connect(front.port) as wire, connect(front.port) as other:
        session = await initialize(wire)
        await wire.send_message(call(1, "ask"), session)
        assert (await wire.head()).status == 200
        _, data = await wire.event()
        question = json.loads(data)
        assert question["method"] == "roots/list"
        answer = {"jsonrpc": "2.0", "id": question["id"], "result": {"roots": [{"uri": "file:///x"}]}}
        assert (await other.post(answer, session)).status == 202
        _, data = await wire.event()
    assert text(json.loads(data)) == "file:///x"


async def test_ids_of_different_types_do_not_mix(front: Front) -> None:
    async with connect(front.port) as wire, connect(front.port) as other:
        session = await initialize(wire)
        await wire.send_message(call(7, "wait"), session)
        await front.server.until(lambda: front.server.started == 1)
        reply = await other.post(call("7", "echo", {"text": "a string"}), session)
        assert (reply.json["id"], text(reply.json)) == ("7", "a string")
        front.server.release.set()
        reply = await wire.reply()
    assert (reply.json["id"], text(reply.json)) == (7, "released")


async def test_an_id_in_flight_is_refused_and_the_first_is_untouched(front: Front) -> None:
    async with connect(front.port) as wire, connect(front.port) as other:
        session = await initialize(wire)
        await wire.send_message(call(7, "wait"), session)
        await front.server.until(lambda: front.server.started == 1)
        reply = await other.post(call(7, "echo"), session)
        assert (reply.json["id"], reply.json["error"]["code"]) == (7, -32600)
        front.server.release.set()
        assert text((await wire.reply()).json) == "released"


# -- streams and their ends --------------------------------------------------------------------------------


async def test_a_disconnect_is_no_cancellation(front: Front) -> None:
    async with connect(front.port) as wire:
        session = await initialize(wire)
        async with connect(front.port) as leaving:
            await leaving.send_message(call(1, "wait"), session)
            await front.server.until(lambda: front.server.started == 1)
        # Its id is taken until it is answered: nobody else gets its answer.
        while (await wire.post(call(1, "echo"), session)).json.get("error", {}).get("code") != -32600:
            pass
        front.server.release.set()
        reply = await wire.post(call(2, "echo", {"text": "on"}), session)
        assert text(reply.json) == "on"
    assert front.server.cancelled == 0


async def test_cancelling_ends_the_post_before_anything_was_written(front: Front) -> None:
    async with connect(front.port) as wire, connect(front.port) as other:
        session = await initialize(wire)
        await wire.send_message(call(1, "wait"), session)
        await front.server.until(lambda: front.server.started == 1)
        assert (await other.post(cancelled(1), session)).status == 202
        reply = await wire.reply()
        assert (reply.status, reply.body) == (202, b"")
    assert front.server.cancelled == 1


async def test_cancelling_ends_the_event_stream_of_a_post(mount: Mount) -> None:
    async with mount(keepalive=0.05) as front, connect(front.port) as wire, connect(front.port) as other:
        session = await initialize(wire)
        await wire.send_message(call("a", "wait"), session)
        assert (await wire.head()).status == 200
        assert (await other.post(cancelled("a"), session)).status == 202
        while await wire.chunk():
            pass
        assert text((await wire.post(call("a", "echo", {"text": "on"}), session)).json) == "on"
        assert front.server.cancelled == 1


@pytest.mark.parametrize("id_", [None, True, 1.0, {}, [], "another"])
async def test_cancelling_what_is_no_request_does_nothing(front: Front, id_: Any) -> None:
    async with connect(front.port) as wire, connect(front.port) as other:
        session = await initialize(wire)
        await wire.send_message(call(1, "wait"), session)
        await front.server.until(lambda: front.server.started == 1)
        assert (await other.post(cancelled(id_), session)).status == 202
        front.server.release.set()
        assert text((await wire.reply()).json) == "released"


def cancelled(id_: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id_}}


async def test_what_belongs_to_no_request_waits_for_the_get_stream(front: Front) -> None:
    async with connect(front.port) as wire, connect(front.port) as stream:
        session = await initialize(wire)
        reply = await wire.post(call(1, "tell", {"times": 2}), session)
        assert reply.header("Content-Type") == "application/json"
        await stream.send("GET", "/mcp", {**session, "Accept": "text/event-stream"})
        assert (await stream.head()).status == 200
        piece = b""
        while piece.count(b"data:") < 2:
            piece += await stream.chunk()
        await wire.post(call(2, "tell"), session)
        _, data = await stream.event()
        assert json.loads(data)["method"] == "notifications/message"


async def test_there_is_one_get_stream_a_session(front: Front) -> None:
    async with connect(front.port) as wire:
        session = await initialize(wire)
        async with connect(front.port) as first, connect(front.port) as second:
            await get(first, session)
            reply = await second.request("GET", "/mcp", {**session, "Accept": "text/event-stream"})
            assert reply.status == 409
        [live] = front.endpoint.sessions
        while live.reading:  # the server has not noticed yet
            await wire.post(call(1, "echo"), session)
        async with connect(front.port) as third:
            await get(third, session)


async def test_delete_ends_everything_of_the_session(front: Front) -> None:
    async with connect(front.port) as wire, connect(front.port) as stream, connect(front.port) as running:
        session = await initialize(wire)
        await get(stream, session)
        await running.send_message(call(1, "wait"), session)
        await front.server.until(lambda: front.server.started == 1)
        assert (await wire.request("DELETE", "/mcp", session)).status == 204
        assert (await running.reply()).json["error"]["code"] == -32603
        while await stream.chunk():
            pass
        assert (await wire.post(call(2, "echo"), session)).status == 404
        await front.server.until(lambda: front.server.connections == 0)
    assert front.server.cancelled == 1
    assert len(front.endpoint.sessions) == 0


async def test_a_server_that_dies_leaves_nobody_waiting(front: Front) -> None:
    async with connect(front.port) as wire, connect(front.port) as stream:
        session = await initialize(wire)
        await get(stream, session)
        reply = await wire.post(call(1, "die"), session)
        assert (reply.status, reply.json["id"], reply.json["error"]["code"]) == (200, 1, -32603)
        while await stream.chunk():
            pass
        assert (await wire.post(call(2, "echo"), session)).status == 404
    assert len(front.endpoint.sessions) == 0


# -- the handshake -------------------------------------------------------------------------------------------


async def test_session_ids_are_long_visible_and_new(front: Front) -> None:
    ids = set()
    async with connect(front.port) as wire:
        for _ in range(3):
            ids.add((await initialize(wire))[SESSION])
    assert len(ids) == 3
    assert all(len(id_) >= 22 and id_.isascii() and id_.isprintable() for id_ in ids)


async def test_a_refused_initialize_leaves_nothing(front: Front) -> None:
    front.server.refuse_initialize = True
    message = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": LEGACY}}
    async with connect(front.port) as wire:
        for _ in range(100):
            reply = await wire.post(message)
            assert reply.json["error"]["code"] == -32602
            assert reply.header(SESSION) is None
        assert len(front.endpoint.sessions) == 0
        await front.server.until(lambda: front.server.connections == 0)


async def test_a_client_that_leaves_during_initialize_leaves_nothing(mount: Mount) -> None:
    async with mount() as front:
        message = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": LEGACY}}
        async with connect(front.port) as wire:
            await wire.send_message(message)
        async with connect(front.port) as wire:
            await initialize(wire)
            while len(front.endpoint.sessions) > 2:  # both may have been established in time
                await wire.request("GET", "/mcp")


async def test_initialize_ignores_an_old_session_id(front: Front) -> None:
    async with connect(front.port) as wire:
        old = await initialize(wire)
        new = await initialize(wire, headers={SESSION: old[SESSION]})
    assert new[SESSION] != old[SESSION]


# -- batches (2025-03-26) ---------------------------------------------------------------------------------


async def test_a_batch_is_answered_by_an_array(front: Front) -> None:
    notification = {"jsonrpc": "2.0", "method": "notifications/roots/list_changed"}
    async with connect(front.port) as wire:
        session = await initialize(wire, "2025-03-26")
        bad = {"jsonrpc": "2.0", "id": 3, "method": 7}
        again = {"jsonrpc": "2.0", "id": 4, "method": "initialize"}
        batch = [call(1, "echo", {"text": "a"}), notification, call(2, "echo", {"text": "b"}), bad, again]
        reply = await wire.post(batch, session)
        only = await wire.post([notification, {"jsonrpc": "2.0", "id": 1, "result": {}}], session)
    answers = {answer["id"]: answer for answer in reply.json}
    assert reply.header("Content-Type") == "application/json"
    assert [text(answers[1]), text(answers[2])] == ["a", "b"]
    assert [answers[3]["error"]["code"], answers[4]["error"]["code"]] == [-32600, -32600]
    assert len(reply.json) == 4
    assert (only.status, only.body) == (202, b"")


async def test_a_batch_with_progress_is_answered_by_events(front: Front) -> None:
    async with connect(front.port) as wire:
        session = await initialize(wire, "2025-03-26")
        batch = [call(1, "progress", {"steps": 2}, progressToken=1), call(2, "echo", {"text": "b"})]
        reply = await wire.post(batch, session)
    assert reply.header("Content-Type") == "text/event-stream"
    assert sorted(event["id"] for event in reply.events if "id" in event) == [1, 2]


@pytest.mark.parametrize("count", [0, 101])
async def test_a_batch_has_a_size(front: Front, count: int) -> None:
    async with connect(front.port) as wire:
        session = await initialize(wire, "2025-03-26")
        reply = await wire.post([call(number, "echo") for number in range(count)], session)
    assert (reply.status, reply.json["error"]["code"]) == (400, -32600)


async def test_an_id_twice_in_a_batch_is_refused_once(front: Front) -> None:
    async with connect(front.port) as wire:
        session = await initialize(wire, "2025-03-26")
        reply = await wire.post([call(1, "echo", {"text": "a"}), call(1, "echo", {"text": "b"})], session)
    assert sorted("error" in answer for answer in reply.json) == [False, True]


async def test_a_cancelled_entry_is_left_out_of_the_array(front: Front) -> None:
    async with connect(front.port) as wire, connect(front.port) as other:
        session = await initialize(wire, "2025-03-26")
        await wire.send_message([call(1, "wait"), call(2, "echo", {"text": "b"})], session)
        await front.server.until(lambda: front.server.started == 1)
        assert (await other.post(cancelled(1), session)).status == 202
        reply = await wire.reply()
    assert [answer["id"] for answer in reply.json] == [2]
