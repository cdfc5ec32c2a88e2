# SPDX-License-Identifier: BSD-3-Clause
"""HTTP from the kernel itself, where there is no Jupyter Server to do it: on the loopback, with a token.

Owns the port, the token and the file that says both. What is served is the engine's server, which runs
already. Runs on the engine's thread.
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
    """A server that is started and stopped elsewhere."""

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
    port : int
        0 takes a free one.

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
