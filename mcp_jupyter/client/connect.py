# SPDX-License-Identifier: BSD-3-Clause
"""From a server to an opened session: which transport it has, and which era it speaks.

Owns the order in which things are tried, and what a refusal means. Knows no tool, and nothing of how a
target is written.

Source: spec 2026-07-28, basic/versioning and the "Backward Compatibility" of both transports; spec
2025-11-25, basic/transports, "Backwards Compatibility" (HTTP+SSE).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import anyio

from .. import types
from .._util.tasks import owned_tasks
from ..engine.channel import memory_pair
from ..errors import (
    HEADER_MISMATCH,
    INTERNAL_ERROR,
    MISSING_CLIENT_CAPABILITY,
    UNSUPPORTED_PROTOCOL_VERSION,
    ConnectionClosed,
    McpError,
    RequestTimeout,
)
from ..protocol.methods import LEGACY_VERSIONS
from .config.servers_json import HttpServerParameters
from .config.targets import InMemoryServer, Server
from .session import ClientSession
from .stdio import StdioServerParameters, stdio_client
from .transport import ReadHalf, WriteHalf, halves

if TYPE_CHECKING:
    import httpx2

__all__ = ["EraChoice", "Opened", "SessionFactory", "connected"]

EraChoice: TypeAlias = Literal["auto", "legacy", "modern"]

SessionFactory: TypeAlias = Callable[[ReadHalf, WriteHalf], ClientSession]

PROBE_SECONDS: Final = 5.0
"""How long a server that runs may be silent when it is asked for `server/discover`. A legacy server that
ignores what it does not know costs no more than this."""

PROCESS_PROBE_SECONDS: Final = 10.0
"""The same for a process that was just started: it may import pandas first, on a busy machine."""

IDLE_SECONDS: Final = 24 * 3600.0
"""How long a stream may be silent. Calls have their own time-outs, and a notebook may rest over night."""

MODERN_ERRORS: Final = frozenset({HEADER_MISMATCH, MISSING_CLIENT_CAPABILITY, UNSUPPORTED_PROTOCOL_VERSION})
"""Errors that only a server of the modern era gives: after one of them nothing older is tried."""

OTHER_TRANSPORT: Final = frozenset({400, 404, 405})
"""HTTP statuses of a first POST that leave it open whether the URL is one of HTTP+SSE. 401 and 403 do not:
they come from a server that knows the URL."""

DENIED: Final = frozenset({401, 403})


@dataclass(frozen=True, slots=True)
class Opened:
    """A session, and what the server said when it was opened."""

    session: ClientSession
    result: types.InitializeResult | types.DiscoverResult


@asynccontextmanager
async def connected(
    server: Server,
    new_session: SessionFactory,
    *,
    era: EraChoice = "auto",
    auth: httpx2.Auth | None = None,
) -> AsyncIterator[Opened]:
    """Connect to a server and open a session; both end with the context.

    Parameters
    ----------
    server
        See `mcp_jupyter.client.config.targets`.
    new_session : callable
        Makes a session of a transport's pair; called a second time when another transport is tried.
    era : {"auto", "legacy", "modern"}
        "auto" asks for `server/discover` and falls back to `initialize`, over the same connection. A process
        that ends at the question, or refuses `initialize` after it, is replaced by a new one that is asked
        for `initialize` alone.
    auth : httpx2.Auth, optional
        For a server over HTTP.

    Raises
    ------
    McpError, RequestTimeout, ConnectionClosed
        The server refuses, is silent, or is not there.
    OSError
        The command cannot be started.
    """
    if isinstance(server, HttpServerParameters):
        opening = _over_http(server, new_session, era, auth)
    elif isinstance(server, StdioServerParameters):
        opening = _over_stdio(server, new_session, era)
    else:
        opening = _in_memory(server, new_session, era)
    async with opening as opened:
        yield opened


@asynccontextmanager
async def _over_stdio(
    server: StdioServerParameters, new_session: SessionFactory, era: EraChoice
) -> AsyncIterator[Opened]:
    async with AsyncExitStack() as stack:
        opened = None
        try:
            opened = await stack.enter_async_context(_in_process(server, new_session, era))
        except (McpError, ConnectionClosed) as exc:
            if era != "auto" or (isinstance(exc, McpError) and exc.code in MODERN_ERRORS):
                raise
        if opened is None:
            # The question may have spoiled the process. Legacy servers on the Rust SDK before its 3.0 end
            # when anything but `initialize` comes first; others refuse all that follows.
            opened = await stack.enter_async_context(_in_process(server, new_session, "legacy"))
        yield opened


@asynccontextmanager
async def _in_process(
    server: StdioServerParameters, new_session: SessionFactory, era: EraChoice
) -> AsyncIterator[Opened]:
    async with stdio_client(server) as pair, new_session(*pair) as session:
        yield Opened(session, await _open(session, era, PROCESS_PROBE_SECONDS))


@asynccontextmanager
async def _in_memory(
    server: InMemoryServer, new_session: SessionFactory, era: EraChoice
) -> AsyncIterator[Opened]:
    theirs, ours = memory_pair()
    async with server.running(), owned_tasks() as tasks:
        tasks.start_soon(server.serve, theirs)
        async with new_session(*halves(ours)) as session:
            yield Opened(session, await _open(session, era, PROBE_SECONDS))


# -- over HTTP: two transports -----------------------------------------------------------------------------


class _NoStreamableHttp(Exception):
    """The URL does not speak Streamable HTTP; it may be one of HTTP+SSE."""

    def __init__(self, refusal: McpError) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


@asynccontextmanager
async def _over_http(
    server: HttpServerParameters, new_session: SessionFactory, era: EraChoice, auth: httpx2.Auth | None
) -> AsyncIterator[Opened]:
    async with AsyncExitStack() as stack:
        refusal = None
        if not server.sse:
            try:
                opening = _over_streamable(server, new_session, era, auth)
                opened = await stack.enter_async_context(opening)
            except _NoStreamableHttp as exc:
                refusal = exc.refusal
        if server.sse or refusal is not None:
            opening = _over_sse(server, new_session, era, auth, refusal)
            opened = await stack.enter_async_context(opening)
        yield opened


@asynccontextmanager
async def _over_streamable(
    server: HttpServerParameters, new_session: SessionFactory, era: EraChoice, auth: httpx2.Auth | None
) -> AsyncIterator[Opened]:
    from .http import HttpChannel
    from .streamable_http import streamablehttp_client

    async with (
        streamablehttp_client(server.url, server.headers, sse_read_timeout=IDLE_SECONDS, auth=auth) as pair,
        new_session(*pair[:2]) as session,
    ):
        channel = pair[0].channel
        assert isinstance(channel, HttpChannel)

        def may_go_on() -> bool:
            if channel.lacks_metadata:
                return True  # a legacy version may do without
            # Without a status there was no answer, and there will be none to another question.
            return channel.status is not None and channel.status not in DENIED

        patience = PROBE_SECONDS if auth is None else None  # a person may have to sign in first
        try:
            opened = Opened(session, await _open(session, era, patience, may_go_on))
        except McpError as exc:
            if era == "modern" or exc.code in MODERN_ERRORS or channel.status not in OTHER_TRANSPORT:
                raise
            raise _NoStreamableHttp(exc) from None
        yield opened


@asynccontextmanager
async def _over_sse(
    server: HttpServerParameters,
    new_session: SessionFactory,
    era: EraChoice,
    auth: httpx2.Auth | None,
    refusal: McpError | None,
) -> AsyncIterator[Opened]:
    from .sse import sse_client

    if era == "modern":
        raise ValueError("HTTP+SSE carries no modern version: leave out era, or the type of the entry.")
    async with AsyncExitStack() as stack:
        try:
            transport = sse_client(server.url, server.headers, sse_read_timeout=IDLE_SECONDS, auth=auth)
            pair = await stack.enter_async_context(transport)
        except ConnectionClosed as exc:
            if refusal is None:
                raise
            raise McpError(
                INTERNAL_ERROR,
                "This URL speaks neither transport of MCP. To a POST (Streamable HTTP) the answer was: "
                f"{refusal.message} To a GET (HTTP+SSE): {exc}",
                refusal.data,
            ) from None
        session = await stack.enter_async_context(new_session(*pair))
        yield Opened(session, await session.initialize())


# -- the era -----------------------------------------------------------------------------------------------


def _always() -> bool:
    return True


async def _open(
    session: ClientSession,
    era: EraChoice,
    patience: float | None,
    may_go_on: Callable[[], bool] = _always,
) -> types.InitializeResult | types.DiscoverResult:
    """Open a session in the era asked for, or in the newest that both sides know.

    Parameters
    ----------
    patience : float, optional
        Seconds after which a silent server is taken for a legacy one; without it, silence is final.
    may_go_on : callable
        Asked after an error: whether the server may still answer another question.
    """
    if era == "legacy":
        return await session.initialize()
    if era == "modern":
        return await session.discover()
    probe: McpError | RequestTimeout
    try:
        return await _probe(session, patience)
    except RequestTimeout as exc:
        if patience is None:
            raise
        probe = exc
    except McpError as exc:
        if not (_offers_legacy(exc) if exc.code in MODERN_ERRORS else may_go_on()):
            raise
        probe = exc
    try:
        return await session.initialize()
    except McpError as exc:
        if not isinstance(probe, RequestTimeout) or not may_go_on():
            raise
        refusal = exc
    # Silent at first, and no friend of `initialize`: a modern server that took long to start.
    try:
        return await session.discover()
    except McpError:
        raise refusal from None


async def _probe(session: ClientSession, patience: float | None) -> types.DiscoverResult:
    with anyio.move_on_after(patience):
        return await session.discover()
    raise RequestTimeout(f"No answer to server/discover within {patience:g} s.")


def _offers_legacy(error: McpError) -> bool:
    """Whether a server that refuses our modern version names a legacy one that we know."""
    if error.code != UNSUPPORTED_PROTOCOL_VERSION or not isinstance(error.data, dict):
        return False
    supported = error.data.get("supported")
    return isinstance(supported, list) and any(version in LEGACY_VERSIONS for version in supported)
