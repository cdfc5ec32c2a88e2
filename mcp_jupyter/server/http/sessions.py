# SPDX-License-Identifier: BSD-3-Clause
"""Keep the legacy era's HTTP sessions, and choose the response stream of each server message.

A `Session` is the sink of its channel to the server. It puts each message on exactly one stream (spec
2025-11-25, basic/transports, "Sending Messages"). A `SessionTable` limits how many sessions exist, how many
belong to one principal, and how long an idle one lives. An `Endpoint` is one served server: its session
table, and the running requests of the modern era, which has no sessions. HTTP itself is left to the handlers.
"""

from __future__ import annotations

import abc
import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple, TypeVar

import anyio

from ...engine.channel import Channel
from ...engine.pool import ChannelPool
from ...errors import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    BacklogFull,
    ConnectionClosed,
    FrameError,
    McpError,
    McpJupyterError,
)
from ...protocol.eras import LATEST_LEGACY, MODERN_META
from ...protocol.frames import (
    ErrorResponse,
    Frame,
    Headers,
    Message,
    Notification,
    Request,
    RequestId,
    Response,
    encode,
)
from ...protocol.limits import MAX_IN_FLIGHT, MAX_SESSIONS
from ...protocol.methods import CLOSE_STREAM, FORGET_SENDER
from .admission import Principal, Refusal
from .modern import ModernExchange
from .response_stream import EventLog, Exchange, Stream

__all__ = [
    "MAX_SESSIONS_PER_PRINCIPAL",
    "SESSION_IDLE_SECONDS",
    "Endpoint",
    "Session",
    "SessionTable",
    "SseSession",
    "StreamableSession",
]

log = logging.getLogger(__name__)

MAX_SESSIONS_PER_PRINCIPAL: Final = 64
"""More clients than one principal runs. At the limit, eight principals fill `MAX_SESSIONS`."""

SESSION_IDLE_SECONDS: Final = 30 * 60.0
"""Seconds. A client that sends nothing for so long, and has no stream open, has most likely gone."""

SWEEP_SECONDS: Final = 60.0
"""Seconds between two searches for idle sessions: a session outlives its limit by a minute at most."""

FORGET_SECONDS: Final = 5.0
"""Seconds. A server that does not answer by then has most likely gone, and what it kept with it."""

_GONE: Final = "The session ended before the request was answered; initialize a new one."

_SESSION_ID_BYTES: Final = 16  # 128 bits: an id cannot be guessed, and is useless without its principal


S = TypeVar("S", bound="Session")


class _Asked(NamedTuple):
    """A request that the server has not answered yet."""

    request: Request
    principal: Principal
    stream: Stream


