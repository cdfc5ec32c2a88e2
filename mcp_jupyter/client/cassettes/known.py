# SPDX-License-Identifier: BSD-3-Clause
"""Known secrets, found in a text however they are written there.

Owns the encodings: percent-encoding, JSON (also within JSON), HTML, hexadecimal digits, base64 at any
offset. Each is looked for in time that grows with the text and not with what is in it. Does not know why
something is a secret.
"""

from __future__ import annotations

import base64
import html
import re
import string
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Final

from .canonical import MARK

__all__ = ["KnownSecrets"]

MIN_BASE64_CHARS: Final = 8
"""Of the part of an encoded secret that is the same wherever it stands: less is in images by chance. The same
holds for hexadecimal digits."""

_BASE64: Final = string.ascii_letters + string.digits + "+/-_"

_ESCAPE: Final = re.compile(
    r"(?:%[0-9A-Fa-f]{2})+"
    r"|\\+u[dD][89abAB][0-9A-Fa-f]{2}\\+u[dD][c-fC-F][0-9A-Fa-f]{2}"
    r"|\\+(?:u[0-9A-Fa-f]{4}|[\"/bfnrt])?"
    r"|&(?:#[0-9A-Za-z]{1,8}|[A-Za-z]{2,8});"
)
"""Bytes of a URL; characters as JSON escapes them, with more backslashes for JSON within JSON; HTML's."""

_SHORT: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class KnownSecrets:
    """A growing set of secrets, and the mark in their place."""

    def __init__(self) -> None:
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
        """Look for one more; whether it is new. What would change the mark itself is not looked for."""
        if secret in self._secrets or secret in MARK or MARK in secret:
            return False
        self._secrets.add(secret)
        self._plain = sorted(self._secrets, key=len, reverse=True)
        self._encoded |= _base64_of(secret) | _hex_of(secret)
        found = {secret, _Decoded(secret).text, secret.replace(" ", "+")}
        self._decoded = sorted({*self._decoded, *found} - {""}, key=len, reverse=True)
        self._shortest = min(map(len, (*self._plain, *self._encoded, *self._decoded)))
        return True

    def without(self, text: str) -> str:
        """A text with the mark in the place of each."""
        if not self._secrets or len(text) < self._shortest:
            return text
        for core in self._encoded:
            if core in text:
                text = _without_runs(text, core)
        for secret in self._plain:
            text = text.replace(secret, MARK)
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
            if start >= at:
                pieces += [text[at:start], MARK]
            at = max(at, end)
        return "".join([*pieces, text[at:]])


@dataclass(slots=True)
class _Decoded:
    """A text without its escapes, and where in the source each part of it was."""

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
        """The stretch of the source that a stretch of the text, not empty, came from."""
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


def _base64_of(secret: str) -> set[str]:
    """What shows that base64, of either alphabet, has a secret in it, at any offset."""
    data = secret.encode("utf-8", "surrogatepass")
    cores = [_core(data, offset) for offset in range(3)]
    long = [core for core in cores if len(core) >= MIN_BASE64_CHARS and core not in MARK]
    return {*long, *(core.replace("+", "-").replace("/", "_") for core in long)}


def _hex_of(secret: str) -> set[str]:
    """A secret as hexadecimal digits, of either case."""
    digits = secret.encode("utf-8", "surrogatepass").hex()
    return {digits, digits.upper()} if len(digits) >= MIN_BASE64_CHARS else set()


def _core(data: bytes, offset: int) -> str:
    """The part of an encoding that `data` alone decides, when it begins `offset` bytes into a group."""
    encoded = base64.b64encode(bytes(offset) + data).decode().rstrip("=")
    first = (0, 2, 3)[offset]
    return encoded[first : len(encoded) - ((offset + len(data)) % 3 != 0)]


def _without_runs(text: str, core: str) -> str:
    """The mark for all of the base64 around a place: its neighbours hold bits of the secret too."""
    pieces, at = [], 0
    while (found := text.find(core, at)) >= 0:
        start, end = found, found + len(core)
        while start > at and text[start - 1] in _BASE64:
            start -= 1
        while end < len(text) and text[end] in _BASE64:
            end += 1
        while end < len(text) and text[end] == "=":
            end += 1
        pieces += [text[at:start], MARK]
        at = end
    return "".join([*pieces, text[at:]])
