# SPDX-License-Identifier: BSD-3-Clause
"""Handle Streamable HTTP requests of both eras at one URL.

`StreamableHandler` finds out which era a request belongs to, checks what that era requires, and answers with
JSON or with a stream of events. Messages pass through as the bytes in which they arrived.

Source: spec 2025-03-26, 2025-06-18, 2025-11-25 and 2026-07-28, basic/transports, "Streamable HTTP".
"""

from __future__ import annotations

from typing import Any, Final

from ...errors import (
    INTERNAL_ERROR,
    UNSUPPORTED_PROTOCOL_VERSION,
    FrameError,
    McpError,
    McpJupyterError,
    OutOfScope,
)
from ...protocol import headers
from ...protocol.eras import LATEST_LEGACY, LATEST_MODERN, Era, era_of
from ...protocol.frames import (
    ErrorResponse,
    Frame,
    Message,
    Notification,
    Request,
    Response,
    classify,
    encode,
    parse,
)
from ...protocol.methods import MODERN_VERSIONS
from .admission import INSUFFICIENT_SCOPE, Refusal
from .base_handler import KEEPALIVE, EventStreamHandler, accepts, one_line, split
from .modern import ModernExchange, check_request, is_modern_version, param_values, speaks_modern
from .response_stream import Exchange, Stream
from .sessions import StreamableSession

__all__ = ["StreamableHandler"]

INITIALIZE_TIMEOUT_SECONDS: Final = 60.0
"""Seconds. The session id is a response header, so not even a keep-alive goes out before the answer."""

LARGE_BODY_BYTES: Final = 64 * 1024
"""Bytes. A larger body is checked by its headers before it is parsed. A smaller one is cheap to parse, and
its refusal can then carry the request's id."""

_BATCH_VERSION: Final = "2025-03-26"
"""The one version of this transport with JSON-RPC batches."""

_LEGACY: Final = era_of(LATEST_LEGACY)
_MODERN: Final = era_of(LATEST_MODERN)

_EVENTS: Final = "text/event-stream"
_BOTH: Final = ("application/json", _EVENTS)


