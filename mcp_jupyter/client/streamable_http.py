# SPDX-License-Identifier: BSD-3-Clause
"""The Streamable HTTP transport, in both eras: every message is a POST to one URL.

Legacy: the server gives a session id, and a GET stream carries messages that belong to no request. When the
stream of a request breaks off, the request goes on and the stream is resumed. Modern: there is no session,
headers repeat parts of the body, and ending a request's stream cancels the request. The message itself shows
which era it belongs to.

Source: spec 2025-11-25 and 2026-07-28, basic/transports.
"""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, Final

import anyio
import httpx2
from anyio.abc import TaskGroup

from .._util.tasks import owned_tasks
from ..errors import INTERNAL_ERROR, FrameError, McpError
from ..protocol.eras import PROTOCOL_VERSION, is_modern
from ..protocol.frames import (
    ErrorResponse,
    Frame,
    Message,
    Notification,
    Request,
    Response,
    decode,
    matching_id,
)
from ..protocol.headers import LAST_EVENT_ID, METHOD, NAME, SESSION_ID, encode_value, name_of
from ..protocol.headers import PROTOCOL_VERSION as VERSION_HEADER
from ..protocol.limits import MAX_EVENT_BYTES
from ..protocol.methods import LEGACY_VERSIONS
from ..protocol.sse import Decoder, Event
from .http import (
    CLOSE_SECONDS,
    FOREIGN,
    HttpChannel,
    http_client,
    media_type,
    read_at_most,
    server_url,
)
from .transport import SESSION_ENDED, ParamHeaders, ReadHalf, WriteHalf, halves, seconds

__all__ = [
    "StreamPosition",
    "events",
    "streamable_http_client",
    "streamablehttp_client",
]


log = logging.getLogger(__name__)

ACCEPT: Final = "application/json, text/event-stream"
JSON: Final = "application/json"
EVENTS: Final = "text/event-stream"

AFTERWARDS_SECONDS: Final = 1.0
"""Seconds that a stream may stay open after its response: read to its end, its connection can be reused."""

_SESSION_ID: Final = re.compile(r"[!-~]{1,1024}")
"""Visible ASCII (spec 2025-11-25, "Session Management"); limited in length, as each request repeats it."""


@asynccontextmanager
async def streamablehttp_client(
    url: str,
    headers: Mapping[str, str] | None = None,
    timeout: float | timedelta = 30.0,
    sse_read_timeout: float | timedelta = 300.0,
    terminate_on_close: bool = True,
    auth: httpx2.Auth | None = None,
) -> AsyncIterator[tuple[ReadHalf, WriteHalf, Callable[[], str | None]]]:
    """Connect to a server over Streamable HTTP. Nothing is sent until the session sends its first message.

    Parameters
    ----------
    url : str
        The URL of the server's endpoint.
    headers : mapping, optional
        Sent with each request, for instance ``{"Authorization": "Bearer ..."}``. They never leave the
        URL's origin, and no error or log message repeats them.
    timeout : float or timedelta
        Seconds to connect, and for the server to take a request.
    sse_read_timeout : float or timedelta
        Seconds of silence after which a connection is given up. A legacy stream with event ids is then
        resumed over another connection. Any other call that may be silent for longer needs a higher value.
    terminate_on_close : bool
        End a legacy session at the server (DELETE) when the context ends.
    auth : httpx2.Auth, optional
        Adds credentials to each request; they are kept out of errors and log messages too.

    Yields
    ------
    read, write
        For `ClientSession`.
    get_session_id : callable
        Returns the id of the legacy session, None when there is none.

    Raises
    ------
    ValueError
        The URL is not an http(s) URL.
    """
    patience, silence = seconds(timeout) or 0.0, seconds(sse_read_timeout) or 0.0
    async with (
        http_client(server_url(url), headers, patience, silence, auth) as client,
        streamable_http_client(url, http_client=client, terminate_on_close=terminate_on_close) as parts,
    ):
        yield parts


