# SPDX-License-Identifier: BSD-3-Clause
"""A channel over a socket, the same at both ends of a link.

It parses and serialises messages, and handles a peer that does not read. It has no task and no queue: a
message goes from the socket to the sink by plain calls. Keys are checked before it gets the socket.

Everything here runs on the thread of one asyncio loop.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Final, cast

import anyio
from anyio.lowlevel import checkpoint

from ..engine.channel import Channel, Sink, registering_callbacks
from ..errors import INTERNAL_ERROR, ConnectionClosed, FrameError, McpError
from ..protocol.frames import ErrorResponse, Frame, Message, Notification, Request, Response
from ..protocol.limits import MAX_BACKLOG_BYTES, MAX_LINE_BYTES, SEND_TIMEOUT_SECONDS
from .wire import LineBuffer, pack, unpack

__all__ = ["CLOSE_FLUSH_SECONDS", "LinkChannel"]

log = logging.getLogger(__name__)

CLOSE_FLUSH_SECONDS: Final = 2.0
"""Seconds in which a closing channel tries to deliver its last messages; a local peer needs far less."""


class LinkChannel(Channel, asyncio.Protocol):
    """One end of a link. Create it on the event loop's thread, as the protocol of a connection.

    Parameters
    ----------
    id_prefix : str
        See `Channel`. The kernel's end has one, because a client's session outlives the kernel.
    """

    def __init__(self, id_prefix: str = "") -> None:
        self.id_prefix = id_prefix
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._transport: asyncio.Transport | None = None
        self._lines = LineBuffer()
        self._early: list[bytes] = []
        self._sink: Sink | None = None
        self._closed = False
        self._told = False
        self._flush: asyncio.TimerHandle | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._gone = asyncio.Event()

    # -- called by the connection ----------------------------------------------------------------

    def start(self, sink: Sink) -> None:
        """Start reading, and deliver messages to `sink`."""
        self._sink = sink
        early, self._early = self._early, []
        self._deliver(early)
        if self._closed:
            self._tell_closed()
        elif self._transport is not None:
            with registering_callbacks():
                self._transport.resume_reading()

    def send(self, message: Message) -> None:
        """Write a message, or keep it until the other end reads.

        If more than `MAX_BACKLOG_BYTES` are waiting already, a notification is dropped, and a request or
        response ends the link. A message that is longer than a line may be is replaced by an error.

        Raises
        ------
        ConnectionClosed
            The other end is gone.
        """
        assert threading.get_ident() == self._thread, "a channel belongs to its loop's thread"
        transport = self._transport
        if self._closed or transport is None:
            raise ConnectionClosed("The other end of the link is gone.")
        if transport.get_write_buffer_size() > MAX_BACKLOG_BYTES:
            self._overflow(transport, message.frame)
            return
        line = pack(message)
        if len(line) > MAX_LINE_BYTES:
            self._refuse(message.frame)
            return
        transport.write(line)
        if transport.is_closing():  # the write noticed that the other end is gone; nothing was sent
            self._end()
            raise ConnectionClosed("The other end of the link is gone.")

    async def drain(self) -> None:
        """Wait until the other end reads again; close the link if that takes longer than the time limit."""
        await checkpoint()
        if self._writable.is_set():
            return
        with anyio.move_on_after(SEND_TIMEOUT_SECONDS) as scope:
            await self._writable.wait()
        if scope.cancelled_caught:
            log.warning("The other end of a link does not read; closing it.")
            self.close()

    def close(self) -> None:
        """Close the link once everything is delivered, or after `CLOSE_FLUSH_SECONDS`."""
        self._end()

    async def wait_closed(self) -> None:
        """Wait until the socket is closed, soon after `close`."""
        await self._gone.wait()

    # -- called by asyncio -------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket. Nothing is read before `start`, so that the peer cannot fill our memory."""
        # Not checked: uvloop's transports are not instances of asyncio's classes.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        """Deliver the messages that `data` completes."""
        try:
            lines = self._lines.feed(data)
        except FrameError as exc:
            log.warning("Closing a link: %s", exc)
            self.close()
            return
        if self._sink is None:
            self._early += lines
        else:
            self._deliver(lines)

    def eof_received(self) -> None:
        """Close the link: the other end has closed its side."""
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        """Report that the socket is closed."""
        if self._flush is not None:
            self._flush.cancel()
        self._transport = None
        self._end()
        self._gone.set()

    def pause_writing(self) -> None:
        """Make `drain` wait: the other end reads more slowly than this end writes."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let `drain` return: the other end has caught up."""
        self._writable.set()

    # -- shared --------------------------------------------------------------------------------------

    def _deliver(self, lines: list[bytes]) -> None:
        sink = self._sink
        assert sink is not None
        for line in lines:
            if self._told:
                return
            try:
                sink.message(unpack(line))
            except FrameError as exc:  # or an error in a result that the sink parses (`UnparsedResponse`)
                sink.fault(exc)

    def _overflow(self, transport: asyncio.Transport, frame: Frame) -> None:
        if isinstance(frame, Notification):
            return
        log.warning("The other end of a link does not read; closing it.")
        transport.abort()
        self._end()
        raise ConnectionClosed("The other end of the link does not read.")

    def _refuse(self, frame: Frame) -> None:
        """Send an error in place of a message that is too long for a line."""
        size = MAX_LINE_BYTES // 2**20
        error = McpError(INTERNAL_ERROR, f"The message is larger than {size} MiB.").to_dict()
        if isinstance(frame, Response):
            self.send(Message.of(ErrorResponse(frame.id, error)))
        elif isinstance(frame, Request) and self._sink is not None:
            self._sink.message(Message.of(ErrorResponse(frame.id, error)))

    def _end(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._writable.set()
        if self._transport is not None:
            self._transport.close()
            self._flush = self._loop.call_later(CLOSE_FLUSH_SECONDS, self._transport.abort)
        self._tell_closed()

    def _tell_closed(self) -> None:
        if self._sink is not None and not self._told:
            self._told = True
            self._sink.closed()
