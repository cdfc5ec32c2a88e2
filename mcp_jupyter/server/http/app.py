# SPDX-License-Identifier: BSD-3-Clause
"""Run a standalone tornado server: its routes, its listening socket, and the tasks of its connections.

Under Jupyter only the handlers are used, not this module.
"""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any, Final, Protocol, cast

import anyio
from anyio.abc import TaskGroup
from tornado.http1connection import HTTP1ServerConnection
from tornado.httpserver import HTTPServer
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.iostream import IOStream
from tornado.web import Application, RequestHandler

from ..._util.tasks import owned_tasks
from ..._util.text import safe_line
from ...engine.channel import Channel, memory_pair
from ...protocol.limits import MAX_BODY_BYTES, MAX_HEADER_BYTES
from .admission import Authenticator, Refusal, StandaloneAuthenticator, is_loopback
from .base_handler import BaseHandler, HttpFront
from .legacy_sse import MessagesHandler, SseHandler
from .sessions import Endpoint
from .streamable import StreamableHandler

__all__ = ["PATHS", "SSE", "STREAMABLE_HTTP", "address_family", "announced", "make_routes", "serve_http"]

log = logging.getLogger(__name__)

STREAMABLE_HTTP: Final = "streamable-http"
SSE: Final = "sse"

PATHS: Final = {STREAMABLE_HTTP: "/mcp", SSE: "/sse"}
"""The default URL path of each transport."""

MAX_CONNECTIONS: Final = 768
"""Open sockets: below the usual 1,024 descriptors of a process, which needs some for other things. At the
limit, a new connection replaces the one that has waited longest for a request."""

BACKLOG: Final = 128
"""Connections that may wait to be accepted, so that a burst of clients gets through."""

IDLE_CONNECTION_SECONDS: Final = 75.0
"""Seconds from one request to the next request's last header; slow and idle connections are closed."""

STOP_SECONDS: Final = 5.0
"""Seconds for the last answers to go out when the server stops, and again for the connections to close."""

END_SECONDS: Final = 3 * STOP_SECONDS
"""Seconds in which `serve_http` ends when it is cancelled, with time to spare."""

Route = tuple[str, type[RequestHandler], dict[str, Any]]


class Serves(Protocol):
    """The part of a server that this module needs."""

    async def serve(self, channel: Channel) -> None:
        """Serve one channel until it is closed."""

    def running(self) -> AbstractAsyncContextManager[Any]:
        """Return the context that surrounds all channels (the lifespan)."""


def make_routes(
    endpoint: Endpoint,
    front: HttpFront,
    *,
    path: str = "/mcp",
    sse_path: str = "/sse",
    messages_path: str = "/messages",
    transports: Collection[str] = (STREAMABLE_HTTP, SSE),
) -> list[Route]:
    """Return the routes of one endpoint, for a tornado `Application`. A trailing slash is allowed.

    Raises
    ------
    ValueError
        `transports` is empty or has an unknown transport.
    """
    unknown = set(transports) - {STREAMABLE_HTTP, SSE}
    if unknown or not transports:
        raise ValueError(f"transports must be of {STREAMABLE_HTTP!r} and {SSE!r}, not {sorted(unknown)}")
    shared = {"front": front, "endpoint": endpoint}
    routes: list[Route] = []
    if STREAMABLE_HTTP in transports:
        routes.append((_pattern(path), StreamableHandler, shared))
    if SSE in transports:
        paths = {"sse_path": sse_path, "messages_path": messages_path}
        routes.append((_pattern(sse_path), SseHandler, {**shared, **paths}))
        routes.append((_pattern(messages_path), MessagesHandler, shared))
    return routes


@asynccontextmanager
async def serve_http(
    server: Serves,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    authenticator: Authenticator | None = None,
    path: str = "/mcp",
    sse_path: str = "/sse",
    messages_path: str = "/messages",
    transports: Collection[str] = (STREAMABLE_HTTP, SSE),
) -> AsyncIterator[int]:
    """Serve over HTTP while the context is open.

    Parameters
    ----------
    host, port : str, int
        Where to listen; port 0 takes a free one.
    token : str, optional
        Every request must carry it in `Authorization: Bearer`. Without it, every program of every user on
        this machine can call the server; pages of other origins cannot.
    authenticator : Authenticator, optional
        Finds a request's principal; a `StandaloneAuthenticator` with `token` when left out.

    Yields
    ------
    int
        The port.

    Raises
    ------
    OSError
        The address is in use, or does not belong to this machine.
    ValueError
        Other machines can reach `host`, and there is neither a token nor an authenticator.
    """
    listening = socket.create_server((host, port), family=address_family(host), backlog=BACKLOG)
    listening.setblocking(False)
    bound: int = listening.getsockname()[1]
    try:
        front = HttpFront(authenticator or StandaloneAuthenticator.listening(host, bound, token))
        async with server.running(), owned_tasks() as connections:
            endpoint = Endpoint(_opener(server, connections))
            routes = make_routes(
                endpoint,
                front,
                path=path,
                sse_path=sse_path,
                messages_path=messages_path,
                transports=transports,
            )
            http = _server(routes, front)
            http.add_socket(listening)
            try:
                yield bound
            finally:
                await _stop(http, endpoint, front)
    finally:
        listening.close()


