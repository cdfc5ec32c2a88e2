# SPDX-License-Identifier: BSD-3-Clause
"""From a server to the authorization server that gives tokens for it.

Owns the order in which documents are looked for. Knows no client and no token.

Source: spec 2026-07-28, authorization server discovery; for servers of 2025-03-26, which publish no resource
metadata, the root of the server itself, and where that publishes nothing either, its default endpoints.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from ...errors import AuthorizationFailed, MetadataAbsent
from ..streams import printable
from .defaults import default_server, has_defaults
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
        absent = True
        for url in [hint] if hint else resource_metadata_urls(self._url):
            answer = await self._fetcher.get(url, "protected resource metadata")
            if answer.status == 200:
                return ProtectedResource.read(answer.document, self._url)
            if hint or answer.status >= 500:
                raise AuthorizationFailed(
                    f"The protected resource metadata cannot be had: {root_of(url)} answered {answer.status}."
                )
            absent = absent and answer.status == 404
        # Without its query, which may hold a secret (RFC 8707, section 2, advises against one anyway).
        root = root_of(self._url)
        path = urlsplit(self._url).path
        return ProtectedResource(root + path, (self._issuer or root,), is_published=not absent)

    async def server(self, resource: ProtectedResource, version: str | None) -> AuthorizationServer:
        """The metadata of the authorization server to use, anew: it may have changed.

        Parameters
        ----------
        version : str, optional
            The protocol version that the request names which was refused.

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
        return await self.known(issuer, version, resource)

    async def known(
        self, issuer: str, version: str | None, resource: ProtectedResource | None = None
    ) -> AuthorizationServer:
        """The metadata of an authorization server, from memory if it was fetched before.

        Parameters
        ----------
        version
            As for `server`.
        resource : ProtectedResource, optional
            The server's metadata; looked for when it is needed.

        Raises
        ------
        AuthorizationFailed
            It cannot be had.
        """
        if issuer not in self._servers:
            self._servers.clear()  # one at a time is enough
            found = await self._fetched(issuer)
            self._servers[issuer] = found or await self._default(issuer, version, resource)
        return self._servers[issuer]

    async def _fetched(self, issuer: str) -> AuthorizationServer | None:
        """The metadata; None when each place says that it has none."""
        absent = True
        for url in server_metadata_urls(issuer):
            answer = await self._fetcher.get(url, "authorization server metadata")
            if answer.status == 200:
                return AuthorizationServer.read(answer.document, issuer)
            absent = absent and answer.status == 404
            if answer.status >= 500:
                break
        if absent:
            return None
        raise AuthorizationFailed(f"{_silent(issuer)}: the last answer was {answer.status}.")

    async def _default(
        self, issuer: str, version: str | None, resource: ProtectedResource | None
    ) -> AuthorizationServer:
        """The default endpoints, of a server alone that publishes nothing whatever, and at its own origin."""
        if issuer == root_of(self._url) and not (resource or await self.resource(None)).is_published:
            if has_defaults(version):
                return default_server(issuer)
            raise MetadataAbsent(f"{_silent(issuer)}, which version {printable(version or '', 20)} requires.")
        raise AuthorizationFailed(f"{_silent(issuer)}: the last answer was 404.")


def _silent(issuer: str) -> str:
    return f"The authorization server {printable(issuer, 120)} publishes no metadata"
