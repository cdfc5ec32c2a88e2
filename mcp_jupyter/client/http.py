# SPDX-License-Identifier: BSD-3-Clause
"""The common part of both HTTP transports of the client: POST messages, follow redirects, translate errors.

`HttpChannel` bounds and orders the POSTs, keeps credentials within their origin, and makes an `McpError` of
everything that httpx2 raises. Its subclasses read the responses.
"""

from __future__ import annotations

import abc
import http
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final

import anyio
import anyio.to_thread
import httpx2
from anyio.abc import TaskGroup

from ..errors import INTERNAL_ERROR, INVALID_REQUEST, McpError, MetadataAbsent
from ..protocol.frames import Message, Request, RequestId, parse
from ..protocol.headers import HeaderError
from ..protocol.limits import (
    MAX_EVENT_BYTES,
    MAX_IN_FLIGHT,
    MAX_REDIRECTS,
    MAX_REFUSAL_BYTES,
    SEND_TIMEOUT_SECONDS,
)
from ..protocol.sse import SseError
from .secrets import ClientSecrets
from .transport import ClientChannel

__all__ = [
    "CLOSE_SECONDS",
    "FOREIGN",
    "HttpChannel",
    "http_client",
    "media_type",
    "origin_of",
    "read_at_most",
    "server_url",
]

log = logging.getLogger(__name__)

# These log whole URLs (at INFO) and response headers (at DEBUG), which may contain tokens and session ids. A
# level that the application has set stays.
for _name, _level in (("httpx2", logging.WARNING), ("httpcore2", logging.INFO)):
    if logging.getLogger(_name).level == logging.NOTSET:
        logging.getLogger(_name).setLevel(_level)

MAX_CONCURRENT_POSTS: Final = 64
"""Requests sent at the same time, each over its own connection; further ones wait."""

SPARE_CONNECTIONS: Final = 4
"""Connections for the event stream, and for notifications that cancel requests when all others are in use."""

KEEPALIVE_SECONDS: Final = 4.0
"""Seconds for which an idle connection is kept: fewer than the 5 s after which common servers close it."""

CLOSE_SECONDS: Final = 2.0
"""Seconds for each step of closing: sending queued messages, ending the session, closing sockets."""

FOREIGN: Final = (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, SseError, HeaderError)
"""Exceptions of the libraries below; `HttpChannel.as_mcp_error` translates them."""

LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
"""Hosts that are never reached through a proxy: it could not reach this machine, but would see the token."""


@asynccontextmanager
async def http_client(
    url: httpx2.URL,
    headers: Mapping[str, str] | None,
    timeout: float,
    read_timeout: float,
    auth: httpx2.Auth | None = None,
) -> AsyncIterator[httpx2.AsyncClient]:
    """Open an HTTP client for one origin, without cookies, and close it at the end.

    Parameters
    ----------
    url : httpx2.URL
        A URL of that origin.
    headers : mapping, optional
        Sent with each request.
    timeout, read_timeout : float
        Seconds to connect or to take a request, and seconds of silence while it is answered.
    auth : httpx2.Auth, optional
        Adds credentials to each request, and may send requests of its own to other origins.
    """
    client = httpx2.AsyncClient(
        headers=dict(headers or {}),
        auth=auth,
        # No protocol version has cookies, and a malformed one would break every later request.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        timeout=httpx2.Timeout(timeout, read=read_timeout),
        limits=httpx2.Limits(
            max_connections=MAX_CONCURRENT_POSTS + SPARE_CONNECTIONS, keepalive_expiry=KEEPALIVE_SECONDS
        ),
        mounts={f"all://{_bracketed(host)}": None for host in LOOPBACK},
        verify=await _certificates(url, auth),
    )
    try:
        yield client
    finally:
        with anyio.move_on_after(CLOSE_SECONDS, shield=True):
            await client.aclose()


async def _certificates(url: httpx2.URL, auth: httpx2.Auth | None) -> ssl.SSLContext:
    """Load the trusted certificates in a thread: it takes 0.1 s, and must not block the event loop."""
    if url.scheme == "http" and url.host in LOOPBACK and auth is None:  # `auth` may ask other hosts, over TLS
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used: it has no certificates
    return await anyio.to_thread.run_sync(httpx2.create_ssl_context)


def server_url(url: str) -> httpx2.URL:
    """Parse the URL of a server.

    Raises
    ------
    ValueError
        It is not an http(s) URL, or its port is not between 1 and 65535.
    """
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL as exc:
        raise ValueError(f"This is not a valid URL: {exc}") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ValueError("The URL of a server must begin with http:// or https:// and name a host.")
    if parsed.port is not None and not 0 < parsed.port < 65536:
        raise ValueError(f"Port {parsed.port} in the server's URL is not valid: use 1 to 65535.")
    return parsed


