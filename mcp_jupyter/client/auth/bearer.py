# SPDX-License-Identifier: BSD-3-Clause
"""Requests with an access token, which is had, renewed and widened as the server asks for it.

Owns when a token is sent (to the server's own origin only), who may fetch one (one at a time), and how often
a refused request is tried again. Does not know how a token is granted; the subclasses do.

Source: spec 2026-07-28, basic/authorization; RFC 6750; RFC 9449.
"""

from __future__ import annotations

import abc
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Final

import anyio
import httpx2

from ...errors import AuthorizationFailed
from ...protocol.headers import PROTOCOL_VERSION
from ..http import origin_of, server_url
from .challenge import Challenge, challenge_of
from .discovery import Discovery, Fetcher
from .dpop import Proofs
from .grants import Party, Refused, exchange
from .metadata import AuthorizationServer, Hosts, ProtectedResource, Tokens, wanted_scopes
from .storage import MemoryStorage, Storage

__all__ = ["BearerAuth", "Goal"]

log = logging.getLogger(__name__)

MAX_AUTHORIZATIONS: Final = 3
"""Of one request: "no more than a few times" (spec, step-up authorization flow)."""

SIGN_IN_SECONDS: Final = 300.0
"""For a person to sign in, and so for others to wait until that is done."""

MAX_BODY_BYTES: Final = 65536
"""Kept of a refusal, to show when there is no token to be had."""

PROOF_SECONDS: Final = 60.0
"""A new token that the server refuses is its fault: for so long nobody is asked to sign in again, whichever
request it is for."""

BODY_SECONDS: Final = 5.0
"""For the rest of a refusal to arrive."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What a token is wanted for: whom to ask, for which resource, with which scopes."""

    server: AuthorizationServer
    resource: str
    scopes: tuple[str, ...]


@dataclass(slots=True)
class _Effort:
    """What was done for one request already, and the protocol version it names."""

    version: str | None
    refreshed: bool = False
    has_nonce: bool = False
    authorized: int = 0


class BearerAuth(httpx2.Auth, abc.ABC):
    """Sends an access token with each request to one server, and gets one when the server asks for it.

    A token is bound to a key of ours where the authorization server can do that (DPoP), else to nothing.

    Parameters
    ----------
    url : str
        The server's.
    storage : Storage, optional
        Where tokens and registrations are kept; in memory when None.
    issuer : str, optional
        The authorization server to use: with another one nothing is shared.
    scopes : iterable of str
        Asked for when the server does not say what it needs.
    trusted_hosts : iterable of str
        Hosts beside the server's own (and the issuer's) that may have private addresses.
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
            There are none to be had; the message says why.
        """

    async def renewing_party(self, server: AuthorizationServer, tokens: Tokens) -> Party | None:
        """Who may use a refresh token at the server that gave it; None when it is of no use any more."""
        return None

    # -- httpx2's side -------------------------------------------------------------------------

    def sync_auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response]:
        raise RuntimeError("This works with httpx2.AsyncClient only.")

    async def async_auth_flow(
        self, request: httpx2.Request
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        if origin_of(request.url) != self._origin:
            yield request  # no business of ours, and no token
            return
        effort = _Effort(request.headers.get(PROTOCOL_VERSION))
        tokens = await self._current(effort)
        while True:
            if tokens is not None:
                self.proofs.authorize(request, tokens)
            response = yield request
            learned = self.proofs.learn(request.url, response.headers)
            challenge = challenge_of(response)
            if tokens is not None and response.status_code != 401:
                self._unproven_until = 0.0
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

    async def _current(self, effort: _Effort) -> Tokens | None:
        """The token to try, refreshed when its time is over; waits while one is being fetched."""
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

    async def _renewed(self, used: Tokens | None, challenge: Challenge, effort: _Effort) -> Tokens | None:
        """Another token than the one that was refused; None when the refusal has to stand."""
        async with self._turn():
            now = self._tokens
            if now is not None and (used is None or now.access_token != used.access_token):
                return now  # somebody else has fetched it meanwhile
            if used is not None and not challenge.insufficient and not effort.refreshed:
                effort.refreshed = True
                fresh = await self._refreshed(used, effort)
                if fresh is not None:
                    return fresh
            if not self._may_help(challenge, effort):
                return None
            effort.authorized += 1
            return await self._authorized(challenge, effort)

    def _may_help(self, challenge: Challenge, effort: _Effort) -> bool:
        """Whether a new authorization could change the answer."""
        if challenge.insufficient:
            return effort.authorized < MAX_AUTHORIZATIONS and not self._asked.issuperset(challenge.scopes)
        return effort.authorized == 0 and time.monotonic() >= self._unproven_until

    async def _authorized(self, challenge: Challenge, effort: _Effort) -> Tokens:
        resource = await self._discovery.resource(challenge.resource_metadata)
        server = await self._discovery.server(resource, effort.version)
        goal = Goal(server, resource.resource, self._wanted(challenge, resource, server))
        tokens = await self.obtain(goal)
        self._asked.update(goal.scopes)
        self._unproven_until = time.monotonic() + PROOF_SECONDS
        await self._keep(tokens)
        return tokens

    def _wanted(
        self, challenge: Challenge, resource: ProtectedResource, server: AuthorizationServer
    ) -> tuple[str, ...]:
        """The scopes to ask for: what the server needs now, and what was asked for before."""
        before = self._tokens
        besides = before.scopes if before is not None and before.issuer == server.issuer else ()
        return wanted_scopes(challenge.scopes, resource.scopes_supported, self._scopes, besides=besides)

    async def _refreshed(self, tokens: Tokens, effort: _Effort) -> Tokens | None:
        """Tokens from a refresh token; None, and no tokens any more, when it gives none."""
        fresh = None
        if tokens.refresh_token is not None:
            try:
                server = await self._discovery.known(tokens.issuer, effort.version)
                party = await self.renewing_party(server, tokens)
                if party is not None:
                    fresh = await exchange(
                        self.fetcher,
                        self.proofs,
                        party,
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
        """Wait for the one place where tokens are fetched, and hold it.

        Who has waited for an attempt that failed gets its failure, instead of asking the person once more.

        Raises
        ------
        AuthorizationFailed
            Because of that, or because it took too long.
        """
        seen = self._failures
        try:
            with anyio.fail_after(self._wait_seconds):
                await self._lock.acquire()
        except TimeoutError:
            raise AuthorizationFailed(f"No token within {self._wait_seconds:g} s.") from None
        try:
            if self._failures != seen:  # passed on, not counted: a request that came later asks anew
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
    """Tokens whose refresh token is of no use: what was asked for is still worth knowing."""
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
            if len(body) > MAX_BODY_BYTES:
                break
    with anyio.move_on_after(BODY_SECONDS, shield=True):
        await stream.aclose()
    encoded = response.headers.pop("content-encoding", None)
    response.stream = httpx2.ByteStream(b"" if encoded else body[:MAX_BODY_BYTES])
