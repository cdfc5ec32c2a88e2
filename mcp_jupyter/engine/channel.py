# SPDX-License-Identifier: BSD-3-Clause
"""The seam between a conversation and whatever carries it.

A `Channel` takes messages with `send`, which never blocks, and gives what arrives to one `Sink`, in
order, by plain function calls on the event loop's thread. So a plain call costs no memory stream and
no task between the socket and the conversation. It does not know what a message means.

Implementations: `MemoryChannel` (here), the link's socket, stdio, the HTTP fronts and clients. One
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
    """Where a channel puts what arrives. All three are called on the event loop's thread."""

    def message(self, message: Message) -> None:
        """A message arrived. Must not block and must not raise."""

    def fault(self, error: FrameError) -> None:
        """Something arrived that is no message; the conversation goes on."""

    def closed(self) -> None:
        """The other side is gone; nothing more will arrive. Called once."""


class Channel(abc.ABC):
    """One side of a two-way, ordered stream of messages.

    Attributes
    ----------
    id_prefix : str
        What the ids of our own requests over this channel begin with. Empty where the conversation at the
        other end lasts no longer than this channel: then ids are numbers.
    is_patient : bool
        Whether answers may take long to come, because what answers is still starting. A channel whose other
        side sends no more stays open for them.
    """

    id_prefix: str = ""
    is_patient: bool = False

    @abc.abstractmethod
    def start(self, sink: Sink) -> None:
        """Begin to deliver to `sink`, first what has arrived already. Called once."""

    @abc.abstractmethod
    def send(self, message: Message) -> None:
        """Hand over a message; returns at once.

        Raises
        ------
        ConnectionClosed
            When the other side is gone.
        """

    async def drain(self) -> None:
        """Wait until the other side keeps up again: for senders of many messages in a row."""
        await checkpoint()

    @abc.abstractmethod
    def close(self) -> None:
        """Close both directions. Idempotent; the other side's sink is told."""


class MemoryChannel(Channel):
    """One end of a pair within one event loop (see `memory_pair`).

    Both ends belong to the event loop's thread. What is sent before the other end started waits,
    up to `MAX_STREAM_BACKLOG` messages.
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
        # What waited when the other side closed still arrives; a sink that closes hears no more.
        closed_before = self._closed
        while self._waiting and self._closed is closed_before:
            sink.message(self._waiting.popleft())
        if closed_before:
            sink.closed()

    def send(self, message: Message) -> None:
        """Deliver to the other end at once, or keep it until that end starts."""
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
    """Two connected channels: what one sends, the other receives. Results are parsed when they are read.

    Parameters
    ----------
    is_direct : bool
        Hand requests and notifications over as they are, and not parsed anew: for a front, which has parsed
        those of its client and only passes on the bytes of the server's.
    """
    left, right = MemoryChannel(is_direct=is_direct), MemoryChannel(is_direct=is_direct)
    left._peer, right._peer = right, left
    return left, right


# -- halves --------------------------------------------------------------------------------------
#
# A channel as the pair (read, write) that the first-generation SDK's transports give. Knows nothing else.
#
# The two are one `Channel` cut in half; a session or a server joins them again, and nobody looks inside.


@dataclass(frozen=True, slots=True)
class ReadHalf:
    """What the other side sends; opaque."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class WriteHalf:
    """What this side sends; opaque."""

    channel: Channel


def halves(channel: Channel) -> tuple[ReadHalf, WriteHalf]:
    """A channel as the pair that a session or a server takes."""
    return ReadHalf(channel), WriteHalf(channel)


def joined(read: ReadHalf, write: WriteHalf) -> Channel:
    """The channel that two halves came from.

    Raises
    ------
    ValueError
        They are halves of two different connections.
    """
    if read.channel is not write.channel:
        raise ValueError("read and write belong to different connections; pass the pair of one transport.")
    return read.channel


# -- callbacks -----------------------------------------------------------------------------------
#
# Lets anyio be used in what asyncio calls outside of any task: sockets' protocols, posted functions.
#
# anyio asks sniffio, where that is installed, which library runs; sniffio looks for a task, and outside
# of one it must be told. (`anyio.run` tells it, `asyncio.run` does not.) Knows no socket.

_current: ContextVar[str | None]
try:
    from sniffio import current_async_library_cvar as _current
except ModuleNotFoundError:  # then anyio asks asyncio itself, which knows
    _current = ContextVar("unused")


@contextmanager
def registering_callbacks() -> Iterator[None]:
    """Callbacks registered inside may start anyio tasks: they keep the context they are registered in."""
    token = _current.set("asyncio")
    try:
        yield
    finally:
        _current.reset(token)
