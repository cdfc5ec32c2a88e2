# SPDX-License-Identifier: BSD-3-Clause
"""Receive the answer of an authorization server, which a browser brings to a listener on the loopback.

The listener exists for one sign-in. It ignores an answer without the right `state`, which belongs to another
sign-in or to an attacker; `oauth` checks everything else.

Source: RFC 8252, sections 7.3 and 8.3.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs, urlsplit

import anyio
from anyio.abc import SocketAttribute, SocketStream

from ..._util.tasks import owned_tasks
from ...errors import AuthorizationFailed
from ...protocol.limits import MAX_CALLBACK_BYTES

__all__ = ["AuthorizationResponse", "LoopbackCallback", "loopback_callback"]

HEAD_SECONDS: Final = 5.0
"""Seconds for a request to arrive: browsers open connections that they do not use."""

MAX_CONNECTIONS: Final = 16
"""Connections served at once; a browser needs two."""

_PAGE: Final = b"<!doctype html><title>mcp_jupyter</title><p>%b You can close this window."


@dataclass(frozen=True, slots=True)
class AuthorizationResponse:
    """What the authorization server sent back through the browser (RFC 6749, 4.1.2; RFC 9207)."""

    code: str | None = field(default=None, repr=False)
    state: str | None = field(default=None, repr=False)
    iss: str | None = None
    error: str | None = None
    error_description: str | None = None

    @classmethod
    def from_url(cls, url: str) -> AuthorizationResponse:
        """Read the answer from the URL that the browser was sent to.

        Raises
        ------
        AuthorizationFailed
            A parameter occurs twice, or there are too many.
        """
        try:
            query = parse_qs(urlsplit(url).query, max_num_fields=32)
        except ValueError:
            raise AuthorizationFailed("The authorization server's answer has too many parameters.") from None
        names = ("code", "state", "iss", "error", "error_description")
        if any(len(query.get(name, ())) > 1 for name in names):
            raise AuthorizationFailed("A parameter of the authorization server's answer comes twice.")
        return cls(**{name: query[name][0] for name in names if name in query})


class LoopbackCallback:
    """A listener that waits for one answer.

    Attributes
    ----------
    redirect_uri : str
        Where the authorization server sends the browser.
    """

    def __init__(self, port: int) -> None:
        self.redirect_uri = f"http://127.0.0.1:{port}/callback"
        self._state: str | None = None
        self._answered = anyio.Event()
        self._answer: AuthorizationResponse | None = None
        self._limiter = anyio.CapacityLimiter(MAX_CONNECTIONS)

    async def answer(self, state: str) -> AuthorizationResponse:
        """Wait for the answer with this `state`; the caller bounds the wait."""
        self._state = state
        await self._answered.wait()
        assert self._answer is not None
        return self._answer

    async def serve(self, stream: SocketStream) -> None:
        """Serve one request of a connection, then close it."""
        async with stream:
            with anyio.move_on_after(HEAD_SECONDS):
                try:
                    async with self._limiter:
                        status, words = self._take(await _target(stream))
                        await stream.send(_response(status, words))
                except (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream):
                    pass
            if self._answer is not None:
                self._answered.set()  # after the page is sent: this leads to the end of this task

    def _take(self, target: str) -> tuple[bytes, bytes]:
        # `urlsplit` raises for some targets, and any web page or local program can send a request here.
        if self._answer is not None or target.partition("?")[0] != "/callback":
            return b"404 Not Found", b"Nothing is served here."
        try:
            answer = AuthorizationResponse.from_url(target)
        except AuthorizationFailed:
            return b"400 Bad Request", b"This is not a response to a sign-in."
        if self._state is None or not secrets.compare_digest(
            (answer.state or "").encode(), self._state.encode()
        ):
            return b"400 Bad Request", b"This is not a response to the sign-in that is under way."
        self._answer = answer
        return b"200 OK", b"The answer has arrived."


@asynccontextmanager
async def loopback_callback() -> AsyncIterator[LoopbackCallback]:
    """Listen on an ephemeral port of 127.0.0.1 until the body ends."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    callback = LoopbackCallback(listener.extra(SocketAttribute.local_port))  # noqa: S610 - not Django's
    async with listener, owned_tasks() as tasks:
        tasks.start_soon(listener.serve, callback.serve)
        yield callback


async def _target(stream: SocketStream) -> str:
    """Return the target of a GET request; empty for any other request."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) < MAX_CALLBACK_BYTES:
        head += await stream.receive()
    words = head.partition(b"\r\n")[0].decode("latin-1").split(" ")
    return words[1] if len(words) == 3 and words[0] == "GET" and words[1].startswith("/") else ""


def _response(status: bytes, words: bytes) -> bytes:
    body = _PAGE % words
    head = [
        b"HTTP/1.1 " + status,
        b"Content-Type: text/html; charset=utf-8",
        b"Content-Length: %d" % len(body),
        b"Content-Security-Policy: default-src 'none'",
        b"Referrer-Policy: no-referrer",  # the address holds the code
        b"Cache-Control: no-store",
        b"Connection: close",
    ]
    return b"\r\n".join(head) + b"\r\n\r\n" + body