class HttpChannel(ClientChannel, abc.ABC):
    """A channel that POSTs the session's messages.

    Requests are POSTed at once, each in a task of its own; notifications and responses one after the other.
    No message overtakes a notification sent before it (`initialized` comes before the first call).

    Parameters
    ----------
    client : httpx2.AsyncClient
        A client from `http_client`, or the user's own.
    url : httpx2.URL
        The URL to POST to.

    Attributes
    ----------
    url : httpx2.URL
        The URL to POST to now: redirects of a POST are remembered.
    where : str
        The origin, for error messages. A path or query may hold a token.
    status : int, optional
        The HTTP status of the last request, None without a response. Meaningful only while there is one
        request at a time, which is so during opening.
    lacks_metadata : bool
        Whether the last request got no credentials because the authorization server publishes no metadata.
        Then only an older protocol version can be used.
    calls : dict
        The open requests, and the cancel scopes of their tasks.
    flushed : anyio.Event
        Set when `pump`, the task that sends the outbox, has ended.
    secrets : ClientSecrets
        The texts that no error or log message may repeat.
    """

    def __init__(self, client: httpx2.AsyncClient, url: httpx2.URL) -> None:
        super().__init__()
        self.url = url
        self.where = origin_of(self.url)
        self.status: int | None = None
        self.lacks_metadata = False
        self.calls: dict[RequestId, tuple[Request, anyio.CancelScope]] = {}
        self.flushed = anyio.Event()
        self.client = client
        self._limiter = anyio.CapacityLimiter(MAX_CONCURRENT_POSTS)
        self.secrets = ClientSecrets(client.headers, self.url)
        if client.auth is not None:
            hooks = client.event_hooks
            client.event_hooks = {**hooks, "request": [*hooks.get("request", ()), self.secrets.learn]}

    def tell_secrets(self, listener: Callable[[str], None]) -> None:
        self.secrets.tell(listener)

    # -- what differs between the transports ---------------------------------------------------

    @abc.abstractmethod
    def headers_of(self, message: Message) -> dict[str, str]:
        """Return the headers of a message's POST, in addition to those of every request."""

    @abc.abstractmethod
    async def answer(self, request: Request, response: httpx2.Response) -> None:
        """Read the response to a request's POST.

        Raises
        ------
        McpError
            The request has failed.
        """

    async def tell(self, message: Message) -> None:
        """Send a notification or a response."""
        await self.post(message)

    # -- sending -------------------------------------------------------------------------------

    async def pump(self, tasks: TaskGroup) -> None:
        """Send the outbox until it ends; each request becomes a task of `tasks`."""
        try:
            async for message in self.outbox:
                if isinstance(message.frame, Request):
                    self._begin(message, message.frame, tasks)
                else:
                    await self.tell(message)  # awaited, so that no later message overtakes it
        finally:
            self.flushed.set()

    async def flush(self) -> None:
        """Wait until all messages sent before closing are on their way, at most `CLOSE_SECONDS`."""
        with anyio.move_on_after(CLOSE_SECONDS, shield=True):
            await self.flushed.wait()
        self.outbox.close()

    def _begin(self, message: Message, request: Request, tasks: TaskGroup) -> None:
        if len(self.calls) >= MAX_IN_FLIGHT:
            text = f"More than {MAX_IN_FLIGHT} requests in flight; wait for answers."
            self.fail(request.id, McpError(INVALID_REQUEST, text))
            return
        scope = anyio.CancelScope()
        self.calls[request.id] = request, scope
        tasks.start_soon(self._work, message, request, scope, name=request.method)

    async def _work(self, message: Message, request: Request, scope: anyio.CancelScope) -> None:
        try:
            with scope:
                self.status, self.lacks_metadata = None, False
                async with self._limiter, aclosing(await self._opened(message)) as response:
                    self.status = response.status_code
                    await self.answer(request, response)
        except McpError as exc:
            self.fail(request.id, exc)
        except FOREIGN as exc:
            self.fail(request.id, self.as_mcp_error(exc))
        finally:
            del self.calls[request.id]

    async def post(self, message: Message) -> bool:
        """POST a notification or a response; return whether the server took it. A refusal is only logged."""
        try:
            with anyio.fail_after(SEND_TIMEOUT_SECONDS):
                async with aclosing(await self._opened(message)) as response:
                    if response.is_success:
                        # Unread, the connection would have to be closed.
                        await read_at_most(response, MAX_REFUSAL_BYTES)
                        return True
                    error = await self.refusal(response)
        except McpError as exc:
            error = exc
        except TimeoutError:
            error = self._error(f"{self.where} did not take it within {SEND_TIMEOUT_SECONDS:g} s.")
        except FOREIGN as exc:
            error = self.as_mcp_error(exc)
        log.warning("A notification or answer did not reach the server: %s", error.message)
        return False

    async def _opened(self, message: Message) -> httpx2.Response:
        return await self.open("POST", self.headers_of(message), message.raw)

    async def open(self, method: str, headers: Mapping[str, str], content: bytes = b"") -> httpx2.Response:
        """Send an HTTP request and return its response, body unread; the caller closes it.

        A redirect is followed only within the origin, to which the credentials belong, and only if it keeps
        the method (RFC 9110, 15.4).

        Raises
        ------
        McpError
            A redirect must not be followed, or credentials could not be obtained.
        httpx2.HTTPError
            The network or the protocol failed.
        """
        url = self.url
        for _ in range(MAX_REDIRECTS):
            request = self.client.build_request(method, url, headers=headers, content=content or None)
            response = await self._sent(request)
            if not response.has_redirect_location:
                if method == "POST":
                    self.url = url
                return response
            await response.aclose()
            url = self._redirected(method, response)
        raise self._error(f"{self.where} redirects more than {MAX_REDIRECTS} times.")

    async def _sent(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request. This is the boundary to `auth`, which may be foreign code and raise anything."""
        try:
            response = await self.client.send(request, stream=True, follow_redirects=False)
        except (McpError, *FOREIGN):
            raise
        except Exception as exc:
            self.lacks_metadata = isinstance(exc, MetadataAbsent)
            words = self.secrets.quote(str(exc)) or type(exc).__name__
            raise self._error(f"Getting credentials for {self.where} failed: {words}") from exc
        if len(response.headers.get_list("content-encoding", split_commas=True)) > 1:
            # Each layer may expand a thousandfold in one step: few bytes could block the event loop for days.
            await response.aclose()
            raise self._error(f"{self.where} answered with what is compressed more than once.")
        return response

    def _redirected(self, method: str, response: httpx2.Response) -> httpx2.URL:
        target = response.url.join(response.headers["location"])
        if origin_of(target) != self.where:
            raise self._error(
                f"{self.where} redirects to {self.secrets.quote(origin_of(target))}: another origin, which "
                "gets no credentials of ours. Use that address if it is the server you mean."
            )
        if method != "GET" and response.status_code not in (307, 308):
            raise self._error(f"{self.where} redirects a {method} so that it would be lost.")
        return target

    # -- words for what failed -----------------------------------------------------------------

    def as_mcp_error(self, error: Exception) -> McpError:
        """Make an `McpError` of an exception of httpx2 or a decoder."""
        if isinstance(error, httpx2.TimeoutException):
            return self._error(f"{self.where} did not answer in time ({type(error).__name__}).")
        return self._error(
            f"Talking to {self.where} failed: {self.secrets.quote(str(error)) or type(error).__name__}"
        )

    async def refusal(self, response: httpx2.Response, body: bytes | None = None) -> McpError:
        """Make an error of a response other than 2xx, with `httpStatus` in `data` and the server's text."""
        if body is None:
            body = await read_at_most(response, MAX_REFUSAL_BYTES)
        status = response.status_code
        words = self.secrets.quote(_words(media_type(response), body))
        text = f"{self.where} answered {status} {_phrase(status)}" + (f": {words}" if words else ".")
        return self._error(text, {"httpStatus": status})

    @staticmethod
    def _error(text: str, data: Any = None) -> McpError:
        return McpError(INTERNAL_ERROR, text, data)


async def read_at_most(response: httpx2.Response, limit: int = MAX_EVENT_BYTES) -> bytes:
    """Return the body; of a longer one, a little more than its first `limit` bytes."""
    body = bytearray()
    async with aclosing(response.aiter_bytes()) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > limit:
                break
    return bytes(body)


def media_type(response: httpx2.Response) -> str:
    """Return the media type of a response, without parameters."""
    kind: str = response.headers.get("content-type", "")
    return kind.partition(";")[0].strip().lower()


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def origin_of(url: httpx2.URL) -> str:
    """Return scheme, host and port. httpx2 has removed a port that is the scheme's default."""
    port = "" if url.port is None else f":{url.port}"
    return f"{url.scheme}://{_bracketed(url.host)}{port}"


def _phrase(status: int) -> str:
    """Return the standard's reason phrase, which unlike the server's can be trusted."""
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "(a status without a meaning)"


def _words(kind: str, body: bytes) -> str:
    """Return the message in a refusal's body: plain text, JSON or a JSON-RPC error; empty for HTML."""
    if kind == "text/html":
        return ""
    try:
        value = parse(body)
    except McpError:
        return body.decode("utf-8", "replace")
    if isinstance(value, dict):
        for key in ("error_description", "message", "detail", "error"):
            inner = value.get(key)
            if isinstance(inner, dict):  # a JSON-RPC error
                inner = inner.get("message")
            if isinstance(inner, str):
                return inner
    return ""
