# SPDX-License-Identifier: BSD-3-Clause
"""Tokens without a person: for a program that is a client in its own right, or that holds an assertion.

Owns the grants `client_credentials` (RFC 6749, 4.4) and JWT bearer (RFC 7523, 2.1). Does not know when they
are needed.

Source: the extensions io.modelcontextprotocol/oauth-client-credentials, /enterprise-managed-authorization and
/auth/wif.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeAlias

from .bearer import BearerAuth, Goal
from .grants import Party, exchange
from .metadata import ClientInformation, Tokens
from .storage import Storage

__all__ = ["Assertion", "AssertionHandler", "ClientCredentials"]

AssertionHandler: TypeAlias = Callable[[str, str], Awaitable[str]]
"""Given an issuer and a resource, gives a signed JWT that the issuer takes for the resource."""

_JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class ClientCredentials(BearerAuth):
    """A client that is known to the authorization server, by a secret or by a key.

    Parameters
    ----------
    server_url : str
        The server's.
    issuer : str
        The authorization server that knows the client. To no other one are the credentials shown.
    client_id : str
        The client's name there.
    client_secret : str, optional
        The secret, for `client_secret_basic` or, where the server takes only that, `client_secret_post`.
    private_key : str, optional
        A PEM instead, for `private_key_jwt`.
    algorithm : str
        What the key signs with: ES256, RS256, PS256, EdDSA and so on.
    storage, scopes, trusted_hosts
        As for `OAuth`.

    Raises
    ------
    ValueError
        Not exactly one of secret and key.
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
        party = Party(goal.server, self._client, goal.resource, self._private_key, self._algorithm)
        return await exchange(
            self.fetcher, self.proofs, party, "client_credentials", goal.scopes, send_scope=True
        )


class Assertion(BearerAuth):
    """A client for whom somebody else speaks: an identity provider (enterprise-managed authorization), or the
    platform that a workload runs on (workload identity federation).

    Parameters
    ----------
    server_url : str
        The server's.
    issuer : str
        The authorization server that trusts the assertions. To no other one are they shown.
    assertion_handler : callable
        Gives one; called each time a token is needed.
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
        party = Party(goal.server, self._client, goal.resource)
        assertion = await self._assert(goal.server.issuer, goal.resource)
        return await exchange(
            self.fetcher,
            self.proofs,
            party,
            _JWT_BEARER,
            goal.scopes,
            send_scope=True,
            grant={"assertion": assertion},
        )
