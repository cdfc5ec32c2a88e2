# SPDX-License-Identifier: BSD-3-Clause
"""Where a call that runs in another process is heard: a socket of its own, for as long as the call lasts.

Owns the socket, its key and the limits on what comes in. A Unix socket in a directory of mode 0700, where
there are any, else loopback TCP; either way only a one-time key opens it. JSON lines, `["log", level, data,
logger]` and `["progress", progress, total, message]`: nothing is unpickled here. Knows no executor.
"""

from __future__ import annotations

import platform
import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, Protocol

import anyio
from anyio.abc import SocketAttribute, SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream
from pydantic_core import from_json

from .remote import ACCEPTED, MAX_SAID_BYTES, REACH_SECONDS, RemoteContext

__all__ = ["Mailbox", "Mouthpiece", "mailbox"]

DRAIN_SECONDS: Final = 2.0
"""What was said stands before the result; a worker that does not hang up is not waited for longer."""

MAX_SPEAKERS: Final = 64
"""Processes that speak for one call: it may hand its context on to workers of its own."""

KEY_BYTES: Final = 32
"""Nobody guesses it in the life of a call."""


class Mouthpiece(Protocol):
    """What a call says, said here: the part of a `Context` that works from another process."""

    def log(self, level: str, message: Any, *, logger_name: str | None = None) -> object: ...

    def report_progress(
        self, progress: float, total: float | None = None, message: str | None = None
    ) -> object: ...


@asynccontextmanager
async def mailbox(context: Mouthpiece) -> AsyncIterator[Mailbox]:
    """Hear what is said in the block's course.

    The block should raise no `Exception`: it would come out in a group.
    """
    with tempfile.TemporaryDirectory(prefix="mcp-call-") as directory:
        listener, address = await _listen(Path(directory) / "s")
        box = Mailbox(context, address)
        async with listener, anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, box.hear)
            yield box
            tasks.cancel_scope.cancel()


async def _listen(path: Path) -> tuple[Any, str | tuple[str, int]]:
    with suppress(OSError, AttributeError, NotImplementedError):  # too long a path; no Unix sockets
        return await anyio.create_unix_listener(path, mode=0o600), str(path)
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    return listener, ("127.0.0.1", listener.extra(SocketAttribute.local_port))  # noqa: S610 - not Django's


class Mailbox:
    """What hears the workers of one call. The event loop's thread.

    Parameters
    ----------
    context : Mouthpiece
        Says what they say.
    address : str or (str, int)
        Where they reach it.

    Attributes
    ----------
    stand_in : RemoteContext
        What they say it with.
    """

    def __init__(self, context: Mouthpiece, address: str | tuple[str, int]) -> None:
        self._key = secrets.token_hex(KEY_BYTES)
        self.stand_in = RemoteContext(address, self._key, platform.node())
        self._context = context
        self._speakers = 0
        self._hung_up = anyio.Event()

    async def silence(self) -> None:
        """Wait until nobody speaks. Who ever spoke is known: it has heard `ACCEPTED` first."""
        with anyio.move_on_after(DRAIN_SECONDS):
            while self._speakers:
                self._hung_up = anyio.Event()
                await self._hung_up.wait()

    async def hear(self, stream: SocketStream) -> None:
        """Hear one worker out."""
        lines = BufferedByteReceiveStream(stream)
        async with stream:
            with suppress(anyio.IncompleteRead, anyio.DelimiterNotFound, anyio.BrokenResourceError):
                if self._speakers >= MAX_SPEAKERS or not await self._accepts(lines):
                    return
                self._speakers += 1
                try:
                    await stream.send(ACCEPTED)
                    while True:
                        self._say(await lines.receive_until(b"\n", MAX_SAID_BYTES))
                finally:
                    self._speakers -= 1
                    self._hung_up.set()

    async def _accepts(self, lines: BufferedByteReceiveStream) -> bool:
        with anyio.move_on_after(REACH_SECONDS):
            given = await lines.receive_until(b"\n", 2 * KEY_BYTES + 1)
            return secrets.compare_digest(given, self._key.encode())
        return False

    def _say(self, line: bytes) -> None:
        with suppress(ValueError, TypeError):  # not what a stand-in writes
            match from_json(line):
                case ["log", str(level), data, str() | None as logger]:
                    self._context.log(level, data, logger_name=logger)
                case ["progress", int() | float() as done, int() | float() | None as total, text]:
                    self._context.report_progress(done, total, None if text is None else str(text))
