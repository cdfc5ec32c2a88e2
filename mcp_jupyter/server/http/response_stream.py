# SPDX-License-Identifier: BSD-3-Clause
"""Queue the messages for one HTTP response, and encode them as server-sent events.

A `Stream` is a bounded queue with one reader: the handler that writes the response. When the reader is slow
it drops notifications. `EventLog` keeps sent events, so that a client can resume a stream. `Timeouts` runs
many equal time-outs on one timer. Writing to the network is left to the handlers.
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
from ...protocol.limits import MAX_BACKLOG_BYTES, MAX_STREAM_BACKLOG

__all__ = [
    "MAX_KEPT_BYTES",
    "MAX_KEPT_EVENTS",
    "RETRY_MILLISECONDS",
    "EventLog",
    "Exchange",
    "Stream",
    "Timeouts",
]


_ENOUGH: Final = MAX_STREAM_BACKLOG // 2
"""Messages that end a `pause`: without it, a reader that pauses to gather messages could lose some."""


class Stream:
    """A queue of messages for one HTTP response. Use it from the event loop's thread only.

    Parameters
    ----------
    log : EventLog, optional
        Gives ids to events and keeps them.

    Attributes
    ----------
    ended : bool
        Whether the last message was queued; the queue can still be taken.
    key : int or None
        The stream's key in the event log; None until an event with an id was made.
    reader : object or None
        The handler that writes the stream as events.
    released : bool
        Whether the response is to end before the stream: the client will resume it.
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
        """Queue a message. Over the limit, the oldest notifications are dropped.

        Raises
        ------
        BacklogFull
            Requests and responses alone exceed the limit: the client does not read. The stream has ended.
        """
        if self.ended:
            return
        if self._left:
            self.encode([message])  # into the log, for the next reader
            return
        self._queue.append(message)
        self._bytes += len(message.raw)
        if self._over_limit():
            self._drop_oldest()
        if not (self._pausing and isinstance(message.frame, Notification)) or len(self._queue) >= _ENOUGH:
            self.wake()

    def answer(self, message: Message) -> None:
        """Queue the response to a request whose answer this stream carries."""
        self.put(message)

    def settle(self) -> None:
        """Note that a request of this stream was cancelled and will not be answered."""

    def end(self) -> None:
        """Mark the stream as ended, and wake its reader."""
        self.ended = True
        self.wake()

    def wake(self) -> None:
        """Wake the reader, so that it checks the stream's state and its client."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def take(self) -> list[Message]:
        """Remove all queued messages and return them."""
        batch = list(self._queue)
        self._queue.clear()
        self._bytes = 0
        return batch

    async def arrival(self, within: Timeouts[Stream]) -> None:
        """Wait until a message is queued, the stream ends or is released, or `wake` is called.

        Parameters
        ----------
        within : Timeouts
            Calls `wake` after its time-out.
        """
        if not (self._queue or self.ended or self.released):
            within.add(self)
            try:
                await self._woken()
            finally:
                if self._waiter is None:
                    within.discard(self)

    async def pause(self, seconds: float) -> None:
        """Wait while notifications gather; any other message, or the stream's end, ends the wait."""
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
        """Return messages as events, with ids if the stream has a log."""
        if self._log is not None:
            return self._log.encode(self, messages)
        return b"".join([sse.encode(message.raw, event="message") for message in messages])

    def opening(self) -> bytes:
        """Return what the response of a POST begins with, before its first message."""
        return b"" if self._log is None else self._log.opening(self)

    # -- resuming ------------------------------------------------------------------------------------

    def release(self) -> None:
        """End the response before the stream, if the client's version can resume it."""
        if self._log is not None and self._log.primes:
            self.released = True
            self.wake()

    def parting(self) -> bytes:
        """Return the end of a released response; the stream then waits for its next reader."""
        self.released = False
        return b"" if self._log is None or self.ended else self._log.parting(self)

    def take_up(self, reader: object) -> None:
        """Make `reader` the reader; the previous one stops when it wakes."""
        self.reader = reader
        self._left = False
        self.wake()

    def leave(self, reader: object) -> None:
        """Detach `reader`. From now on messages go into the log, for the next reader."""
        if self.reader is reader:
            self.reader = None
            self._left = True
            self.encode(self.take())

    async def _woken(self) -> None:
        waiter = self._waiter = asyncio.get_running_loop().create_future()
        try:
            await waiter
        finally:
            if self._waiter is waiter:  # otherwise another reader waits by now
                self._waiter = None

    def _over_limit(self) -> bool:
        # A single message always passes: its size was limited when it was made.
        return len(self._queue) > MAX_STREAM_BACKLOG or (
            self._bytes > MAX_BACKLOG_BYTES and len(self._queue) > 1
        )

    def _drop_oldest(self) -> None:
        # Move the oldest messages that must not be lost aside, and put them back in front afterwards.
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
        """Count one of the POST's requests as answered or cancelled."""
        self._open -= 1
        if self._open <= 0:
            self.end()


