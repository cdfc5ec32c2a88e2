# SPDX-License-Identifier: BSD-3-Clause
"""From a server to the authorization server that gives tokens for it.

Owns the order in which documents are looked for. Knows no client and no token.

Source: spec 2026-07-28, authorization server discovery; for servers of 2025-03-26, which publish no resource
metadata, the root of the server itself.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from ...errors import AuthorizationFailed
from ..streams import printable
from .fetching import Fetcher
from .metadata import (
    AuthorizationServer,
    ProtectedResource,
    resource_metadata_urls,
    root_of,
    server_metadata_urls,
)

__all__ = ["Discovery"]


class Discovery:
    """Finds the metadata of one server.

    Parameters
    ----------
    fetcher : Fetcher
        Asks for it.
    url : str
        The server's.
    issuer : str, optional
        The one authorization server that may be used.
    """

    def __init__(self, fetcher: Fetcher, url: str, issuer: str | None) -> None:
        self._fetcher = fetcher
        self._url = url
        self._issuer = issuer
        self._servers: dict[str, AuthorizationServer] = {}

    async def resource(self, hint: str | None) -> ProtectedResource:
        """The server's metadata, from where the challenge says or else from the well-known places.

        Raises
        ------
        AuthorizationFailed
            It cannot be had, or is about something else.
        """
        for url in [hint] if hint else resource_metadata_urls(self._url):
            answer = await self._fetcher.get(url, "protected resource metadata")
            if answer.status == 200:
                return ProtectedResource.read(answer.document, self._url)
            if hint or answer.status >= 500:
                raise AuthorizationFailed(
                    f"The protected resource metadata cannot be had: {root_of(url)} answered {answer.status}."
                )
        # Without its query, which may hold a secret (RFC 8707, section 2, advises against one anyway).
        root = root_of(self._url)
        return ProtectedResource(root + urlsplit(self._url).path, (self._issuer or root,))

    async def server(self, resource: ProtectedResource) -> AuthorizationServer:
        """The metadata of the authorization server to use, anew: it may have changed.

        Raises
        ------
        AuthorizationFailed
            It cannot be had, or the resource does not use the issuer that was asked for.
        """
        issuer = self._issuer or resource.authorization_servers[0]
        if issuer not in resource.authorization_servers:
            raise AuthorizationFailed(
                f"The server does not take tokens of {printable(issuer, 120)} (any more), but of "
                f"{printable(', '.join(resource.authorization_servers), 200)}. A client registered with the "
                "one is unknown to the other: register it anew and change issuer=."
            )
        self._servers.pop(issuer, None)
        return await self.known(issuer)

    async def known(self, issuer: str) -> AuthorizationServer:
        """The metadata of an authorization server, from memory if it was fetched before.

        Raises
        ------
        AuthorizationFailed
            It cannot be had.
        """
        if issuer not in self._servers:
            self._servers.clear()  # one at a time is enough
            self._servers[issuer] = await self._fetched(issuer)
        return self._servers[issuer]

    async def _fetched(self, issuer: str) -> AuthorizationServer:
        for url in server_metadata_urls(issuer):
            answer = await self._fetcher.get(url, "authorization server metadata")
            if answer.status == 200:
                return AuthorizationServer.read(answer.document, issuer)
            if answer.status >= 500:
                break
        raise AuthorizationFailed(
            f"The authorization server {printable(issuer, 120)} publishes no metadata: the last answer was "
            f"{answer.status}."
        )
