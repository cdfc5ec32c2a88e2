# SPDX-License-Identifier: BSD-3-Clause
"""Serve HTTP from the kernel itself where no Jupyter Server does it: on the loopback interface, with a token.

The kernel serves the engine's server, which already runs, on the engine's thread. A private file holds the
port and the token.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ..engine.channel import Channel
from ..errors import LinkError
from ..ipc.rendezvous import HttpAddress, forget_http, write_http
from ..server.fastmcp import FastMCP
from ..server.http.admission import StandaloneAuthenticator
from ..server.http.app import serve_http

__all__ = ["serve_kernel_http"]


class _Running:
    """A server that the engine starts and stops."""

    def __init__(self, server: FastMCP) -> None:
        self._server = server

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        yield

    async def serve(self, channel: Channel) -> None:
        await self._server.serve(channel)


@asynccontextmanager
async def serve_kernel_http(
    server: FastMCP, kernel_id: str, port: int, runtime_dir: Path
) -> AsyncIterator[HttpAddress]:
    """Serve over HTTP while the context is open.

    Parameters
    ----------
    server : FastMCP
        The engine's server.
    kernel_id : str
        The id that the file has in its name.
    port : int
        The port on the loopback interface; 0 takes a free one.
    runtime_dir : Path
        The directory for the file with port and token.

    Yields
    ------
    HttpAddress
        The port and the token.

    Raises
    ------
    LinkError
        The port is taken, or the file cannot be written.
    """
    token = secrets.token_urlsafe(32)
    try:
        serving = serve_http(_Running(server), port=port, authenticator=StandaloneAuthenticator(token=token))
        async with serving as bound:
            address = HttpAddress(bound, token)
            write_http(address, kernel_id, runtime_dir)
            try:
                yield address
            finally:
                forget_http(kernel_id, runtime_dir)
    except OSError as exc:
        raise LinkError(f"Port {port} cannot be had: {exc.strerror or exc}.") from None
