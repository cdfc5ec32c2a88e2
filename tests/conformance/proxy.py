# SPDX-License-Identifier: BSD-3-Clause
"""A loopback proxy that adds a bearer token, for a client that has no way to send one.

It knows nothing of MCP. `Host` and `Origin` pass as they come, except that its own address becomes the
server's: what a server refuses without the proxy it refuses behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

__all__ = ["authorised"]

PIECE_BYTES = 65536


@asynccontextmanager
async def authorised(url: str, token: str) -> AsyncIterator[str]:
    """A URL at which `url` is served to whoever comes, with the token."""
    target = urlsplit(url)
    assert target.hostname is not None
    assert target.port is not None
    proxy = _Proxy(target.hostname, target.port, token)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{proxy.port}{target.path}"
    finally:
        server.close()
        for task in list(proxy.tasks):
            task.cancel()
        await asyncio.gather(*proxy.tasks, return_exceptions=True)


class _Proxy:
    """One request a connection: each side is told to close when the response is complete."""

    def __init__(self, host: str, port: int, token: str) -> None:
        self._host, self._target, self._token = host, port, token
        self.port = 0
        self.tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._relay(reader, writer)
        finally:
            self.tasks.discard(task)
            writer.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = self._rewritten(await reader.readuntil(b"\r\n\r\n"))
        behind, before = await asyncio.open_connection(self._host, self._target)
        try:
            before.write(head)
            # Whoever is done first ends both: a client that leaves must be seen to leave.
            ways = [
                asyncio.ensure_future(_copy(reader, before)),
                asyncio.ensure_future(_copy(behind, writer)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        finally:
            before.close()

    def _rewritten(self, head: bytes) -> bytes:
        first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        kept = [line for line in lines if not line.lower().startswith(("connection:", "authorization:"))]
        ours, theirs = f":{self.port}", f":{self._target}"
        named = ("host:", "origin:")
        kept = [
            line.removesuffix(ours) + theirs
            if line.lower().startswith(named) and line.endswith(ours)
            else line
            for line in kept
        ]
        added = [f"Authorization: Bearer {self._token}", "Connection: close", "", ""]
        return "\r\n".join([first, *kept, *added]).encode("latin-1")


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(PIECE_BYTES):
        writer.write(piece)
        await writer.drain()
