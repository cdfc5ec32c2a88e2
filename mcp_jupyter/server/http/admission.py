# SPDX-License-Identifier: BSD-3-Clause
"""Decide whether an HTTP request is let in: `admit`, called once a request, before its body is read.

An `Authenticator` holds what differs between a standalone server and one in a Jupyter Server: which hosts and
origins belong to the server, and which principal a credential stands for. The `Principal` owns sessions, and
later decides whether it may send each message (scope).

Source: RFC 6750 section 3 (challenges); spec 2025-11-25 and 2026-07-28, basic/transports, "Security" (Origin,
binding to loopback).
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from tornado.httputil import HTTPServerRequest
from tornado.web import RequestHandler

from ..._util.text import safe_line
from ...errors import INVALID_REQUEST, McpError
from ...protocol.frames import Frame, Message, Request, RequestId
from ...protocol.limits import MAX_BODY_BYTES
from ...protocol.origins import HostRule, OriginRule, loopback
from ...protocol.rights import EVERY_RIGHT, Rights
from ..constant_tools import stands_for

if TYPE_CHECKING:
    from .sessions import Endpoint

__all__ = [
    "CHALLENGE",
    "INSUFFICIENT_SCOPE",
    "JSON",
    "Admitted",
    "Authenticator",
    "Principal",
    "Refusal",
    "RefusalLog",
    "StandaloneAuthenticator",
    "admit",
    "bearer_token",
    "check_token",
    "is_loopback",
]

log = logging.getLogger(__name__)

JSON: Final = "application/json"

CHALLENGE: Final = 'Bearer realm="mcp_jupyter", error="invalid_token"'
"""The `WWW-Authenticate` of every 401 (RFC 6750 section 3.1)."""

UNAUTHORIZED_TEXT: Final = (
    "Run `jupyter mcp connect NAME` in a terminal: it shows the bearer token that this server asks for. "
    "(`jupyter mcp token create NAME` makes tokens for notebooks behind a Jupyter Server.)"
)
"""The 401 of a server with a token of its own. What to do comes first: hosts hand it to the model."""

INSUFFICIENT_SCOPE: Final = 'Bearer realm="mcp_jupyter", error="insufficient_scope"'
"""The `WWW-Authenticate` of every 403 for a good token whose scope does not include the request."""

REFUSALS_LOGGED_PER_SECOND: Final = 10
"""A flood of refused requests must not become a flood of log lines: it would cost more than the requests."""

_OPENING: Final = frozenset({"initialize", "server/discover"})

MIN_TOKEN_CHARS: Final = 16
"""A shorter token could be found by trying."""

MAX_TOKEN_CHARS: Final = 512
"""Every request carries the token in a header, and headers are limited (`MAX_HEADER_BYTES`)."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)
"""What may follow `Bearer` (RFC 6750 section 2.1, b64token)."""


