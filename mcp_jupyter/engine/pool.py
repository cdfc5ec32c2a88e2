# SPDX-License-Identifier: BSD-3-Clause
"""Pool channels: lend each to one request at a time and use it again.

A stateless request (modern era) needs a channel to itself, but opening one costs more than the request.
All methods belong to one event loop's thread, and the pool starts no tasks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final

from anyio.lowlevel import checkpoint

from ..errors import ConnectionClosed, FrameError
from ..protocol.frames import Message
from .channel import Channel, Sink

__all__ = ["MAX_IDLE", "ChannelPool", "Lease"]

MAX_IDLE: Final = 8
"""Idle channels kept for later requests: more than one client usually has in flight. Others are closed."""

_CLOSED: Final = "The pool of channels is closed."


class _Pooled:
    """A channel of the pool, and its sink: it passes messages to the current borrower, if there is one."""

    def __init__(self, channel: Channel, pool: ChannelPool) -> None:
        self.channel = channel
        self.borrower: Sink | None = None
        # Lent from idle, nothing sent yet. If it closes now, `Lease.send` replaces it and the borrower is
        # not told.
        self.replaceable = False
        self.dead = False
        self._pool = pool
        channel.start(self)

    def message(self, message: Message) -> None:
        if self.borrower is not None:
            self.borrower.message(message)

    def fault(self, error: FrameError) -> None:
        if self.borrower is not None:
            self.borrower.fault(error)

    def closed(self) -> None:
        self.dead = True
        self._pool._forget(self)
        self.tell_end()

    def tell_end(self) -> None:
        if self.dead and not self.replaceable and self.borrower is not None:
            self.borrower.closed()


class Lease:
    """One borrower's use of one channel; `ChannelPool.lease` returns it, for an `async with`."""

    def __init__(self, pool: ChannelPool) -> None:
        self._pool = pool
        self._lent: _Pooled | None = None
        self._done = False

    @property
    def _pooled(self) -> _Pooled:
        assert self._lent is not None, "a lease is used inside its `async with`"
        return self._lent

    async def __aenter__(self) -> Lease:
        self._lent = self._pool._take_idle() or await self._pool._open_new()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool._take_back(self._pooled, reusable=self._done)
        self._lent = None

    def start(self, sink: Sink) -> None:
        """Deliver arriving messages to `sink`. Called once, before the first `send`."""
        self._pooled.borrower = sink
        self._pooled.tell_end()

    async def send(self, message: Message) -> None:
        """Send a message.

        A channel may have closed while it was idle. If sending the first message fails for that reason, a
        new channel replaces it, once. A message that a channel accepted is never sent again.

        Raises
        ------
        ConnectionClosed
            When the peer is gone.
        McpJupyterError
            When a new channel cannot be opened.
        """
        try:
            self._pooled.channel.send(message)
        except ConnectionClosed:
            if not self._pooled.replaceable:
                raise
            await self._replace()
            self._pooled.channel.send(message)
        if self._pooled.replaceable:
            self._pooled.replaceable = False
            self._pooled.tell_end()

    async def _replace(self) -> None:
        old = self._pooled
        new = self._lent = await self._pool._open_new()
        new.borrower, old.borrower = old.borrower, None
        self._pool._take_back(old, reusable=False)
        new.tell_end()

    async def drain(self) -> None:
        """Wait until the peer keeps up."""
        await self._pooled.channel.drain()

    def done(self) -> None:
        """Mark the request as complete, so that the channel may serve another."""
        self._done = True


class ChannelPool:
    """Opens channels when they are needed, and keeps some of them.

    Parameters
    ----------
    open : async callable
        Opens a channel and does not start it. Its exceptions come out of `async with pool.lease()`.
    max_idle : int
        How many idle channels to keep.
    """

    def __init__(self, open: Callable[[], Awaitable[Channel]], max_idle: int = MAX_IDLE) -> None:
        self._open = open
        self._max_idle = max_idle
        self._idle: list[_Pooled] = []
        self._lent: set[_Pooled] = set()
        self._closed = False

    @property
    def idle(self) -> int:
        """Number of idle channels."""
        return len(self._idle)

    def lease(self) -> Lease:
        """Borrow a channel: `async with pool.lease() as lease`.

        At the end the channel is kept for others if `lease.done` was called, and closed otherwise: a
        request that was abandoned goes on at the peer until its channel closes.

        Raises
        ------
        ConnectionClosed
            When the pool is closed.
        """
        if self._closed:
            raise ConnectionClosed(_CLOSED)
        return Lease(self)

    async def close(self) -> None:
        """Close all channels, lent ones too, and let the loop run their callbacks once. Idempotent."""
        self._closed = True
        for pooled in (*self._idle, *self._lent):
            pooled.channel.close()
        await checkpoint()

    # -- for leases and channels -----------------------------------------------------------------

    def _take_idle(self) -> _Pooled | None:
        if not self._idle:
            return None
        pooled = self._idle.pop()
        pooled.replaceable = True
        self._lent.add(pooled)
        return pooled

    async def _open_new(self) -> _Pooled:
        pooled = _Pooled(await self._open(), self)
        if self._closed:
            pooled.channel.close()
            raise ConnectionClosed(_CLOSED)
        self._lent.add(pooled)
        return pooled

    def _take_back(self, pooled: _Pooled, *, reusable: bool) -> None:
        pooled.borrower = None
        pooled.replaceable = False
        self._lent.discard(pooled)
        if reusable and not pooled.dead and not self._closed and len(self._idle) < self._max_idle:
            self._idle.append(pooled)
        else:
            pooled.channel.close()

    def _forget(self, pooled: _Pooled) -> None:
        if pooled in self._idle:
            self._idle.remove(pooled)
