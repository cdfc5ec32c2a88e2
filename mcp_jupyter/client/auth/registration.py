# SPDX-License-Identifier: BSD-3-Clause
"""Find the client id for an authorization server: given, the URL of a metadata document, or registered now.

They are tried in this order. Source: spec 2026-07-28, client registration; RFC 7591.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, Final

from ..._util.text import safe_line
from ...errors import AuthorizationFailed
from .discovery import Answer, Fetcher
from .metadata import AuthorizationServer, ClientInformation
from .storage import Storage

__all__ = ["Registrar", "check_metadata_url"]

_METHODS: Final = ("none", "client_secret_basic", "client_secret_post")
"""Authentication methods to register with, the preferred one first: a public client keeps no secret."""


def check_metadata_url(url: str) -> None:
    """Check the URL of a client metadata document.

    Raises
    ------
    ValueError
        It is not https, or has no path (draft-ietf-oauth-client-id-metadata-document).
    """
    scheme, _, rest = url.partition("://")
    if scheme != "https" or not rest.partition("/")[2]:
        raise ValueError("client_metadata_url must begin with https:// and have a path.")


class Registrar:
    """Finds the registration of the client, or registers it.

    Parameters
    ----------
    fetcher, storage
        Send registrations, and keep them by issuer.
    metadata : mapping
        The client's metadata (RFC 7591, section 2), without redirect URIs.
    metadata_url : str, optional
        Where the client publishes its metadata; then that URL is its client id.
    given : ClientInformation, optional
        The client as registered beforehand.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        storage: Storage,
        metadata: Mapping[str, Any],
        metadata_url: str | None = None,
        given: ClientInformation | None = None,
    ) -> None:
        self._fetcher = fetcher
        self._storage = storage
        self._metadata = metadata
        self._metadata_url = metadata_url
        self._given = given

    async def known(self, issuer: str) -> ClientInformation | None:
        """Return the client as this issuer knows it; None if it is not registered there."""
        return self._given or await self._storage.get_client(issuer)

    async def client(self, server: AuthorizationServer, redirect_uri: str) -> ClientInformation:
        """Return the client as this server knows it, and register it first if necessary.

        Raises
        ------
        AuthorizationFailed
            The client cannot be registered.
        """
        if self._given is not None:
            return self._given
        if self._metadata_url is not None and server.takes_metadata_documents:
            client = ClientInformation(self._metadata_url, auth_method="none", redirect_uris=(redirect_uri,))
        else:
            stored = await self._storage.get_client(server.issuer)
            if stored is not None and redirect_uri in stored.redirect_uris and not _ended(stored):
                return stored
            client = await self._register(server, redirect_uri)
        await self._storage.set_client(server.issuer, client)
        return client

    async def forget(self, issuer: str) -> None:
        """Forget a registration that its server no longer knows."""
        if self._given is None:
            await self._storage.set_client(issuer, None)

    async def _register(self, server: AuthorizationServer, redirect_uri: str) -> ClientInformation:
        if server.registration_endpoint is None:
            raise AuthorizationFailed(
                f"The authorization server {safe_line(server.issuer)} registers no clients by itself. "
                "Register one there, and give client_id= (and client_secret=) and issuer=."
            )
        method = next((method for method in _METHODS if method in server.auth_methods), _METHODS[0])
        wish = {
            "token_endpoint_auth_method": method,
            **self._metadata,
            "redirect_uris": [redirect_uri],
        }
        answer = await self._fetcher.post(
            server.registration_endpoint,
            "registration endpoint",
            {"Content-Type": "application/json"},
            json.dumps(wish).encode(),
        )
        if answer.status == 404 and not server.is_published:
            raise AuthorizationFailed(
                f"{safe_line(server.issuer)} publishes no metadata and registers no client: is it an "
                "authorization server at all? It may want a token that is got elsewhere."
            )
        return _registered(answer, redirect_uri)


def _registered(answer: Answer, redirect_uri: str) -> ClientInformation:
    said = answer.document
    if answer.status not in (200, 201):
        words = [said.get("error"), said.get("error_description")]
        text = ": ".join(safe_line(word) for word in words if isinstance(word, str)) or "no reason given"
        raise AuthorizationFailed(
            f"The authorization server refused to register the client ({answer.status}): {text}"
        )
    client_id, secret = said.get("client_id"), said.get("client_secret")
    method, ends = said.get("token_endpoint_auth_method"), said.get("client_secret_expires_at")
    if not isinstance(client_id, str) or not client_id:
        raise AuthorizationFailed("The registration endpoint gave no client_id.")
    return ClientInformation(
        client_id,
        client_secret=secret if isinstance(secret, str) and secret else None,
        auth_method=method if isinstance(method, str) else None,
        redirect_uris=(redirect_uri,),
        expires_at=ends if isinstance(ends, int | float) else 0,
    )


def _ended(client: ClientInformation) -> bool:
    return 0 < client.expires_at < time.time()
