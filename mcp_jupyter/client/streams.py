# SPDX-License-Identifier: BSD-3-Clause
"""What every client transport has in common: its two halves, its outbox, its tasks and its end.

A transport gives its user a pair (read, write), the `halves` of a channel. This file knows the order of
events in a channel's life; it does not know what carries the bytes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import anyio

from ..engine.channel import Channel, ReadHalf, Sink, WriteHalf, halves, joined
from ..errors import ConnectionClosed, FrameError, McpError, TooManyContainers
from ..protocol.codes import INTERNAL_ERROR, INVALID_REQUEST, PARSE_ERROR
from ..protocol.frames import ErrorResponse, Frame, Message, RequestId, classify, encode, parse
from ..protocol.limits import MAX_CONTAINERS, MAX_STREAM_BACKLOG
from .invalid_json import read_invalid_json
from .outbox import Outbox

if TYPE_CHECKING:
    from .param_headers import ParamHeaders

__all__ = [
    "SESSION_ENDED",
    "ClientChannel",
    "ReadHalf",
    "WriteHalf",
    "halves",
    "joined",
    "printable",
]

log = logging.getLogger(__name__)

SESSION_ENDED: Final = {"httpStatus": 404, "sessionEnded": True}
"""`data` of the error of a request that was not taken because the server has ended the session."""

MAX_SHOWN_CHARS = 80
"""Of something that is no message, in the one log line about it."""


def printable(text: str, limit: int) -> str:
    """Foreign text made fit for a message: one line, no control characters, at most `limit` characters."""
    line = " ".join(text[: 4 * limit].split())
    line = "".join(char if char.isprintable() else "?" for char in line[: limit + 1])
    return line if len(line) <= limit else line[: limit - 3] + "..."


class ClientChannel(Channel):
    """A channel whose sends wait in a bounded outbox for the tasks of its transport.

    Attributes
    ----------
    reason : str
        Why the conversation ended; empty while it lasts, or when this side ended it.
    started : anyio.Event
        Set once somebody listens; nothing should be read from the wire before.
    outbox : Outbox
        What waits to be sent. It ends when the channel is closed.
    session_ended : anyio.Event
        Set when the transport learns, while nothing is asked, that the server has ended the session.
    param_headers : ParamHeaders or None
        What repeats arguments in headers, on a transport that has headers for each message.
    """

    param_headers: ParamHeaders | None = None

    def __init__(self) -> None:
        self.reason = ""
        self.started = anyio.Event()
        self.session_ended = anyio.Event()
        self.outbox = Outbox()
        self._sink: Sink | None = None
        self._closed = False
        self._saw_junk = False

    # -- the session's side --------------------------------------------------------------------

    def start(self, sink: Sink) -> None:
        """Begin to deliver to `sink`."""
        self._sink = sink
        self.started.set()
        if self._closed:
            sink.closed()

    def send(self, message: Message) -> None:
        """Put a message into the outbox."""
        if not self.outbox.is_closed and not self.outbox.put(message):
            self.lost(f"The server does not read: {MAX_STREAM_BACKLOG} messages wait for it.")
        if self.outbox.is_closed:
            raise ConnectionClosed(self.reason or "This connection is closed.")

    def close(self) -> None:
        """End the conversation; what is in the outbox is still sent."""
        self.lost("")

    def tell_secrets(self, listener: Callable[[str], None]) -> None:
        """Tell of everything secret that this transport sends or starts a server with, now and later."""

    # -- the transport's side ------------------------------------------------------------------

    def lost(self, reason: str) -> None:
        """End the conversation because the other side did. The first reason stays."""
        if self._closed:
            return
        self._closed = True
        self.reason = reason
        self.outbox.close()
        if self._sink is not None:
            self._sink.closed()

    def deliver(self, frame: Frame, raw: bytes, related: RequestId | None = None) -> None:
        """Give a message to the session."""
        if self._sink is not None and not self._closed:
            self._sink.message(Message(frame, raw, related))

    def receive(self, raw: bytes, related: RequestId | None = None) -> Frame | None:
        """Read one message, give it to the session and return it; junk is dropped, as None.

        A message with too many lists and objects ends the conversation: it is not known which request it
        answers, and that caller must not wait for ever.
        """
        if self._closed:
            return None
        value = None
        try:
            value = parse(raw)
            frame = classify(value)
        except TooManyContainers:
            self.lost(f"The server sent a message of more than {MAX_CONTAINERS:,} lists and objects.")
            return None
        except FrameError as exc:
            if exc.code == PARSE_ERROR:
                value, exc = read_invalid_json(raw, exc)
            return self._malformed(raw, value, exc)
        self.deliver(frame, raw, related)
        return frame

    def _malformed(self, raw: bytes, value: object, error: FrameError) -> Frame | None:
        """Tell whoever waits: the server for a bad request of its own, our caller for a bad answer."""
        if error.request_id is None or self._sink is None:
            self._junk(raw)
            return None
        if isinstance(value, dict) and "method" in value:
            self._sink.fault(error)
            return None
        if error.code == INVALID_REQUEST and isinstance(value, dict) and value.get("error") is not None:
            shown = printable(str(value["error"]), MAX_SHOWN_CHARS)
            return self.fail(
                error.request_id, McpError(INTERNAL_ERROR, f"The server's error is malformed: {shown}")
            )
        return self.fail(error.request_id, error)

    def fail(self, request_id: RequestId, error: McpError) -> ErrorResponse:
        """Answer a request of the session's in place of the server, which cannot."""
        answer = ErrorResponse(request_id, error.to_dict())
        self.deliver(answer, encode(answer))
        return answer

    def _junk(self, raw: bytes) -> None:
        # Once a connection: a server that prints to its standard output does it all the time.
        if raw.strip() and not self._saw_junk:
            self._saw_junk = True
            log.warning("The server sent what is no message (said once): %s", ascii(raw[:MAX_SHOWN_CHARS]))