@asynccontextmanager
async def streamable_http_client(
    url: str, *, http_client: httpx2.AsyncClient | None = None, terminate_on_close: bool = True
) -> AsyncIterator[tuple[ReadHalf, WriteHalf, Callable[[], str | None]]]:
    """Connect to a server over Streamable HTTP, with an HTTP client of your own.

    Parameters
    ----------
    http_client : httpx2.AsyncClient, optional
        Its headers, credentials and time-outs are used, and it stays open. Redirects are followed within the
        URL's origin only, whatever its settings. Without it, the same as `streamablehttp_client`.
    url, terminate_on_close
        As for `streamablehttp_client`.

    Yields
    ------
    read, write, get_session_id
        As `streamablehttp_client`.

    Raises
    ------
    ValueError
        The URL is not an http(s) URL.
    TypeError
        `http_client` is a client of another library.
    """
    if http_client is None:
        async with streamablehttp_client(url, terminate_on_close=terminate_on_close) as parts:
            yield parts
        return
    channel = _StreamableHttp(_ours(http_client), server_url(url))
    try:
        async with owned_tasks() as tasks:
            channel.tasks = tasks
            tasks.start_soon(channel.pump, tasks)
            try:
                yield *halves(channel), lambda: channel.session_id
            finally:
                channel.close()
                await channel.flush()
    finally:
        if terminate_on_close:
            await channel.terminate()


def _ours(client: object) -> httpx2.AsyncClient:
    if isinstance(client, httpx2.AsyncClient):
        return client
    raise TypeError(
        f"http_client is a {type(client).__module__}.{type(client).__qualname__}; it must be an "
        "httpx2.AsyncClient, which takes the same arguments. For headers and auth alone, use "
        "streamablehttp_client(url, headers=..., auth=...)."
    )