class Session(abc.ABC):
    """One session of a client of the legacy era.

    `SessionTable.add` makes it; `SessionTable.get` returns it only after `establish`.

    Attributes
    ----------
    id : str
        The session id that the client sends.
    principal : Principal
        The principal that opened the session and alone may use it.
    established : bool
        Whether its handshake succeeded.
    version : str
        The negotiated protocol version; empty over HTTP+SSE, where the handlers do not need it.
    standalone : Stream
        Messages that do not belong to a client's request. They wait here while no GET is open.
    reading : bool
        Whether a GET is open.
    """

    def __init__(
        self, principal: Principal, over: Callable[[Session], None], now: Callable[[], float]
    ) -> None:
        self.id = secrets.token_urlsafe(_SESSION_ID_BYTES)
        self.principal = principal
        self.established = False
        self.version = ""
        self.standalone = self._standalone()
        self.reading = False
        self._channel: Channel | None = None
        self._asked: dict[RequestId, _Asked] = {}
        self._over = over
        self._now = now
        self._last_used = now()
        self._retired = False
        self._closed = False

    # -- life ----------------------------------------------------------------------------------

    def start(self, channel: Channel) -> None:
        """Connect the session to the server over `channel`, which is closed with the session."""
        self._channel = channel
        if self._closed:
            channel.close()
        else:
            channel.start(self)

    def establish(self, version: str = "") -> None:
        """Record that the handshake succeeded: `SessionTable.get` returns the session from now on."""
        self.established = True
        self.version = version

    def touch(self) -> None:
        """Record that the session is in use."""
        self._last_used = self._now()

    @property
    def idle_seconds(self) -> float | None:
        """Seconds since the session was last used; None while a stream is open or a request is in flight."""
        return None if self.reading or self._asked else self._now() - self._last_used

    def retire(self) -> None:
        """End the session as soon as all its requests are answered."""
        self._retired = True
        self._leave_if_retired()

    def _leave_if_retired(self) -> None:
        if self._retired and not self._asked:
            self.close()

    def close(self) -> None:
        """End the session, its channel and its streams. Idempotent."""
        if self._channel is not None:
            self._channel.close()
        self.closed()

    # -- from the client -----------------------------------------------------------------------

    def deliver(self, frame: Frame, raw: bytes, stream: Stream, principal: Principal) -> None:
        """Send a client's message to the server.

        Parameters
        ----------
        raw : bytes
            The frame's JSON on one line.
        stream : Stream
            Receives the response of a request and the messages that belong to it. A refused request is
            answered there at once.
        """
        self.touch()
        if isinstance(frame, Request):
            reason = self._conflict(frame)
            if reason is not None:
                self._put(stream.answer, _error(frame.id, INVALID_REQUEST, reason))
                return
            self._asked[frame.id] = _Asked(frame, principal, stream)
        try:
            if self._channel is None:
                raise ConnectionClosed("The session is not open.")
            rights = principal.rights_with(frame)
            headers, label = self._headers, principal.label
            self._channel.send(Message(frame, raw, None, principal.id, headers, rights, label))
        except ConnectionClosed:
            self.closed()  # answers this request too
        if isinstance(frame, Notification) and frame.method == "notifications/cancelled":
            self._cancelled(frame.params.get("requestId"))

    def _conflict(self, request: Request) -> str | None:
        if request.id in self._asked:
            return f"A request with the id {request.id!r} is still in progress."
        if len(self._asked) >= MAX_IN_FLIGHT:
            return f"More than {MAX_IN_FLIGHT} requests in flight; wait for answers."
        return None

    def _cancelled(self, id_: object) -> None:
        """Forget a cancelled request: the server does not answer it (spec, "Cancellation")."""
        if isinstance(id_, bool) or not isinstance(id_, int | str):
            return
        asked = self._asked.get(id_)
        if asked is not None and asked.request.method != "initialize":
            del self._asked[asked.request.id]
            asked.stream.settle()
            self._leave_if_retired()

    # -- from the server: the channel's sink -----------------------------------------------------

    def message(self, message: Message) -> None:
        """Put a server's message on the one stream that it belongs to."""
        if isinstance(message.frame, Response | ErrorResponse):
            self._answered(message.frame, message)
        else:
            self._put(self._stream_of(message.related).put, message)

    def fault(self, error: FrameError) -> None:
        """Log an invalid message of the server: it cannot be assigned to a request."""
        log.warning("the server sent an invalid message: %s", error.message)

    def closed(self) -> None:
        """Answer all open requests with an error, and end the session. Idempotent."""
        asked, self._asked = self._asked, {}
        for request, _, stream in asked.values():
            self._put(stream.answer, _error(request.id, INTERNAL_ERROR, _GONE))
        if not self._closed:
            self._closed = True
            self.standalone.end()
            self._over(self)

    _headers: Headers | None = None

    def _standalone(self) -> Stream:
        return Stream()

    @abc.abstractmethod
    def _stream_of(self, related: RequestId | None) -> Stream:
        """Return the stream for a notification or request of the server that belongs to request `related`."""

    def _answered(self, frame: Response | ErrorResponse, message: Message) -> None:
        asked = self._asked.pop(frame.id, None) if frame.id is not None else None
        if asked is not None:
            self.touch()
            self._put(asked.stream.answer, asked.principal.filter(asked.request, message))
            self._leave_if_retired()

    def _put(self, put: Callable[[Message], None], message: Message) -> None:
        try:
            put(message)
        except BacklogFull as exc:
            log.info("a session ended: %s", exc)
            self.close()


