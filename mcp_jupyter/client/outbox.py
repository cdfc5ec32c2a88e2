# SPDX-License-Identifier: BSD-3-Clause
"""What waits to be sent: a bounded queue with one reader. Knows no transport.

An anyio memory stream does the same at several times the price, and every call goes through here.
"""

from __future__ import annotations

from collections import deque

import anyio

from ..protocol.frames import Message
from ..protocol.limits import MAX_STREAM_BACKLOG

__all__ = ["Outbox"]


class Outbox:
    """Messages on their way to a transport's writing task, which iterates over it to its end.

    Belongs to the event loop's thread.

    Attributes
    ----------
    is_closed : bool
        Whether nothing more is to be put in.
    """

    def __init__(self) -> None:
        self._waiting: deque[Message] = deque()
        self._changed = anyio.Event()
        self.is_closed = False

    def put(self, message: Message) -> bool:
        """Put a message in; False when it is full, with `MAX_STREAM_BACKLOG` messages."""
        if len(self._waiting) >= MAX_STREAM_BACKLOG:
            return False
        self._waiting.append(message)
        self._changed.set()
        return True

    def close(self) -> None:
        """Take no more; what is in it is still handed out. Idempotent."""
        self.is_closed = True
        self._changed.set()

    def __aiter__(self) -> Outbox:
        return self

    async def __anext__(self) -> Message:
        while not self._waiting:
            if self.is_closed:
                raise StopAsyncIteration
            self._changed = anyio.Event()
            await self._changed.wait()
        return self._waiting.popleft()