def announced(name: str, host: str, port: int, path: str, *, has_token: bool) -> list[str]:
    """Return lines for the user who started `serve_http`: the server's URL, and who can call it.

    Parameters
    ----------
    path : str
        The path of the server's URL.
    has_token : bool
        Whether the server requires a token.
    """
    shown = f"[{host}]" if ":" in host else host
    if not has_token:
        who = "It asks for no token: every user and every program of this machine can call it."
    elif is_loopback(host):
        who = "Every request must carry the token. Only this machine can reach it."
    else:
        who = "Every request must carry the token. Other machines can reach it, without encryption."
    return [f"Serving {name} at http://{shown}:{port}{path} until Ctrl-C.", who]


def address_family(host: str) -> socket.AddressFamily:
    """Return `AF_INET6` for an IPv6 address, else `AF_INET`."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _opener(server: Serves, connections: TaskGroup) -> Callable[[], Awaitable[Channel]]:
    async def open_channel() -> Channel:
        near, far = memory_pair(is_direct=True)
        connections.start_soon(_serve_channel, server, far)
        return near

    return open_channel


async def _serve_channel(server: Serves, channel: Channel) -> None:
    """Serve one channel. An exception ends here and is logged, so that it does not reach the others."""
    try:
        await server.serve(channel)
    except Exception:
        log.exception("Serving a connection failed")
    finally:
        channel.close()


def _server(routes: list[Route], front: HttpFront) -> HTTPServer:
    app = Application(
        cast(Any, routes),
        default_handler_class=_UnknownHandler,
        default_handler_args={"front": front},
        log_function=_log_request,
    )
    return _BoundedServer(
        app,
        idle_connection_timeout=IDLE_CONNECTION_SECONDS,
        max_body_size=MAX_BODY_BYTES,
        max_header_size=MAX_HEADER_BYTES,
    )


async def _stop(http: HTTPServer, endpoint: Endpoint, front: HttpFront) -> None:
    http.stop()
    front.refuse_new()
    with anyio.move_on_after(STOP_SECONDS, shield=True):
        await endpoint.close()
        await front.idle()
    with anyio.move_on_after(STOP_SECONDS, shield=True):
        await http.close_all_connections()


class _BoundedServer(HTTPServer):
    """An `HTTPServer` with at most `MAX_CONNECTIONS`; at the limit it drops one that waits for a request."""

    def initialize(self, *args: Any, **kwargs: Any) -> None:
        super().initialize(*args, **kwargs)
        self._held: set[IOStream] = set()
        self._waiting: dict[IOStream, None] = {}  # for a request's headers, the longest wait first

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        if len(self._held) >= MAX_CONNECTIONS and not self._drop_longest_waiting():
            stream.close()
            return
        self._held.add(stream)
        self._waiting[stream] = None
        super().handle_stream(stream, address)

    def _drop_longest_waiting(self) -> bool:
        stream = next(iter(self._waiting), None)
        if stream is None:
            return False
        self._release(stream)
        stream.close()
        return True

    def _release(self, stream: IOStream) -> None:
        self._held.discard(stream)
        self._waiting.pop(stream, None)

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        # Called when a connection begins to wait for its first request, and again after each answer.
        stream = cast(HTTP1ServerConnection, server_conn).stream
        if stream in self._held:
            self._waiting.pop(stream, None)
            self._waiting[stream] = None
        return _Arrival(super().start_request(server_conn, request_conn), partial(self._arrived, stream))

    def _arrived(self, stream: IOStream) -> None:
        self._waiting.pop(stream, None)

    def on_close(self, server_conn: object) -> None:
        self._release(cast(HTTP1ServerConnection, server_conn).stream)
        super().on_close(server_conn)


class _Arrival(HTTPMessageDelegate):
    """Pass a request on to its delegate, and call `arrived` when its headers are complete."""

    def __init__(self, request: HTTPMessageDelegate, arrived: Callable[[], None]) -> None:
        self._request = request
        self._arrived = arrived

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        self._arrived()
        return self._request.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._request.data_received(chunk)

    def finish(self) -> None:
        self._request.finish()

    def on_connection_close(self) -> None:
        self._request.on_connection_close()


class _UnknownHandler(BaseHandler):
    """The handler of all other URLs."""

    SUPPORTED_METHODS: tuple[str, ...] = RequestHandler.SUPPORTED_METHODS

    async def prepare(self) -> None:
        raise Refusal(404, "Nothing is served at this URL.")


def _log_request(handler: RequestHandler) -> None:
    # Without the query string: it may hold a session key.
    said = f"{handler.request.method} {handler.request.path}"
    log.debug("%d %s", handler.get_status(), safe_line(said))


def _pattern(path: str) -> str:
    return re.escape(path.rstrip("/")) + "/?"
