# SPDX-License-Identifier: BSD-3-Clause
"""Types of the first-generation SDK's event stores, for programs that have one.

None is asked for anything: every server keeps the events of its streams for clients that resume them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from .._util.absent import OVER_HTTP, absent

__all__ = ["EventCallback", "EventId", "EventMessage", "EventStore", "StreamId"]

StreamId: TypeAlias = str
EventId: TypeAlias = str


@dataclass
class EventMessage:
    """A message of a stream, and its id."""

    message: Any
    event_id: EventId | None = None


EventCallback: TypeAlias = Callable[[EventMessage], Awaitable[None]]


class EventStore(ABC):
    """Keeps the events of streams."""

    @abstractmethod
    async def store_event(self, stream_id: StreamId, message: Any) -> EventId:
        """Keep an event."""

    @abstractmethod
    async def replay_events_after(
        self, last_event_id: EventId, send_callback: EventCallback
    ) -> StreamId | None:
        """Send what came after an event."""


__getattr__ = absent(__name__, {"StreamableHTTPServerTransport": OVER_HTTP})
