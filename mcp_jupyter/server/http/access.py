# SPDX-License-Identifier: BSD-3-Clause
"""Who may come in, and what they may say: guards, principals, refusals.

Owns the seam between the HTTP fronts and whatever decides about access, and the guard of a server
that stands alone on the loopback interface. Refuses to know MCP's methods: a principal that allows
less than everything is made by whoever makes the guard (the Jupyter Server extension does).

Source: SECURITY.md ("Machine door"); RFC 6750 section 3 (challenges); spec 2025-11-25 and 2026-07-28,
basic/transports, "Security" (Origin, binding to loopback).
"""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from tornado.web import RequestHandler

from ...errors import McpError
from ...protocol.codes import INVALID_REQUEST
from ...protocol.frames import Frame, Message, Request, RequestId
from ...protocol.limits import MAX_BODY_BYTES
from ...protocol.origins import HostRule, OriginRule, loopback

__all__ = ["CHALLENGE", "Guard", "LoopbackGuard", "Principal", "Refusal", "RefusalLog", "bearer_token"]

log = logging.getLogger(__name__)

CHALLENGE: Final = 'Bearer realm="mcp_jupyter", error="invalid_token"'
"""The `WWW-Authenticate` of every 401 (RFC 6750 section 3.1)."""

REFUSALS_LOGGED_PER_SECOND: Final = 10
"""A flood of refused requests must not become a flood of log lines: it would cost more than the requests."""

MAX_LOG_CHARS: Final = 200
"""Of one line about a refusal: enough to see what was wrong, too little to carry a payload."""


class Refusal(McpError):
    """A request that gets no further: an HTTP status and a JSON-RPC error as its body.

    Parameters
    ----------
    status : int
        The HTTP status.
    message : str
        One sentence, without anything the request said.
    headers : mapping, optional
        More response headers.
    code : int
        The JSON-RPC error's code.
    request_id : RequestId, optional
        Of the refused request, where it could be read.
    """

    def __init__(
        self,
        status: int,
        message: str,
        headers: Mapping[str, str] | None = None,
        *,
        code: int = INVALID_REQUEST,
        data: Any = None,
        request_id: RequestId | None = None,
    ) -> None:
        super().__init__(code, message, data)
        self.status = status
        self.headers = headers or {}
        self.request_id = request_id

    @classmethod
    def of(cls, error: McpError, status: int, request_id: RequestId | None) -> Refusal:
        """A protocol error as the whole answer to a request."""
        return cls(status, error.message, code=error.code, data=error.data, request_id=request_id)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who sends a request. This one may do everything; a subclass may allow less.

    Attributes
    ----------
    id : str
        Sessions and limits belong to it. Two requests with the same id come from the same principal.
    max_body_bytes : int
        The largest body it may send: one that may call no tools needs no large ones, and must not make the
        server parse them.
    """

    id: str = ""
    max_body_bytes: int = MAX_BODY_BYTES

    def check(self, frame: Frame) -> Refusal | None:
        """Why this principal may not send `frame`; None when it may."""
        return None

    def filter(self, request: Request, message: Message) -> Message:
        """The part of a response that this principal may see: lists name only what it may use.

        It must not raise: it runs where the server's messages arrive.
        """
        return message


class Guard(Protocol):
    """Decides who comes in. Asked once a request, before a byte of its body is read."""

    def check(self, handler: RequestHandler) -> None:
        """Look at `Host` and `Origin`; raise `Refusal` (403) when they are not ours."""

    async def admit(self, handler: RequestHandler) -> Principal:
        """Look at the credential; raise `Refusal` (401, 403) when it opens nothing here."""


class LoopbackGuard:
    """The guard of a server that stands alone on the loopback interface.

    A page from elsewhere that runs in a browser on this machine is what it keeps out: such a page
    cannot help naming its origin, or (DNS rebinding) a host that is not ours.

    Parameters
    ----------
    hosts : iterable of str, optional
        What `Host` may say (see `HostRule`); the names of the loopback interface when left out.
    origins : iterable of str
        What `Origin` may say where it is given.
    token : str, optional
        A secret that every request must carry in `Authorization: Bearer`.
    """

    def __init__(
        self, hosts: Iterable[str] | None = None, origins: Iterable[str] = (), token: str | None = None
    ) -> None:
        self._hosts = HostRule(loopback() if hosts is None else hosts)
        self._origins = OriginRule(origins)
        self._token = None if token is None else token.encode()
        self._principal = Principal()

    @classmethod
    def at(cls, port: int, token: str | None = None) -> LoopbackGuard:
        """The guard of a server on the loopback interface at `port`, reached over plain HTTP."""
        hosts = loopback(port)
        return cls(hosts, [f"http://{host}" for host in hosts], token)

    def check(self, handler: RequestHandler) -> None:
        """Refuse foreign hosts and origins."""
        get_list = handler.request.headers.get_list
        reason = self._hosts.check(get_list("Host")) or self._origins.check(
            get_list("Origin"), get_list("Sec-Fetch-Site")
        )
        if reason is not None:
            raise Refusal(403, f"Refused: {reason}.")

    async def admit(self, handler: RequestHandler) -> Principal:
        """Compare the token, where there is one, in constant time."""
        if self._token is not None:
            given = bearer_token(handler)
            if given is None or not hmac.compare_digest(given.encode("latin-1", "replace"), self._token):
                raise Refusal(401, "A valid bearer token is required.", {"WWW-Authenticate": CHALLENGE})
        return self._principal


def bearer_token(handler: RequestHandler) -> str | None:
    """The token in `Authorization: Bearer`; None when there is no such header.

    Raises
    ------
    Refusal
        More than one `Authorization` header: two readers might take different ones.
    """
    values = handler.request.headers.get_list("Authorization")
    if len(values) > 1:
        raise Refusal(400, "There is more than one Authorization header.")
    scheme, _, token = values[0].partition(" ") if values else ("", "", "")
    return token.strip() if scheme.lower() == "bearer" else None


class RefusalLog:
    """Writes one short line about each refused request, and not many of them.

    Parameters
    ----------
    clock : callable
        Seconds; for tests.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._second = clock()
        self._written = 0
        self._silenced = 0

    def write(self, line: str) -> None:
        """Log `line`, cut and with every unusual character made visible."""
        now = self._clock()
        if now - self._second >= 1:
            if self._silenced:
                log.warning("%d more requests were refused", self._silenced)
            self._second, self._written, self._silenced = now, 0, 0
        if self._written >= REFUSALS_LOGGED_PER_SECOND:
            self._silenced += 1
            return
        self._written += 1
        log.warning("%s", line[:MAX_LOG_CHARS].encode("unicode_escape").decode()[:MAX_LOG_CHARS])