class _StreamableHttp(HttpChannel):
    """The channel over one endpoint."""

    tasks: TaskGroup

    def __init__(self, client: httpx2.AsyncClient, url: httpx2.URL) -> None:
        super().__init__(client, url)
        self.param_headers: ParamHeaders = ParamHeaders()
        self.session_id: str | None = None
        self._ended = False  # the server has said that this session is over
        self._version: str | None = None
        self._listening = anyio.CancelScope()

    # -- sending -------------------------------------------------------------------------------

    def headers_of(self, message: Message) -> dict[str, str]:
        headers = {"Accept": ACCEPT, "Content-Type": JSON}
        frame = message.frame
        if isinstance(frame, Request) and is_modern(frame.method, frame.params):
            headers |= _mirror(frame)
            if frame.method == "tools/call":
                headers |= self.param_headers.headers_for(str(frame.params.get("name")), message.raw)
            return headers
        if isinstance(frame, Request) and frame.method == "initialize":
            return headers  # it opens a new session, also when the channel had one
        return headers | self._session_headers()

    def _get_headers(self, position: StreamPosition) -> dict[str, str]:
        headers = {"Accept": EVENTS} | self._session_headers()
        if position.last_event_id:
            headers[LAST_EVENT_ID] = position.last_event_id
        return headers

    def _session_headers(self) -> dict[str, str]:
        headers = {}
        if self.session_id is not None:
            headers[SESSION_ID] = self.session_id
        if self._version is not None:
            headers[VERSION_HEADER] = self._version
        return headers

    async def tell(self, message: Message) -> None:
        frame = message.frame
        method = frame.method if isinstance(frame, Notification) else None
        if method == "notifications/cancelled":
            await self._cancel(message)
        elif await self.post(message) and method == "notifications/initialized":
            self._listening.cancel()  # the GET stream of a session before this one
            self._listening = anyio.CancelScope()
            self.tasks.start_soon(self._listen, self._listening)

    async def _cancel(self, message: Message) -> None:
        """Cancel a request and close its stream; a legacy server is also sent the notification."""
        assert isinstance(message.frame, Notification)
        call = self.calls.get(message.frame.params["requestId"])
        if call is None:
            return  # the request has its response, or its POST has failed
        request, scope = call
        if not is_modern(request.method, request.params):
            await self.post(message)
        scope.cancel()

    async def terminate(self) -> None:
        """Tell the server that the session is over; it may refuse (405)."""
        if self.session_id is None or self._ended:
            return
        with anyio.move_on_after(CLOSE_SECONDS, shield=True), suppress(McpError, *FOREIGN):
            response = await self.open("DELETE", self._session_headers())
            await response.aclose()

    # -- receiving -----------------------------------------------------------------------------

    async def answer(self, request: Request, response: httpx2.Response) -> None:
        if not response.is_success:
            await self._refused(request, response)
            return
        if request.method == "initialize":
            self._open_session(response.headers.get(SESSION_ID))
        kind = media_type(response)
        if kind == EVENTS:
            await self._follow(request, response)
        elif kind == JSON:
            body = await read_at_most(response)
            if len(body) > MAX_EVENT_BYTES:
                raise McpError(
                    INTERNAL_ERROR, f"{self.where} answered with more than {MAX_EVENT_BYTES} bytes."
                )
            if not self._take(request, body):
                raise McpError(INTERNAL_ERROR, f"{self.where} answered {request.method} with something else.")
        else:
            raise McpError(
                INTERNAL_ERROR,
                f"{self.where} answered {response.status_code} without a message; is this the URL of an MCP "
                "server?",
            )

    def _open_session(self, session_id: str | None) -> None:
        if session_id is not None:
            if not _SESSION_ID.fullmatch(session_id):
                raise McpError(INTERNAL_ERROR, f"{self.where} gave a session id that no header may carry.")
            self.secrets.keep(session_id)
        self.session_id, self._ended = session_id, False

    async def _follow(self, request: Request, response: httpx2.Response) -> None:
        """Deliver the messages of a request's stream up to its response, resuming the stream if necessary."""
        position = StreamPosition()
        while True:
            try:
                if await self._read(request, position, response):
                    return
                words = f"{self.where} ended the stream before it answered {request.method}."
                fault = McpError(INTERNAL_ERROR, words)
            except httpx2.HTTPError as exc:
                fault = self.as_mcp_error(exc)
            finally:
                await response.aclose()
            # Only a legacy stream whose events have ids can be resumed.
            if not position.last_event_id or is_modern(request.method, request.params):
                raise fault
            response = await self._resumed(position, fault)

    async def _read(self, request: Request, position: StreamPosition, response: httpx2.Response) -> bool:
        """Deliver the messages of one connection until it ends; return whether the response has come."""
        answered = False
        try:
            with anyio.CancelScope() as afterwards:
                async with aclosing(position.read(response)) as stream:
                    async for event in stream:
                        if event.event != "message" or not event.data:
                            continue
                        if self._take(request, event.data.encode()):
                            answered = True
                            afterwards.deadline = anyio.current_time() + AFTERWARDS_SECONDS
        except httpx2.HTTPError:
            if not answered:  # once the response has come, the end of the connection does not matter
                raise
        return answered

    async def _resumed(self, position: StreamPosition, fault: McpError) -> httpx2.Response:
        """Open the next connection of a legacy stream that broke off with `fault`, and return its response.

        Raises
        ------
        McpError
            The server does not resume the stream, or cannot be reached again.
        """
        latest = fault
        while (wait := position.wait()) is not None:
            await anyio.sleep(wait)
            try:
                response = await self.open("GET", self._get_headers(position))
                if response.is_success and media_type(response) == EVENTS:
                    return response
                async with aclosing(response):
                    latest = await self.refusal(response)
            except httpx2.HTTPError as exc:
                latest = self.as_mcp_error(exc)
                continue
            if response.status_code < 500:  # a server error may pass, another refusal is final
                break
        if latest is fault:
            raise fault
        text = f"{fault.message} Resuming it failed: {latest.message}"
        raise McpError(INTERNAL_ERROR, text, latest.data) from None

    def _take(self, request: Request, raw: bytes) -> bool:
        """Deliver one message from the HTTP response; return whether it is the response to `request`."""
        frame = self.receive(raw, request.id)
        if isinstance(frame, ErrorResponse) and frame.id is None:
            return True  # the server could not read the id of the request that it answers: it was this one
        if not isinstance(frame, Response | ErrorResponse) or frame.id is None:
            return False
        if matching_id(frame.id, (request.id,)) is None:
            return False
        if request.method == "initialize" and isinstance(frame, Response):
            version = frame.result.get("protocolVersion")
            self._version = version if version in LEGACY_VERSIONS else None
        return True

    async def _refused(self, request: Request, response: httpx2.Response) -> None:
        """Deliver the JSON-RPC error in a refusal, or raise one made of its status and text."""
        body = await read_at_most(response)
        session = response.request.headers.get(SESSION_ID)
        if response.status_code == 404 and session is not None:
            # The id is kept until there is a new one: messages still sent under it get the same error.
            self._ended |= session == self.session_id
            raise McpError(
                INTERNAL_ERROR, f"{self.where} has ended this session (404 Not Found).", SESSION_ENDED
            )
        with suppress(FrameError):
            frame = decode(body)
            if isinstance(frame, ErrorResponse):
                self.fail(request.id, McpError.from_wire(frame.error))
                return
        raise await self.refusal(response, body)

    async def _listen(self, scope: anyio.CancelScope) -> None:
        """Receive messages that belong to no request, if the server has a stream for them (else 405)."""
        position = StreamPosition()
        try:
            with scope:
                response = await self.open("GET", self._get_headers(position))
                if not response.is_success or media_type(response) != EVENTS:
                    await response.aclose()
                    return
                while True:
                    fault = await self._heard(position, response)
                    response = await self._resumed(position, fault)
        except McpError as exc:
            # A 404 means that the session is over. A server without session ids keeps no session.
            if exc.data == {"httpStatus": 404} and self.session_id is not None:
                self._ended = True  # and `RequestSender` opens a new session
                self.session_ended.set()
            else:
                log.warning("No more notifications until a new session: %s", exc.message)
        except FOREIGN as exc:
            log.warning("No more notifications until a new session: %s", self.as_mcp_error(exc).message)

    async def _heard(self, position: StreamPosition, response: httpx2.Response) -> McpError:
        """Deliver the messages of one connection of the GET stream; return why it ended."""
        try:
            async with aclosing(response), aclosing(position.read(response)) as stream:
                async for event in stream:
                    if event.event == "message" and event.data:
                        self._close_answered(self.receive(event.data.encode()))
        except httpx2.HTTPError as exc:
            return self.as_mcp_error(exc)
        return McpError(INTERNAL_ERROR, f"{self.where} ended the event stream.")

    def _close_answered(self, frame: Frame | None) -> None:
        """Close a request's own stream if its response came on the GET stream."""
        if isinstance(frame, Response | ErrorResponse) and frame.id is not None:
            id_ = matching_id(frame.id, self.calls)
            if id_ is not None:
                _, scope = self.calls[id_]
                scope.cancel()


