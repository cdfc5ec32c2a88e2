# SPDX-License-Identifier: BSD-3-Clause
"""Text that goes to a client and comes back: sealed, so that a forged or outdated one is refused.

Cursors and `requestState` are in the client's hands between two requests, and an attacker's as far as the
server can tell (spec 2026-07-28, basic/patterns/mrtr, "Security"). A seal binds claims to a purpose, a
holder and a time with HMAC-SHA256 (RFC 2104). The claims can be read by whoever has the text: nothing
secret belongs in them.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any, Final

from pydantic_core import from_json, to_json

__all__ = ["MAX_SEALED_CHARS", "Seal", "SealError"]

MAX_SEALED_CHARS: Final = 4096
"""Ours are some hundred characters; longer text is not read."""

_DIGEST_BYTES: Final = hashlib.sha256().digest_size


class SealError(ValueError):
    """The text is not one that this seal gave out, or not any more."""


class Seal:
    """Seals and opens claims under one key, which lives as long as this object.

    Parameters
    ----------
    clock : callable
        Seconds; for tests.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._key = secrets.token_bytes(32)
        self._clock = clock

    def close(self, purpose: str, holder: str, claims: Any, seconds: float) -> str:
        """Claims as text that `open` takes back.

        Parameters
        ----------
        purpose : str
            What the text is for; one for another purpose is not taken.
        holder : str
            Who may bring it back.
        claims : Any
            A JSON value.
        seconds : float
            How long it is good.
        """
        body = to_json([claims, self._clock() + seconds])
        return urlsafe_b64encode(self._digest(purpose, holder, body) + body).rstrip(b"=").decode("ascii")

    def open(self, purpose: str, holder: str, text: Any) -> Any:
        """The claims in `text`.

        Raises
        ------
        SealError
            It is forged, for another purpose or holder, or too old.
        """
        if not isinstance(text, str) or len(text) > MAX_SEALED_CHARS or not text.isascii():
            raise SealError("This is not a text that the server gave out.")
        try:
            data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except ValueError:
            raise SealError("This is not a text that the server gave out.") from None
        digest, body = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
        canonical = urlsafe_b64encode(data).rstrip(b"=").decode("ascii") == text
        if not canonical or not hmac.compare_digest(digest, self._digest(purpose, holder, body)):
            raise SealError("This is not a text that the server gave out.")
        claims, until = from_json(body)
        if self._clock() >= until:
            raise SealError("This is too old; begin again.")
        return claims

    def _digest(self, purpose: str, holder: str, body: bytes) -> bytes:
        # Lengths first: no shift of characters from one part to another gives the same bytes.
        parts = [part.encode("utf-8", "surrogatepass") for part in (purpose, holder)]
        head = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
        return hmac.digest(self._key, head + body, "sha256")
