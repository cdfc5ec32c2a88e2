# SPDX-License-Identifier: BSD-3-Clause
"""Send requests with an access token, and get, refresh or widen the token when the server refuses it.

`BearerAuth` reads the challenge of a refusal, lets one request at a time fetch a token, and limits how often
a refused request is repeated. Its subclasses in `oauth` obtain a grant; `exchange` exchanges it for tokens at
the token endpoint. A token goes to the server's own origin only.

Source: spec 2026-07-28, basic/authorization; RFC 6749; RFC 6750; RFC 7523; RFC 9110, 11.6.1; RFC 9449; RFC
9728.
"""

from __future__ import annotations

import abc
import base64
import logging
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import quote_plus
from urllib.request import parse_http_list

import anyio
import httpx2
from authlib.oauth2.rfc6749.parameters import prepare_token_request
from authlib.oauth2.rfc7523 import private_key_jwt_sign
from joserfc.errors import JoseError
from joserfc.jwk import import_key

from ...errors import AuthorizationFailed
from ...protocol.headers import PROTOCOL_VERSION
from ..http import origin_of, server_url
from ..secrets import ClientSecrets
from .discovery import Discovery, Fetcher
from .dpop import ALGORITHM, Proofs, new_key
from .metadata import (
    AuthorizationServer,
    ClientInformation,
    Hosts,
    ProtectedResource,
    Tokens,
    wanted_scopes,
    web_url,
)
from .storage import MemoryStorage, Storage

__all__ = [
    "BearerAuth",
    "Challenge",
    "Goal",
    "Party",
    "Refused",
    "auth_method_for",
    "challenge_of",
    "exchange",
]

log = logging.getLogger(__name__)

MAX_AUTHORIZATIONS: Final = 3
"""Authorizations for one request: "no more than a few times" (spec, step-up authorization flow)."""

SIGN_IN_SECONDS: Final = 300.0
"""Seconds that a user has to sign in; other requests wait as long for the token."""

MAX_BODY_BYTES: Final = 65536
"""Bytes of a refusal's body that are kept, to show it when no token can be obtained."""

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
class _Effort:
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

    async def renewing_party(self, server: AuthorizationServer, tokens: Tokens) -> Party | None:
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
        effort = _Effort(request.headers.get(PROTOCOL_VERSION))
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

    async def _current(self, effort: _Effort) -> Tokens | None:
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

    async def _renewed(self, used: Tokens | None, challenge: Challenge, effort: _Effort) -> Tokens | None:
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

    def _may_help(self, challenge: Challenge, effort: _Effort) -> bool:
        """Return whether a new authorization could lead to another response."""
        if challenge.insufficient:
            # Pointless if every scope that the challenge names was requested before.
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
        """Return the scopes to request: those that the server needs now, and those requested before."""
        before = self._tokens
        besides = before.scopes if before is not None and before.issuer == server.issuer else ()
        return wanted_scopes(challenge.scopes, resource.scopes_supported, self._scopes, besides=besides)

    async def _refreshed(self, tokens: Tokens, effort: _Effort) -> Tokens | None:
        """Return tokens from the refresh token; None if it is refused, and then it is not used again."""
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
            if len(body) > MAX_BODY_BYTES:
                break
    with anyio.move_on_after(BODY_SECONDS, shield=True):
        await stream.aclose()
    encoded = response.headers.pop("content-encoding", None)
    response.stream = httpx2.ByteStream(b"" if encoded else body[:MAX_BODY_BYTES])


# -- challenge -----------------------------------------------------------------------------------
#
# What `WWW-Authenticate` of a refusal says (RFC 9110, 11.6.1; RFC 6750, 3; RFC 9449, 7.1; RFC 9728, 5.1).

NONCE_WANTED: Final = "use_dpop_nonce"
"""The error code of a refusal for want of a nonce (RFC 9449, sections 8 and 9)."""

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


# -- token endpoint ------------------------------------------------------------------------------
#
# Client authentication (RFC 6749, 2.3; RFC 7523, 2.2), and the exchange of a grant for tokens, which are
# bound to a key where the server supports that (RFC 9449, 5).

ASSERTION_SECONDS: Final = 300
"""Seconds for which an assertion about the client is valid: it is used at once."""

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

_KEY_TYPES: Final = {"ES": "EC", "RS": "RSA", "PS": "RSA", "Ed": "OKP"}
"""Key types by the beginning of the name of the JWS algorithm."""

_SECRET_METHODS: Final = ("client_secret_basic", "client_secret_post")


class Refused(AuthorizationFailed):
    """The token endpoint refused the request.

    Parameters
    ----------
    code : str
        Its error code (RFC 6749, 5.2); empty when it gave none.
    """

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Party:
    """The parties of a token request: authorization server, client and resource.

    Parameters
    ----------
    server : AuthorizationServer
    client : ClientInformation
    resource : str
        Exactly as published (RFC 8707).
    private_key, algorithm : str, optional
        PEM and JWS algorithm of a client that signs assertions about itself.
    """

    server: AuthorizationServer
    client: ClientInformation
    resource: str
    private_key: str | None = field(default=None, repr=False)
    algorithm: str = "ES256"


