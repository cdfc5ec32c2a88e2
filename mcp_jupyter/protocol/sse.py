# SPDX-License-Identifier: BSD-3-Clause
"""Encode and decode `text/event-stream` (WHATWG HTML, "Server-sent events"), with a bound on one event.

The meaning of data and ids, and reconnecting, are left to the callers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from .limits import MAX_EVENT_BYTES

__all__ = ["Decoder", "Event", "SseError", "comment", "encode"]

_MAX_RETRY_DIGITS: Final = 10
"""Longer reconnection times are ignored as mistakes. Ten digits of milliseconds are 115 days."""

_FORBIDDEN: Final = re.compile("[\r\n\0]")
_BOM: Final = b"\xef\xbb\xbf"


class SseError(ValueError):
    """A stream that cannot be decoded, or a field that cannot be encoded."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event.

    Attributes
    ----------
    data : str
        The `data` lines joined with LF; empty for a priming event.
    event : str
        The event's type.
    id : str or None
        The `id` field of this event; None where it had none. The id to resume from is
        `Decoder.last_event_id`.
    retry : int or None
        The reconnection time, in milliseconds, that this event set.
    """

    data: str
    event: str = "message"
    id: str | None = None
    retry: int | None = None


def encode(
    data: bytes, *, event: str | None = None, id: str | None = None, retry: int | None = None
) -> bytes:
    """Encode one event.

    Parameters
    ----------
    data : bytes
        UTF-8 text, usually one line of JSON. Several lines (CR, LF or CRLF) become several `data`
        fields, so a reader gets LF between them. Empty data with an `id` is the priming event of spec
        2025-11-25 (basic/transports, "Sending Messages to the Server").
    event, id : str, optional
        The type and the id.
    retry : int, optional
        Reconnection time in milliseconds.

    Raises
    ------
    SseError
        `event` or `id` holds a line end or a NUL (readers ignore an id with NUL), or `retry` is negative.
    """
    head = b""
    if event is not None:
        head = b"event: %b\n" % _field("event", event)
    if id is not None:
        head += b"id: %b\n" % _field("id", id)
    if retry is not None:
        if retry < 0:
            raise SseError("retry must not be negative")
        head += b"retry: %d\n" % retry
    if b"\n" in data or b"\r" in data:
        data = b"\ndata: ".join(data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"))
    return b"".join((head, b"data: ", data, b"\n\n"))


def comment(text: str = "") -> bytes:
    """Encode a comment, which every reader ignores. It keeps a quiet stream alive."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "".join(f": {line}\n" if line else ":\n" for line in lines).encode() + b"\n"


def _field(name: str, value: str) -> bytes:
    if _FORBIDDEN.search(value) is not None:
        raise SseError(f"{name} must not hold a line end or a NUL")
    return value.encode()


class Decoder:
    """Decodes the bytes of one stream to events, however the bytes are divided into chunks.

    It follows WHATWG HTML, "Interpreting an event stream", except for one rule. There, a block without a
    `data` field is dropped; here, a block with an `id` is an event (with empty data) as well. A server
    primes its client with "an event ID and an empty `data` field" (spec 2025-11-25, basic/transports). One
    that omits the empty field means the same, and in both cases the caller may reconnect from there. So
    callers must expect events with empty data, and skip them.

    Malformed UTF-8 becomes U+FFFD. A block that the stream's end cuts off is dropped.

    Parameters
    ----------
    max_event_bytes : int
        The bound on one event, names of fields included.

    Attributes
    ----------
    last_event_id : str
        The `Last-Event-ID` to send when reconnecting; empty until the server sends an id.
    retry : int or None
        The last reconnection time, in milliseconds, that the server set. The caller bounds it.
    """

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self.max_event_bytes = max_event_bytes
        self.last_event_id = ""
        self.retry: int | None = None
        self._failed = False
        self._head: bytes | None = b""  # the stream's first bytes while they may be a BOM; None later
        self._after_cr = False  # the last chunk ended in CR: an LF that comes next belongs to that line end
        self._rest = bytearray()  # the line that has not ended yet
        self._size = 0  # bytes of the event's complete lines
        self._reset()

    def _reset(self) -> None:
        self._data = bytearray()
        self._has_data = False
        self._event = ""
        self._id: str | None = None
        self._retry: int | None = None
        self._size = 0

    def feed(self, chunk: bytes) -> list[Event]:
        """Return the events that `chunk` completes.

        The cost is linear in the number of bytes, however they are divided. Pass chunks as a socket returns
        them: all events of one chunk are in memory at once.

        Raises
        ------
        SseError
            One event is larger than `max_event_bytes`. Every later call raises too, and earlier events of
            this chunk are lost.
        """
        if self._failed:
            raise SseError("the stream already failed")
        if self._head is not None:
            chunk = self._skip_bom(self._head + chunk)
        if not chunk:
            return []
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        self._after_cr = chunk.endswith(b"\r")
        events: list[Event] = []
        for piece in chunk.splitlines(keepends=True):
            line = piece.rstrip(b"\r\n")
            self._check_size(len(line))
            if len(line) == len(piece):
                self._rest += line
                break
            if self._rest:
                self._rest += line
                line = bytes(self._rest)
                self._rest.clear()
            if line:
                self._take_field(line)
            else:
                self._dispatch(events)
        return events

    def _skip_bom(self, start: bytes) -> bytes:
        if len(start) < len(_BOM) and _BOM.startswith(start):
            self._head = start
            return b""
        self._head = None
        return start.removeprefix(_BOM)

    def _check_size(self, more: int) -> None:
        if self._size + len(self._rest) + more > self.max_event_bytes:
            self._failed = True
            self._rest.clear()
            self._reset()
            raise SseError(f"an event of the stream is larger than {self.max_event_bytes} bytes")

    def _take_field(self, line: bytes) -> None:
        if line.startswith(b":"):
            return
        self._size += len(line) + 1
        if line.startswith(b"data: "):  # nearly every line of a stream of messages
            name, value = b"data", line[6:]
        else:
            name, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
        if name == b"data":
            self._has_data = True
            self._data += value
            self._data += b"\n"
        elif name == b"event":
            self._event = value.decode("utf-8", "replace")
        elif name == b"id" and b"\0" not in value:
            self._id = value.decode("utf-8", "replace")
        elif name == b"retry" and value.isdigit() and len(value) <= _MAX_RETRY_DIGITS:
            self._retry = self.retry = int(value)

    def _dispatch(self, events: list[Event]) -> None:
        if self._id is not None:
            self.last_event_id = self._id
        if self._has_data or self._id is not None:
            del self._data[-1:]  # the LF after the last line
            data = self._data.decode("utf-8", "replace")
            events.append(Event(data, self._event or "message", self._id, self._retry))
        self._reset()
