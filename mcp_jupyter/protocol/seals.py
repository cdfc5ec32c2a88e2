# SPDX-License-Identifier: BSD-3-Clause
"""Seal text that a client gets and sends back, so that forged and outdated text is refused.

A client keeps cursors and `requestState` between two requests, so the server must treat them as an attacker's
input (spec 2026-07-28, basic/patterns/mrtr, "Security"). A seal binds claims to a purpose, a holder and a
time with HMAC-SHA256 (RFC 2104). The claims are not encrypted and must hold no secrets.
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
"""Longer text is refused unread. Sealed text of ours has some hundred characters."""

_DIGEST_BYTES: Final = hashlib.sha256().digest_size


class SealError(ValueError):
    """The text was not issued by this seal, or has expired."""


class Seal:
    """Seals and opens claims under one key, which lives as long as this object.

    Parameters
    ----------
    clock : callable
        Returns the time in seconds; for tests.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._key = secrets.token_bytes(32)
        self._clock = clock

    def close(self, purpose: str, holder: str, claims: Any, seconds: float) -> str:
        """Return claims as sealed text, which `open` accepts.

        Parameters
        ----------
        purpose : str
            The use of the text. `open` refuses it for any other.
        holder : str
            The principal that may send it back.
        claims : Any
            A JSON value.
        seconds : float
            How long the text is valid.
        """
        body = to_json([claims, self._clock() + seconds])
        return urlsafe_b64encode(self._digest(purpose, holder, body) + body).rstrip(b"=").decode("ascii")

    def open(self, purpose: str, holder: str, text: Any) -> Any:
        """Return the claims in `text`.

        Raises
        ------
        SealError
            The text is forged, made for another purpose or holder, or expired.
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
        # Lengths first: else characters could move from one part to the other without changing the digest.
        parts = [part.encode("utf-8", "surrogatepass") for part in (purpose, holder)]
        head = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
        return hmac.digest(self._key, head + body, "sha256")
