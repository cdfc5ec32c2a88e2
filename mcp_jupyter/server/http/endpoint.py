# SPDX-License-Identifier: BSD-3-Clause
"""One served server as HTTP sees it: how to reach it, its sessions, its pool of channels.

It knows neither URLs nor tornado: a front finds an endpoint (there may be many) and uses it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from ...engine.channel import Channel
from ...engine.pool import ChannelPool
from ...protocol.limits import MAX_IN_FLIGHT
from .access import Refusal
from .modern import ModernExchange
from .sessions import SessionTable

__all__ = ["Endpoint"]


class Endpoint:
    """One served server.

    Parameters
    ----------
    name : str
        For messages.
    open : async callable
        Opens a channel to the server, not yet started. A channel is nobody's: what a principal may do is
        decided before a message reaches one, for a modern request may get a channel that served another.
        It raises `McpJupyterError` when the server cannot be reached.
    sessions : SessionTable, optional
        With limits of its own.
    """

    def __init__(
        self, name: str, open: Callable[[], Awaitable[Channel]], sessions: SessionTable | None = None
    ) -> None:
        self.name = name
        self.open = open
        self.sessions = SessionTable() if sessions is None else sessions
        self.pool = ChannelPool(open)
        self._running: dict[str, set[ModernExchange]] = {}

    @contextmanager
    def running(self, exchange: ModernExchange) -> Iterator[None]:
        """Count a modern request as under way, so that it can be ended from outside.

        Raises
        ------
        Refusal
            429: its principal has too many under way.
        """
        principal_id = exchange.principal.id
        own = self._running.setdefault(principal_id, set())
        if len(own) >= MAX_IN_FLIGHT:
            message = f"More than {MAX_IN_FLIGHT} requests in flight; wait for answers."
            raise Refusal(429, message, request_id=exchange.request.id)
        own.add(exchange)
        try:
            yield
        finally:
            own.discard(exchange)
            if not own:
                self._running.pop(principal_id, None)

    def end(self, principal_id: str) -> None:
        """End all that a principal has here: sessions, streams and requests under way."""
        self.sessions.end(principal_id)
        for exchange in list(self._running.get(principal_id, ())):
            exchange.fail("The credential is no longer valid.")

    async def close(self) -> None:
        """End everything. Requests under way are answered with an error."""
        self.sessions.close()
        for exchange in [exchange for own in self._running.values() for exchange in own]:
            exchange.fail("The server is stopping.")
        await self.pool.close()
