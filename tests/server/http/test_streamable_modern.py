# SPDX-License-Identifier: BSD-3-Clause
"""Streamable HTTP, modern era: the ladder of checks, one exchange a POST."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from .conftest import Front
from .test_streamable_legacy import Mount, text
from .wire import ACCEPT, ENVELOPE, META, MODERN, call, connect, initialize, modern, modern_headers

pytestmark = pytest.mark.anyio

VERSION = "MCP-Protocol-Version"


# -- the ladder, one rung a row; each later rung is broken too where it can be -------------------------------


@dataclass(frozen=True)
class Rung:
    """What changes in a good `tools/call` of `echo` (None removes a header), and what it then gets."""

    name: str
    status: int
    code: int | None = None
    verb: str = "POST"
    headers: Mapping[str, str | None] = field(default_factory=dict)
    more: tuple[tuple[str, str], ...] = ()
    meta: Mapping[str, Any] = field(default_factory=lambda: ENVELOPE)
    params: Mapping[str, Any] = field(default_factory=dict)
    method: str = "tools/call"
    body: bytes | None = None


WRONG = {"Mcp-Method": "wrong"}
NO_VERSION: dict[str, Any] = {f"{META}clientCapabilities": {}}
FUTURE = {**ENVELOPE, f"{META}protocolVersion": "2099-01-01"}
RUNGS = [
    Rung("all is well", 200),
    Rung("405 GET", 405, -32600, "GET", {"Accept": "nothing"}),
    Rung("405 DELETE", 405, -32600, "DELETE"),
    Rung("406 before parsing", 406, -32600, headers={"Accept": "text/plain"}, body=b"{"),
    Rung("-32700 before all else in the body", 400, -32700, headers=WRONG, body=b"{"),
    Rung("-32600 for an array", 400, -32600, headers=WRONG, body=b"[]"),
    Rung("-32600 for a response", 400, -32600, body=b'{"jsonrpc":"2.0","id":1,"result":{}}'),
    Rung("-32600 for a bad id", 400, -32600, headers=WRONG, body=b'{"jsonrpc":"2.0","id":{},"method":"x"}'),
    Rung("-32020 for a version header twice", 400, -32020, more=((VERSION, MODERN),), meta=NO_VERSION),
    Rung("-32020 for a method header twice", 400, -32020, more=(("mcp-method", "tools/call"),)),
    Rung("-32020 for a name header twice", 400, -32020, more=(("MCP-NAME", "echo"),)),
    Rung("-32602 without a version", 400, -32602, headers=WRONG, meta=NO_VERSION),
    Rung("-32602 without capabilities", 400, -32602, headers=WRONG, meta={f"{META}protocolVersion": MODERN}),
    Rung(
        "-32602 when capabilities are no object",
        400,
        -32602,
        headers=WRONG,
        meta={**ENVELOPE, f"{META}clientCapabilities": []},
    ),
    Rung("-32602 without an envelope", 400, -32602, headers=WRONG, meta={}),
    Rung("-32602 for discover without an envelope", 400, -32602, method="server/discover", meta={}),
    Rung("-32020 without a version header", 400, -32020, headers={VERSION: None}, meta=FUTURE),
    Rung("-32020 for a legacy version header", 400, -32020, headers={VERSION: "2025-11-25"}),
    Rung("-32020 without a method header", 400, -32020, headers={"Mcp-Method": None}),
    Rung("-32020 for another method", 400, -32020, headers=WRONG),
    Rung("-32020 for another case of the method", 400, -32020, headers={"Mcp-Method": "Tools/Call"}),
    Rung("-32020 without a name header", 400, -32020, headers={"Mcp-Name": None}),
    Rung("-32020 for another name", 400, -32020, headers={"Mcp-Name": "wait"}),
    Rung("-32020 for a broken encoding", 400, -32020, headers={"Mcp-Name": "=?base64?!?="}),
    Rung("an encoded name is decoded", 200, headers={"Mcp-Name": "=?base64?ZWNobw==?="}),
    Rung("-32022 for a version to come", 400, -32022, headers={VERSION: "2099-01-01"}, meta=FUTURE),
    Rung(
        "-32022 for a legacy version in the envelope",
        400,
        -32022,
        headers={VERSION: "2025-11-25"},
        meta={**ENVELOPE, f"{META}protocolVersion": "2025-11-25"},
    ),
    Rung("-32601 for an unknown method is 404", 404, -32601, method="tools/nonsense"),
    Rung("-32601 for initialize is 404", 404, -32601, method="initialize"),
    Rung("-32601 for ping is 404", 404, -32601, method="ping"),
    Rung("-32601 for resources/subscribe is 404", 404, -32601, method="resources/subscribe"),
    Rung("-32602 of a handler is 400", 400, -32602, headers={"Mcp-Name": "no"}, params={"name": "no"}),
    Rung("a session id means nothing", 200, headers={"Mcp-Session-Id": "nobody"}),
    Rung("an event id means nothing", 200, headers={"Last-Event-ID": "nothing"}),
    Rung("discover is answered", 200, method="server/discover"),
    Rung("415 first", 415, -32600, headers={"Content-Type": "text/plain", "Accept": "nothing"}),
]


@pytest.mark.parametrize("rung", RUNGS, ids=[rung.name for rung in RUNGS])
async def test_ladder(front: Front, rung: Rung) -> None:
    message = {
        "jsonrpc": "2.0",
        "id": "q",
        "method": rung.method,
        "params": {"name": "echo", "arguments": {"text": "hi"}, "_meta": rung.meta, **rung.params},
    }
    headers: dict[str, str | None] = {
        VERSION: MODERN,
        "Mcp-Method": rung.method,
        "Mcp-Name": "echo",
        "Accept": ACCEPT,
        "Content-Type": "application/json",
        **rung.headers,
    }
    sent = [*((name, value) for name, value in headers.items() if value is not None), *rung.more]
    body = json.dumps(message).encode() if rung.body is None else rung.body
    async with connect(front.port) as wire:
        if rung.verb == "POST":
            reply = await wire.request("POST", "/mcp", sent, body)
        else:
            reply = await wire.request(rung.verb, "/mcp", sent)
    assert (reply.status, reply.json.get("error", {}).get("code")) == (rung.status, rung.code)
    assert reply.header("Mcp-Session-Id") is None
    if rung.code in (-32602, -32601, -32020, -32022):
        assert reply.json["id"] == "q"
    if rung.code == -32022:
        assert reply.json["error"]["data"]["supported"] == [MODERN]
    if rung.status == 405:
        assert reply.header("Allow") == "POST"


async def test_a_batch_is_told_that_there_are_none(front: Front) -> None:
    sent = [(VERSION, MODERN), ("Accept", ACCEPT), ("Content-Type", "application/json")]
    async with connect(front.port) as wire:
        reply = await wire.request("POST", "/mcp", sent, b"[{}]")
    assert "send one message" in reply.json["error"]["message"]


@pytest.mark.parametrize(
    ("version", "status"), [(MODERN, 202), ("2099-01-01", 400)], ids=["served", "not served"]
)
async def test_notifications_are_acknowledged_at_a_served_version(
    front: Front, version: str, status: int
) -> None:
    notification = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
    async with connect(front.port) as wire:
        reply = await wire.post(notification, {VERSION: version})
    assert reply.status == status
    assert front.server.notifications == []


# -- one exchange a POST -------------------------------------------------------------------------------


async def test_a_call_needs_no_handshake(front: Front) -> None:
    message = modern(1, "tools/call", {"name": "echo", "arguments": {"text": "hé"}})
    async with connect(front.port) as wire:
        reply = await wire.post(message, modern_headers(message))
    assert (reply.status, reply.header("Content-Type")) == (200, "application/json")
    assert (text(reply.json), reply.json["result"]["resultType"]) == ("hé", "complete")
    assert len(front.endpoint.sessions) == 0


async def test_an_idle_channel_is_used_again(front: Front) -> None:
    message = modern(1, "tools/call", {"name": "echo"})
    async with connect(front.port) as wire:
        for _ in range(5):
            assert (await wire.post(message, modern_headers(message))).status == 200
    assert front.server.connections == 1


async def test_requests_at_once_do_not_mix(front: Front) -> None:
    waiting = modern(1, "tools/call", {"name": "wait"})
    other = modern(1, "tools/call", {"name": "echo", "arguments": {"text": "other"}})
    async with connect(front.port) as wire, connect(front.port) as second:
        await wire.send_message(waiting, modern_headers(waiting))
        await front.server.until(lambda: front.server.started == 1)
        assert text((await second.post(other, modern_headers(other))).json) == "other"
        front.server.release.set()
        assert text((await wire.reply()).json) == "released"
    assert front.server.connections == 2


async def test_notifications_of_the_request_come_as_events(front: Front) -> None:
    message = modern(1, "tools/call", {"name": "progress", "arguments": {"steps": 2}}, progressToken="p")
    async with connect(front.port) as wire:
        reply = await wire.post(message, modern_headers(message))
    assert reply.header("Content-Type") == "text/event-stream"
    assert [event["method"] for event in reply.events[:-1]] == ["notifications/progress"] * 2
    assert text(reply.events[-1]) == "done"


async def test_what_belongs_to_no_request_is_dropped(front: Front) -> None:
    message = modern(1, "tools/call", {"name": "tell"})
    async with connect(front.port) as wire:
        reply = await wire.post(message, modern_headers(message))
    assert (reply.header("Content-Type"), text(reply.json)) == ("application/json", "told")


async def test_leaving_cancels(front: Front) -> None:
    message = modern(1, "tools/call", {"name": "wait"})
    async with connect(front.port) as wire:
        await wire.send_message(message, modern_headers(message))
        await front.server.until(lambda: front.server.started == 1)
    await front.server.until(lambda: front.server.cancelled == 1 and front.server.connections == 0)


async def test_leaving_an_event_stream_cancels(mount: Mount) -> None:
    message = modern(1, "tools/call", {"name": "wait"})
    async with mount(keepalive=0.05) as front:
        async with connect(front.port) as wire:
            await wire.send_message(message, modern_headers(message))
            assert (await wire.head()).header("Content-Type") == "text/event-stream"
        await front.server.until(lambda: front.server.cancelled == 1)


async def test_listen_is_a_long_request(front: Front) -> None:
    message = modern("listen:0", "subscriptions/listen", {"notifications": {}})
    async with connect(front.port) as wire:
        await wire.send_message(message, modern_headers(message))
        assert (await wire.head()).header("Content-Type") == "text/event-stream"
        _, data = await wire.event()
        assert json.loads(data)["method"] == "notifications/subscriptions/acknowledged"
        front.server.release.set()
        _, data = await wire.event()
        assert json.loads(data)["id"] == "listen:0"
        assert await wire.chunk() == b""


@pytest.mark.parametrize("revoked", [True, False])
async def test_a_subscription_that_the_server_ends_has_a_final_result(mount: Mount, revoked: bool) -> None:
    message = modern(0, "subscriptions/listen", {"notifications": {}})
    async with mount(keepalive=0.05) as front, connect(front.port) as wire:
        await wire.send_message(message, modern_headers(message))
        assert (await wire.head()).status == 200
        await wire.event()
        assert (await wire.chunk()).startswith(b":")  # quiet streams are kept alive
        if revoked:
            front.endpoint.end("")
        else:
            await front.endpoint.close()
        _, data = await wire.event()
        result = {"resultType": "complete", "_meta": {f"{META}subscriptionId": 0}}
        assert json.loads(data) == {"jsonrpc": "2.0", "id": 0, "result": result}
        assert await wire.chunk() == b""


async def test_a_server_that_dies_is_reported(front: Front) -> None:
    message = modern(1, "tools/call", {"name": "die"})
    again = modern(2, "tools/call", {"name": "echo", "arguments": {"text": "on"}})
    async with connect(front.port) as wire:
        reply = await wire.post(message, modern_headers(message))
        assert (reply.status, reply.json["error"]["code"]) == (200, -32603)
        assert text((await wire.post(again, modern_headers(again))).json) == "on"


async def test_both_eras_share_the_url(front: Front) -> None:
    new = modern(1, "tools/call", {"name": "echo", "arguments": {"text": "new"}})
    async with connect(front.port) as wire:
        session = await initialize(wire)
        assert text((await wire.post(new, {**modern_headers(new), **{"Mcp-Session-Id": "x"}})).json) == "new"
        assert text((await wire.post(call(1, "echo", {"text": "old"}), session)).json) == "old"


async def test_an_initialize_of_old_is_legacy_whatever_its_header_says(front: Front) -> None:
    async with connect(front.port) as wire:
        assert await initialize(wire, headers={VERSION: MODERN})
