# SPDX-License-Identifier: BSD-3-Clause
"""What every channel promises, as checks that run over any implementation.

Each check takes `connect`: an async context manager that gives a `Pair`, two fresh channels of which
each is the other's other end, not yet started, and closes what is left of them at its end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import anyio
import pytest

from mcp_jupyter.engine.channel import Channel
from mcp_jupyter.errors import ConnectionClosed, FrameError
from mcp_jupyter.protocol.frames import (
    ErrorResponse,
    Frame,
    Message,
    Notification,
    Request,
    Response,
)

__all__ = ["CONTRACT", "JUNK_CONTRACT", "Check", "Connect", "Pair", "Recorder"]

BOUND = 20.0
"""Seconds until a fact that does not come about is a failure."""


@dataclass(frozen=True)
class Pair:
    """Two connected channels. `inject` puts bytes and a line end on the wire from left to right."""

    left: Channel
    right: Channel
    inject: Callable[[bytes], None] | None = None


Connect = Callable[[], AbstractAsyncContextManager[Pair]]


class Recorder:
    """A sink that keeps what arrives, and whose `until` waits for it."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.faults: list[FrameError] = []
        self.closings = 0
        self._news = anyio.Event()

    @property
    def frames(self) -> list[Frame]:
        return [message.frame for message in self.messages]

    def message(self, message: Message) -> None:
        assert not self.closings, "a message after the end"
        self.messages.append(message)
        self._news.set()

    def fault(self, error: FrameError) -> None:
        assert not self.closings, "a fault after the end"
        self.faults.append(error)
        self._news.set()

    def closed(self) -> None:
        self.closings += 1
        self._news.set()

    async def until(self, fact: Callable[[], bool]) -> None:
        with anyio.fail_after(BOUND):
            while not fact():
                self._news = anyio.Event()
                await self._news.wait()

    async def receive(self, count: int) -> list[Message]:
        """The first `count` messages, and no others yet."""
        await self.until(lambda: len(self.messages) >= count)
        assert len(self.messages) == count
        return self.messages

    async def end(self) -> None:
        await self.until(lambda: self.closings > 0)
        await settle()
        assert self.closings == 1, "told of the end more than once"


async def settle() -> None:
    """Let the loop do what is under way: enough turns for a second, wrong, event to show."""
    for _ in range(20):
        await anyio.lowlevel.checkpoint()


def started(pair: Pair) -> tuple[Recorder, Recorder]:
    left, right = Recorder(), Recorder()
    pair.left.start(left)
    pair.right.start(right)
    return left, right


def number(n: int) -> Message:
    return Message.of(Notification("count", {"n": n}))


FRAMES: tuple[Frame, ...] = (
    Request(7, "tools/call", {"name": "x", "arguments": {"text": 'quote " newline \n line \u2028 é'}}),
    Request("7", "ping"),
    Notification("notifications/initialized"),
    Response("id", {"content": [], "value": None}),
    ErrorResponse(7, {"code": -32603, "message": "no"}),
    ErrorResponse(None, {"code": -32700, "message": "no"}),
)


async def every_kind_of_message_arrives_as_it_was_sent_both_ways(connect: Connect) -> None:
    async with connect() as pair:
        left, right = started(pair)
        sent = [Message.of(frame) for frame in FRAMES]
        for message in sent:
            pair.left.send(message)
            pair.right.send(message)
        assert await right.receive(len(sent)) == sent
        assert await left.receive(len(sent)) == sent


async def order_is_kept(connect: Connect) -> None:
    async with connect() as pair:
        _, right = started(pair)
        for n in range(1000):
            pair.left.send(number(n))
        await pair.left.drain()
        assert await right.receive(1000) == [number(n) for n in range(1000)]


async def what_is_sent_before_the_start_waits(connect: Connect) -> None:
    async with connect() as pair:
        left, right = Recorder(), Recorder()
        pair.left.start(left)
        for n in range(500):
            pair.left.send(number(n))
        await settle()
        pair.right.start(right)
        pair.left.send(number(500))
        assert await right.receive(501) == [number(n) for n in range(501)]


async def the_related_request_is_carried_with_its_type(connect: Connect) -> None:
    async with connect() as pair:
        _, right = started(pair)
        for related in (5, "5", None, 'odd ",r": \u2028 id', 0, ""):
            pair.left.send(Message.of(Notification("m"), related))
        related_to = [message.related for message in await right.receive(6)]
        assert related_to == [5, "5", None, 'odd ",r": \u2028 id', 0, ""]
        assert [type(related) for related in related_to[:2]] == [int, str]


