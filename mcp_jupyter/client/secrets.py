# SPDX-License-Identifier: BSD-3-Clause
"""Find known secrets in a text and replace them, whatever their encoding there.

`KnownSecrets` finds them as they are, and encoded: percent-encoding, JSON (also within JSON), HTML,
hexadecimal digits, base64 at any offset. `ClientSecrets` collects those of an HTTP client.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
import string
from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from .._util.text import MAX_MESSAGE_CHARS, safe_line

if TYPE_CHECKING:
    import httpx2

__all__ = ["MARK", "ClientSecrets", "KnownSecrets"]

MARK: Final = "[redacted]"
"""Stands where a secret was. In a recording it matches any text at this place."""

MIN_BASE64_CHARS: Final = 8
"""Characters of the part of an encoded secret that does not depend on its position: fewer are in images by
chance. The same holds for hexadecimal digits."""

_BASE64: Final = string.ascii_letters + string.digits + "+/-_"

_ESCAPE: Final = re.compile(
    r"(?:%[0-9A-Fa-f]{2})+"
    r"|\\+u[dD][89abAB][0-9A-Fa-f]{2}\\+u[dD][c-fC-F][0-9A-Fa-f]{2}"
    r"|\\+(?:u[0-9A-Fa-f]{4}|[\"/bfnrt])?"
    r"|&(?:#[0-9A-Za-z]{1,8}|[A-Za-z]{2,8});"
)
"""An escape of a URL, of JSON (with more backslashes for JSON within JSON), or of HTML."""

_SHORT: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class KnownSecrets:
    """A growing set of secrets that are replaced by a mark in every text.

    The time that `without` takes grows with the text, not with what is in it.
    """

    def __init__(self, mark: str = MARK) -> None:
        self._mark = mark
        self._secrets: set[str] = set()
        self._plain: list[str] = []  # the longest first: a whole before a part of it
        self._encoded: set[str] = set()
        self._decoded: list[str] = []
        self._shortest = 0

    def __contains__(self, text: str) -> bool:
        return text in self._secrets

    def __bool__(self) -> bool:
        return bool(self._secrets)

    def add(self, secret: str) -> bool:
        """Add a secret; return whether it is new. One that is part of the mark or contains it is skipped."""
        if secret in self._secrets or secret in self._mark or self._mark in secret:
            return False
        self._secrets.add(secret)
        self._plain = sorted(self._secrets, key=len, reverse=True)
        self._encoded |= {text for text in _encodings(secret) if text not in self._mark}
        found = {secret, _Decoded(secret).text, secret.replace(" ", "+")}
        self._decoded = sorted({*self._decoded, *found} - {""}, key=len, reverse=True)
        self._shortest = min(map(len, (*self._plain, *self._encoded, *self._decoded)))
        return True

    def without(self, text: str) -> str:
        """Return a text with the mark in place of each secret."""
        if not self._secrets or len(text) < self._shortest:
            return text
        for core in self._encoded:
            if core in text:
                text = self._without_runs(text, core)
        for secret in self._plain:
            text = text.replace(secret, self._mark)
        if "%" in text or "\\" in text or "&" in text or "+" in text:
            text = self._without_escaped(text)
        return text

    def _without_escaped(self, text: str) -> str:
        decoded = _Decoded(text)
        found = [secret for secret in self._decoded if secret in decoded.text]
        if not found:
            return text
        pieces, at = [], 0
        for match in re.finditer("|".join(map(re.escape, found)), decoded.text):
            start, end = decoded.source(*match.span())
            if start >= at:  # else it shares an escape with the match before, which is replaced already
                pieces += [text[at:start], self._mark]
            at = max(at, end)
        return "".join([*pieces, text[at:]])

    def _without_runs(self, text: str, core: str) -> str:
        """Replace all of the base64 around a place: the neighbours hold bits of the secret too."""
        pieces, at = [], 0
        while (found := text.find(core, at)) >= 0:
            start, end = found, found + len(core)
            while start > at and text[start - 1] in _BASE64:
                start -= 1
            while end < len(text) and text[end] in _BASE64:
                end += 1
            while end < len(text) and text[end] == "=":
                end += 1
            pieces += [text[at:start], self._mark]
            at = end
        return "".join([*pieces, text[at:]])


@dataclass(slots=True)
class _Decoded:
    """A text without its escapes, and the place of each part in the source."""

    origin: str
    text: str = ""
    _at: list[int] = field(default_factory=list)  # where a part begins in the text
    _from: list[tuple[int, int | None]] = field(default_factory=list)  # in the source; its end, if an escape

    def __post_init__(self) -> None:
        parts: list[str] = []
        length = last = 0
        for match in _ESCAPE.finditer(self.origin):
            start, end = match.span()
            for part, source in (
                (self.origin[last:start], (last, None)),
                (_unescaped(match[0]), (start, end)),
            ):
                self._at.append(length)
                self._from.append(source)
                parts.append(part)
                length += len(part)
            last = end
        self._at.append(length)
        self._from.append((last, None))
        self.text = "".join([*parts, self.origin[last:]])

    def source(self, start: int, end: int) -> tuple[int, int]:
        """Return the span of the source that a span of the text, not empty, came from."""
        first, last = bisect_right(self._at, start) - 1, bisect_right(self._at, end - 1) - 1
        begins, escape_ends = self._from[first]
        if escape_ends is None:
            begins += start - self._at[first]
        ends, escape_ends = self._from[last]
        return begins, ends + end - self._at[last] if escape_ends is None else escape_ends


def _unescaped(escape: str) -> str:
    if escape[0] == "%":
        return bytes.fromhex(escape.replace("%", "")).decode("utf-8", "replace")
    if escape[0] == "&":
        return html.unescape(escape)
    units = [part for part in escape.split("\\") if part]
    if not units:
        return "\\"
    if units[0][0] != "u":
        return _SHORT.get(units[0], units[0])
    code = b"".join(bytes.fromhex(unit[1:]) for unit in units)
    return code.decode("utf-16-be", "replace")


def _encodings(secret: str) -> set[str]:
    """Return what shows that base64 (either alphabet, any offset) or hexadecimal digits hold a secret."""
    data = secret.encode("utf-8", "surrogatepass")
    cores = [_core(data, offset) for offset in range(3)]
    found = {*cores, *(core.replace("+", "-").replace("/", "_") for core in cores)}
    return {text for text in found | {data.hex(), data.hex().upper()} if len(text) >= MIN_BASE64_CHARS}


def _core(data: bytes, offset: int) -> str:
    """Return the part of the base64 that `data` alone decides, `offset` bytes into a group."""
    encoded = base64.b64encode(bytes(offset) + data).decode().rstrip("=")
    first = (0, 2, 3)[offset]
    return encoded[first : len(encoded) - ((offset + len(data)) % 3 != 0)]


# -- secrets of an HTTP client -------------------------------------------------------------------

MIN_SECRET_CHARS: Final = 8
"""Characters. Replacing a shorter header value (as in `X-Debug: 1`) would garble the message."""

MAX_LEARNED: Final = 64
"""Secrets of an `httpx2.Auth` that are kept: tokens are renewed for as long as a client lives."""

_NO_HEADER_CHAR: Final = "\0"
"""The mark while secrets are replaced: no header has it, but a secret may contain `***`."""

_PLAIN: Final = frozenset({"accept", "accept-encoding", "connection", "user-agent"})
"""Headers that httpx2 adds to every request."""

_FRAMING: Final = frozenset(
    {"content-length", "content-type", "dpop", "host", "last-event-id", "transfer-encoding"}
)
"""Further headers without secrets; the protocol's own begin with `mcp-`. A DPoP proof is valid for one
request and with its token only: keeping each would drive the tokens out."""


class ClientSecrets:
    """The secrets of one HTTP client: header values, the query of its URL, and what an `httpx2.Auth` adds.

    Parameters
    ----------
    headers : httpx2.Headers
        Sent with each request.
    url : httpx2.URL
        The server's URL.
    """

    def __init__(self, headers: httpx2.Headers, url: httpx2.URL) -> None:
        self._kept = {url.password, url.query.decode("ascii", "replace"), *url.params.values()}
        for name, value in headers.items():
            if name not in _PLAIN:
                self._kept |= _forms(value)
        self._learned: deque[str] = deque(maxlen=MAX_LEARNED)
        self._known: KnownSecrets | None = None  # `_kept` and `_learned` together; None after a change
        self._listener: Callable[[str], None] | None = None

    def tell(self, listener: Callable[[str], None]) -> None:
        """Call `listener` with each secret, now and as they are learned."""
        self._listener = listener
        for text in (*self._kept, *self._learned):
            self._told(text)

    def _told(self, text: str) -> None:
        self._known = None
        if len(text) >= MIN_SECRET_CHARS and self._listener is not None:
            self._listener(text)

    def keep(self, text: str) -> None:
        """Replace `text` in every message from now on."""
        self._kept.add(text)
        self._told(text)

    async def learn(self, request: httpx2.Request) -> None:
        """Keep what was added to a request: a hook that httpx2 calls before it sends one."""
        for name, value in request.headers.items():
            if name not in _PLAIN and name not in _FRAMING and not name.startswith("mcp-"):
                for text in _forms(value):
                    if text not in self._learned:
                        self._learned.append(text)
                        self._told(text)

    def quote(self, text: str) -> str:
        """Return `text` as one short line, with `***` in place of every secret."""
        if self._known is None:
            self._known = KnownSecrets(_NO_HEADER_CHAR)
            for secret in (*self._kept, *self._learned):
                if len(secret) >= MIN_SECRET_CHARS:
                    self._known.add(secret)
        return safe_line(self._known.without(text).replace(_NO_HEADER_CHAR, "***"), MAX_MESSAGE_CHARS)


def _forms(value: str) -> set[str]:
    """Return a header's value, whole and without its scheme; of Basic (RFC 7617) also its parts."""
    scheme, _, credentials = value.rpartition(" ")
    forms = {value, credentials}
    if scheme.lower() == "basic":
        try:
            pair = base64.b64decode(credentials, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return forms
        forms |= {pair, pair.partition(":")[2]}
    return forms
