# SPDX-License-Identifier: BSD-3-Clause
"""How far an event stream was read, and when to go on: what outlives the connections that carry it.

Owns the last event id, the server's `retry`, and how often it is tried in vain. Opens no connection.

Source: spec 2025-11-25, basic/transports ("Resumability and Redelivery"); WHATWG HTML, "Server-sent events".
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

import anyio
import httpx2

from ..protocol.sse import Decoder, Event

__all__ = ["Trail", "events"]

MAX_TRIES: Final = 5
"""Vain connections in a row before a stream is given up: after 15 s, with the waits below."""

LASTING_SECONDS: Final = 5.0
"""A connection that lasted so long was not in vain, though it brought no event: proxies cut quiet streams."""

WAIT_SECONDS: Final = 0.5
"""Before the first of them, where the server set no `retry`; each further one waits twice as long."""

MIN_WAIT_SECONDS: Final = 0.05
"""Whatever the server says: `retry: 0` must not become a busy loop."""

_EVENT_ID: Final = re.compile(r"[ -~]{1,1024}")
"""What a header can carry; a longer id is no cursor anybody means. Other streams cannot be resumed."""


class Trail:
    """How far one stream was read.

    Attributes
    ----------
    last_event_id : str
        Where to resume; empty when the stream cannot be.
    """

    def __init__(self) -> None:
        self.last_event_id = ""
        self._retry: float | None = None
        self._tries = 0

    async def read(self, response: httpx2.Response) -> AsyncGenerator[Event, None]:
        """The events of a connection, each noted. Close it (`aclosing`) when leaving early."""
        decoder, begin = Decoder(), anyio.current_time()
        try:
            async with aclosing(events(response, decoder)) as stream:
                async for event in stream:
                    self._tries = 0
                    if event.id is not None:
                        self.last_event_id = event.id if _EVENT_ID.fullmatch(event.id) else ""
                    yield event
        finally:
            if anyio.current_time() - begin >= LASTING_SECONDS:
                self._tries = 0
            if decoder.retry is not None:
                self._retry = decoder.retry / 1000

    def wait(self) -> float | None:
        """Seconds before the next try, at first the server's `retry`; None when it has been enough."""
        if self._tries == MAX_TRIES:
            return None
        first = WAIT_SECONDS if self._retry is None else max(self._retry, MIN_WAIT_SECONDS)
        self._tries += 1
        return first * float(2 ** (self._tries - 1))


async def events(response: httpx2.Response, decoder: Decoder | None = None) -> AsyncGenerator[Event, None]:
    """The events of a response, as they come. Close it (`aclosing`) when leaving early."""
    decoder = decoder or Decoder()
    async with aclosing(response.aiter_bytes()) as chunks:
        async for chunk in chunks:
            for event in decoder.feed(chunk):
                yield event