class StreamableSession(Session):
    """A session over Streamable HTTP: each POST has a stream, all other messages share `standalone`.

    Attributes
    ----------
    log : EventLog
        The events of the session's streams, for clients that resume one.
    """

    _headers = ()  # not None: the transport has headers, but legacy clients repeat no arguments in them

    def establish(self, version: str = "") -> None:
        super().establish(version)
        self.log.primes = version == LATEST_LEGACY

    def message(self, message: Message) -> None:
        frame = message.frame
        if isinstance(frame, Notification) and frame.method == CLOSE_STREAM:
            stream = self._stream_of(message.related)
            if stream is not self.standalone:
                stream.release()
        else:
            super().message(message)

    def exchange(self, requests: int = 1) -> Exchange:
        """Return the stream of a POST that carries `requests` requests."""
        return Exchange(requests, self.log)

    def left(self, stream: Stream, reader: object) -> None:
        """Handle a response that ended before its stream. Its requests go on: a disconnect does not cancel.

        A client that has the id of an event can ask for the rest. Without an event the answers are dropped,
        but the requests' ids stay taken until the server answers.
        """
        if stream.key is not None:
            stream.leave(reader)
        elif not stream.ended:
            self._abandon(stream)

    def _abandon(self, stream: Stream) -> None:
        nowhere = Stream()
        nowhere.end()
        for id_, asked in self._asked.items():
            if asked.stream is stream:
                self._asked[id_] = asked._replace(stream=nowhere)

    def _standalone(self) -> Stream:
        self.log = EventLog()
        return Stream(self.log)

    def _stream_of(self, related: RequestId | None) -> Stream:
        asked = self._asked.get(related) if related is not None else None
        return self.standalone if asked is None or asked.stream.ended else asked.stream


class SseSession(Session):
    """A session over HTTP+SSE: all messages to the client go on the one stream that it opened."""

    def tell(self, message: Message) -> None:
        """Send the client a message in place of the server."""
        self._put(self.standalone.put, message)

    def _stream_of(self, related: RequestId | None) -> Stream:
        return self.standalone


class SessionTable:
    """The sessions of one endpoint.

    Parameters
    ----------
    per_principal, total : int
        How many may exist. At the limit, a new session replaces the one that was idle longest.
    idle : float
        Seconds after which an idle session ends.
    clock : callable
        Seconds; for tests.
    """

    def __init__(
        self,
        *,
        per_principal: int = MAX_SESSIONS_PER_PRINCIPAL,
        total: int = MAX_SESSIONS,
        idle: float = SESSION_IDLE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_principal = per_principal
        self._total = total
        self._idle = idle
        self._clock = clock
        self._sessions: dict[str, Session] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._sessions.values()))

    def add(self, principal: Principal, kind: type[S]) -> S:
        """Return a new session. It counts at once; `get` returns it once it is established.

        Raises
        ------
        Refusal
            429 or 503: the principal's or the endpoint's limit is reached, and all its sessions are in use.
        """
        own = [session for session in self if session.principal.id == principal.id]
        if len(own) >= self._per_principal and not self._evict(own):
            raise Refusal(429, f"More than {self._per_principal} sessions are in use with this credential.")
        if len(self) >= self._total and not self._evict(list(self)):
            raise Refusal(503, f"More than {self._total} sessions are in use.")
        session = kind(principal, self._forget, self._clock)
        self._sessions[session.id] = session
        if self._timer is None:
            self._plan_sweep()
        return session

    def get(self, id_: str, principal: Principal, kind: type[S]) -> S | None:
        """Return the established session of that id, kind and principal, or None."""
        session = self._sessions.get(id_)
        if not isinstance(session, kind) or not session.established:
            return None
        if session.principal.id != principal.id:
            return None
        session.touch()
        return session

    def end(self, principal_id: str) -> None:
        """End every session of a principal that has lost its access."""
        for session in self:
            if session.principal.id == principal_id:
                session.close()

    def retire(self, principal_id: str | None = None) -> None:
        """End the sessions of a principal, or all, each as soon as its requests are answered."""
        for session in self:
            if principal_id in (None, session.principal.id):
                session.retire()

    def sweep(self) -> None:
        """End the sessions that have been idle too long."""
        for session in self:
            idle = session.idle_seconds
            if idle is not None and idle >= self._idle:
                session.close()

    def close(self) -> None:
        """End all sessions."""
        for session in self:
            session.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _evict(self, candidates: list[Session]) -> bool:
        # A session in its handshake is not idle: evicting it would make that handshake fail.
        idle = [
            (seconds, session)
            for session in candidates
            if session.established and (seconds := session.idle_seconds) is not None
        ]
        if not idle:
            return False
        max(idle, key=lambda pair: pair[0])[1].close()
        return True

    def _forget(self, session: Session) -> None:
        self._sessions.pop(session.id, None)

    def _plan_sweep(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._swept)

    def _swept(self) -> None:
        self._timer = None
        self.sweep()
        if self._sessions:
            self._plan_sweep()


