# SPDX-License-Identifier: BSD-3-Clause
"""Hearing of changes from a legacy server, where one subscribes to resources one by one.

Owns how often each resource is watched, so that it is subscribed to once. The modern way is
`subscriptions`.

Source: spec 2025-11-25, server/resources ("Subscriptions").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Final

import anyio

from ..errors import ConnectionClosed, McpError, RequestTimeout
from .session import ClientSession

__all__ = ["ResourceWatches"]

UNSUBSCRIBE_SECONDS: Final = 5.0
"""How long the farewell to all resources of one context may take."""


class ResourceWatches:
    """The resources that one session watches.

    Parameters
    ----------
    session : ClientSession
        Opened, of a legacy version.
    """

    def __init__(self, session: ClientSession) -> None:
        self._session = session
        self._counts: Counter[str] = Counter()
        # POSTs may overtake each other: a subscription must not be asked for before the last one has ended.
        self._lock = anyio.Lock()

    @asynccontextmanager
    async def watching(self, uris: Iterable[str]) -> AsyncIterator[None]:
        """Be told of changes to these resources while the body runs."""
        watched: list[str] = []
        try:
            for uri in uris:
                await self._watch(uri)
                watched.append(uri)
            yield
        finally:
            with anyio.move_on_after(UNSUBSCRIBE_SECONDS, shield=True):
                for uri in watched:
                    await self._unwatch(uri)

    async def _watch(self, uri: str) -> None:
        async with self._lock:
            if not self._counts[uri]:
                await self._session.subscribe_resource(uri)
            self._counts[uri] += 1

    async def _unwatch(self, uri: str) -> None:
        async with self._lock:
            self._counts[uri] -= 1
            if not self._counts[uri]:
                # The resource or the server may be gone, and then there is nothing to end.
                with suppress(McpError, RequestTimeout, ConnectionClosed):
                    await self._session.unsubscribe_resource(uri)
