# SPDX-License-Identifier: BSD-3-Clause
"""Subscribe to changes at a server, in either era.

A modern server takes one `subscriptions/listen` for all that is wanted, acknowledges it, and keeps it open. A
legacy server reports changes of lists by itself, and takes one `resources/subscribe` for each resource;
several subscriptions to the same resource share it. The notifications themselves go to the user's callbacks
like others.

Source: spec 2026-07-28, basic/patterns/subscriptions; 2025-11-25, server/resources, "Subscriptions".
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import anyio
from pydantic import ValidationError

from .. import types
from .._util.tasks import owned_tasks
from ..errors import INTERNAL_ERROR, ConnectionClosed, McpError, McpJupyterError, RequestTimeout
from ..protocol.eras import SUBSCRIPTION_ID
from ..protocol.frames import Notification
from .callbacks import malformed
from .requests import RequestSender

__all__ = ["Subscription", "Subscriptions"]

UNSUBSCRIBE_SECONDS: Final = 5.0
"""Seconds for all requests that end a legacy subscription together."""

_LISTEN: Final = "subscriptions/listen"
_ACKNOWLEDGED: Final = "notifications/subscriptions/acknowledged"
_CANCELLED: Final = "notifications/cancelled"


class Subscription:
    """An open subscription.

    Attributes
    ----------
    granted : SubscriptionFilter
        The changes that the server reports, of those that were asked for.
    ended : anyio.Event
        Set when the server reports no more, before or after this side ends the subscription.
    error : McpJupyterError or None
        Why it ended; None while it is open, and when the server ended it regularly.
    """

    def __init__(self) -> None:
        self.granted = types.SubscriptionFilter()
        self.ended = anyio.Event()
        self.error: McpJupyterError | None = None
        self._settled = anyio.Event()  # acknowledged, or ended before that

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
        self._counts: Counter[str] = Counter()  # of a legacy server: how many watch each resource
        # POSTs may overtake each other: a resource must not be subscribed to before its unsubscription ended.
        self._lock = anyio.Lock()

    def notice(self, notification: Notification) -> bool:
        """Process a notification about a subscription; return whether it is one."""
        params = notification.params
        if notification.method == _ACKNOWLEDGED:
            meta = params.get("_meta")
            subscription = self._of(meta.get(SUBSCRIPTION_ID) if isinstance(meta, dict) else None)
            if subscription is not None:
                subscription._acknowledge(params)
            return True
        if notification.method == _CANCELLED:  # ends a subscription on a channel that several share
            subscription = self._of(params.get("requestId"))
            if subscription is not None:
                subscription._end(None)
            return True
        return False

    def _of(self, id_: Any) -> Subscription | None:
        return self._open.get(id_) if isinstance(id_, str) else None

    @asynccontextmanager
    async def open(
        self, requests: RequestSender, wanted: types.SubscriptionFilter, timeout: float
    ) -> AsyncIterator[Subscription]:
        """Keep a subscription open while the body runs (see `ClientSession.subscribed`)."""
        subscribed = self._listening if requests.is_modern else self._watching
        async with subscribed(requests, wanted, timeout) as subscription:
            yield subscription

    @asynccontextmanager
    async def _listening(
        self, requests: RequestSender, wanted: types.SubscriptionFilter, timeout: float
    ) -> AsyncIterator[Subscription]:
        id_ = f"listen:{next(self._numbers)}"
        subscription = self._open[id_] = Subscription()
        params = {"notifications": wanted}

        async def hold() -> None:
            """Keep the request open until the server answers it, which is the end of the subscription."""
            try:
                await requests.send(_LISTEN, params, request_id=id_)
            except (McpError, ConnectionClosed) as exc:
                subscription._end(exc)
            else:
                subscription._end(None)

        async def send(_on_progress: object) -> dict[str, Any]:
            tasks.start_soon(hold)
            await subscription._opened(timeout)
            return {"notifications": subscription.granted.model_dump(exclude_none=True)}

        try:
            async with owned_tasks() as tasks:  # they end with the body, which cancels the request
                subscription._acknowledge(await requests.intercepted(_LISTEN, params, send))
                await subscription._opened(timeout)
                yield subscription
        finally:
            del self._open[id_]

    @asynccontextmanager
    async def _watching(
        self, requests: RequestSender, wanted: types.SubscriptionFilter, timeout: float
    ) -> AsyncIterator[Subscription]:
        subscription, watched = Subscription(), list[str]()
        subscription.granted = _granted(wanted, requests.server_capabilities)
        try:
            for uri in wanted.resourceSubscriptions or ():
                async with self._lock:
                    if not self._counts[uri]:
                        await requests.subscribe(uri, timeout)
                    self._counts[uri] += 1
                watched.append(uri)
            yield subscription
        finally:
            with anyio.move_on_after(UNSUBSCRIBE_SECONDS, shield=True):
                for uri in watched:
                    async with self._lock:
                        self._counts[uri] -= 1
                        if not self._counts[uri]:
                            # The resource or the server may be gone; then there is nothing to end.
                            with suppress(McpError, RequestTimeout, ConnectionClosed):
                                await requests.unsubscribe(uri)
            subscription._end(None)


def _granted(
    wanted: types.SubscriptionFilter, server: types.ServerCapabilities | None
) -> types.SubscriptionFilter:
    """Return the part of `wanted` that a legacy server with these capabilities reports."""
    tools, prompts, resources = (server.tools, server.prompts, server.resources) if server else (None,) * 3
    return types.SubscriptionFilter(
        toolsListChanged=(wanted.toolsListChanged and tools and tools.listChanged) or None,
        promptsListChanged=(wanted.promptsListChanged and prompts and prompts.listChanged) or None,
        resourcesListChanged=(wanted.resourcesListChanged and resources and resources.listChanged) or None,
        resourceSubscriptions=wanted.resourceSubscriptions,
    )
