# SPDX-License-Identifier: BSD-3-Clause
"""Hearing of changes from a modern server: `subscriptions/listen`, from its acknowledgement to its end.

Owns which subscriptions are open, and which notifications are about them. The notifications of changes
themselves are none of its business: they reach the user as those of any version do.

Source: spec 2026-07-28, basic/patterns/subscriptions.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio
from pydantic import ValidationError

from .. import types
from .._util.tasks import owned_tasks
from ..errors import ConnectionClosed, McpError, McpJupyterError, RequestTimeout
from ..protocol.codes import INTERNAL_ERROR
from ..protocol.eras import SUBSCRIPTION_ID
from ..protocol.frames import Notification
from .callbacks import malformed
from .requests import Conversation

__all__ = ["Subscription", "Subscriptions"]

_LISTEN: Final = "subscriptions/listen"
_ACKNOWLEDGED: Final = "notifications/subscriptions/acknowledged"
_CANCELLED: Final = "notifications/cancelled"


class Subscription:
    """One `subscriptions/listen`.

    Attributes
    ----------
    granted : SubscriptionFilter
        The part of what was asked for that the server will tell of.
    ended : anyio.Event
        Set when the server tells no more, before or after this side stops to listen.
    error : McpJupyterError or None
        Why it ended; None while it lasts, and when the server ended it in good order.
    """

    def __init__(self) -> None:
        self.granted = types.SubscriptionFilter()
        self.ended = anyio.Event()
        self.error: McpJupyterError | None = None
        self._settled = anyio.Event()  # acknowledged, or over before it came to that

    def _acknowledge(self, params: Any) -> None:
        try:
            acknowledged = types.SubscriptionsAcknowledgedNotificationParams.from_wire(params)
        except ValidationError as exc:
            self._end(McpError(INTERNAL_ERROR, malformed("The server's acknowledgement is", exc)))
        else:
            self.granted = acknowledged.notifications
            self._settled.set()

    def _end(self, error: McpJupyterError | None) -> None:
        if not self.ended.is_set():
            self.error = error
            self.ended.set()
            self._settled.set()

    async def _opened(self, timeout: float) -> None:
        with anyio.move_on_after(timeout):
            await self._settled.wait()
        if not self._settled.is_set():
            raise RequestTimeout(f"No acknowledgement of {_LISTEN} within {timeout:g} s.")
        if self.error is not None:
            raise self.error


class Subscriptions:
    """The subscriptions of one session."""

    def __init__(self) -> None:
        self._open: dict[str, Subscription] = {}
        self._numbers = itertools.count(1)

    def notice(self, notification: Notification) -> bool:
        """Take notice of a notification that is about a subscription; whether it is."""
        params = notification.params
        if notification.method == _ACKNOWLEDGED:
            meta = params.get("_meta")
            subscription = self._of(meta.get(SUBSCRIPTION_ID) if isinstance(meta, dict) else None)
            if subscription is not None:
                subscription._acknowledge(params)
            return True
        if notification.method == _CANCELLED:  # the end of a subscription on a channel that all of them share
            subscription = self._of(params.get("requestId"))
            if subscription is not None:
                subscription._end(None)
            return True
        return False

    def _of(self, id_: Any) -> Subscription | None:
        return self._open.get(id_) if isinstance(id_, str) else None

    @asynccontextmanager
    async def listen(
        self, conversation: Conversation, wanted: types.SubscriptionFilter, timeout: float
    ) -> AsyncIterator[Subscription]:
        """Listen while the body runs (see `ClientSession.listen`)."""
        conversation.check(_LISTEN)
        id_ = f"listen:{next(self._numbers)}"
        subscription = self._open[id_] = Subscription()
        try:
            async with owned_tasks() as tasks:  # they end with the body, which cancels the request

                async def live(_on_progress: object) -> dict[str, Any]:
                    tasks.start_soon(_hold, conversation, id_, wanted, subscription)
                    await subscription._opened(timeout)
                    return {"notifications": subscription.granted.model_dump(exclude_none=True)}

                answer = await conversation.exchange(_LISTEN, {"notifications": wanted}, live)
                subscription._acknowledge(answer)
                await subscription._opened(timeout)
                yield subscription
        finally:
            del self._open[id_]


async def _hold(
    conversation: Conversation, id_: str, wanted: types.SubscriptionFilter, subscription: Subscription
) -> None:
    """Keep the request open until the server answers it, which is the end of the subscription."""
    try:
        await conversation.send(_LISTEN, {"notifications": wanted}, request_id=id_)
    except (McpError, ConnectionClosed) as exc:
        subscription._end(exc)
    else:
        subscription._end(None)
