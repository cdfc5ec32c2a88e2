# SPDX-License-Identifier: BSD-3-Clause
"""Find the authorization server that issues tokens for a server, and fetch its metadata.

`Discovery` decides which documents are fetched and in which order; `Fetcher` fetches them within bounds. A
server of 2025-03-26 publishes no resource metadata: then its own root is the authorization server, with
default endpoints if the root publishes nothing either.

Source: spec 2026-07-28, authorization server discovery; spec 2025-03-26, basic/authorization.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import httpx2
from pydantic_core import from_json

from ..._util.text import safe_line
from ...errors import AuthorizationFailed, MetadataAbsent
from ...protocol.frames import has_too_many_containers
from ...protocol.limits import MAX_REDIRECTS
from ..http import origin_of
from .metadata import (
    AuthorizationServer,
    Hosts,
    ProtectedResource,
    default_server,
    has_defaults,
    resource_metadata_urls,
    root_of,
    server_metadata_urls,
    web_url,
)

__all__ = [
    "Answer",
    "Discovery",
    "Fetcher",
]


class Discovery:
    """Finds the metadata of one server and of its authorization server.

    Parameters
    ----------
    fetcher : Fetcher
        Fetches the documents.
    url : str
        The server's URL.
    issuer : str, optional
        The only authorization server that may be used.
    """

    def __init__(self, fetcher: Fetcher, url: str, issuer: str | None) -> None:
        self._fetcher = fetcher
        self._url = url
        self._issuer = issuer
        self._servers: dict[str, AuthorizationServer] = {}

    async def resource(self, hint: str | None) -> ProtectedResource:
        """Return the server's metadata, or what is assumed when the server publishes none.

        Parameters
        ----------
        hint : str or None
            The URL that the challenge gave; None for the well-known places.

        Raises
        ------
        AuthorizationFailed
            The metadata cannot be fetched, or describes another resource.
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
        # The query is left out: it may hold a secret (RFC 8707, section 2, advises against one anyway).
        root = root_of(self._url)
        path = urlsplit(self._url).path
        return ProtectedResource(root + path, (self._issuer or root,), is_published=not absent)

    async def server(self, resource: ProtectedResource, version: str | None) -> AuthorizationServer:
        """Fetch the metadata of the authorization server to use, even if it is known: it may have changed.

        Parameters
        ----------
        version : str, optional
            The protocol version that the refused request names.

        Raises
        ------
        AuthorizationFailed
            It cannot be fetched, or the resource does not accept tokens of the required issuer.
        """
        issuer = self._issuer or resource.authorization_servers[0]
        if issuer not in resource.authorization_servers:
            raise AuthorizationFailed(
                f"The server does not take tokens of {safe_line(issuer)} (any more), but of "
                f"{safe_line(', '.join(resource.authorization_servers))}. A client registered with the "
                "one is unknown to the other: register it anew and change issuer=."
            )
        self._servers.pop(issuer, None)
        return await self.known(issuer, version, resource)

    async def known(
        self, issuer: str, version: str | None, resource: ProtectedResource | None = None
    ) -> AuthorizationServer:
        """Return the metadata of an authorization server, from memory if it was fetched before.

        Parameters
        ----------
        version
            As for `server`.
        resource : ProtectedResource, optional
            The server's metadata; without it, it is fetched if it is needed.

        Raises
        ------
        AuthorizationFailed
            The metadata cannot be fetched. `MetadataAbsent`: the version requires it, an older one would not.
        """
        if issuer not in self._servers:
            self._servers.clear()  # one at a time is enough
            found = await self._fetched(issuer)
            self._servers[issuer] = found or await self._default(issuer, version, resource)
        return self._servers[issuer]

    async def _fetched(self, issuer: str) -> AuthorizationServer | None:
        """Fetch the metadata; None when every well-known place answers 404."""
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
        """Return the default endpoints, if the issuer is the server's own root and nothing is published."""
        if issuer == root_of(self._url) and not (resource or await self.resource(None)).is_published:
            if has_defaults(version):
                return default_server(issuer)
            raise MetadataAbsent(f"{_silent(issuer)}, which version {safe_line(version or '', 20)} requires.")
        raise AuthorizationFailed(f"{_silent(issuer)}: the last answer was 404.")


def _silent(issuer: str) -> str:
    return f"The authorization server {safe_line(issuer)} publishes no metadata"


# -- fetching ------------------------------------------------------------------------------------
#
# Fetch small JSON documents (metadata, registrations, tokens) from hosts that a server named. A request is
# bounded in time, size, encoding and redirects, and goes only to addresses that `Hosts` has checked.

