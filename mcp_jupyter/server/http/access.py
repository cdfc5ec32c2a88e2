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
import ipaddress
import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from tornado.web import RequestHandler

from ..._util.text import safe_line
from ...errors import McpError
from ...protocol.codes import INVALID_REQUEST
from ...protocol.frames import Frame, Message, Request, RequestId
from ...protocol.limits import MAX_BODY_BYTES
from ...protocol.origins import HostRule, OriginRule, loopback
from ...protocol.rights import EVERY_RIGHT, Rights
from ..constant_tools import stands_for

__all__ = [
    "CHALLENGE",
    "INSUFFICIENT_SCOPE",
    "Guard",
    "LoopbackGuard",
    "Principal",
    "Refusal",
    "RefusalLog",
    "bearer_token",
    "check_token",
    "is_loopback",
]

log = logging.getLogger(__name__)

CHALLENGE: Final = 'Bearer realm="mcp_jupyter", error="invalid_token"'
"""The `WWW-Authenticate` of every 401 (RFC 6750 section 3.1)."""

UNAUTHORIZED_TEXT: Final = (
    "Run `jupyter mcp connect NAME` in a terminal: it shows the bearer token that this server asks for. "
    "(`jupyter mcp token create NAME` makes tokens for notebooks behind a Jupyter Server.)"
)
"""The 401 of a server with a token of its own. What to do comes first: hosts hand it to the model."""

INSUFFICIENT_SCOPE: Final = 'Bearer realm="mcp_jupyter", error="insufficient_scope"'
"""The same of every 403 for a good token that does not reach so far."""

REFUSALS_LOGGED_PER_SECOND: Final = 10
"""A flood of refused requests must not become a flood of log lines: it would cost more than the requests."""

_OPENING: Final = frozenset({"initialize", "server/discover"})

MIN_TOKEN_CHARS: Final = 16
"""A shorter token could be guessed by asking often enough."""

