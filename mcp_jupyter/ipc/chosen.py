# SPDX-License-Identifier: BSD-3-Clause
"""A link whose requests about tools say whether their client gets the constant tools.

The kernel has a mode of its own. `attach` and `run` serve one client, and may set another mode for it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ..engine.channel import Channel, Sink
from ..protocol.frames import Message, Request
from ..protocol.rights import EVERY_RIGHT, Mode

__all__ = ["with_constant_tools"]

_ABOUT_TOOLS: Final = frozenset({"tools/list", "tools/call"})


def with_constant_tools(link: Channel, mode: Mode | None) -> Channel:
    """`link`, not yet started, with a mode; None: as the kernel has it."""
    return link if mode is None else _Marking(link, mode)


class _Marking(Channel):
    def __init__(self, link: Channel, mode: Mode) -> None:
        self._link = link
        self._mode = mode

    def start(self, sink: Sink) -> None:
        self._link.start(sink)

    def send(self, message: Message) -> None:
        if isinstance(message.frame, Request) and message.frame.method in _ABOUT_TOOLS:
            # Without rights the client may use everything: no front has restricted it.
            rights = replace(message.rights or EVERY_RIGHT, constant_tools=self._mode)
            message = replace(message, rights=rights)
        self._link.send(message)

    async def drain(self) -> None:
        await self._link.drain()

    def close(self) -> None:
        self._link.close()
