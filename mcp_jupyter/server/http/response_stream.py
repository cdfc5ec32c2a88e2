# SPDX-License-Identifier: BSD-3-Clause
"""What waits for one HTTP response stream, and how it becomes events.

A `Stream` is a bounded queue with one reader: the handler that writes the response. It owns what may
be dropped when the reader is slow, and the one place where a message becomes an event. It knows no
tornado and no session.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

from ...errors import BacklogFull
from ...protocol import sse
from ...protocol.frames import Message, Notification
from ...protocol.limits import MAX_LINE_BYTES, MAX_STREAM_BACKLOG

__all__ = [
    "MAX_BACKLOG_BYTES",
    "MAX_KEPT_BYTES",
    "MAX_KEPT_EVENTS",
    "RETRY_MILLISECONDS",
    "EventLog",
    "Exchange",
    "Stream",
    "Timeouts",
]


MAX_BACKLOG_BYTES: Final = MAX_LINE_BYTES
"""Waiting for one slow reader: the largest single message passes, a heap of large ones does not."""

_ENOUGH: Final = MAX_STREAM_BACKLOG // 2
"""So many messages end a pause: none need be dropped while a reader that keeps up is only gathering."""


class Stream:
    """Messages on their way to one HTTP response. Event loop's thread only.

    Attributes
    ----------
    ended : bool
        Nothing more will come; what is queued still may be taken.
    key : int or None
        What the log of events calls it; None while nothing was written that could be asked for again.
    reader : object or None
        Who writes the response, once it is one of events.
    released : bool
        The response is to end though the stream has not: the client will come back for the rest.

    Parameters
    ----------
    log : EventLog, optional
        Gives ids to events and keeps them.
    """

    def __init__(self, log: EventLog | None = None) -> None:
        self.ended = False
        self.key: int | None = None
        self.reader: object | None = None
        self.released = False
        self._log = log
        self._left = False
        self._queue: deque[Message] = deque()
        self._bytes = 0
        self._waiter: asyncio.Future[None] | None = None
        self._pausing = False

    def put(self, message: Message) -> None:
        """Queue a message. Over the limit the oldest notifications are dropped, nothing else.

        Raises
        ------
        BacklogFull
            Too much waits that must not be lost: the reader is as good as gone, and the stream has ended.
        """
        if self.ended:
            return
        if self._left:
            self.encode([message])  # into the log: nobody reads now
            return
        self._queue.append(message)
        self._bytes += len(message.raw)
        if self._over_limit():
            self._shed()
        if not (self._pausing and isinstance(message.frame, Notification)) or len(self._queue) >= _ENOUGH:
            self.wake()

    def answer(self, message: Message) -> None:
        """Queue the response to a request whose answer this stream carries."""
        self.put(message)

    def settle(self) -> None:
        """One request whose answer this stream carries will get none: it was cancelled."""

    def end(self) -> None:
        """Nothing more will come."""
        self.ended = True
        self.wake()

    def wake(self) -> None:
        """Let the reader look around: its client left, or the time is over."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def take(self) -> list[Message]:
        """All that waits."""
        batch = list(self._queue)
        self._queue.clear()
        self._bytes = 0
        return batch

    async def arrival(self, within: Timeouts[Stream]) -> None:
        """Wait until there is something to take, the stream ended, or somebody calls `wake`.

        Parameters
        ----------
        within : Timeouts
            Calls `wake` when nothing comes.
        """
        if not (self._queue or self.ended or self.released):
            within.add(self)
            try:
                await self._woken()
            finally:
                if self._waiter is None:
                    within.discard(self)

    async def pause(self, seconds: float) -> None:
        """Let notifications gather for a while; anything else, and the stream's end, cuts it short."""
        if self.ended:
            return
        self._pausing = True
        timer = asyncio.get_running_loop().call_later(seconds, self.wake)
        try:
            await self._woken()
        finally:
            timer.cancel()
            self._pausing = False

    def encode(self, messages: Sequence[Message]) -> bytes:
        """Messages as events. Every event of a stream is made here."""
        if self._log is not None:
            return self._log.encode(self, messages)
        return b"".join([sse.encode(message.raw, event="message") for message in messages])

    def opening(self) -> bytes:
        """What the response of a POST begins with, before its first message."""
        return b"" if self._log is None else self._log.opening(self)

    # -- a client that leaves and comes back -------------------------------------------------------

    def release(self) -> None:
        """End the response, and tell the client to come back for the rest, if its version knows how."""
        if self._log is not None and self._log.primes:
            self.released = True
            self.wake()

    def parting(self) -> bytes:
        """The end of a response that was released; the stream waits for its next reader."""
        self.released = False
        return b"" if self._log is None or self.ended else self._log.parting(self)

    def take_up(self, reader: object) -> None:
        """Somebody reads from now on; who did before stops."""
        self.reader = reader
        self._left = False
        self.wake()

    def leave(self, reader: object) -> None:
        """`reader` stops. What comes goes into the log, for the next one."""
        if self.reader is reader:
            self.reader = None
            self._left = True
            self.encode(self.take())

    async def _woken(self) -> None:
        waiter = self._waiter = asyncio.get_running_loop().create_future()
        try:
            await waiter
        finally:
            if self._waiter is waiter:  # else the stream has another reader by now
                self._waiter = None

    def _over_limit(self) -> bool:
        # One message alone always passes: whoever made it kept the limit on messages.
        return len(self._queue) > MAX_STREAM_BACKLOG or (
            self._bytes > MAX_BACKLOG_BYTES and len(self._queue) > 1
        )

    def _shed(self) -> None:
        kept: deque[Message] = deque()
        while self._queue and self._over_limit_with(kept):
            message = self._queue.popleft()
            if isinstance(message.frame, Notification):
                self._bytes -= len(message.raw)
            else:
                kept.append(message)
        self._queue.extendleft(reversed(kept))
        if self._over_limit():
            self.end()
            raise BacklogFull("The client does not read what waits for it.")

    def _over_limit_with(self, kept: deque[Message]) -> bool:
        return len(self._queue) + len(kept) > MAX_STREAM_BACKLOG or self._bytes > MAX_BACKLOG_BYTES