MAX_TOKEN_CHARS: Final = 512
"""It travels in a header of every request."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)
"""What may follow `Bearer` (RFC 6750 section 2.1, b64token)."""


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

    @property
    def rights(self) -> Rights:
        """What it may use, for a server that has to decide what a call is for."""
        return EVERY_RIGHT

    def rights_with(self, frame: Frame) -> Rights | None:
        """The rights that travel with `frame`; None with most.

        They travel with an opening, whose answer may name what there is, and with a call of a tool that may
        stand for others.
        """
        if not isinstance(frame, Request):
            return None
        stands = frame.method == "tools/call" and stands_for(frame.params) is not None
        return self.rights if stands or frame.method in _OPENING else None

    def filter(self, request: Request, message: Message) -> Message:
        """The part of a response that this principal may see: lists name only what it may use.

        It must not raise: it runs where the server's messages arrive. A result is a dict where it came over
        a wire; of a server in this process it may be a model.
        """
        return message


class Guard(Protocol):
    """Decides who comes in. Asked once a request, before a byte of its body is read."""

    def check(self, handler: RequestHandler) -> None:
        """Look at `Host` and `Origin`; raise `Refusal` (403) when they are not ours."""

    async def admit(self, handler: RequestHandler) -> Principal:
        """Look at the credential; raise `Refusal` (401, 403) when it opens nothing here."""


def is_loopback(host: str) -> bool:
    """Whether a server that listens on `host` can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_token(token: str) -> str:
    """Return `token` if a server can ask for it in `Authorization: Bearer`.

    Raises
    ------
    ValueError
        It is too short, too long, or has characters that the header cannot carry. The message does not repeat
        the token.
    """
    if not MIN_TOKEN_CHARS <= len(token) <= MAX_TOKEN_CHARS or _TOKEN.fullmatch(token) is None:
        raise ValueError(
            f"A token has {MIN_TOKEN_CHARS} to {MAX_TOKEN_CHARS} characters, all of them letters, digits or "
            "one of - . _ ~ + / and, at its end, =. To make one: "
            "python -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    return token


class LoopbackGuard:
    """The guard of a server that stands alone: on the loopback interface, or anywhere with a token.

    It keeps out pages from elsewhere that run in a browser on this machine: such a page cannot help naming
    its origin, or (DNS rebinding) a host that is not ours. The other users and programs of this machine are
    kept out by the token alone.

    Parameters
    ----------
    hosts : iterable of str, optional
        What `Host` may say (see `HostRule`); the names of the loopback interface when left out.
    origins : iterable of str
        What `Origin` may say where it is given.
    token : str, optional
        A secret that every request must carry in `Authorization: Bearer`.
    any_host : bool
        Take any one `Host`: by which names other machines call this one is not known. `token` is needed then.

    Raises
    ------
    ValueError
        `any_host` without `token`.
    """

    def __init__(
        self,
        hosts: Iterable[str] | None = None,
        origins: Iterable[str] = (),
        token: str | None = None,
        *,
        any_host: bool = False,
    ) -> None:
        if any_host and token is None:
            raise ValueError("Without a token, only requests to this machine's loopback names can be served.")
        self._hosts = None if any_host else HostRule(loopback() if hosts is None else hosts)
        self._origins = OriginRule(origins)
        self._token = None if token is None else token.encode()
        self._principal = Principal()

    @classmethod
    def at(cls, port: int, token: str | None = None) -> LoopbackGuard:
        """The guard of a server on the loopback interface at `port`, reached over plain HTTP."""
        hosts = loopback(port)
        return cls(hosts, [f"http://{host}" for host in hosts], token)

    @classmethod
    def listening(cls, host: str, port: int, token: str | None) -> LoopbackGuard:
        """The guard of a server that listens on `host` and `port`.

        Without a token it answers to the loopback names at this port only. With one it answers at any port
        (a tunnel's, a container's), and beyond the loopback interface to any name.

        Raises
        ------
        ValueError
            `host` can be reached from other machines, and there is no token.
        """
        if not is_loopback(host):
            if token is None:
                raise ValueError(
                    f"Other machines can reach a server at {host!r}: give a token, or listen on 127.0.0.1."
                )
            return cls(token=token, any_host=True)
        shown = f"[{host.partition('%')[0]}]" if ":" in host else host
        own = (*loopback(port), f"{shown}:{port}")
        hosts = own if token is None else (*loopback(), f"{shown}:*")
        return cls(hosts, [f"http://{each}" for each in own], token)

    def check(self, handler: RequestHandler) -> None:
        """Refuse foreign hosts and origins."""
        get_list = handler.request.headers.get_list
        reason = self._host_refusal(get_list("Host")) or self._origins.check(
            get_list("Origin"), get_list("Sec-Fetch-Site")
        )
        if reason is not None:
            raise Refusal(403, f"Refused: {reason}.")

    def _host_refusal(self, hosts: Sequence[str]) -> str | None:
        if self._hosts is not None:
            return self._hosts.check(hosts)
        return None if len(hosts) == 1 else "exactly one Host header is needed"

    async def admit(self, handler: RequestHandler) -> Principal:
        """Compare the token, where there is one, in constant time."""
        if self._token is not None:
            given = bearer_token(handler)
            if given is None or not hmac.compare_digest(given.encode("latin-1", "replace"), self._token):
                raise Refusal(401, UNAUTHORIZED_TEXT, {"WWW-Authenticate": CHALLENGE})
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
        """Log the beginning of `line`, made safe to show."""
        now = self._clock()
        if now - self._second >= 1:
            if self._silenced:
                log.warning("%d more requests were refused", self._silenced)
            self._second, self._written, self._silenced = now, 0, 0
        if self._written >= REFUSALS_LOGGED_PER_SECOND:
            self._silenced += 1
            return
        self._written += 1
        log.warning("%s", safe_line(line))
