# SPDX-License-Identifier: BSD-3-Clause
"""A modern client's subscriptions, told to the handlers of the legacy methods: one server, both eras."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import anyio

from ...errors import McpError
from ..context import current_request

if TYPE_CHECKING:
    from .server import Server

__all__ = ["watched"]

SUBSCRIBE: Final = "resources/subscribe"
UNSUBSCRIBE: Final = "resources/unsubscribe"

END_SECONDS: Final = 5.0
"""For the handlers to hear of the end of all subscriptions of one stream."""


@asynccontextmanager
async def watched(server: Server[Any], uris: Collection[str]) -> AsyncIterator[frozenset[str]]:
    """While the context is open, `uris` are subscribed to.

    Yields
    ------
    frozenset of str
        Those that the handler did not refuse.
    """
    granted: set[str] = set()
    try:
        for uri in uris:
            with suppress(McpError):
                await _hear(server, SUBSCRIBE, uri)
                granted.add(uri)
        yield frozenset(granted)
    finally:
        with anyio.move_on_after(END_SECONDS, shield=True):
            for uri in granted:
                with suppress(McpError):
                    await _hear(server, UNSUBSCRIBE, uri)


async def _hear(server: Server[Any], method: str, uri: str) -> None:
    if server.handles(method):
        await server.answer(method, {"uri": uri}, current_request.get())
