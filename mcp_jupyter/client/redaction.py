# SPDX-License-Identifier: BSD-3-Clause
"""Foreign words made fit for a message: short, printable, and without the credentials they may repeat.

Owns what a client's secrets are: the values of its headers, the query of its URL, and what an `httpx2.Auth`
adds to a request on its way out; and tells whoever else must leave them out. Sends nothing.
"""

from __future__ import annotations

import base64
import binascii
from collections import deque
from collections.abc import Callable
from typing import Final

import httpx2

from .streams import printable

__all__ = ["Redaction"]

MAX_SHOWN_CHARS: Final = 300
"""Shown of a server's words."""

MIN_SECRET_CHARS: Final = 8
"""A shorter header value (as in `X-Debug: 1`) is no secret, and replacing it would garble the message."""

MAX_LEARNED: Final = 64
"""Secrets of an `httpx2.Auth` that are remembered: tokens are renewed for as long as a client lives."""

_PLAIN: Final = frozenset({"accept", "accept-encoding", "connection", "user-agent"})
"""Headers that httpx2 sends of its own accord."""

_FRAMING: Final = frozenset(
    {"content-length", "content-type", "dpop", "host", "last-event-id", "transfer-encoding"}
)
"""Headers that a request on its way out has as well; the protocol's own begin with `mcp-`. A DPoP proof
is good for one request and with its token only: to remember each would drive the tokens out."""


class Redaction:
    """The secrets of one client.

    Parameters
    ----------
    headers : httpx2.Headers
        Sent with each request.
    url : httpx2.URL
        The server's.
    """

    def __init__(self, headers: httpx2.Headers, url: httpx2.URL) -> None:
        self._kept = {url.password, url.query.decode("ascii", "replace"), *url.params.values()}
        for name, value in headers.items():
            if name not in _PLAIN:
                self._kept |= _forms(value)
        self._learned: deque[str] = deque(maxlen=MAX_LEARNED)
        self._listener: Callable[[str], None] = _nobody

    def tell(self, listener: Callable[[str], None]) -> None:
        """Call `listener` with each secret, now and as they are learned."""
        self._listener = listener
        for text in (*self._kept, *self._learned):
            self._told(text)

    def _told(self, text: str) -> None:
        if len(text) >= MIN_SECRET_CHARS:
            self._listener(text)

    def keep(self, text: str) -> None:
        """Leave `text` out of every message from now on."""
        self._kept.add(text)
        self._told(text)

    async def learn(self, request: httpx2.Request) -> None:
        """Note what was added to a request: a hook that httpx2 calls before it sends one."""
        for name, value in request.headers.items():
            if name not in _PLAIN and name not in _FRAMING and not name.startswith("mcp-"):
                for text in _forms(value):
                    if text not in self._learned:
                        self._learned.append(text)
                        self._told(text)

    def quote(self, text: str) -> str:
        """`text` as one short line, with `***` in place of every secret."""
        # The longest first: a whole value before a part of it.
        for secret in sorted({*self._kept, *self._learned}, key=len, reverse=True):
            if len(secret) >= MIN_SECRET_CHARS:
                text = text.replace(secret, "***")
        return printable(text, MAX_SHOWN_CHARS)


def _forms(value: str) -> set[str]:
    """A header's value, whole and without its scheme; of a name and a password (RFC 7617) also these."""
    scheme, _, credentials = value.rpartition(" ")
    forms = {value, credentials}
    if scheme.lower() == "basic":
        try:
            pair = base64.b64decode(credentials, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return forms
        forms |= {pair, pair.partition(":")[2]}
    return forms


def _nobody(_secret: str) -> None:
    """Nobody else wants to know."""
