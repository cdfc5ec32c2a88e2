# SPDX-License-Identifier: BSD-3-Clause
"""What the streams of one session have sent, for a client that lost a connection and asks for the rest.

Owns the ids of events and how many events are kept. It lives in memory, and as long as its session. It
knows no tornado and no request.

Source: spec 2025-11-25, basic/transports, "Resumability and Redelivery"; SEP-1699.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from ...protocol import sse
from ...protocol.frames import Message

if TYPE_CHECKING:
    from .exchange import Stream

__all__ = ["MAX_KEPT_BYTES", "MAX_KEPT_EVENTS", "RETRY_MILLISECONDS", "EventLog"]

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