async def a_big_message_arrives_whole(connect: Connect) -> None:
    async with connect() as pair:
        left, right = started(pair)
        big = Message.of(Response(1, {"data": "x" * (5 * 2**20)}))
        pair.left.send(big)
        pair.left.send(number(1))
        await pair.left.drain()
        assert await right.receive(2) == [big, number(1)]
        pair.right.send(big)
        assert await left.receive(1) == [big]


async def closing_delivers_what_was_sent_and_tells_both_sides_once(connect: Connect) -> None:
    async with connect() as pair:
        left, right = started(pair)
        for n in range(100):
            pair.left.send(number(n))
        pair.left.close()
        pair.left.close()
        await right.end()
        await left.end()
        assert right.messages == [number(n) for n in range(100)]
        pair.right.close()
        await settle()
        assert (left.closings, right.closings) == (1, 1)


async def both_sides_may_close_at_once(connect: Connect) -> None:
    async with connect() as pair:
        left, right = started(pair)
        pair.left.close()
        pair.right.close()
        await left.end()
        await right.end()


async def sending_after_the_end_is_an_error(connect: Connect) -> None:
    async with connect() as pair:
        _, right = started(pair)
        pair.left.close()
        with pytest.raises(ConnectionClosed):
            pair.left.send(number(1))
        await right.end()
        with pytest.raises(ConnectionClosed):
            pair.right.send(number(1))


async def an_end_before_the_start_is_told_at_the_start(connect: Connect) -> None:
    async with connect() as pair:
        left, right = Recorder(), Recorder()
        pair.left.close()
        pair.left.start(left)
        await left.end()
        pair.right.start(right)
        await right.end()


async def a_sink_may_close_its_channel(connect: Connect) -> None:
    class Closing(Recorder):
        def message(self, message: Message) -> None:
            super().message(message)
            pair.right.close()

    async with connect() as pair:
        left, right = Recorder(), Closing()
        pair.left.start(left)
        pair.left.send(number(1))
        pair.left.send(number(2))
        await settle()
        pair.right.start(right)
        await right.end()
        await left.end()
        assert right.messages == [number(1)]


async def a_sink_may_answer_at_once(connect: Connect) -> None:
    class Answering(Recorder):
        def message(self, message: Message) -> None:
            super().message(message)
            assert isinstance(message.frame, Request)
            pair.right.send(Message.of(Response(message.frame.id, {}), related=message.frame.id))

    async with connect() as pair:
        left, right = Recorder(), Answering()
        pair.left.start(left)
        pair.right.start(right)
        pair.left.send(Message.of(Request(1, "ping")))
        assert await left.receive(1) == [Message.of(Response(1, {}), related=1)]


async def drain_returns_when_the_other_side_reads_and_when_it_is_gone(connect: Connect) -> None:
    async with connect() as pair:
        _, right = started(pair)
        with anyio.fail_after(BOUND):
            for n in range(2000):
                pair.left.send(number(n))
                await pair.left.drain()
        await right.receive(2000)
        pair.right.close()
        with anyio.fail_after(BOUND):
            await pair.left.drain()


async def junk_is_a_fault_and_the_connection_goes_on(connect: Connect) -> None:
    async with connect() as pair:
        left, right = started(pair)
        assert pair.inject is not None
        pair.inject(b"junk")
        pair.left.send(number(1))
        await right.until(lambda: len(right.messages) == 1)
        assert len(right.faults) == 1
        assert right.messages == [number(1)]
        pair.right.send(number(2))
        assert await left.receive(1) == [number(2)]


Check = Callable[[Connect], Awaitable[None]]

CONTRACT: tuple[Check, ...] = (
    every_kind_of_message_arrives_as_it_was_sent_both_ways,
    order_is_kept,
    what_is_sent_before_the_start_waits,
    the_related_request_is_carried_with_its_type,
    a_big_message_arrives_whole,
    closing_delivers_what_was_sent_and_tells_both_sides_once,
    both_sides_may_close_at_once,
    sending_after_the_end_is_an_error,
    an_end_before_the_start_is_told_at_the_start,
    a_sink_may_close_its_channel,
    a_sink_may_answer_at_once,
    drain_returns_when_the_other_side_reads_and_when_it_is_gone,
)

JUNK_CONTRACT: tuple[Check, ...] = (junk_is_a_fault_and_the_connection_goes_on,)
"""For channels over bytes: their `Pair` can inject."""
