# SPDX-License-Identifier: BSD-3-Clause
"""Base classes of the HTTP handlers: admit a request, read its body, write replies, refusals and events.

The handlers work in a bare tornado application and in front of Jupyter's `APIHandler`
(`class NotebookHandler(StreamableHandler, APIHandler)`). There they override every hook by which Jupyter
would let a request in, set a cookie or send a CORS header: these routes use only the `Authenticator`. What a
body means is left to the subclasses.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import lru_cache
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, NamedTuple, cast

from tornado.http1connection import HTTP1Connection
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, RequestHandler, stream_request_body

from ...errors import INTERNAL_ERROR, INVALID_REQUEST, FrameError, McpError
from ...protocol import sse
from ...protocol.frames import ErrorResponse, Frame, Message, Request, classify, dumps, encode
from ...protocol.limits import (
    MAX_BATCH,
    MAX_BODY_BYTES,
    MAX_PRINCIPAL_BODY_BYTES,
    SEND_TIMEOUT_SECONDS,
    SSE_KEEPALIVE_SECONDS,
)
from .admission import JSON, Authenticator, Principal, Refusal, RefusalLog, admit
from .response_stream import Stream, Timeouts
from .sessions import Endpoint

__all__ = [
    "BODY_TIMEOUT_SECONDS",
    "KEEPALIVE",
    "BaseHandler",
    "Batch",
    "EventStreamHandler",
    "HttpFront",
    "accepts",
    "one_line",
    "split",
]


log = logging.getLogger(__name__)

BODY_TIMEOUT_SECONDS: Final = 20.0
"""Seconds from the headers to the last byte of the body: 4 MiB at 200 KiB/s. A slower client is cut off."""

WRITE_PIECE_BYTES: Final = 256 * 1024
"""Bytes. A larger reply is sent in pieces with a send time-out each, so that a slow client gets all of it."""


class HttpFront:
    """State that the handlers of one server share: the authenticator, time-outs, the running requests.

    Parameters
    ----------
    authenticator : Authenticator
        Decides who is let in.
    body_timeout, keepalive, send_timeout : float
        Seconds; for tests.
    observe : callable
        Called with each handler whose response is complete.

    Attributes
    ----------
    bodies, quiet : Timeouts
        Handlers whose body has not arrived yet; streams that wait for a message, due for a keep-alive.
    """

    def __init__(
        self,
        authenticator: Authenticator,
        *,
        body_timeout: float = BODY_TIMEOUT_SECONDS,
        keepalive: float = SSE_KEEPALIVE_SECONDS,
        send_timeout: float = SEND_TIMEOUT_SECONDS,
        observe: Callable[[BaseHandler], None] = lambda handler: None,
    ) -> None:
        self.observe = observe
        self.authenticator = authenticator
        self.bodies: Timeouts[BaseHandler] = Timeouts(body_timeout, BaseHandler.body_overdue)
        self.quiet: Timeouts[Stream] = Timeouts(keepalive, Stream.wake)
        self.send_timeout = send_timeout
        self.refusals = RefusalLog()
        self._body_bytes: Counter[str] = Counter()  # by principal: of bodies that have not arrived completely
        self._under_way: set[BaseHandler] = set()
        self._idle = asyncio.Event()
        self._stopping = False

    def begin(self, handler: BaseHandler) -> None:
        """Count an admitted request as running.

        Raises
        ------
        Refusal
            503: the server is stopping.
        """
        if self._stopping:
            raise Refusal(503, "The server is stopping.")
        self._under_way.add(handler)
        self._idle.clear()

    def end(self, handler: BaseHandler) -> None:
        """Stop counting a request that is answered, or whose client has left. Idempotent."""
        self._under_way.discard(handler)
        if not self._under_way:
            self._idle.set()

    def hold(self, principal_id: str, size: int) -> bool:
        """Count bytes of an arriving body; return False if the principal would exceed its limit."""
        if self._body_bytes[principal_id] + size > MAX_PRINCIPAL_BODY_BYTES:
            return False
        self._body_bytes[principal_id] += size
        return True

    def give_back(self, principal_id: str, size: int) -> None:
        """Stop counting bytes of a body that is complete or dropped."""
        self._body_bytes[principal_id] -= size
        if not self._body_bytes[principal_id]:
            del self._body_bytes[principal_id]

    @property
    def under_way(self) -> int:
        """How many requests are being answered."""
        return len(self._under_way)

    def refuse_new(self) -> None:
        """Refuse new requests from now on."""
        self._stopping = True

    async def idle(self) -> None:
        """Wait until no request is being answered."""
        if self._under_way:
            await self._idle.wait()


@stream_request_body
class BaseHandler(RequestHandler):
    """Handler that admits a request, reads its body within limits, and writes JSON.

    A subclass implements HTTP methods. `post` must call `take_body` first. A method may raise `Refusal` until
    it has written something.

    Attributes
    ----------
    front : HttpFront
        State shared with the server's other handlers.
    endpoint : Endpoint
        The endpoint that the URL names, once `prepare` has admitted the request.
    principal : Principal
        The sender, once `prepare` has admitted the request.
    gone : bool
        Whether the client left or the request was refused early; write nothing more.
    era, method : str
        "legacy", "modern" or "sse", and the method of the message; empty until it is read.
    """

    era = ""
    method = ""

    SUPPORTED_METHODS: tuple[str, ...] = ("POST",)

    front: HttpFront
    endpoint: Endpoint
    principal: Principal

    def initialize(self, front: HttpFront, endpoint: Endpoint | None = None) -> None:
        """Take the arguments of the route.

        Parameters
        ----------
        endpoint : Endpoint, optional
            The front's only endpoint; left out where `find_endpoint` is overridden.
        """
        self.front = front
        self._only_endpoint = endpoint
        # Set, because reading it unset would make Jupyter ask its identity provider.
        self.current_user = None
        self.gone = False
        self._chunks: list[bytes] = []
        self._held_bytes = 0
        self._body_read = False

    # -- the request ---------------------------------------------------------------------------

    async def prepare(self) -> None:
        """Admit the request or refuse it, before its body is read."""
        has_body = self.request.method == "POST"
        if has_body:
            self._http.set_max_body_size(MAX_BODY_BYTES)
            self.front.bodies.add(self)
        admitted = await admit(self, self.front.authenticator, self.find_endpoint)
        self.principal, self.endpoint = admitted.principal, admitted.endpoint
        self._http.set_max_body_size(self.principal.max_body_bytes)
        self._body_read = not has_body
        if not self.gone:  # the body's time may have run out while `admit` waited
            self.front.begin(self)

    async def find_endpoint(self, principal: Principal) -> Endpoint:
        """Return the endpoint that the URL names. A front with several endpoints overrides this.

        Raises
        ------
        Refusal
            404: there is no endpoint of that name, or this principal may not use it.
        """
        if self._only_endpoint is None:
            raise Refusal(404, "No server is served at this URL.")
        return self._only_endpoint

    def data_received(self, chunk: bytes) -> None:
        """Keep a piece of the body; refuse the request (429) if the principal exceeds its limit."""
        if self.gone:
            return
        if self.front.hold(self.principal.id, len(chunk)):
            self._held_bytes += len(chunk)
            self._chunks.append(chunk)
        else:
            self._let_go()
            self.gone = True
            text = "Too many large requests of this client are on their way; send fewer at once."
            self.write_refusal(Refusal(429, text, {"Retry-After": "1"}))

    def _let_go(self) -> None:
        """Drop what has arrived of the body. Idempotent."""
        self._chunks.clear()
        if self._held_bytes:
            self.front.give_back(self.principal.id, self._held_bytes)
            self._held_bytes = 0

    def take_body(self) -> bytes:
        """Return the whole body; `post` calls this first."""
        self._body_read = True
        self.front.bodies.discard(self)
        body = b"".join(self._chunks)
        self._let_go()
        return body

    def body_overdue(self) -> None:
        """Refuse a request whose body took too long."""
        self._let_go()
        self.gone = True
        self.write_refusal(Refusal(408, f"The body did not arrive within {self.front.bodies.seconds:g} s."))

    # -- the response --------------------------------------------------------------------------

    async def reply(self, body: bytes = b"", status: int = 200) -> None:
        """Write a whole reply, and wait until the client has taken it or the send time-out is over."""
        self.set_status(status)
        if body:
            self.set_header("Content-Type", JSON)
        else:
            self.clear_header("Content-Type")
        if len(body) > WRITE_PIECE_BYTES:
            self.set_header("Content-Length", len(body))
        await self.finish_with(body)

    async def finish_with(self, data: bytes) -> None:
        """Write the last part of the response, and wait until the client has taken it or is gone."""
        if len(data) <= WRITE_PIECE_BYTES:
            await self.sent(self.finish(data or None))
        elif await self.put_out(data):
            self.finish()

    async def put_out(self, data: bytes) -> bool:
        """Write a part of the response; return False if the client does not take it or has left."""
        for start in range(0, len(data) or 1, WRITE_PIECE_BYTES):
            self.write(data[start : start + WRITE_PIECE_BYTES])
            if not await self.sent(self.flush()):
                return False
        return not self.gone

    async def sent(self, written: Awaitable[None]) -> bool:
        """Wait until the client has taken what was written; return False if it left or took too long."""
        stream = self._http.stream
        if not stream.writing():
            return not stream.closed()
        try:
            async with asyncio.timeout(self.front.send_timeout):
                await written
        except StreamClosedError:
            self.gone = True
        except TimeoutError:
            self.gone = True
            self._http.close()
        return not self.gone

    def write_refusal(self, refusal: Refusal) -> None:
        """Log a refusal, and write it as the whole response."""
        self.front.refusals.write(
            f"refused {self.request.method} {self.request.path} {refusal.status}: {refusal.message}"
        )
        self.clear()
        self.set_status(refusal.status)
        for name, value in refusal.headers.items():
            self.set_header(name, value)
        self.set_header("Content-Type", JSON)
        if not self._body_read:  # tornado will close the connection instead of reading the rest of the body
            self.set_header("Connection", "close")
        self.finish(encode(ErrorResponse(refusal.request_id, refusal.to_dict())))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer a raised exception: a refusal as it is, others with their status and no details."""
        raised = kwargs.get("exc_info", (None, None, None))[1]
        if isinstance(raised, Refusal):
            self.write_refusal(raised)
            return
        code = INTERNAL_ERROR if status_code >= 500 else INVALID_REQUEST
        headers = {"Allow": ", ".join(self.SUPPORTED_METHODS)} if status_code == 405 else {}
        message = f"{HTTPStatus(status_code).phrase}."
        self.write_refusal(Refusal(status_code, message, headers, code=code))

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Log an unexpected exception, without the query string, which may hold a session key."""
        if not isinstance(value, McpError | HTTPError | StreamClosedError):
            log.error("%s %s failed", self.request.method, self.request.path, exc_info=value)

    # -- the end -------------------------------------------------------------------------------

    def on_connection_close(self) -> None:
        """Release what the request holds: the client left."""
        super().on_connection_close()
        self.gone = True
        self._let_go()
        self.front.bodies.discard(self)
        self.front.end(self)

    def on_finish(self) -> None:
        """Release what the request holds: the response is complete."""
        self.front.observe(self)
        self._let_go()
        self.front.bodies.discard(self)
        self.front.end(self)

    # -- hooks of tornado and Jupyter, overridden so that they add nothing to the responses --------

    def finish(self, chunk: str | bytes | dict[str, Any] | None = None) -> asyncio.Future[None]:
        """End the response. Skip the base classes in between: Jupyter's would set its own content type."""
        return RequestHandler.finish(self, chunk)

    def set_default_headers(self) -> None:
        """Set the headers of every response; leave out those configured for Jupyter's own pages."""
        self.clear_header("Server")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")

    def set_cors_headers(self) -> None:
        """Send no CORS header: pages of other origins must not read an answer."""

    def check_xsrf_cookie(self) -> None:
        """Require no XSRF token: cookies do not authenticate here, and `Origin` is checked."""

    def get_login_url(self) -> str:
        """Answer 403 instead of redirecting to a login page."""
        raise HTTPError(403)

    def compute_etag(self) -> str | None:
        """Return None: answers are not cached."""
        return None

    def check_etag_header(self) -> bool:
        return False

    @property
    def _http(self) -> HTTP1Connection:
        return cast(HTTP1Connection, self.request.connection)


