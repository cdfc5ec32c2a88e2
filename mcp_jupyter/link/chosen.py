# SPDX-License-Identifier: BSD-3-Clause
"""A served notebook whose clients get the constant tools, or not, as whoever serves it says.

The kernel has a mode of its own; here a client's requests about tools carry another one.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Final, Protocol

from ..engine.channel import Channel, Sink
from ..errors import FrameError
from ..protocol.frames import Message, Request
from ..protocol.rights import EVERY_RIGHT, Mode

__all__ = ["WithConstantTools"]

_ABOUT_TOOLS: Final = frozenset({"tools/list", "tools/call"})


class _Served(Protocol):
    def running(self) -> AbstractAsyncContextManager[None]: ...

    async def serve(self, channel: Channel) -> None: ...


class WithConstantTools:
    """What a live notebook serves, with a mode of its own.

    Parameters
    ----------
    served : AttachedNotebook
        Or its like, over a link. Its clients are not told apart: they may use everything.
    mode : "yes", "no", "auto" or None
        None: as the notebook has it.
    """

    def __init__(self, served: _Served, mode: Mode | None) -> None:
        self._served = served
        self._mode = mode

    def running(self) -> AbstractAsyncContextManager[None]:
        """What stands around all conversations."""
        return self._served.running()

    async def serve(self, channel: Channel) -> None:
        """Run one conversation until it is closed; call it within `running`."""
        if self._mode is not None:
            channel = _Marked(channel, self._mode)
        await self._served.serve(channel)


class _Marked(Channel):
    """A channel to a client: its requests about tools carry the mode."""

    def __init__(self, channel: Channel, mode: Mode) -> None:
        self.id_prefix = channel.id_prefix
        self._channel = channel
        self._mode = mode
        self._sink: Sink | None = None

    def start(self, sink: Sink) -> None:
        self._sink = sink
        self._channel.start(self)

    def send(self, message: Message) -> None:
        self._channel.send(message)

    async def drain(self) -> None:
        await self._channel.drain()

    def close(self) -> None:
        self._channel.close()

    # -- the channel's sink ------------------------------------------------------------------------

    def message(self, message: Message) -> None:
        assert self._sink is not None
        if isinstance(message.frame, Request) and message.frame.method in _ABOUT_TOOLS:
            rights = replace(message.rights or EVERY_RIGHT, constant_tools=self._mode)
            message = replace(message, rights=rights)
        self._sink.message(message)

    def fault(self, error: FrameError) -> None:
        assert self._sink is not None
        self._sink.fault(error)

    def closed(self) -> None:
        assert self._sink is not None
        self._sink.closed()
