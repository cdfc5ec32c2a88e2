# SPDX-License-Identifier: BSD-3-Clause
"""Obtain tokens: a user signs in, or the client authenticates itself without a user.

`OAuth` uses the authorization code grant with PKCE and checks what comes back. `ClientCredentials` and
`Assertion` need no user.

Source: spec 2026-07-28, basic/authorization; OAuth 2.1; RFC 6749, 4.4; RFC 7523, 2.1; RFC 7636; RFC 9207; the
extensions io.modelcontextprotocol/oauth-client-credentials, /enterprise-managed-authorization and /auth/wif.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final, TypeAlias

import anyio
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from ..._util.text import safe_line
from ...errors import AuthorizationFailed
from .bearer import SIGN_IN_SECONDS, BearerAuth, Goal
from .loopback import AuthorizationResponse, loopback_callback
from .metadata import AuthorizationServer, ClientInformation, Tokens, web_url
from .registration import Registrar, check_metadata_url
from .storage import Storage
from .token_endpoint import Refused, TokenParties, exchange

__all__ = [
    "Assertion",
    "AssertionHandler",
    "CallbackHandler",
    "ClientCredentials",
    "OAuth",
    "RedirectHandler",
]


RedirectHandler: TypeAlias = Callable[[str], Awaitable[None]]
"""Shows the user the URL to sign in at, or opens it."""

CallbackHandler: TypeAlias = Callable[[], Awaitable[AuthorizationResponse]]
"""Returns the answer that came to the redirect URI."""

_CLIENT: Final[Mapping[str, Any]] = {
    "client_name": "mcp_jupyter",
    "application_type": "native",
    "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"],
}

_Answering: TypeAlias = Callable[[str], Awaitable[AuthorizationResponse]]


class OAuth(BearerAuth):
    """Signs the user in when a server asks for it, and keeps the token fresh.

    Clients of the same server can share one, and then need one sign-in.

    Parameters
    ----------
    server_url : str
        The server's URL.
    storage : Storage, optional
        Where tokens and registrations are kept; in memory when None.
    redirect_handler : callable, optional
        Called with the URL to sign in at. When None, the URL is written to standard error.
    callback_handler : callable, optional
        Returns the answer that came to the redirect URI; needs `redirect_uris` in `client_metadata`. When
        None, a listener on the loopback receives the answer.
    client_metadata : mapping, optional
        Members to register this client with (RFC 7591, section 2), added to the defaults.
    client_metadata_url : str, optional
        Where this client publishes its metadata: its client id at servers that read such documents.
    client_id, client_secret : str, optional
        A client that was registered beforehand; needs `issuer`.
    issuer : str, optional
        The one authorization server to use.
    scopes : iterable of str
        Requested when the server does not say which scopes it needs.
    trusted_hosts : iterable of str
        Hosts that may have private addresses, in addition to the server's and the issuer's.
    sign_in_seconds : float
        Seconds that the user has to sign in.

    Raises
    ------
    ValueError
        An argument lacks another that it needs, or `client_metadata_url` is not an https URL with a path.
    """

    def __init__(
        self,
        server_url: str,
        *,
        storage: Storage | None = None,
        redirect_handler: RedirectHandler | None = None,
        callback_handler: CallbackHandler | None = None,
        client_metadata: Mapping[str, Any] | None = None,
        client_metadata_url: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        issuer: str | None = None,
        scopes: Iterable[str] = (),
        trusted_hosts: Iterable[str] = (),
        sign_in_seconds: float = SIGN_IN_SECONDS,
    ) -> None:
        super().__init__(
            server_url,
            storage=storage,
            issuer=issuer,
            scopes=scopes,
            trusted_hosts=trusted_hosts,
            wait_seconds=sign_in_seconds,
        )
        metadata = {**_CLIENT, **(client_metadata or {})}
        redirect_uris = metadata.pop("redirect_uris", [])
        if callback_handler is not None and not redirect_uris:
            raise ValueError("callback_handler needs client_metadata with redirect_uris.")
        if client_id is not None and issuer is None:
            raise ValueError(
                "A client that was registered beforehand is known to one authorization server only: give its "
                "issuer= too. To any other its secret would be a present."
            )
        if client_metadata_url is not None:
            check_metadata_url(client_metadata_url)
        given = None if client_id is None else ClientInformation(client_id, client_secret)
        self._registrar = Registrar(self.fetcher, self.storage, metadata, client_metadata_url, given)
        self._show = redirect_handler or _print
        self._callback = callback_handler
        self._redirect_uri = redirect_uris[0] if redirect_uris else None
        self._seconds = sign_in_seconds

    async def obtain(self, goal: Goal) -> Tokens:
        server = goal.server
        if server.authorization_endpoint is None:
            raise AuthorizationFailed(
                f"The authorization server {safe_line(server.issuer)} has no authorization endpoint, so "
                "users cannot sign in there."
            )
        if not server.has_s256:
            raise AuthorizationFailed(
                f"The authorization server {safe_line(server.issuer)} does not say that it knows PKCE "
                "with S256, without which a code could be stolen. Nobody is signed in."
            )
        goal = replace(goal, scopes=_with_refresh(goal.scopes, server))
        async with self._listening() as (redirect_uri, answering):
            client = await self._registrar.client(server, redirect_uri)
            verifier = secrets.token_urlsafe(48)
            code = await self._code(goal, client, redirect_uri, verifier, answering)
        parties = TokenParties(server, client, goal.resource)
        grant = {"code": code, "redirect_uri": redirect_uri, "code_verifier": verifier}
        try:
            return await exchange(
                self.fetcher, self.proofs, parties, "authorization_code", goal.scopes, grant=grant
            )
        except Refused as exc:
            if exc.code == "invalid_client":
                await self._registrar.forget(server.issuer)
            raise

    async def renewal_parties(self, server: AuthorizationServer, tokens: Tokens) -> TokenParties | None:
        client = await self._registrar.known(server.issuer)
        if client is None or client.client_id != tokens.client_id:
            return None
        return TokenParties(server, client, tokens.resource)

    @asynccontextmanager
    async def _listening(self) -> AsyncIterator[tuple[str, _Answering]]:
        """Yield the redirect URI, and the function that waits for the answer there."""
        if self._callback is None:
            async with loopback_callback() as loopback:
                yield loopback.redirect_uri, loopback.answer
        else:
            callback = self._callback
            assert self._redirect_uri is not None

            async def answering(_state: str) -> AuthorizationResponse:
                return await callback()

            yield self._redirect_uri, answering

    async def _code(
        self, goal: Goal, client: ClientInformation, redirect_uri: str, verifier: str, answering: _Answering
    ) -> str:
        """Let the user sign in, and return the authorization code.

        Raises
        ------
        AuthorizationFailed
            The user did not sign in in time, or the answer is an error or not the authorization server's.
        """
        state = secrets.token_urlsafe(32)
        url = self._sign_in_url(goal, client, redirect_uri, verifier, state)
        try:
            with anyio.fail_after(self._seconds):
                await self._show(url)
                answer = await answering(state)
        except TimeoutError:
            raise AuthorizationFailed(f"Nobody signed in within {self._seconds:g} s.") from None
        return _checked(answer, state, goal.server)

    def _sign_in_url(
        self, goal: Goal, client: ClientInformation, redirect_uri: str, verifier: str, state: str
    ) -> str:
        endpoint = goal.server.authorization_endpoint
        assert endpoint is not None
        self.hosts.check(web_url(endpoint, "authorization endpoint"))
        url: str = prepare_grant_uri(
            endpoint,
            client.client_id,
            "code",
            redirect_uri=redirect_uri,
            scope=" ".join(goal.scopes) or None,
            state=state,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
            resource=goal.resource,
        )
        return url


def _with_refresh(scopes: tuple[str, ...], server: AuthorizationServer) -> tuple[str, ...]:
    """Return the scopes, with the one for refresh tokens where the server has it (spec, "Refresh Tokens")."""
    if scopes and "offline_access" in server.scopes_supported and "offline_access" not in scopes:
        return (*scopes, "offline_access")
    return scopes


def _checked(answer: AuthorizationResponse, state: str, server: AuthorizationServer) -> str:
    """Return the code of an answer, after checking its state and its issuer.

    Nothing else of the answer is used before these checks (spec, "Authorization Response Validation").
    """
    if not secrets.compare_digest((answer.state or "").encode(), state.encode()):
        raise AuthorizationFailed(
            "The answer to the sign-in has not the state it was asked with; it is not used."
        )
    if answer.iss is None and server.sends_iss:
        raise AuthorizationFailed("The answer to the sign-in does not say who gave it, though it should.")
    if answer.iss is not None and answer.iss != server.issuer:
        raise AuthorizationFailed(
            "The answer to the sign-in is from another authorization server; it is not used."
        )
    if answer.error is not None:
        words = ": ".join(safe_line(text) for text in (answer.error, answer.error_description) if text)
        raise AuthorizationFailed(f"The sign-in was refused: {words}")
    if not answer.code:
        raise AuthorizationFailed("The response to the sign-in has no authorization code.")
    return answer.code


async def _print(url: str) -> None:
    print(f"Sign in at {url}", file=sys.stderr, flush=True)


# -- without a user ------------------------------------------------------------------------------

AssertionHandler: TypeAlias = Callable[[str, str], Awaitable[str]]
"""Given an issuer and a resource, returns a signed JWT that the issuer accepts for the resource."""

_JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class ClientCredentials(BearerAuth):
    """A client that the authorization server knows by a secret or by a key.

    Parameters
    ----------
    server_url : str
        The server's URL.
    issuer : str
        The authorization server that knows the client. The credentials go to this server only.
    client_id : str
        The client's name there.
    client_secret : str, optional
        The secret, for `client_secret_basic` or, where the server takes only that, `client_secret_post`.
    private_key : str, optional
        A PEM instead, for `private_key_jwt`.
    algorithm : str
        The JWS algorithm of the key: ES256, RS256, PS256, EdDSA and so on.
    storage, scopes, trusted_hosts
        As for `OAuth`.

    Raises
    ------
    ValueError
        Both or neither of `client_secret` and `private_key` are given.
    """

    def __init__(
        self,
        server_url: str,
        *,
        issuer: str,
        client_id: str,
        client_secret: str | None = None,
        private_key: str | None = None,
        algorithm: str = "ES256",
        storage: Storage | None = None,
        scopes: Iterable[str] = (),
        trusted_hosts: Iterable[str] = (),
    ) -> None:
        if (client_secret is None) == (private_key is None):
            raise ValueError("Give one of client_secret and private_key.")
        super().__init__(
            server_url, storage=storage, issuer=issuer, scopes=scopes, trusted_hosts=trusted_hosts
        )
        self._client = ClientInformation(client_id, client_secret)
        self._private_key = private_key
        self._algorithm = algorithm

    async def obtain(self, goal: Goal) -> Tokens:
        parties = TokenParties(goal.server, self._client, goal.resource, self._private_key, self._algorithm)
        return await exchange(
            self.fetcher, self.proofs, parties, "client_credentials", goal.scopes, send_scope=True
        )


class Assertion(BearerAuth):
    """A client that another party vouches for: an identity provider (enterprise-managed authorization), or
    the platform that a workload runs on (workload identity federation).

    Parameters
    ----------
    server_url : str
        The server's URL.
    issuer : str
        The authorization server that trusts the assertions. They go to this server only.
    assertion_handler : callable
        Returns an assertion; called each time a token is needed.
    client_id, client_secret : str, optional
        The client's name there, and its secret if it has one.
    storage, scopes, trusted_hosts
        As for `OAuth`.
    """

    def __init__(
        self,
        server_url: str,
        *,
        issuer: str,
        assertion_handler: AssertionHandler,
        client_id: str = "",
        client_secret: str | None = None,
        storage: Storage | None = None,
        scopes: Iterable[str] = (),
        trusted_hosts: Iterable[str] = (),
    ) -> None:
        super().__init__(
            server_url, storage=storage, issuer=issuer, scopes=scopes, trusted_hosts=trusted_hosts
        )
        self._client = ClientInformation(client_id, client_secret)
        self._assert = assertion_handler

    async def obtain(self, goal: Goal) -> Tokens:
        parties = TokenParties(goal.server, self._client, goal.resource)
        assertion = await self._assert(goal.server.issuer, goal.resource)
        return await exchange(
            self.fetcher,
            self.proofs,
            parties,
            _JWT_BEARER,
            goal.scopes,
            send_scope=True,
            grant={"assertion": assertion},
        )
