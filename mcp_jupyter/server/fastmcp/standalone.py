# SPDX-License-Identifier: BSD-3-Clause
"""A server that a program runs by itself: over stdio, or on a port of its own.

Owns the ways to run one, and what cannot be had of it. Does not know what the server is made of.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import anyio

from ..._absent import OVER_HTTP, PAGE
from ...engine.channel import Channel
from .settings import Settings

__all__ = ["Standalone", "Transport"]

Transport = Literal["stdio", "sse", "streamable-http"]

_IN_MEMORY: Final = "Ask it as a client does: async with mcp_jupyter.Client(mcp) as client."

_ABSENT: Final = {
    "sse_app": OVER_HTTP,
    "streamable_http_app": OVER_HTTP,
    "session_manager": OVER_HTTP,
    "custom_route": "Serve other URLs with a server of their own.",
    "call_tool": _IN_MEMORY,
    "get_prompt": _IN_MEMORY,
    "add_resource": "@mcp.resource(URI) makes a function a resource.",
    "add_prompt": "@mcp.prompt() makes a function a prompt.",
    "get_context": "Declare a parameter of type Context: it is filled in.",
}
"""Members of the first-generation SDK's `FastMCP` that are not here."""


class Standalone(ABC):
    """The part of `FastMCP` that runs it.

    Attributes
    ----------
    settings : Settings
        Where and how it is served over HTTP.
    """

    settings: Settings

    @property
    @abstractmethod
    def name(self) -> str:
        """The server's name."""

    @abstractmethod
    def running(self) -> AbstractAsyncContextManager[None]:
        """The server's whole life, around any number of conversations."""

    @abstractmethod
    async def serve(self, channel: Channel) -> None:
        """Run one conversation until it is closed; call it within `running`."""

    if not TYPE_CHECKING:  # to a type checker the class would have any attribute

        def __getattr__(self, name: str) -> Any:
            if name in _ABSENT:
                raise AttributeError(f"FastMCP has no {name}. {_ABSENT[name]} {PAGE}")
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def run(
        self,
        transport: Transport = "stdio",
        mount_path: str | None = None,
        *,
        host: str | None = None,
        port: int | None = None,
        token: str | None = None,
    ) -> None:
        """Serve until the client leaves (stdio), or the process is interrupted or terminated.

        Over HTTP it says on stderr where, and who can reach it.

        Parameters
        ----------
        mount_path : str, optional
            "/", or nothing: a server has its port for itself.
        host, port : str, int, optional
            Where to listen, for HTTP; else as `settings` says.
        token : str, optional
            Every HTTP request must carry it in `Authorization: Bearer`. Without it, every user and every
            program of this machine can call the server; a `host` that other machines can reach is refused.

        Raises
        ------
        ValueError
            When there is no such transport; when the token is too short or cannot stand in a header; or when
            other machines can reach `host`, and there is no token.
        RuntimeError
            When an event loop runs in this thread already, as in a notebook.
        """
        if transport not in get_args(Transport):
            raise ValueError(f"{transport!r} is no transport: use {', '.join(get_args(Transport))}.")
        if (mount_path or self.settings.mount_path) != "/":
            raise ValueError(f"A server cannot be mounted at {mount_path!r}. {OVER_HTTP}")
        if _loop_runs():
            raise RuntimeError(
                "An event loop runs here already. In a notebook use %load_ext mcp_jupyter; in async code "
                "await run_stdio_async()."
            )
        try:
            if transport == "stdio":
                anyio.run(self.run_stdio_async)
            else:
                anyio.run(self._run_http, transport, host, port, token)
        except KeyboardInterrupt:
            return

    async def run_stdio_async(self) -> None:
        """Serve one client on this process's stdin and stdout."""
        from ..stdio import serve_stdio

        self._log()
        await serve_stdio(self)

    async def run_streamable_http_async(
        self, *, host: str | None = None, port: int | None = None, token: str | None = None
    ) -> None:
        """Serve over Streamable HTTP, as `run` does, until cancelled or terminated."""
        await self._run_http("streamable-http", host, port, token)

    async def run_sse_async(
        self,
        mount_path: str | None = None,
        *,
        host: str | None = None,
        port: int | None = None,
        token: str | None = None,
    ) -> None:
        """Serve over HTTP+SSE, as `run` does, until cancelled or terminated."""
        await self._run_http("sse", host, port, token)

    async def _run_http(
        self, transport: Transport, host: str | None, port: int | None, token: str | None
    ) -> None:
        from ..http.access import check_token
        from ..http.app import announced, serve_http
        from ..stopping import on_terminate

        self._log()
        settings = self.settings
        host = settings.host if host is None else host
        port = settings.port if port is None else port
        token = None if token is None else check_token(token)
        path = settings.sse_path if transport == "sse" else settings.streamable_http_path
        serving = serve_http(
            self,
            host=host,
            port=port,
            token=token,
            path=settings.streamable_http_path,
            sse_path=settings.sse_path,
            messages_path=settings.message_path,
            transports=(transport,),
        )
        async with serving as bound:
            with anyio.CancelScope() as scope, on_terminate(scope.cancel):
                said = announced(self.name, host, bound, path, has_token=token is not None)
                sys.stderr.writelines(f"{line}\n" for line in said)
                sys.stderr.flush()
                await anyio.sleep_forever()

    def _log(self) -> None:
        if self.settings.log_level is not None:
            logging.basicConfig(level=self.settings.log_level)


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