class Refusal(McpError):
    """The answer to a request that is refused: an HTTP status, and a JSON-RPC error as its body.

    Parameters
    ----------
    status : int
        The HTTP status.
    message : str
        One sentence. It repeats nothing of the request.
    headers : mapping, optional
        More response headers.
    code : int
        The JSON-RPC error's code.
    request_id : RequestId, optional
        The JSON-RPC id of the refused request, where it could be read.
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
        """Make a protocol error the whole answer to a request."""
        return cls(status, error.message, code=error.code, data=error.data, request_id=request_id)


@dataclass(frozen=True, slots=True)
class Principal:
    """The sender of a request. This class allows everything; a subclass may allow less.

    Attributes
    ----------
    id : str
        Owner of sessions and of limits. Two requests with the same id come from the same principal.
    max_body_bytes : int
        The largest body that it may send. A principal without the right to call tools needs only small
        bodies, and must not make the server parse large ones.
    label : str
        Its name for people: the label of its token.
    """

    id: str = ""
    max_body_bytes: int = MAX_BODY_BYTES
    label: str = ""

    def check(self, frame: Frame) -> Refusal | None:
        """Return the refusal of a message that this principal may not send, else None."""
        return None

    def authorise(self, frame: Frame) -> None:
        """Raise the refusal of a message that this principal may not send.

        Raises
        ------
        Refusal
            What `check` returns, with the request's id.
        """
        refusal = self.check(frame)
        if refusal is not None:
            refusal.request_id = frame.id if isinstance(frame, Request) else None
            raise refusal

    @property
    def rights(self) -> Rights:
        """What this principal may use, for a server that decides this itself for some calls."""
        return EVERY_RIGHT

    def rights_with(self, frame: Frame) -> Rights | None:
        """Return the rights that the server gets with `frame`; None for most messages.

        `initialize` and `server/discover` carry them because their results may name tools; a `tools/call`
        does if its tool may stand for others (`use_tool`).
        """
        if not isinstance(frame, Request):
            return None
        stands = frame.method == "tools/call" and stands_for(frame.params) is not None
        return self.rights if stands or frame.method in _OPENING else None

    def filter(self, request: Request, message: Message) -> Message:
        """Return the part of a response that this principal may see: lists name only what it may use.

        It must not raise, because it runs in the channel's sink. A result from another process is a dict; a
        result from a server in this process may be a model.
        """
        return message


class Authenticator(Protocol):
    """Check whether a request's host and origin belong to the server, and find its principal."""

    def origin_problem(self, handler: RequestHandler) -> str | None:
        """Return why `Host` or `Origin` is foreign, as the end of a sentence; None if both are allowed."""

    async def authenticate(self, handler: RequestHandler) -> Principal:
        """Return the principal whose credential the request carries.

        Raises
        ------
        Refusal
            401: the credential is missing or not valid. 403: it is not for this URL. 400: there are several.
        """


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request that is let in: its principal, and the endpoint that its URL names."""

    principal: Principal
    endpoint: Endpoint


async def admit(
    handler: RequestHandler,
    authenticator: Authenticator,
    find_endpoint: Callable[[Principal], Awaitable[Endpoint]],
) -> Admitted:
    """Let a request in, or refuse it, before a byte of its body is read.

    The order is part of the security model. Checks that need no credential come first, so that a flood costs
    little. Only a client with a valid credential learns whether a notebook or a session exists.

    Parameters
    ----------
    handler : RequestHandler
        The request's handler; an authenticator may need its route's arguments and settings.
    find_endpoint : async callable
        Returns the endpoint that the URL names; raises `Refusal` (404, 503).

    Raises
    ------
    Refusal
        400 for a body where none is allowed; 413 for one that is too large; 403 for a foreign host or origin;
        415 for another content type; what `authenticate` and `find_endpoint` raise.
    """
    request = handler.request
    _check_body_length(request, MAX_BODY_BYTES)
    problem = authenticator.origin_problem(handler)
    if problem is not None:
        raise Refusal(403, f"Refused: {problem}.")
    content_type = request.headers.get("Content-Type", "").partition(";")[0]
    if request.method == "POST" and content_type.strip().lower() != JSON:
        raise Refusal(415, f"The Content-Type must be {JSON}.")
    principal = await authenticator.authenticate(handler)
    _check_body_length(request, principal.max_body_bytes)
    return Admitted(principal, await find_endpoint(principal))


def _check_body_length(request: HTTPServerRequest, limit: int) -> None:
    length = request.headers.get("Content-Length", "0")
    if request.method != "POST":
        if length != "0" or "Transfer-Encoding" in request.headers:
            raise Refusal(400, f"A {request.method} request must not have a body here.")
    elif length.isdecimal() and int(length[:20]) > limit:
        raise Refusal(413, f"A body may have {limit} bytes at most.")


def is_loopback(host: str) -> bool:
    """Tell whether a server that listens on `host` can be reached from this machine only."""
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
        The token is too short, too long, or has characters that the header cannot carry. The message does not
        repeat the token.
    """
    if not MIN_TOKEN_CHARS <= len(token) <= MAX_TOKEN_CHARS or _TOKEN.fullmatch(token) is None:
        raise ValueError(
            f"A token has {MIN_TOKEN_CHARS} to {MAX_TOKEN_CHARS} characters, all of them letters, digits or "
            "one of - . _ ~ + / and, at its end, =. To make one: "
            "python -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    return token


class StandaloneAuthenticator:
    """The authenticator of a standalone server: on the loopback interface, or anywhere with a token.

    It refuses pages of other sites in a browser on this machine: the browser sends the page's origin, or
    (DNS rebinding) a host name that is not the server's. Only a token keeps out the other users and programs
    of this machine.

    Parameters
    ----------
    hosts : iterable of str, optional
        Allowed values of `Host` (see `HostRule`); the names of the loopback interface when left out.
    origins : iterable of str
        Allowed values of `Origin`, for requests that have this header.
    token : str, optional
        A secret that every request must carry in `Authorization: Bearer`.
    any_host : bool
        Accept any single `Host`, because the names that other machines use for this one are not known.
        Requires `token`.

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
    def at(cls, port: int, token: str | None = None) -> StandaloneAuthenticator:
        """Make the authenticator of a server on the loopback interface at `port`, reached over plain HTTP."""
        hosts = loopback(port)
        return cls(hosts, [f"http://{host}" for host in hosts], token)

    @classmethod
    def listening(cls, host: str, port: int, token: str | None) -> StandaloneAuthenticator:
        """Make the authenticator of a server that listens on `host` and `port`.

        Without a token it accepts the loopback names at this port only. With a token it accepts any port
        (a tunnel's, a container's), and beyond the loopback interface any name.

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

    def origin_problem(self, handler: RequestHandler) -> str | None:
        """Compare `Host` and `Origin` with those of the server."""
        get_list = handler.request.headers.get_list
        return self._host_problem(get_list("Host")) or self._origins.check(
            get_list("Origin"), get_list("Sec-Fetch-Site")
        )

    def _host_problem(self, hosts: Sequence[str]) -> str | None:
        if self._hosts is not None:
            return self._hosts.check(hosts)
        return None if len(hosts) == 1 else "exactly one Host header is needed"

    async def authenticate(self, handler: RequestHandler) -> Principal:
        """Compare the token, where the server has one, in constant time."""
        if self._token is not None:
            given = bearer_token(handler)
            if given is None or not hmac.compare_digest(given.encode("latin-1", "replace"), self._token):
                raise Refusal(401, UNAUTHORIZED_TEXT, {"WWW-Authenticate": CHALLENGE})
        return self._principal


def bearer_token(handler: RequestHandler) -> str | None:
    """Return the token in `Authorization: Bearer`; None when there is no such header.

    Raises
    ------
    Refusal
        400: there is more than one `Authorization` header, and two readers might take different ones.
    """
    values = handler.request.headers.get_list("Authorization")
    if len(values) > 1:
        raise Refusal(400, "The request has more than one Authorization header.")
    scheme, _, token = values[0].partition(" ") if values else ("", "", "")
    return token.strip() if scheme.lower() == "bearer" else None


class RefusalLog:
    """Log one short line about each refused request, at most `REFUSALS_LOGGED_PER_SECOND`.

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