# -- timeouts ------------------------------------------------------------------------------------
#
# Many equal time-outs on one timer. Nearly every time-out of a request is cancelled within a millisecond,
# and an event loop timer for each would cost more than all the checks of the request together.

T = TypeVar("T")


class Timeouts(Generic[T]):
    """Call `expire` with each item that stays in for `seconds`. Use it from the event loop's thread only.

    Parameters
    ----------
    seconds : float
        The same for all items, so the first one added is the first one due.
    expire : callable
        Takes the item, after it was removed.
    """

    def __init__(self, seconds: float, expire: Callable[[T], None]) -> None:
        self.seconds = seconds
        self._expire = expire
        self._due: dict[T, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, item: T) -> None:
        """Add an item, or restart the time of one that is in."""
        self._due.pop(item, None)  # otherwise it keeps its old place, and the order is no longer by due time
        loop = asyncio.get_running_loop()
        due = self._due[item] = loop.time() + self.seconds
        if self._timer is None:
            self._timer = loop.call_at(due, self._look)

    def discard(self, item: T) -> None:
        """Remove an item, if it is in."""
        self._due.pop(item, None)

    def _look(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._due:
            item, due = next(iter(self._due.items()))
            # The margin is for timers that fire a clock tick early.
            if due > now + 0.001:
                self._timer = loop.call_at(due, self._look)
                return
            del self._due[item]
            self._expire(item)


# -- replay --------------------------------------------------------------------------------------
#
# Keep the events that the streams of one session have sent, for a client that lost its connection and resumes
# a stream. The log lives in memory, as long as its session.
#
# Source: spec 2025-11-25, basic/transports, "Resumability and Redelivery"; SEP-1699.

MAX_KEPT_EVENTS: Final = 1024
"""Events of one session. A client that resumes a stream has missed seconds, not hours."""

MAX_KEPT_BYTES: Final = 1024 * 1024
"""Bytes of one session, of which there may be hundreds: enough for a result with a figure. After losing a
larger one, the client has to call again."""

RETRY_MILLISECONDS: Final = 500
"""Milliseconds until a client resumes a stream that was closed to free its connection (SSE `retry`)."""


class _Event(NamedTuple):
    stream: int
    number: int
    data: bytes


class _Source:
    """One stream in the log: how many of its events are kept, and the number of the last dropped one."""

    __slots__ = ("dropped", "kept", "stream")

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.kept = 0
        self.dropped = 0


class EventLog:
    """The events of one session's streams; the oldest are dropped first.

    Parameters
    ----------
    primes : bool
        Whether a stream begins with an event that has an id and no data (versions from 2025-11-25).
    """

    def __init__(self, primes: bool = False) -> None:
        self.primes = primes
        self._name = secrets.token_hex(4)  # so that the ids of another session are recognised and refused
        self._number = 0
        self._bytes = 0
        self._events: deque[_Event] = deque()
        self._sources: dict[int, _Source] = {}

    def encode(self, stream: Stream, messages: Sequence[Message]) -> bytes:
        """Return messages as events with ids, and keep the events."""
        return b"".join([self._keep(stream, message.raw) for message in messages])

    def opening(self, stream: Stream) -> bytes:
        """Return the first event of a stream, which has an id and no data; empty unless `primes`."""
        return sse.encode(b"", id=self._next_id(stream)) if self.primes else b""

    def parting(self, stream: Stream) -> bytes:
        """Return the last event of a response that ends early: when to resume the stream, and from where."""
        return sse.encode(b"", id=self._next_id(stream), retry=RETRY_MILLISECONDS)

    def since(self, event_id: str) -> tuple[Stream, bytes]:
        """Return the stream that an event belongs to, and the events that followed it there.

        Raises
        ------
        LookupError
            The id is not from this session, or some of the following events are no longer kept.
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
        """Forget ended streams without kept events: they cannot be resumed."""
        for key in [key for key, source in self._sources.items() if source.stream.ended and not source.kept]:
            del self._sources[key]


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 18
