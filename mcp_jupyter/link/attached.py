# SPDX-License-Identifier: BSD-3-Clause
"""A live notebook as a server of our own: two channels made one.

What arrives on either is sent on the other, as the bytes it came in. Knows no message but the answer to
what was none; that a kernel restarts is the link's business.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from anyio.abc import TaskGroup

from ..engine.channel import Channel
from ..engine.tasks import owned_tasks
from ..errors import ConnectionClosed, FrameError
from ..protocol.frames import ErrorResponse, Message
from .discovery import Discovery
from .files import ConnectionInfo
from .resume import ResumingLink

__all__ = ["AttachedNotebook"]


class AttachedNotebook:
    """Serves whoever comes with what a live notebook serves.

    Parameters
    ----------
    info : ConnectionInfo
        How the notebook is reached now.
    discovery : Discovery
        Where it is looked for when its kernel restarts.
    """

    def __init__(self, info: ConnectionInfo, discovery: Discovery) -> None:
        self._info = info
        self._discovery = discovery
        self._tasks: TaskGroup | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """What stands around all conversations: the owner of their links."""
        async with owned_tasks() as self._tasks:
            yield

    async def serve(self, channel: Channel) -> None:
        """Run one conversation until it is closed; call it within `running`.

        Raises
        ------
        LinkError
            The kernel cannot be reached.
        """
        assert self._tasks is not None
        await _join(channel, await ResumingLink.open(self._info, self._discovery, self._tasks))


class _Half:
    """The sink of one channel: passes what arrives to the other."""

    def __init__(self, own: Channel, other: Channel, over: anyio.Event) -> None:
        self._own = own
        self._other = other
        self._over = over

    def message(self, message: Message) -> None:
        self._pass(self._other, message)

    def fault(self, error: FrameError) -> None:
        """Answer its sender, who may be waiting."""
        self._pass(self._own, Message.of(ErrorResponse(error.request_id, error.to_dict())))

    def closed(self) -> None:
        self._over.set()

    def _pass(self, channel: Channel, message: Message) -> None:
        try:
            channel.send(message)
        except ConnectionClosed:
            self._over.set()


async def _join(left: Channel, right: Channel) -> None:
    """Pass messages between two channels, not yet started, until one of them closes; then close both."""
    over = anyio.Event()
    try:
        right.start(_Half(right, left, over))
        left.start(_Half(left, right, over))
        await over.wait()
    finally:
        left.close()
        right.close()
