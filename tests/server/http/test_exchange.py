# SPDX-License-Identifier: BSD-3-Clause
"""What waits for one response: nothing that matters is dropped, and nothing grows without bound."""

from __future__ import annotations

import asyncio

import pytest

from mcp_jupyter.errors import BacklogFull
from mcp_jupyter.protocol.frames import Message, Notification, Request, Response
from mcp_jupyter.protocol.limits import MAX_STREAM_BACKLOG
from mcp_jupyter.server.http import response_stream as module
from mcp_jupyter.server.http.response_stream import Exchange, Stream, Timeouts

pytestmark = pytest.mark.anyio


def notification(number: int = 0) -> Message:
    return Message.of(Notification("notifications/message", {"data": number}))


def response(id_: int = 1) -> Message:
    return Message.of(Response(id_, {}))


def numbers(messages: list[Message]) -> list[int]:
    return [m.frame.params["data"] for m in messages if isinstance(m.frame, Notification)]


def test_the_oldest_notifications_are_dropped_and_never_a_response() -> None:
    stream = Stream()
    stream.put(response())
    stream.put(Message.of(Request(1, "ping")))
    for number in range(MAX_STREAM_BACKLOG + 10):
        stream.put(notification(number))
    taken = stream.take()
    assert len(taken) == MAX_STREAM_BACKLOG
    assert [type(message.frame) for message in taken[:2]] == [Response, Request]
    assert numbers(taken) == list(range(12, MAX_STREAM_BACKLOG + 10))


def test_a_heap_of_what_must_not_be_lost_is_the_end() -> None:
    stream = Stream()
    for id_ in range(MAX_STREAM_BACKLOG):
        stream.put(response(id_))
    with pytest.raises(BacklogFull):
        stream.put(response(-1))


def test_bytes_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BACKLOG_BYTES", 1000)
    stream = Stream()
    for number in range(100):
        stream.put(notification(number))
    taken = stream.take()
    assert sum(len(message.raw) for message in taken) <= 1000
    assert numbers(taken)[-1] == 99
    stream.put(Message.of(Response(1, {"text": "x" * 2000})))  # one message alone always passes
    with pytest.raises(BacklogFull):
        stream.put(response())


def test_an_exchange_ends_with_its_last_answer() -> None:
    exchange = Exchange(2)
    exchange.answer(response(1))
    before = exchange.ended
    exchange.settle()
    assert (before, exchange.ended) == (False, True)
    exchange.put(notification())
    assert len(exchange.take()) == 1


async def test_a_wait_ends_with_the_first_message() -> None:
    stream = Stream()
    quiet: Timeouts[Stream] = Timeouts(60, Stream.wake)
    waiting = asyncio.ensure_future(stream.arrival(quiet))
    await asyncio.sleep(0)
    stream.put(notification(1))
    await waiting
    assert numbers(stream.take()) == [1]


async def test_a_pause_gathers_and_ends_with_the_stream() -> None:
    stream = Stream()
    pausing = asyncio.ensure_future(stream.pause(60))
    await asyncio.sleep(0)
    stream.put(notification(1))
    await asyncio.sleep(0)
    assert not pausing.done()
    stream.end()
    await pausing
    assert len(stream.take()) == 1


@pytest.mark.parametrize("message", [response(), Message.of(Request(1, "ping"))], ids=["response", "request"])
async def test_a_pause_ends_with_what_somebody_waits_for(message: Message) -> None:
    stream = Stream()
    pausing = asyncio.ensure_future(stream.pause(60))
    await asyncio.sleep(0)
    stream.put(notification(1))
    stream.put(message)
    await asyncio.wait_for(pausing, 5)
    assert len(stream.take()) == 2


async def test_a_pause_ends_before_anything_must_be_dropped() -> None:
    stream = Stream()
    pausing = asyncio.ensure_future(stream.pause(60))
    await asyncio.sleep(0)
    for number in range(MAX_STREAM_BACKLOG // 2):
        stream.put(notification(number))
    await asyncio.wait_for(pausing, 5)


async def test_timeouts_fire_in_order_and_only_for_those_still_in() -> None:
    fired: list[str] = []
    done = asyncio.Event()

    def expire(item: str) -> None:
        fired.append(item)
        if item == "last":
            done.set()

    timeouts: Timeouts[str] = Timeouts(0.02, expire)
    for item in ("first", "gone", "second"):
        timeouts.add(item)
    timeouts.discard("gone")
    timeouts.discard("never in")
    await asyncio.sleep(0.01)
    timeouts.add("last")
    await asyncio.wait_for(done.wait(), 5)
    assert fired == ["first", "second", "last"]


async def test_an_item_that_is_put_in_again_is_due_after_those_before_it() -> None:
    fired: list[str] = []
    done = asyncio.Event()

    def expire(item: str) -> None:
        fired.append(item)
        if len(fired) == 2:
            done.set()

    timeouts: Timeouts[str] = Timeouts(0.02, expire)
    for item in ("again", "other", "again"):
        timeouts.add(item)
    await asyncio.wait_for(done.wait(), 5)
    assert fired == ["other", "again"]
