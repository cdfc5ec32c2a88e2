# SPDX-License-Identifier: BSD-3-Clause
"""A response that is a stream of events: when it is written, how much at once, and when it ends.

Owns the pace of writing. It does not know what the messages are, nor why the stream ends.

Source: spec 2025-11-25 and 2026-07-28, basic/transports; WHATWG HTML, "Server-sent events".
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from ...protocol import sse
from .door import DoorHandler
from .exchange import Stream

__all__ = ["KEEPALIVE", "EventStreamHandler", "accepts"]

WRITE_INTERVAL_SECONDS: Final = 0.01
"""At least this long between two writes of notifications: a thousand in a row then cost a few writes, and
a single one is not delayed at all. Responses and requests never wait."""

KEEPALIVE: Final = sse.comment()


class EventStreamHandler(DoorHandler):
    """A handler that can answer with events."""

    _stream: Stream | None = None

    async def pump(self, stream: Stream, first: bytes = b"") -> None:
        """Write a stream as events until it ends, the client leaves, or another reader takes the stream up.

        The response is committed at once.

        Parameters
        ----------
        first : bytes
            Events, or a comment, to begin with.
        """
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("X-Accel-Buffering", "no")  # a buffering proxy would hold the events back
        self._http.stream.set_nodelay(True)  # events are small, and each should go out at once
        self._stream = stream
        stream.take_up(self)
        payload = first
        while not (stream.ended or stream.released):
            if not await self.put_out(payload):
                return
            if self._reads(stream):
                await stream.pause(WRITE_INTERVAL_SECONDS)
            if self._reads(stream):
                await stream.arrival(self.door.quiet)
            if self.gone:
                return
            if stream.reader is not self:
                await self.finish_with(b"")
                return
            payload = stream.encode(stream.take()) or KEEPALIVE
        payload += stream.encode(stream.take())
        if stream.released:
            payload += stream.parting()
        await self.finish_with(payload)

    def _reads(self, stream: Stream) -> bool:
        return not self.gone and stream.reader is self

    def on_connection_close(self) -> None:
        """The client left: whoever waits for messages need not."""
        super().on_connection_close()
        if self._stream is not None:
            self._stream.wake()


@lru_cache(64)
def accepts(accept: str | None, *types: str) -> bool:
    """Whether an `Accept` header takes all of `types`; a request without one takes anything.

    Source: RFC 9110 section 12.5.1. Weights are not looked at: who names a type takes it.
    """
    if accept is None:
        return True
    named = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    if "*/*" in named:
        return True
    return all(kind in named or f"{kind.partition('/')[0]}/*" in named for kind in types)
