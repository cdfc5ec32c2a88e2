# SPDX-License-Identifier: BSD-3-Clause
"""Small JSON documents from hosts that a server named: metadata, registrations, tokens.

Owns the bounds of such a request (time, size, encoding, redirects) and to which address it goes. Does not
know what the documents mean.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
import anyio.to_thread
import httpx2
from pydantic_core import from_json

from ...errors import AuthorizationFailed
from ...protocol.frames import has_too_many_containers
from ..http import origin_of
from .addresses import Hosts, web_url

__all__ = ["Answer", "Fetcher"]

FETCH_SECONDS: Final = 10.0
"""For a whole request; a document of a few KiB takes less than one."""

MAX_DOCUMENT_BYTES: Final = 1 << 20
"""Metadata is a few KiB. It is asked for uncompressed, so that this bounds memory too."""

MAX_REDIRECTS: Final = 3
"""Followed within an origin, for a document that has moved."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a host answered: the status, the JSON object of the body (empty when it was none), the headers."""

    status: int
    document: Mapping[str, Any]
    headers: httpx2.Headers = field(default_factory=httpx2.Headers)


class Fetcher:
    """Asks for documents within bounds.

    Parameters
    ----------
    hosts : Hosts
        Which hosts may be asked.
    """

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts
        self._trust: ssl.SSLContext | None = None

    async def get(self, url: str, what: str) -> Answer:
        """GET a document, following redirects within its origin.

        Raises
        ------
        AuthorizationFailed
            The URL may not be asked, or the host does not answer within the bounds.
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
        """POST to an endpoint; a redirect is no answer, for it would carry credentials elsewhere.

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
            # Not the exception's words: they may repeat what was sent.
            raise AuthorizationFailed(f"{where} cannot be had ({type(exc).__name__}).") from None

    async def _sent(
        self, method: str, url: httpx2.URL, headers: Mapping[str, str], body: bytes, where: str
    ) -> tuple[Answer, str | None]:
        addresses = await self._hosts.addresses(url)
        if self._trust is None:
            self._trust = await anyio.to_thread.run_sync(httpx2.create_ssl_context)
        # No proxy: it would look the name up once more, and find what it likes.
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