FETCH_SECONDS: Final = 10.0
"""Seconds for a whole request; a document of a few KiB takes less than one."""

MAX_DOCUMENT_BYTES: Final = 1 << 20
"""Metadata is a few KiB. It is requested uncompressed, so that this bounds memory too."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a host answered: status, JSON object of the body (empty if the body is not one), headers."""

    status: int
    document: Mapping[str, Any]
    headers: httpx2.Headers = field(default_factory=httpx2.Headers)


class Fetcher:
    """Fetches documents within bounds.

    Parameters
    ----------
    hosts : Hosts
        Decides to which hosts requests may go.
    """

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts
        self._trust: ssl.SSLContext | None = None

    async def get(self, url: str, what: str) -> Answer:
        """GET a document, following redirects within its origin.

        Raises
        ------
        AuthorizationFailed
            The URL is not allowed, or the host does not answer within the bounds.
        """
        target = web_url(url, what)
        for _ in range(MAX_REDIRECTS + 1):
            answer, location = await self._bounded("GET", target, {}, b"", what)
            if location is None:
                return answer
            try:
                moved = target.join(location)
            except (httpx2.InvalidURL, ValueError):
                moved = httpx2.URL()
            if origin_of(moved) != origin_of(target):
                raise AuthorizationFailed(f"The {what} at {origin_of(target)} redirects to another origin.")
            target = moved
        raise AuthorizationFailed(f"The {what} at {origin_of(target)} redirects without end.")

    async def post(self, url: str, what: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """POST to an endpoint. A redirect is an error, because following it would send credentials elsewhere.

        Raises
        ------
        AuthorizationFailed
            As for `get`.
        """
        answer, location = await self._bounded("POST", web_url(url, what), headers, body, what)
        if location is not None:
            raise AuthorizationFailed(f"The {what} redirects, and a POST is not repeated elsewhere.")
        return answer

    async def _bounded(
        self, method: str, url: httpx2.URL, headers: Mapping[str, str], body: bytes, what: str
    ) -> tuple[Answer, str | None]:
        where = f"The {what} at {origin_of(url)}"
        try:
            with anyio.fail_after(FETCH_SECONDS):
                return await self._sent(method, url, headers, body, where)
        except (TimeoutError, httpx2.TimeoutException):
            raise AuthorizationFailed(f"{where} did not come within {FETCH_SECONDS:g} s.") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as exc:
            # The exception's text is left out: it may repeat what was sent.
            raise AuthorizationFailed(f"{where} cannot be had ({type(exc).__name__}).") from None

    async def _sent(
        self, method: str, url: httpx2.URL, headers: Mapping[str, str], body: bytes, where: str
    ) -> tuple[Answer, str | None]:
        addresses = await self._hosts.addresses(url)
        if self._trust is None:
            self._trust = await anyio.to_thread.run_sync(httpx2.create_ssl_context)
        # Connect to the addresses that were checked. A proxy would resolve the name again, perhaps to others.
        async with httpx2.AsyncClient(verify=self._trust, trust_env=False, timeout=FETCH_SECONDS) as client:
            for number, address in enumerate(addresses, 1):
                request = client.build_request(
                    method,
                    url.copy_with(host=address),
                    headers={
                        "Accept": "application/json",
                        "Accept-Encoding": "identity",
                        **headers,
                        "Host": url.netloc.decode("ascii"),
                    },
                    content=body or None,
                    extensions={"sni_hostname": url.raw_host.decode("ascii")},
                )
                try:
                    response = await client.send(request, stream=True)
                except httpx2.ConnectError:
                    if number == len(addresses):
                        raise
                    continue
                return await _read(response, where)
        raise AssertionError("a host has an address")


async def _read(response: httpx2.Response, where: str) -> tuple[Answer, str | None]:
    try:
        if response.has_redirect_location:
            return Answer(response.status_code, {}), response.headers["location"]
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise AuthorizationFailed(f"{where} is compressed, though that was not asked for.")
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > MAX_DOCUMENT_BYTES:
                raise AuthorizationFailed(f"{where} is larger than {MAX_DOCUMENT_BYTES} bytes.")
    finally:
        await response.aclose()
    try:
        document = None if has_too_many_containers(body) else from_json(bytes(body))
    except ValueError:
        document = None
    said = document if isinstance(document, dict) else {}
    return Answer(response.status_code, said, response.headers), None