def _mirror(request: Request) -> dict[str, str]:
    """Return the headers that repeat a modern request's body (spec 2026-07-28, "Request Metadata").

    Raises
    ------
    HeaderError
        A name cannot be encoded in a header.
    """
    meta: Any = request.params.get("_meta", {})
    headers = {METHOD: encode_value(request.method)}
    version, name = meta.get(PROTOCOL_VERSION), name_of(request.method, request.params)
    if isinstance(version, str):
        headers[VERSION_HEADER] = version
    if name is not None:
        headers[NAME] = encode_value(name)
    return headers


# -- resumption ----------------------------------------------------------------------------------
#
# The state of an event stream that outlives its connections: the last event id, the server's `retry`, and the
# number of vain tries. The channel opens the connections.
#
# Source: spec 2025-11-25, basic/transports ("Resumability and Redelivery"); WHATWG HTML, "Server-sent
# events".

MAX_TRIES: Final = 5
"""Connections in a row without an event before a stream is given up: after 15 s, with the waits below."""

LASTING_SECONDS: Final = 5.0
"""Seconds. A connection that lasted as long does not count as a vain one: proxies close quiet streams."""

WAIT_SECONDS: Final = 0.5
"""Seconds before the first try if the server set no `retry`; each further try waits twice as long."""

MIN_WAIT_SECONDS: Final = 0.05
"""Seconds, whatever the server says: `retry: 0` must not become a busy loop."""

_EVENT_ID: Final = re.compile(r"[ -~]{1,1024}")
"""An id that a header can carry, with a sane length. A stream with other ids cannot be resumed."""


class StreamPosition:
    """The position in one stream, and the waits between its connections.

    Attributes
    ----------
    last_event_id : str
        The event after which to resume; empty when the stream cannot be resumed.
    """

    def __init__(self) -> None:
        self.last_event_id = ""
        self._retry: float | None = None
        self._tries = 0

    async def read(self, response: httpx2.Response) -> AsyncGenerator[Event, None]:
        """Yield the events of a connection and keep their ids. Use `aclosing` to leave early."""
        decoder, begin = Decoder(), anyio.current_time()
        try:
            async with aclosing(events(response, decoder)) as stream:
                async for event in stream:
                    self._tries = 0
                    if event.id is not None:
                        self.last_event_id = event.id if _EVENT_ID.fullmatch(event.id) else ""
                    yield event
        finally:
            if anyio.current_time() - begin >= LASTING_SECONDS:
                self._tries = 0
            if decoder.retry is not None:
                self._retry = decoder.retry / 1000

    def wait(self) -> float | None:
        """Return the seconds before the next try, and count it; None after `MAX_TRIES`."""
        if self._tries == MAX_TRIES:
            return None
        first = WAIT_SECONDS if self._retry is None else max(self._retry, MIN_WAIT_SECONDS)
        self._tries += 1
        return first * float(2 ** (self._tries - 1))


async def events(response: httpx2.Response, decoder: Decoder | None = None) -> AsyncGenerator[Event, None]:
    """Yield the events of a response as they come. Use `aclosing` to leave early."""
    decoder = decoder or Decoder()
    async with aclosing(response.aiter_bytes()) as chunks:
        async for chunk in chunks:
            for event in decoder.feed(chunk):
                yield event
