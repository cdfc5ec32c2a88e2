# SPDX-License-Identifier: BSD-3-Clause
"""Types of the first SDK's event stores, so that programs which define one can be imported.

No store is ever called: every server itself keeps the events of its streams for clients that resume them.
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
    """A message of a stream and its event id."""

    message: Any
    event_id: EventId | None = None


EventCallback: TypeAlias = Callable[[EventMessage], Awaitable[None]]


class EventStore(ABC):
    """Interface of a store for the events of streams."""

    @abstractmethod
    async def store_event(self, stream_id: StreamId, message: Any) -> EventId:
        """Store a message and return its event id."""

    @abstractmethod
    async def replay_events_after(
        self, last_event_id: EventId, send_callback: EventCallback
    ) -> StreamId | None:
        """Send the events after `last_event_id` and return the id of their stream."""


__getattr__ = absent(__name__, {"StreamableHTTPServerTransport": OVER_HTTP})
