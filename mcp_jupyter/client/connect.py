# SPDX-License-Identifier: BSD-3-Clause
"""Connect to a server and open a session: find out which transport and which era the server supports.

This module decides what is tried in which order, and which refusals lead to the next try. Over HTTP it tries
Streamable HTTP, then HTTP+SSE; over every transport but HTTP+SSE it tries `server/discover` (modern), then
`initialize` (legacy).

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
"""Seconds to wait for the answer to `server/discover`, from a server that already runs. A legacy server that
ignores unknown methods delays the connection by this time."""

PROCESS_PROBE_SECONDS: Final = 10.0
"""The same for a process that was just started: it may import pandas first, on a busy machine."""

IDLE_SECONDS: Final = 24 * 3600.0
"""Seconds that a stream may be silent. Calls have their own time-outs, and a notebook may rest over night."""

MODERN_ERRORS: Final = frozenset({HEADER_MISMATCH, MISSING_CLIENT_CAPABILITY, UNSUPPORTED_PROTOCOL_VERSION})
"""Errors that only a modern server sends: after one of them `initialize` is tried only if the server names a
legacy version, and HTTP+SSE is not tried."""

OTHER_TRANSPORT: Final = frozenset({400, 404, 405})
"""HTTP statuses of the first POST after which HTTP+SSE is tried. After 401 and 403 it is not: they come from
a server that knows the URL."""

DENIED: Final = frozenset({401, 403})


@dataclass(frozen=True, slots=True)
class Opened:
    """A session, and the result that opened it."""

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
        Makes a session from a transport's pair; called again when another transport or process is tried.
    era : {"auto", "legacy", "modern"}
        "auto" sends `server/discover` and falls back to `initialize`, over the same connection. A process
        that ends at `server/discover`, or refuses `initialize` after it, is replaced by a new one, which
        gets `initialize` only.
    auth : httpx2.Auth, optional
        For a server over HTTP.

    Raises
    ------
    McpError, RequestTimeout, ConnectionClosed
        The server refuses, does not answer in time, or cannot be reached.
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
            # `server/discover` may have made the process unusable. Legacy servers on the Rust SDK before 3.0
            # end when the first request is not `initialize`; others refuse all further requests.
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
    """The server at the URL does not speak Streamable HTTP; it may speak HTTP+SSE."""

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
                return True  # a legacy version does not require the metadata
            # Without a status there was no HTTP response, and another request would get none either.
            return channel.status is not None and channel.status not in DENIED

        patience = PROBE_SECONDS if auth is None else None  # the user may have to sign in first
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
    """Open a session in the given era, or in the newest that both sides support.

    Parameters
    ----------
    patience : float, optional
        Seconds after which a server that does not answer is taken for a legacy one. When None, the session's
        own time-out is final.
    may_go_on : callable
        Called after an error; returns whether the server may still answer another request.
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
        # A server that is surely modern takes `initialize` only if it names a legacy version.
        if not (_offers_legacy(exc) if exc.code in MODERN_ERRORS else may_go_on()):
            raise
        probe = exc
    try:
        return await session.initialize()
    except McpError as exc:
        if not isinstance(probe, RequestTimeout) or not may_go_on():
            raise
        refusal = exc
    # No answer at first, and now `initialize` is refused: a modern server that was slow to start.
    try:
        return await session.discover()
    except McpError:
        raise refusal from None


async def _probe(session: ClientSession, patience: float | None) -> types.DiscoverResult:
    with anyio.move_on_after(patience):
        return await session.discover()
    raise RequestTimeout(f"No answer to server/discover within {patience:g} s.")


def _offers_legacy(error: McpError) -> bool:
    """Return whether a server that refuses the modern version names a legacy one that we support."""
    if error.code != UNSUPPORTED_PROTOCOL_VERSION or not isinstance(error.data, dict):
        return False
    supported = error.data.get("supported")
    return isinstance(supported, list) and any(version in LEGACY_VERSIONS for version in supported)
