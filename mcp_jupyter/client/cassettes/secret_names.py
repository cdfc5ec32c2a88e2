# SPDX-License-Identifier: BSD-3-Clause
"""Decide whether a parameter's name means a secret, and whether a value is a secret worth searching for.

Pure. Names are compared word by word (`dbPassword` is `db`, `password`), so `pin` does not match `spinning`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

__all__ = ["MIN_LONG_CHARS", "SecretNames", "is_strong", "is_unusual"]

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
