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
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

from .recording import MARK

__all__ = [
    "MIN_LONG_CHARS",
    "KnownSecrets",
    "SecretNames",
    "is_strong",
    "is_unusual",
]


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


# -- secret names --------------------------------------------------------------------------------
#
# Decide whether a parameter's name means a secret, and whether a value is a secret worth searching for.
#
# Pure. Names are compared word by word (`dbPassword` is `db`, `password`), so `pin` does not match
# `spinning`.

MIN_LONG_CHARS: Final = 16
"""A secret of this length is searched for in all texts, whatever it is made of."""

MIN_STRONG_CHARS: Final = 8
"""A shorter secret is never searched for in all texts: it occurs in them by chance."""

MIN_STRONG_BITS: Final = 27.0
"""Estimated entropy, in bits, of a secret shorter than `MIN_LONG_CHARS` that is searched for in all texts. A
word has about 15, a word with a year about 20, eight random hexadecimal digits about 30."""

MIN_UNUSUAL_CHARS: Final = 6
"""A shorter password is not searched for, not even in the answer to the call that it was given to."""

MAX_NAME_CHARS: Final = 200
"""Of a name, the part that is looked at."""

MAX_NAMES: Final = 1_024
"""Names whose words are remembered: the rows of a table repeat theirs."""

_WORDS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")

_SECRET_WORDS: Final = frozenset(
    {
        "accesskey", "accesstoken", "apikey", "apitoken", "auth", "authorization", "authtoken", "bearer",
        "connectionstring", "connstr", "cookie", "cookies", "cred", "credential", "credentials", "creds",
        "cvc", "cvv", "databaseurl", "dburl", "dsn", "jwt", "mnemonic", "otp", "passcode", "passcodes",
        "passkey", "passphrase", "passphrases", "passwd", "password", "passwords", "pat", "pin", "pincode",
        "privatekey", "pwd", "refreshtoken", "secret", "secretkey", "secrets", "sessionid", "sig", "token",
        "tokens", "totp",
    }
)  # fmt: skip

_SECRET_PAIRS: Final = frozenset(
    {
        ("access", "key"), ("account", "key"), ("api", "key"), ("conn", "str"), ("connection", "string"),
        ("connection", "uri"), ("connection", "url"), ("database", "uri"), ("database", "url"), ("db", "uri"),
        ("db", "url"), ("encryption", "key"), ("master", "key"), ("mongo", "uri"), ("pass", "code"),
        ("pass", "phrase"), ("pass", "word"), ("postgres", "url"), ("private", "key"), ("recovery", "code"),
        ("recovery", "phrase"), ("redis", "url"), ("seed", "phrase"), ("session", "id"), ("session", "key"),
        ("shared", "key"), ("signing", "key"), ("ssh", "key"),
    }
)  # fmt: skip

_COUNTED: Final = frozenset({"sig", "token", "tokens"})
"""With a number as their value these are quantities (`max_tokens`, a significance level), not secrets."""

_RUNS: Final = re.compile(r"[A-Z]?[a-z]{2,}|[A-Z]{3,}|[^\W\d_A-Za-z]+|\d|.", re.DOTALL)
_WORD_BITS: Final = 1.5  # per letter of a word
_LETTER_BITS: Final = 4.7  # of a letter that is not part of a word
_DIGIT_BITS: Final = 3.3
_OTHER_BITS: Final = 4.0


class SecretNames:
    """The names of parameters and headers whose values are secrets.

    Parameters
    ----------
    exempt : collection of str
        Names that the user declared harmless; `session_id` exempts `sessionId` and `Session-Id` too.
    """

    def __init__(self, exempt: tuple[str, ...] = ()) -> None:
        self._exempt = {_words(name) for name in exempt}

    def is_exempt(self, name: str) -> bool:
        """Whether the user declared this name harmless."""
        return bool(self._exempt) and _words(name[:MAX_NAME_CHARS]) in self._exempt

    def tell(self, name: str, value: Any) -> bool:
        """Whether a name says that its value is a secret."""
        telling = _telling(name[:MAX_NAME_CHARS])
        if not telling or self.is_exempt(name):
            return False
        return bool(telling - _COUNTED) or type(value) not in (int, float)


@lru_cache(MAX_NAMES)
def _words(name: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _WORDS.findall(name))


@lru_cache(MAX_NAMES)
def _telling(name: str) -> frozenset[str]:
    """Those words of a name that tell of a secret."""
    words = _words(name)
    pairs = {" ".join(pair) for pair in pairwise(words) if pair in _SECRET_PAIRS}
    return frozenset(pairs.union(word for word in words if word in _SECRET_WORDS))


def is_strong(secret: str) -> bool:
    """Whether a secret can be searched for in all texts without cutting words that only look like it."""
    if len(secret) >= MIN_LONG_CHARS:
        return True
    return len(secret) >= MIN_STRONG_CHARS and _bits(secret) >= MIN_STRONG_BITS


def _bits(text: str) -> float:
    """A rough estimate of a text's entropy, which is low for words and dates of a language."""
    bits = 0.0
    for run in _RUNS.findall(text):
        if len(run) > 1 or not run.isascii():
            bits += _WORD_BITS * len(run)
        elif run.isalpha():
            bits += _LETTER_BITS
        else:
            bits += _DIGIT_BITS if run.isdigit() else _OTHER_BITS
    return bits


def is_unusual(secret: str) -> bool:
    """Whether a secret can be searched for in the answer to its own call: it is not merely a word."""
    return len(secret) >= MIN_UNUSUAL_CHARS and not secret.isalpha()