# -- batch ---------------------------------------------------------------------------------------
#
# Check the entries of a JSON-RPC batch, and put a message on one line. The caller checks that its protocol
# version has batches.
#
# Source: JSON-RPC 2.0 section 6; spec 2025-03-26, basic ("Batching") and basic/lifecycle ("initialize
# MUST NOT be part of a batch").

_LINE_ENDS: Final = bytes.maketrans(b"\r\n", b"  ")


class Batch(NamedTuple):
    """The entries of a batch: the accepted frames with their JSON, and the errors for the others."""

    accepted: list[tuple[Frame, bytes]]
    refused: list[Message]

    @property
    def answers(self) -> int:
        """How many responses the batch gets in all."""
        return len(self.refused) + sum(isinstance(frame, Request) for frame, _ in self.accepted)


def split(entries: list[Any], principal: Principal) -> Batch:
    """Check each entry of a batch separately.

    Parameters
    ----------
    principal : Principal
        The sender of the batch.

    Raises
    ------
    Refusal
        400: the batch is empty or has more than `MAX_BATCH` entries.
    """
    if not 0 < len(entries) <= MAX_BATCH:
        raise Refusal(400, f"A batch must have 1 to {MAX_BATCH} messages.")
    batch = Batch([], [])
    for entry in entries:
        try:
            frame = classify(entry)
            if isinstance(frame, Request) and frame.method == "initialize":
                raise FrameError(INVALID_REQUEST, "initialize must not be part of a batch.", frame.id)
            principal.authorise(frame)
            batch.accepted.append((frame, dumps(entry)))
        except (FrameError, Refusal) as exc:
            batch.refused.append(Message.of(ErrorResponse(exc.request_id, exc.to_dict())))
    return batch


