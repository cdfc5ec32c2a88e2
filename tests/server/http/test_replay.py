# SPDX-License-Identifier: BSD-3-Clause
"""Streams that a client loses and takes up again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from mcp_jupyter.protocol.frames import Message, Notification
from mcp_jupyter.protocol.sse import Decoder, Event
from mcp_jupyter.server.http.response_stream import (
    MAX_KEPT_BYTES,
    MAX_KEPT_EVENTS,
    RETRY_MILLISECONDS,
    EventLog,
    Exchange,
    Stream,
)

from .conftest import Front
from .wire import Wire, call, connect, initialize

pytestmark = pytest.mark.anyio


class Reader:
    """The events of one response as they come."""

    def __init__(self, wire: Wire, length: str | None) -> None:
        self._wire = wire
        self._decoder = Decoder()
        self._events: list[Event] = []
        self._whole = None if length is None else int(length)

    @classmethod
    async def of(cls, wire: Wire) -> Reader:
        head = await wire.head()
        assert (head.status, head.header("Content-Type")) == (200, "text/event-stream")
        return cls(wire, head.header("Content-Length"))

    async def next(self) -> Event:
        while not self._events:
            assert await self._read(), "the stream ended"
        return self._events.pop(0)

    async def rest(self) -> list[Event]:
        """All until the response ends."""
        while await self._read():
            pass
        return self._events

    async def _read(self) -> bool:
        if self._whole is None:
            piece = await self._wire.chunk()
        else:  # the response was over before it was begun
            piece, self._whole = await self._wire.reader.readexactly(self._whole), 0
        self._events += self._decoder.feed(piece)
        return bool(piece)


def said(events: list[Event]) -> list[Any]:
    """What the messages of some events say."""
    found = []
    for event in events:
        if event.data:
            message = json.loads(event.data)
            params = message.get("params", {})
            found.append(params["data"] if "data" in params else message["result"]["content"][0]["text"])
    return found


@asynccontextmanager
async def resumed(front: Front, session: dict[str, str], last: str | None) -> AsyncIterator[Reader]:
    async with connect(front.port) as wire:
        headers = {"Accept": "text/event-stream", **session, "Last-Event-ID": last or ""}
        await wire.send("GET", "/mcp", headers)
        yield await Reader.of(wire)


@asynccontextmanager
async def begun(
    front: Front, session: dict[str, str], id_: int = 1, **arguments: Any
) -> AsyncIterator[Reader]:
    async with connect(front.port) as wire:
        await wire.send_message(call(id_, "steps", arguments), session)
        yield await Reader.of(wire)


async def status(front: Front, session: dict[str, str], *last: str) -> int:
    pairs = [("Accept", "text/event-stream"), *session.items(), *(("Last-Event-ID", one) for one in last)]
    async with connect(front.port) as wire:
        return (await wire.request("GET", "/mcp", pairs)).status


@pytest.fixture
async def session(front: Front) -> dict[str, str]:
    async with connect(front.port) as wire:
        return await initialize(wire)


async def test_a_stream_begins_with_an_id_and_each_event_has_its_own(front, session):
    async with begun(front, session) as stream:
        first, second = await stream.next(), await stream.next()
        front.server.release.set()
        events = [first, second, *await stream.rest()]
    assert (first.data, said(events)) == ("", ["before", "after", "done"])
    assert len({event.id for event in events}) == len(events) == 4


async def test_older_versions_get_no_event_without_data(front):
    async with connect(front.port) as wire:
        old = await initialize(wire, "2025-06-18")
    async with begun(front, old) as stream:
        assert said([await stream.next()]) == ["before"]


@pytest.mark.parametrize(("seen", "missed"), [(1, ["before", "after", "done"]), (2, ["after", "done"])])
async def test_a_client_that_dropped_gets_the_rest(front, session, seen, missed):
    async with begun(front, session) as stream:
        last = [await stream.next() for _ in range(2)][seen - 1].id
    front.server.release.set()
    async with resumed(front, session, last) as stream:
        assert said(await stream.rest()) == missed
    assert front.server.cancelled == 0


async def test_a_resumed_stream_goes_on(front, session):
    async with begun(front, session) as stream:
        last = (await stream.next()).id
    async with resumed(front, session, last) as stream:
        assert said([await stream.next()]) == ["before"]
        front.server.release.set()
        assert said(await stream.rest()) == ["after", "done"]


async def test_only_that_stream_is_replayed(front, session):
    async with begun(front, session) as one, begun(front, session, 2) as two:
        last = (await one.next()).id
        await two.next()
        front.server.release.set()
        await two.rest()
        await one.rest()
    async with resumed(front, session, last) as stream:
        events = await stream.rest()
    assert [json.loads(event.data).get("id") for event in events] == [None, None, 1]


async def test_the_newest_reader_has_the_stream(front, session):
    async with begun(front, session) as stream:
        last = (await stream.next()).id
        assert said([await stream.next()]) == ["before"]
        async with resumed(front, session, last) as newer:
            assert await stream.rest() == []
            front.server.release.set()
            assert said(await newer.rest()) == ["before", "after", "done"]


async def test_a_call_can_let_go_of_its_connection(front, session):
    async with begun(front, session, close=True) as stream:
        events = await stream.rest()
    assert said(events) == ["before"]
    assert events[-1].retry == RETRY_MILLISECONDS
    front.server.release.set()
    async with resumed(front, session, events[-1].id) as stream:
        assert said(await stream.rest()) == ["after", "done"]


async def test_letting_go_means_nothing_to_older_versions(front):
    async with connect(front.port) as wire:
        old = await initialize(wire, "2025-06-18")
    async with begun(front, old, close=True) as stream:
        await stream.next()
        front.server.release.set()
        assert said(await stream.rest()) == ["after", "done"]


async def test_the_session_stream_is_resumed(front, session):
    async with connect(front.port) as wire, connect(front.port) as other:
        await wire.send("GET", "/mcp", {"Accept": "text/event-stream", **session})
        stream = await Reader.of(wire)
        await other.post(call(1, "tell", {"times": 2}), session)
        first = await stream.next()
        async with resumed(front, session, first.id) as stream:
            assert said([await stream.next()]) == [1]


async def test_ids_that_name_nothing_here_are_refused(front, session):
    async with connect(front.port) as wire:
        foreign = await initialize(wire)
    async with begun(front, session) as stream:
        last = (await stream.next()).id or ""
    name, key, number = last.split("-")
    wrong = ["", "x", name, f"{name}-{key}", f"{name}-99-{number}", f"{name}-{key}-99", f"{name}-{key}--1"]
    assert {await status(front, session, one) for one in wrong} == {400}
    assert await status(front, session, last, last) == 400
    assert await status(front, foreign, last) == 400


# -- the log ------------------------------------------------------------------------------------------------


def note(data: Any) -> Message:
    return Message.of(Notification("notifications/message", {"level": "info", "data": data}))


def ids(events: bytes) -> list[str]:
    return [event.id or "" for event in Decoder().feed(events)]


def test_the_oldest_events_are_dropped_and_their_successors_are_not_resumed():
    log = EventLog()
    stream = Stream(log)
    known = ids(stream.encode([note(number) for number in range(MAX_KEPT_EVENTS + 2)]))
    with pytest.raises(LookupError):
        log.since(known[0])
    assert ids(log.since(known[1])[1]) == known[2:]


def test_kept_bytes_are_bounded():
    log = EventLog()
    stream = Stream(log)
    [large] = ids(stream.encode([note("x" * MAX_KEPT_BYTES)]))
    assert log.since(large)[1] == b""
    [small] = ids(stream.encode([note("y")]))
    assert ids(log.since(large)[1]) == [small]


def test_a_stream_that_is_over_is_forgotten_with_its_last_event():
    log = EventLog()
    over, other = Exchange(1, log), Stream(log)
    [last] = ids(over.encode([note(0)]))
    over.end()
    assert log.since(last) == (over, b"")
    other.encode([note(number) for number in range(MAX_KEPT_EVENTS)])
    Stream(log).encode([note(0)])
    with pytest.raises(LookupError):
        log.since(last)


def test_a_stream_without_events_costs_the_log_nothing():
    log = EventLog()
    stream = Exchange(1, log)
    stream.answer(note("as JSON"))
    assert stream.key is None