class Exchange(Stream):
    """The stream of one POST: it ends when each of its requests is answered or cancelled.

    Parameters
    ----------
    requests : int
        How many requests the POST carried.
    log : EventLog, optional
        See `Stream`.
    """

    def __init__(self, requests: int = 1, log: EventLog | None = None) -> None:
        super().__init__(log)
        self._open = requests

    def answer(self, message: Message) -> None:
        """Queue the response to one of the POST's requests."""
        self.put(message)
        self.settle()

    def settle(self) -> None:
        """One of the POST's requests is done with."""
        self._open -= 1
        if self._open <= 0:
            self.end()


# -- timeouts ------------------------------------------------------------------------------------
#
# Many equal time-outs on one timer.
#
# Nearly every time-out of a request is cancelled within a millisecond. A timer of the event loop for
# each would cost more than all the checks of the request together.

T = TypeVar("T")


class Timeouts(Generic[T]):
    """Calls `expire` with each item that stayed in for `seconds`. Event loop's thread only.

    Parameters
    ----------
    seconds : float
        The same for all items, so the first one in is the first one due.
    expire : callable
        Gets the item, which is out by then.
    """

    def __init__(self, seconds: float, expire: Callable[[T], None]) -> None:
        self.seconds = seconds
        self._expire = expire
        self._due: dict[T, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, item: T) -> None:
        """Put in an item; its time begins, anew for one that is in."""
        self._due.pop(item, None)  # else it would keep its place, and hide those that are due before it
        loop = asyncio.get_running_loop()
        due = self._due[item] = loop.time() + self.seconds
        if self._timer is None:
            self._timer = loop.call_at(due, self._look)

    def discard(self, item: T) -> None:
        """Take an item out, if it is in."""
        self._due.pop(item, None)

    def _look(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._due:
            item, due = next(iter(self._due.items()))
            # Timers may fire a clock tick early.
            if due > now + 0.001:
                self._timer = loop.call_at(due, self._look)
                return
            del self._due[item]
            self._expire(item)


# -- replay --------------------------------------------------------------------------------------
#
# What the streams of one session have sent, for a client that lost a connection and asks for the rest.
#
# Owns the ids of events and how many events are kept. It lives in memory, and as long as its session. It
# knows no tornado and no request.
#
# Source: spec 2025-11-25, basic/transports, "Resumability and Redelivery"; SEP-1699.

MAX_KEPT_EVENTS: Final = 1024
"""Of one session: a client that comes back has missed seconds, not hours."""

MAX_KEPT_BYTES: Final = 1024 * 1024
"""Of one session, of which there may be hundreds: a result with a figure passes. A larger one that is lost
has to be asked for again."""

RETRY_MILLISECONDS: Final = 500
"""When a client may come back for a stream that was closed to free its connection."""


class _Event(NamedTuple):
    stream: int
    number: int
    data: bytes


class _Source:
    """One stream, as the log knows it: how many of its events are kept, and the last that is not."""

    __slots__ = ("dropped", "kept", "stream")

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.kept = 0
        self.dropped = 0


class EventLog:
    """The events of one session's streams, the oldest dropped first.

    Parameters
    ----------
    primes : bool
        Whether the client's version begins a stream with an event that has an id and no data.
    """

    def __init__(self, primes: bool = False) -> None:
        self.primes = primes
        self._name = secrets.token_hex(4)  # an id of another session names nothing here
        self._number = 0
        self._bytes = 0
        self._events: deque[_Event] = deque()
        self._sources: dict[int, _Source] = {}

    def encode(self, stream: Stream, messages: Sequence[Message]) -> bytes:
        """Messages as events with ids, which are kept."""
        return b"".join([self._keep(stream, message.raw) for message in messages])

    def opening(self, stream: Stream) -> bytes:
        """What a stream begins with: the id to come back with, for clients that know such events."""
        return sse.encode(b"", id=self._next_id(stream)) if self.primes else b""

    def parting(self, stream: Stream) -> bytes:
        """What a stream ends with that is closed before all is said: when to come back, and from where."""
        return sse.encode(b"", id=self._next_id(stream), retry=RETRY_MILLISECONDS)

    def since(self, event_id: str) -> tuple[Stream, bytes]:
        """The stream that an event belongs to, and the events that followed it there.

        Raises
        ------
        LookupError
            The id is none of this session, or some of what followed is no longer kept.
        """
        name, _, place = event_id.partition("-")
        key, _, number = place.partition("-")
        if name != self._name or not (_is_number(key) and _is_number(number)):
            raise LookupError(event_id)
        source = self._sources[int(key)]
        last = int(number)
        if not source.dropped <= last <= self._number:
            raise LookupError(event_id)
        missed = [event.data for event in self._events if event.stream == int(key) and event.number > last]
        return source.stream, b"".join(missed)

    def _keep(self, stream: Stream, raw: bytes) -> bytes:
        data = sse.encode(raw, event="message", id=self._next_id(stream))
        key = stream.key
        assert key is not None
        self._events.append(_Event(key, self._number, data))
        self._bytes += len(data)
        self._sources[key].kept += 1
        while len(self._events) > MAX_KEPT_EVENTS or self._bytes > MAX_KEPT_BYTES:
            self._drop()
        return data

    def _next_id(self, stream: Stream) -> str:
        self._number += 1
        if stream.key is None or stream.key not in self._sources:
            stream.key = self._number
            self._forget_silent()
            self._sources[stream.key] = _Source(stream)
        return f"{self._name}-{stream.key}-{self._number}"

    def _drop(self) -> None:
        event = self._events.popleft()
        self._bytes -= len(event.data)
        source = self._sources[event.stream]
        source.kept -= 1
        source.dropped = event.number

    def _forget_silent(self) -> None:
        """Streams that are over, and of which nothing is kept, cannot be resumed."""
        for key in [key for key, source in self._sources.items() if source.stream.ended and not source.kept]:
            del self._sources[key]


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 18