def one_line(body: bytes) -> bytes:
    """Replace the line ends of JSON text by spaces: valid JSON has them between tokens only."""
    return body.translate(_LINE_ENDS) if b"\n" in body or b"\r" in body else body


# -- events --------------------------------------------------------------------------------------
#
# Write a `Stream` as a response of server-sent events: when, how much at once, and with which keep-alives.
#
# Source: spec 2025-11-25 and 2026-07-28, basic/transports; WHATWG HTML, "Server-sent events".

WRITE_INTERVAL_SECONDS: Final = 0.01
"""Seconds between two writes of notifications, at least: a thousand in a row then cost a few writes. A single
one goes out at once, and so do responses and requests."""

KEEPALIVE: Final = sse.comment()


class EventStreamHandler(BaseHandler):
    """A handler that can answer with server-sent events."""

    _stream: Stream | None = None

    async def pump(self, stream: Stream, first: bytes = b"") -> None:
        """Write a stream as events until it ends, the client leaves, or another reader takes over.

        Headers and `first` go out at once.

        Parameters
        ----------
        first : bytes
            Events or a comment with which the response begins.
        """
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("X-Accel-Buffering", "no")  # a buffering proxy would hold the events back
        self._http.stream.set_nodelay(True)  # events are small, and each should go out at once
        self._stream = stream
        stream.take_up(self)
        payload = first
        while not (stream.ended or stream.released):
            if not await self.put_out(payload):
                return
            # The client or the reader may have changed in each wait, so check again after each.
            if self._reads(stream):
                await stream.pause(WRITE_INTERVAL_SECONDS)
            if self._reads(stream):
                await stream.arrival(self.front.quiet)
            if self.gone:
                return
            if stream.reader is not self:
                await self.finish_with(b"")
                return
            payload = stream.encode(stream.take()) or KEEPALIVE  # empty: the keep-alive time-out woke us
        payload += stream.encode(stream.take())
        if stream.released:
            payload += stream.parting()
        await self.finish_with(payload)

    def _reads(self, stream: Stream) -> bool:
        return not self.gone and stream.reader is self

    def on_connection_close(self) -> None:
        """Wake `pump`, which may be waiting for messages: the client left."""
        super().on_connection_close()
        if self._stream is not None:
            self._stream.wake()


@lru_cache(64)
def accepts(accept: str | None, *types: str) -> bool:
    """Tell whether an `Accept` header allows all of `types`; a request without the header allows any.

    Source: RFC 9110 section 12.5.1. Weights are ignored: a type that is listed is accepted.
    """
    if accept is None:
        return True
    named = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    if "*/*" in named:
        return True
    return all(kind in named or f"{kind.partition('/')[0]}/*" in named for kind in types)
