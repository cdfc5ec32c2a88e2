# SPDX-License-Identifier: BSD-3-Clause
"""Define `Channel`, the interface between a connection and its transport, and the channel in memory.

A `Channel` takes messages with `send`, which never blocks, and passes arriving messages to one `Sink`, in
order, by plain function calls on the event loop's thread. A plain call therefore needs no memory stream and
no task between socket and connection.

Implementations: `MemoryChannel` (here), the link's socket, stdio, the HTTP servers and clients. One
contract test runs over all of them.
"""

from __future__ import annotations

import abc
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Protocol

from anyio.lowlevel import checkpoint

from ..errors import ConnectionClosed, FrameError
from ..protocol.frames import Message, Response, UnparsedResponse, classify, parse_trusted
from ..protocol.limits import MAX_STREAM_BACKLOG

__all__ = [
    "Channel",
    "MemoryChannel",
    "ReadHalf",
    "Sink",
    "WriteHalf",
    "halves",
    "joined",
    "memory_pair",
    "registering_callbacks",
]


class Sink(Protocol):
    """Receives the messages of a channel. The three methods are called on the event loop's thread."""

    def message(self, message: Message) -> None:
        """Take a message that arrived. Must not block and must not raise."""

    def fault(self, error: FrameError) -> None:
        """Take the error for bytes that are not a message; the connection goes on."""

    def closed(self) -> None:
        """Learn that the peer is gone and that no more messages arrive. Called once."""


class Channel(abc.ABC):
    """One side of a two-way, ordered stream of messages.

    Attributes
    ----------
    id_prefix : str
        Prefix of the ids of our own requests over this channel. Empty, with numbers as ids, when the peer's
        session lasts no longer than this channel.
    is_patient : bool
        Whether responses may take long because the process that responds is still starting. Then the channel
        stays open for them after its peer has stopped sending.
    """

    id_prefix: str = ""
    is_patient: bool = False

    @abc.abstractmethod
    def start(self, sink: Sink) -> None:
        """Begin to deliver to `sink`, beginning with messages that arrived earlier. Called once."""

    @abc.abstractmethod
    def send(self, message: Message) -> None:
        """Queue a message for the peer and return at once.

        Raises
        ------
        ConnectionClosed
            When the peer is gone.
        """

    async def drain(self) -> None:
        """Wait until the peer keeps up again. Call it between many messages in a row."""
        await checkpoint()

    @abc.abstractmethod
    def close(self) -> None:
        """Close both directions. Idempotent; the peer's sink is told."""


class MemoryChannel(Channel):
    """One end of a pair within one event loop (see `memory_pair`).

    Both ends belong to the event loop's thread. Messages sent before the other end starts are kept, up to
    `MAX_STREAM_BACKLOG`; one more closes the pair.
    """

    def __init__(self, *, is_direct: bool = False) -> None:
        self._is_direct = is_direct
        self._peer: MemoryChannel | None = None
        self._sink: Sink | None = None
        self._waiting: deque[Message] = deque()
        self._closed = False

    def start(self, sink: Sink) -> None:
        """Begin to deliver to `sink`."""
        self._sink = sink
        # Messages kept when the peer closed are still delivered. A sink that closes the channel while it
        # takes them gets no more.
        closed_before = self._closed
        while self._waiting and self._closed is closed_before:
            sink.message(self._waiting.popleft())
        if closed_before:
            sink.closed()

    def send(self, message: Message) -> None:
        """Deliver a message to the other end at once, or keep it until that end starts."""
        peer = self._peer
        if self._closed or peer is None:
            raise ConnectionClosed("The other end of this channel is closed.")
        if isinstance(message.frame, Response):
            message = replace(message, frame=UnparsedResponse(message.frame.id, message.raw))
        elif not self._is_direct:
            message = replace(message, frame=classify(parse_trusted(message.raw)))
        peer._deliver(message)

    def _deliver(self, message: Message) -> None:
        if self._sink is not None:
            self._sink.message(message)
        elif len(self._waiting) < MAX_STREAM_BACKLOG:
            self._waiting.append(message)
        else:
            self.close()

    def close(self) -> None:
        """Close both ends."""
        for end in (self, self._peer):
            if end is not None and not end._closed:
                end._closed = True
                if end._sink is not None:
                    end._sink.closed()


def memory_pair(*, is_direct: bool = False) -> tuple[MemoryChannel, MemoryChannel]:
    """Return two connected channels: each receives the messages that the other sends.

    A receiver parses results when it reads them.

    Parameters
    ----------
    is_direct : bool
        Pass requests and notifications on without parsing them again. It is for an HTTP server, which has
        parsed its client's messages and only forwards the bytes of the server's.
    """
    left, right = MemoryChannel(is_direct=is_direct), MemoryChannel(is_direct=is_direct)
    left._peer, right._peer = right, left
    return left, right


# -- halves --------------------------------------------------------------------------------------
#
# A channel as the pair (read, write) that the first-generation SDK's transports yield.
#
# Both halves refer to the same `Channel`; a session or a server joins them again.


@dataclass(frozen=True, slots=True)
class ReadHalf:
    """The half that receives; opaque."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class WriteHalf:
    """The half that sends; opaque."""

    channel: Channel


def halves(channel: Channel) -> tuple[ReadHalf, WriteHalf]:
    """Return a channel as the pair that a session or a server takes."""
    return ReadHalf(channel), WriteHalf(channel)


def joined(read: ReadHalf, write: WriteHalf) -> Channel:
    """Return the channel of two halves.

    Raises
    ------
    ValueError
        The halves belong to two different channels.
    """
    if read.channel is not write.channel:
        raise ValueError("read and write belong to different connections; pass the pair of one transport.")
    return read.channel


# -- callbacks -----------------------------------------------------------------------------------
#
# Make anyio usable in functions that asyncio calls outside of any task: protocols of sockets, posted calls.
#
# anyio asks sniffio, if that is installed, which library runs. sniffio looks for a task; outside of one, a
# context variable must say it. (`anyio.run` sets the variable, `asyncio.run` does not.)

_current: ContextVar[str | None]
try:
    from sniffio import current_async_library_cvar as _current
except ModuleNotFoundError:  # then anyio asks asyncio itself
    _current = ContextVar("unused")


@contextmanager
def registering_callbacks() -> Iterator[None]:
    """Let callbacks registered inside use anyio: a callback keeps the context of its registration."""
    token = _current.set("asyncio")
    try:
        yield
    finally:
        _current.reset(token)
