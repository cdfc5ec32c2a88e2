# SPDX-License-Identifier: BSD-3-Clause
"""Notifications of one client on their way to a server's handlers: in order, one after the other.

Owns the queue, which is bounded, and the wall around handlers. Knows no method.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping

import anyio
from pydantic import ValidationError

from ...protocol.frames import Notification
from ...protocol.limits import MAX_STREAM_BACKLOG
from ...types import WireModel
from .decorators import NotificationHandler

__all__ = ["NoticeTable", "Notices"]

log = logging.getLogger(__name__)

NoticeTable = Mapping[str, tuple[type[WireModel], NotificationHandler]]
"""Method to the model of its params, and its handler."""


class Notices:
    """Hands out what one client notifies. Belongs to the event loop's thread."""

    def __init__(self, table: NoticeTable) -> None:
        self._table = table
        # A flood costs its oldest members, never memory.
        self._waiting: deque[Notification] = deque(maxlen=MAX_STREAM_BACKLOG)
        self._arrived = anyio.Event()

    def put(self, notification: Notification) -> None:
        """Keep a notification for `run`, when there is a handler for it."""
        if notification.method in self._table:
            self._waiting.append(notification)
            self._arrived.set()

    async def run(self) -> None:
        """Hand them out until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived = anyio.Event()
            while self._waiting:
                await self._hand_out(self._waiting.popleft())

    async def _hand_out(self, notification: Notification) -> None:
        model, handler = self._table[notification.method]
        try:
            await handler(model.from_wire(notification.params))
        except ValidationError:
            log.debug("%s is malformed", notification.method)
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException:
            # Nobody waits for an answer, and what one handler raises ends nothing.
            log.exception("the handler of %s failed", notification.method)