def auth_method_for(client: ClientInformation, server: AuthorizationServer) -> str:
    """Return how the client authenticates: as registered, else by the first method that both sides know."""
    if client.auth_method is not None:
        return client.auth_method
    if client.client_secret is None:
        return "none"
    return next((method for method in _SECRET_METHODS if method in server.auth_methods), "none")


async def exchange(
    fetcher: Fetcher,
    proofs: Proofs,
    party: Party,
    grant_type: str,
    scopes: tuple[str, ...],
    refresh_token: str | None = None,
    send_scope: bool = False,
    grant: Mapping[str, str] | None = None,
    dpop_key: str | None = None,
) -> Tokens:
    """Exchange a grant for tokens.

    Parameters
    ----------
    scopes : tuple of str
        The scopes of the tokens.
    refresh_token : str, optional
        The refresh token to use.
    send_scope : bool
        Whether this request names the scopes; an earlier one has done so otherwise.
    grant : mapping, optional
        The grant's own parameters.
    dpop_key : str, optional
        The key that the refresh token is bound to; any other grant gets a new key.

    Raises
    ------
    Refused
        The endpoint answered with an error.
    AuthorizationFailed
        It did not answer, or answered without a token.
    """
    fields: dict[str, Any] = {**(grant or {}), "resource": party.resource}
    if refresh_token is not None:
        fields["refresh_token"] = refresh_token
    if send_scope and scopes:
        fields["scope"] = " ".join(scopes)
    if refresh_token is None and ALGORITHM in party.server.dpop_algorithms:
        dpop_key = new_key()
    document = await _asked(fetcher, proofs, party, grant_type, fields, dpop_key)
    return Tokens.read(
        document,
        issuer=party.server.issuer,
        client_id=party.client.client_id,
        resource=party.resource,
        scopes=scopes,
        refresh_token=refresh_token,
        dpop_key=dpop_key,
    )


async def _asked(
    fetcher: Fetcher,
    proofs: Proofs,
    party: Party,
    grant_type: str,
    fields: Mapping[str, Any],
    dpop_key: str | None,
) -> Mapping[str, Any]:
    """Send a token request, and send it once more when it only lacked a nonce."""
    endpoint, has_nonce = party.server.token_endpoint, False
    url = web_url(endpoint, "token endpoint")
    while True:
        headers, form = {"Content-Type": "application/x-www-form-urlencoded"}, dict(fields)
        _authenticate(party, headers, form)  # each time: an assertion is valid for one request
        if dpop_key is not None:
            headers["DPoP"] = proofs.sign(dpop_key, "POST", url)
        body: str = prepare_token_request(grant_type, **form)
        answer = await fetcher.post(endpoint, "token endpoint", headers, body.encode())
        learned = dpop_key is not None and proofs.learn(url, answer.headers)
        if answer.status == 200:
            return answer.document
        if has_nonce or not learned or answer.document.get("error") != NONCE_WANTED:
            raise _refusal(answer.status, answer.document, headers, form)
        has_nonce = True


def _authenticate(party: Party, headers: dict[str, str], fields: dict[str, Any]) -> None:
    client, method = party.client, auth_method_for(party.client, party.server)
    if party.private_key is not None:
        fields |= {"client_assertion_type": ASSERTION_TYPE, "client_assertion": _assertion(party)}
    elif method == "client_secret_basic":
        # Encoded before they are joined, so that a colon in them does not separate (RFC 6749, 2.3.1).
        pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    elif method == "client_secret_post":
        fields |= {"client_id": client.client_id, "client_secret": client.client_secret or ""}
    elif method == "none":
        fields["client_id"] = client.client_id
    else:
        raise AuthorizationFailed("The authorization server wants a kind of client that this is not.")


def _assertion(party: Party) -> str:
    """Sign an assertion of the client's identity, for this authorization server alone."""
    try:
        key: Any = import_key(party.private_key or "", _KEY_TYPES[party.algorithm[:2]])  # type: ignore[call-overload]
        signed: str = private_key_jwt_sign(
            key,
            party.client.client_id,
            party.server.issuer,
            alg=party.algorithm,
            expires_in=ASSERTION_SECONDS,
        )
    except (JoseError, KeyError, ValueError):
        raise AuthorizationFailed(f"The private key cannot sign with {party.algorithm}.") from None
    return signed


def _refusal(status: int, document: Any, headers: dict[str, str], fields: dict[str, Any]) -> Refused:
    """Make an error of the endpoint's words, without what was sent to it."""
    secrets = ClientSecrets(httpx2.Headers(headers), httpx2.URL("https://localhost"))
    for value in fields.values():
        secrets.keep(str(value))
        secrets.keep(quote_plus(str(value)))
    code = document.get("error")
    code = secrets.quote(code) if isinstance(code, str) else ""
    text = document.get("error_description")
    words = f"{code}: {secrets.quote(text)}" if isinstance(text, str) and text else code
    return Refused(f"The token endpoint refused ({status}): {words or 'it gave no reason'}", code)