class Endpoint:
    """One served server as HTTP sees it: how to reach it, its sessions and its running modern requests.

    Parameters
    ----------
    open : async callable
        Opens a channel to the server, not yet started; raises `McpJupyterError` when the server cannot be
        reached. Modern requests of different principals share channels, so a message is authorised before
        it reaches one.
    sessions : SessionTable, optional
        A table with other limits than the defaults.
    """

    def __init__(self, open: Callable[[], Awaitable[Channel]], sessions: SessionTable | None = None) -> None:
        self.open = open
        self.sessions = SessionTable() if sessions is None else sessions
        self.pool = ChannelPool(open)
        self._running: dict[str, set[ModernExchange]] = {}

    @property
    def requests_under_way(self) -> int:
        """How many modern requests have no answer yet."""
        return sum(map(len, self._running.values()))

    @contextmanager
    def running(self, exchange: ModernExchange) -> Iterator[None]:
        """Register a running modern request, so that `end`, `retire` and `close` can stop it.

        Raises
        ------
        Refusal
            429: its principal has too many running requests.
        """
        principal_id = exchange.principal.id
        own = self._running.setdefault(principal_id, set())
        if len(own) >= MAX_IN_FLIGHT:
            message = f"More than {MAX_IN_FLIGHT} requests in flight; wait for answers."
            raise Refusal(429, message, request_id=exchange.request.id)
        own.add(exchange)
        try:
            yield
        finally:
            own.discard(exchange)
            if not own:
                self._running.pop(principal_id, None)

    def end(self, principal_id: str) -> None:
        """End all sessions, subscriptions and requests of a principal."""
        self.sessions.end(principal_id)
        for exchange in list(self._running.get(principal_id, ())):
            exchange.stop("The credential is no longer valid.")

    def retire(self, principal_id: str | None = None) -> None:
        """End sessions and subscriptions of one principal, or of all, but let running requests finish.

        Used when the server has moved to another URL, or a principal may no longer use it.
        """
        self.sessions.retire(principal_id)
        for exchange in [exchange for own in self._running.values() for exchange in own]:
            is_meant = principal_id in (None, exchange.principal.id)
            if is_meant and exchange.request.method == "subscriptions/listen":
                exchange.stop("The server is not at this URL any longer.")

    async def forget(self, principal_id: str) -> None:
        """Tell the server to drop what it keeps for a principal: suspended calls and tasks."""
        request = Request("forget", FORGET_SENDER, {"_meta": MODERN_META})
        exchange = ModernExchange(request, Principal(principal_id))
        with suppress(McpJupyterError), anyio.move_on_after(FORGET_SECONDS):
            async with self.pool.lease() as lease:
                lease.start(exchange)
                await lease.send(Message(request, encode(request), sender=principal_id))
                await exchange.pause(FORGET_SECONDS)
                if exchange.answered:
                    lease.done()

    async def close(self) -> None:
        """End all sessions and requests: subscriptions with their final result, the others with an error."""
        self.sessions.close()
        for exchange in [exchange for own in self._running.values() for exchange in own]:
            exchange.stop("The server is stopping.")
        await self.pool.close()


def _error(id_: RequestId, code: int, message: str) -> Message:
    return Message.of(ErrorResponse(id_, McpError(code, message).to_dict()))
