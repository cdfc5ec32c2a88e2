# SPDX-License-Identifier: BSD-3-Clause
"""One served server as HTTP sees it: how to reach it, its sessions, its pool of channels.

It knows neither URLs nor tornado: a front finds an endpoint (there may be many) and uses it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

import anyio

from ...engine.channel import Channel
from ...engine.pool import ChannelPool
from ...errors import McpJupyterError
from ...protocol.eras import CLIENT_CAPABILITIES, LATEST_MODERN, PROTOCOL_VERSION
from ...protocol.frames import Message, Request, encode
from ...protocol.limits import MAX_IN_FLIGHT
from ...protocol.methods import FORGET_SENDER
from .access import Principal, Refusal
from .modern import ModernExchange
from .sessions import SessionTable

__all__ = ["Endpoint"]

FORGET_SECONDS: Final = 5.0
"""A server that does not answer by then is gone, and with it what it kept."""


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
        """End all that a principal has here: sessions, subscriptions and requests under way."""
        self.sessions.end(principal_id)
        for exchange in list(self._running.get(principal_id, ())):
            exchange.stop("The credential is no longer valid.")

    def retire(self, principal_id: str | None = None) -> None:
        """End sessions and subscriptions of a principal, or all, but let running requests be answered.

        For a server that is at another URL now, or that a principal may use no longer.
        """
        self.sessions.retire(principal_id)
        for exchange in [exchange for own in self._running.values() for exchange in own]:
            is_meant = principal_id in (None, exchange.principal.id)
            if is_meant and exchange.request.method == "subscriptions/listen":
                exchange.stop("The server is not at this URL any longer.")

    async def forget(self, principal_id: str) -> None:
        """Have the server give up what it keeps for a principal: calls that wait for answers, and tasks."""
        meta = {PROTOCOL_VERSION: LATEST_MODERN, CLIENT_CAPABILITIES: {}}
        request = Request("forget", FORGET_SENDER, {"_meta": meta})
        exchange = ModernExchange(request, Principal(principal_id))
        with suppress(McpJupyterError), anyio.move_on_after(FORGET_SECONDS):
            async with self.pool.lease() as lease:
                lease.start(exchange)
                await lease.send(Message(request, encode(request), sender=principal_id))
                await exchange.pause(FORGET_SECONDS)
                if exchange.answered:
                    lease.done()

    async def close(self) -> None:
        """End everything: subscriptions with their final result, other requests with an error."""
        self.sessions.close()
        for exchange in [exchange for own in self._running.values() for exchange in own]:
            exchange.stop("The server is stopping.")
        await self.pool.close()
