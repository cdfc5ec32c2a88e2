# SPDX-License-Identifier: BSD-3-Clause
"""Send requests with an access token, and get, refresh or widen the token when the server refuses it.

`BearerAuth` reads the challenge of a refusal, lets one request at a time fetch a token, and limits how often
a refused request is repeated. Its subclasses in `oauth` obtain a grant; `token_endpoint` exchanges it for
tokens. A token goes to the server's own origin only.

Source: spec 2026-07-28, basic/authorization; RFC 6749; RFC 6750; RFC 7523; RFC 9110, 11.6.1; RFC 9449; RFC
9728.
"""

from __future__ import annotations

import abc
import logging
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Final
from urllib.request import parse_http_list

import anyio
import httpx2

from ...errors import AuthorizationFailed
from ...protocol.headers import PROTOCOL_VERSION
from ...protocol.limits import MAX_REFUSAL_BYTES
from ..http import origin_of, server_url
from .discovery import Discovery, Fetcher
from .dpop import NONCE_WANTED, Proofs
from .metadata import (
    AuthorizationServer,
    Hosts,
    Tokens,
    wanted_scopes,
)
from .storage import MemoryStorage, Storage
from .token_endpoint import Refused, TokenParties, exchange

__all__ = [
    "BearerAuth",
    "Challenge",
    "Goal",
    "challenge_of",
]

log = logging.getLogger(__name__)

MAX_AUTHORIZATIONS: Final = 3
"""Authorizations for one request: "no more than a few times" (spec, step-up authorization flow)."""

SIGN_IN_SECONDS: Final = 300.0
"""Seconds that a user has to sign in; other requests wait as long for the token."""

PROOF_SECONDS: Final = 60.0
"""Seconds after an authorization in which a refused new token does not lead to another one, for any request:
the server is at fault, and the user must not be asked again and again."""

BODY_SECONDS: Final = 5.0
"""Seconds for the body of a refusal to arrive."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What a token is requested for: the authorization server, the resource and the scopes."""

    server: AuthorizationServer
    resource: str
    scopes: tuple[str, ...]


@dataclass(slots=True)
class _Attempts:
    """What was tried for one request so far, and the protocol version that the request names."""

    version: str | None
    refreshed: bool = False
    has_nonce: bool = False
    authorized: int = 0