class StreamableHandler(EventStreamHandler):
    """The handler of the one URL of Streamable HTTP."""

    SUPPORTED_METHODS: tuple[str, ...] = ("GET", "POST", "DELETE")

    async def post(self, *path: str) -> None:
        """Answer one message of a client, or a batch."""
        body = self.take_body()
        if not accepts(self.request.headers.get("Accept"), *_BOTH):
            raise Refusal(406, "The client must accept application/json and text/event-stream.")
        if len(body) > LARGE_BODY_BYTES:
            self._check_announced()
        try:
            value = parse(body)
            if type(value) is list:
                await self._post_batch(value)
                return
            frame = classify(value)
        except FrameError as exc:
            raise Refusal.of(exc, 400, exc.request_id) from None
        raw = one_line(body)
        is_modern = speaks_modern(frame, self._versions)
        self.era, self.method = "modern" if is_modern else "legacy", getattr(frame, "method", "")
        if is_modern:
            await self._post_modern(frame, raw)
        elif isinstance(frame, Request) and frame.method == "initialize":
            await self._post_initialize(frame, raw)
        else:
            await self._post_legacy(frame, raw)

    async def get(self, *path: str) -> None:
        """Open a session's stream for messages that do not belong to a request, or resume a stream."""
        self._only_legacy()
        if not accepts(self.request.headers.get("Accept"), _EVENTS):
            raise Refusal(406, "The client must accept text/event-stream.")
        session = self._session()
        if headers.LAST_EVENT_ID in self.request.headers:
            stream, missed = self._resumed(session)
            if stream is not session.standalone:
                await self.pump(stream, missed or KEEPALIVE)
                session.left(stream, self)
                return
        elif session.reading:
            raise Refusal(409, "This session has its stream open already.")
        else:
            missed = b""
        session.reading = True
        try:
            await self.pump(session.standalone, missed or KEEPALIVE)
        finally:
            if session.standalone.reader is self:
                session.reading = False
            session.touch()

    def _resumed(self, session: StreamableSession) -> tuple[Stream, bytes]:
        given = self.request.headers.get_list(headers.LAST_EVENT_ID)
        try:
            return session.log.since(given[0].strip() if len(given) == 1 else "")
        except LookupError:
            # Not 404: to the client that would mean that the session has ended.
            message = f"{headers.LAST_EVENT_ID}: unknown or expired event; open a stream without it."
            raise Refusal(400, message) from None

    async def delete(self, *path: str) -> None:
        """End a session."""
        self._only_legacy()
        self._session().close()
        await self.reply(status=204)

    # -- the legacy era ------------------------------------------------------------------------

    async def _post_initialize(self, request: Request, raw: bytes) -> None:
        self.principal.authorise(request)
        session = self.endpoint.sessions.add(self.principal, StreamableSession)
        exchange = Exchange()
        try:
            session.start(await self.endpoint.open())
            session.deliver(request, raw, exchange, self.principal)
            # The session id goes out with the headers, so write nothing before the session is established.
            self._stream = exchange
            await exchange.pause(INITIALIZE_TIMEOUT_SECONDS)
            messages = exchange.take()
            if not self.gone:
                self._establish(session, messages)
        except McpJupyterError as exc:
            await self._fail(request, exc)
            return
        finally:
            if not session.established:
                session.close()
        if session.established:
            self.set_header(headers.SESSION_ID, session.id)
        await self._answer(exchange, messages, _LEGACY)

    @staticmethod
    def _establish(session: StreamableSession, messages: list[Message]) -> None:
        if not messages:
            raise McpError(INTERNAL_ERROR, "The server did not answer in time.")
        answer = messages[-1].frame
        if isinstance(answer, Response):
            session.establish(str(answer.result.get("protocolVersion")))

    async def _post_legacy(self, frame: Frame, raw: bytes) -> None:
        session = self._session(frame)
        self.principal.authorise(frame)
        exchange = session.exchange()
        session.deliver(frame, raw, exchange, self.principal)
        if isinstance(frame, Request):
            await self._relay(exchange, _LEGACY)
            session.left(exchange, self)
        else:
            await self.reply(status=202)

    async def _post_batch(self, entries: list[Any]) -> None:
        session = None if is_modern_version(self._versions) else self._session()
        if session is None or session.version != _BATCH_VERSION:
            raise Refusal(400, f"Only protocol version {_BATCH_VERSION} has batches; send one message.")
        batch = split(entries, self.principal)
        exchange = session.exchange(batch.answers)
        for message in batch.refused:
            exchange.answer(message)
        for frame, raw in batch.accepted:
            session.deliver(frame, raw, exchange, self.principal)
        if batch.answers:
            await self._relay(exchange, _LEGACY, array=True)
            session.left(exchange, self)
        else:
            await self.reply(status=202)

    def _session(self, frame: Frame | None = None) -> StreamableSession:
        id_ = frame.id if isinstance(frame, Request) else None
        given = self.request.headers.get_list(headers.SESSION_ID)
        if len(given) != 1:
            message = f"One {headers.SESSION_ID} header is required; the answer to initialize has it."
            raise Refusal(400, message, request_id=id_)
        session = self.endpoint.sessions.get(given[0], self.principal, StreamableSession)
        if session is None:
            raise Refusal(404, "Unknown session; initialize a new one.", request_id=id_)
        return session

    def _only_legacy(self) -> None:
        if is_modern_version(self._versions):
            raise Refusal(405, "This protocol version has POST only.", {"Allow": "POST"})

    # -- the modern era ------------------------------------------------------------------------

    async def _post_modern(self, frame: Frame, raw: bytes) -> None:
        if not isinstance(frame, Request):
            await self._take_modern_notification(frame)
            return
        try:
            era = check_request(frame, self.request.headers.get_list)
        except McpError as exc:
            raise Refusal.of(exc, _MODERN.http_status(exc.code), frame.id) from None
        self.principal.authorise(frame)
        exchange = ModernExchange(frame, self.principal)
        with self.endpoint.running(exchange):
            try:
                async with self.endpoint.pool.lease() as lease:
                    lease.start(exchange)
                    given = param_values(frame.method, self.request.headers.get_all())
                    who, rights = self.principal, self.principal.rights_with(frame)
                    await lease.send(Message(frame, raw, None, who.id, given, rights, who.label))
                    await self._relay(exchange, era)
                    if exchange.answered:
                        lease.done()
            except McpJupyterError as exc:
                await self._fail(frame, exc)

    async def _take_modern_notification(self, frame: Frame) -> None:
        """Acknowledge a notification of a modern client: over HTTP none of them needs an action."""
        if not isinstance(frame, Notification):
            raise Refusal(400, "Clients of this protocol version do not send responses.")
        for version in self._versions:
            if version not in MODERN_VERSIONS:
                raise Refusal(
                    400,
                    "This protocol version is not supported.",
                    code=UNSUPPORTED_PROTOCOL_VERSION,
                    data={"supported": list(MODERN_VERSIONS), "requested": version},
                )
        self.principal.authorise(frame)
        await self.reply(status=202)

    # -- answers -------------------------------------------------------------------------------

    def _check_announced(self) -> None:
        """Refuse a large request before parsing, if its headers show that the principal may not send it."""
        announced = headers.announced(self.request.headers.get_list)
        refusal = None if announced is None else self.principal.check(Request(0, *announced))
        if refusal is not None:
            raise refusal

    async def _relay(self, exchange: Exchange, era: Era, *, array: bool = False) -> None:
        """Answer a POST: with JSON if the response is the first message, else with events.

        An `array` answers a batch; it is sent as JSON while only responses arrive.
        """
        self._stream = exchange
        if self._http.stream.closed():  # the client left before tornado began to watch the connection
            self.gone = True
            return
        await exchange.arrival(self.front.quiet)
        messages = exchange.take()
        # A batch can still be answered as one JSON array while nothing but responses has come.
        while array and not exchange.ended and messages and _only_responses(messages):
            await exchange.arrival(self.front.quiet)
            more = exchange.take()
            if not more:  # the keep-alive is due, and only a stream of events can carry it
                break
            messages += more
        await self._answer(exchange, messages, era, array=array)

    async def _answer(
        self, exchange: Exchange, messages: list[Message], era: Era, *, array: bool = False
    ) -> None:
        if self.gone:
            return
        if not exchange.ended or not _only_responses(messages):
            await self.pump(exchange, exchange.opening() + exchange.encode(messages) or KEEPALIVE)
        elif array:
            await self.reply(b"[%b]" % b",".join([message.raw for message in messages]))
        elif messages:
            frame = messages[0].frame
            status = self._error_status(frame, era) if isinstance(frame, ErrorResponse) else 200
            await self.reply(messages[0].raw, status)
        else:  # all its requests were cancelled
            await self.reply(status=202)

    def _error_status(self, frame: ErrorResponse, era: Era) -> int:
        if OutOfScope.of(frame.error.get("data")) is None:
            return era.http_status(frame.error["code"])
        self.set_header("WWW-Authenticate", INSUFFICIENT_SCOPE)
        return 403

    async def _fail(self, request: Request, exc: McpJupyterError) -> None:
        """Answer with an error in place of a server that cannot be reached."""
        error = McpError(INTERNAL_ERROR, str(exc))
        await self.reply(encode(ErrorResponse(request.id, error.to_dict())))

    @property
    def _versions(self) -> list[str]:
        return self.request.headers.get_list(headers.PROTOCOL_VERSION)


def _only_responses(messages: list[Message]) -> bool:
    return all(isinstance(message.frame, Response | ErrorResponse) for message in messages)