class BearerAuth(httpx2.Auth, abc.ABC):
    """Sends an access token with each request to one server, and gets one when the server asks for it.

    Where the authorization server supports DPoP, the token is bound to a key of this client.

    Parameters
    ----------
    url : str
        The server's URL.
    storage : Storage, optional
        Where tokens and registrations are kept; in memory when None.
    issuer : str, optional
        The only authorization server to use; nothing is sent to another one.
    scopes : iterable of str
        Requested when the server does not say which scopes it needs.
    trusted_hosts : iterable of str
        Hosts that may have private addresses, in addition to the server's and the issuer's.
    wait_seconds : float
        How long a request waits for a token that is being fetched.
    """

    def __init__(
        self,
        url: str,
        *,
        storage: Storage | None = None,
        issuer: str | None = None,
        scopes: Iterable[str] = (),
        trusted_hosts: Iterable[str] = (),
        wait_seconds: float = SIGN_IN_SECONDS,
    ) -> None:
        self.url = url
        self.storage: Storage = storage or MemoryStorage()
        self.issuer = issuer
        self.hosts = Hosts(
            [server_url(url).host, *([server_url(issuer).host] if issuer else []), *trusted_hosts]
        )
        self.fetcher = Fetcher(self.hosts)
        self.proofs = Proofs()
        self._discovery = Discovery(self.fetcher, url, issuer)
        self._origin = origin_of(server_url(url))
        self._scopes = tuple(scopes)
        self._asked: set[str] = set()
        self._wait_seconds = wait_seconds
        self._lock = anyio.Lock()
        self._failures = 0
        self._failure = ""
        self._unproven_until = 0.0
        self._tokens: Tokens | None = None
        self._loaded = False

    # -- what differs between the grants -------------------------------------------------------

    @abc.abstractmethod
    async def obtain(self, goal: Goal) -> Tokens:
        """Get new tokens.

        Raises
        ------
        AuthorizationFailed
            No tokens can be obtained; the message says why.
        """

    async def renewal_parties(self, server: AuthorizationServer, tokens: Tokens) -> TokenParties | None:
        """Return the parties of a refresh request to the issuer of `tokens`; None if it cannot succeed."""
        return None

    # -- httpx2's side -------------------------------------------------------------------------

    def sync_auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response]:
        raise RuntimeError("This works with httpx2.AsyncClient only.")

    async def async_auth_flow(
        self, request: httpx2.Request
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        if origin_of(request.url) != self._origin:
            yield request  # the token belongs to the server's origin only
            return
        effort = _Attempts(request.headers.get(PROTOCOL_VERSION))
        tokens = await self._current(effort)
        while True:
            if tokens is not None:
                self.proofs.authorize(request, tokens)
            response = yield request
            learned = self.proofs.learn(request.url, response.headers)
            challenge = challenge_of(response)
            if tokens is not None and response.status_code != 401:
                self._unproven_until = 0.0  # the server accepts the token: a later refusal has another cause
            if challenge is None:
                return
            await _settle(response)
            if challenge.wants_nonce and tokens is not None and tokens.is_bound:
                if effort.has_nonce or not learned:
                    return  # no other token would help
                effort.has_nonce = True
                continue
            renewed = await self._renewed(tokens, challenge, effort)
            if renewed is None:
                return
            tokens = renewed

    # -- having a token ------------------------------------------------------------------------

    async def _current(self, effort: _Attempts) -> Tokens | None:
        """Return the token to try, refreshed if it has expired; wait while one is being fetched."""
        if self._loaded and not self._lock.locked() and (self._tokens is None or self._tokens.is_fresh):
            return self._tokens
        async with self._turn():
            if not self._loaded:
                self._tokens = await self.storage.get_tokens(self.url)
                self._loaded = True
            tokens = self._tokens
            if tokens is None or tokens.is_fresh:
                return tokens
            return await self._refreshed(tokens, effort)

    async def _renewed(self, used: Tokens | None, challenge: Challenge, effort: _Attempts) -> Tokens | None:
        """Return another token than the refused one; None when the refusal stands."""
        async with self._turn():
            now = self._tokens
            if now is not None and (used is None or now.access_token != used.access_token):
                return now  # another request has fetched it meanwhile
            if used is not None and not challenge.insufficient and not effort.refreshed:
                effort.refreshed = True
                fresh = await self._refreshed(used, effort)
                if fresh is not None:
                    return fresh
            if not self._may_help(challenge, effort):
                return None
            effort.authorized += 1
            return await self._authorized(challenge, effort)

    def _may_help(self, challenge: Challenge, effort: _Attempts) -> bool:
        """Return whether a new authorization could lead to another response."""
        if challenge.insufficient:
            # Pointless if every scope that the challenge names was requested before.
            is_known = bool(challenge.scopes) and self._asked.issuperset(challenge.scopes)
            return effort.authorized < MAX_AUTHORIZATIONS and not is_known
        return effort.authorized == 0 and time.monotonic() >= self._unproven_until

    async def _authorized(self, challenge: Challenge, effort: _Attempts) -> Tokens | None:
        """Return new tokens; None if scopes are lacking and no other is known than those requested before."""
        resource = await self._discovery.resource(challenge.resource_metadata)
        needed = wanted_scopes(challenge.scopes, resource.scopes_supported, self._scopes)
        if challenge.insufficient and self._asked.issuperset(needed):
            return None
        server = await self._discovery.server(resource, effort.version)
        goal = Goal(server, resource.resource, wanted_scopes(needed, besides=self._scopes_at(server)))
        tokens = await self.obtain(goal)
        self._asked.update(goal.scopes)
        self._unproven_until = time.monotonic() + PROOF_SECONDS
        await self._keep(tokens)
        return tokens

    def _scopes_at(self, server: AuthorizationServer) -> tuple[str, ...]:
        """Return the scopes of the token so far, if it is of this authorization server."""
        before = self._tokens
        return before.scopes if before is not None and before.issuer == server.issuer else ()

    async def _refreshed(self, tokens: Tokens, effort: _Attempts) -> Tokens | None:
        """Return tokens from the refresh token; None if it is refused, and then it is not used again."""
        fresh = None
        if tokens.refresh_token is not None:
            try:
                server = await self._discovery.known(tokens.issuer, effort.version)
                parties = await self.renewal_parties(server, tokens)
                if parties is not None:
                    fresh = await exchange(
                        self.fetcher,
                        self.proofs,
                        parties,
                        "refresh_token",
                        tokens.scopes,
                        tokens.refresh_token,
                        dpop_key=tokens.dpop_key,
                    )
            except Refused as exc:
                log.info("A refresh token was refused: %s", exc)
        if fresh is not None or tokens.refresh_token is not None:
            await self._keep(fresh or _spent(tokens))
        return fresh

    async def _keep(self, tokens: Tokens) -> None:
        self._tokens, self._loaded = tokens, True
        await self.storage.set_tokens(self.url, tokens)

    # -- one at a time -------------------------------------------------------------------------

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Hold the lock under which tokens are fetched, so that the user is asked once for all requests.

        A request that waited for an attempt that failed fails for the same reason, without another attempt.

        Raises
        ------
        AuthorizationFailed
            The attempt that this request waited for failed, or took too long.
        """
        seen = self._failures
        try:
            with anyio.fail_after(self._wait_seconds):
                await self._lock.acquire()
        except TimeoutError:
            raise AuthorizationFailed(f"No token within {self._wait_seconds:g} s.") from None
        try:
            if self._failures != seen:  # not counted as a failure itself: a later request tries again
                raise AuthorizationFailed(self._failure)
            try:
                yield
            except AuthorizationFailed as exc:
                self._failures += 1
                self._failure = str(exc)
                raise
        finally:
            self._lock.release()


def _spent(tokens: Tokens) -> Tokens:
    """Return expired tokens without a refresh token: their scopes are still needed for the next request."""
    return replace(tokens, refresh_token=None, expires_at=1.0)


async def _settle(response: httpx2.Response) -> None:
    """Put the first part of a refusal's body in place of its stream.

    A sign-in must not hold a connection, and httpx2 would read the whole of the body, however long, before it
    sends the next request.
    """
    stream = response.stream
    assert isinstance(stream, httpx2.AsyncByteStream)
    body = b""
    with suppress(httpx2.HTTPError, httpx2.StreamError), anyio.move_on_after(BODY_SECONDS):
        async for chunk in stream:
            body += chunk
            if len(body) > MAX_REFUSAL_BYTES:
                break
    with anyio.move_on_after(BODY_SECONDS, shield=True):
        await stream.aclose()
    encoded = response.headers.pop("content-encoding", None)
    response.stream = httpx2.ByteStream(b"" if encoded else body[:MAX_REFUSAL_BYTES])


# -- challenge -----------------------------------------------------------------------------------
#
# What `WWW-Authenticate` of a refusal says (RFC 9110, 11.6.1; RFC 6750, 3; RFC 9449, 7.1; RFC 9728, 5.1).

_SCHEME: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:\s+|$)(?!=)")
_PARAMETER: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Challenge:
    """A refusal that new credentials may overcome.

    Parameters
    ----------
    insufficient : bool
        The token is valid but lacks scopes (403); otherwise there is no valid token (401).
    scopes : tuple of str
        What the request needs.
    resource_metadata : str, optional
        Where the protected resource's metadata is.
    wants_nonce : bool
        The token may be valid: its proof lacks the nonce that came with the refusal (RFC 9449, 9).
    """

    insufficient: bool
    scopes: tuple[str, ...] = ()
    resource_metadata: str | None = None
    wants_nonce: bool = False


def challenge_of(response: httpx2.Response) -> Challenge | None:
    """Return the challenge of a response; None when it does not ask for credentials."""
    if response.status_code not in (401, 403):
        return None
    bearer, dpop = _parameters(response.headers.get_list("www-authenticate"))
    said = {**dpop, **bearer}
    insufficient = response.status_code == 403
    if insufficient and said.get("error") != "insufficient_scope":
        return None
    return Challenge(
        insufficient,
        tuple(said.get("scope", "").split()),
        said.get("resource_metadata"),
        wants_nonce=not insufficient and dpop.get("error") == NONCE_WANTED,
    )


def _parameters(headers: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the parameters of the first Bearer challenge, and of the first DPoP challenge."""
    schemes: dict[str, dict[str, str]] = {"bearer": {}, "dpop": {}}
    for header in headers:
        found: dict[str, str] | None = None
        for item in parse_http_list(header):
            begins = _SCHEME.match(item)
            if begins:
                found = schemes.get(begins[1].lower())
                found = None if found else found  # only the first of a scheme
                item = item[begins.end() :]
            parameter = _PARAMETER.fullmatch(item.strip()) if found is not None else None
            if parameter and found is not None:
                value = parameter[2].strip()
                if len(value) > 1 and value[0] == value[-1] == '"':
                    value = re.sub(r"\\(.)", r"\1", value[1:-1])
                found.setdefault(parameter[1].lower(), value)
    return schemes["bearer"], schemes["dpop"]
