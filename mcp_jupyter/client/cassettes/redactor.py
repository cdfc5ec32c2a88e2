# SPDX-License-Identifier: BSD-3-Clause
"""What must not be kept of a call: secrets, by their place and by their value.

Owns which names and schemas mean a secret, in which forms a known secret is looked for, and the mark that
takes its place. It is told values by whoever knows them (the transport, the person), and learns those that it
finds by their place, so that they are left out everywhere else too. Knows no file.

By place: the value of a member, argument, query parameter or header with a telling name, and what a schema
calls `format: password` or `writeOnly`. By value: in plain, percent-encoded, base64 (at any offset) and as it
stands in JSON. It errs on the side of leaving out.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

from pydantic_core import from_json

from ...errors import ConfigError
from .canonical import MARK
from .known import KnownSecrets
from .recording import MAX_DEPTH
from .schemas import is_secret, members_of, parts

__all__ = ["Redactor", "TooDeep"]

log = logging.getLogger(__name__)

MIN_SECRET_CHARS: Final = 4
"""A shorter one is in every second text; by its place it is still left out."""

MIN_NESTED_CHARS: Final = 8
"""Of texts within a secret object, of which most are secrets and some are not (`{"user": "ada"}`)."""

MAX_FOUND: Final = 200
"""Secrets found by their place that are looked for everywhere else too: each costs time for every text."""

MIN_DIGITS: Final = 8
"""Of a secret that is a number: a shorter one is a count or a year as often."""

MAX_PATTERNS: Final = 50
MAX_PATTERN_CHARS: Final = 500
"""A pattern for one kind of key fits in a line."""

MAX_NAMES: Final = 1_024
"""That are remembered with what they tell: rows of a table repeat theirs."""

MAX_NAME_CHARS: Final = 200
"""Of a name that are looked at: what is longer names nothing."""

MAX_JSON_CHARS: Final = 1 << 20
"""Of a text that is looked into because it may be JSON."""

_WORDS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")

_SECRET_WORDS: Final = frozenset(
    {
        "apikey", "auth", "authorization", "bearer", "cookie", "cookies", "credential", "credentials", "jwt",
        "otp", "passphrase", "passwd", "password", "passwords", "pwd", "secret", "secrets", "token", "tokens",
    }
)  # fmt: skip
_SECRET_PAIRS: Final = frozenset(
    {
        ("access", "key"), ("api", "key"), ("encryption", "key"), ("pass", "word"), ("private", "key"),
        ("session", "id"), ("session", "key"), ("signing", "key"), ("ssh", "key"),
    }
)  # fmt: skip
_COUNTED: Final = frozenset({"token", "tokens"})
"""With a number they are counts (`max_tokens`), not credentials."""

_HEADER_LINE: Final = re.compile(
    r"(?i)\b((?:proxy-)?authorization|mcp-session-id|x-api-key|(?:set-)?cookie)(\s{0,4}[:=]\s{0,4})"
    r"(?:[A-Za-z]{1,20} )?[^\s\"',]{8,}"
)
_BEARER: Final = re.compile(r"(?i)\b(bearer )[\w.~+/=-]{8,}")
_QUERY: Final = re.compile(r"([?&#;])([\w.~%-]{1,60})=([^&#;\s\"'<>]+)")


class TooDeep(ValueError):
    """The value has more levels than a cassette can hold."""


class Redactor:
    """What one cassette leaves out.

    Parameters
    ----------
    secrets : iterable of str
        Known ones; shorter than `MIN_SECRET_CHARS` they are ignored.
    patterns : iterable of str
        Regular expressions of the person's own for what else is a secret.

    Attributes
    ----------
    generation : int
        Rises with each secret learned: what was redacted before has to be looked at again.

    Raises
    ------
    ConfigError
        A pattern cannot be used.
    """

    def __init__(self, secrets: Iterable[str] = (), patterns: Iterable[str] = ()) -> None:
        self.generation = 0
        self._known = KnownSecrets()
        self._found = 0
        self._patterns = [_compiled(pattern) for pattern in patterns]
        if len(self._patterns) > MAX_PATTERNS:
            raise ConfigError(f"redact= has more than {MAX_PATTERNS} patterns.")
        for secret in secrets:
            self.keep(secret)

    def keep(self, secret: str) -> None:
        """Leave `secret` out from now on."""
        if len(secret) >= MIN_SECRET_CHARS and self._known.add(secret):
            self.generation += 1

    def _learn(self, secret: str) -> None:
        """Keep what was found by its place."""
        if secret not in self._known:
            self._found += 1
            if self._found <= MAX_FOUND:
                self.keep(secret)
            elif self._found == MAX_FOUND + 1:
                log.warning("More than %d secrets: further ones are redacted in their place only.", MAX_FOUND)

    # -- by value ------------------------------------------------------------------------------

    def text(self, text: str) -> str:
        """`text` with the mark in place of each known secret, and of what a pattern finds."""
        text = self._known.without(text)
        for pattern in self._patterns:
            text = pattern.sub(MARK, text)
        if ":" in text or "=" in text:
            text = _HEADER_LINE.sub(lambda found: found[1] + found[2] + MARK, text)
        if "=" in text:
            text = _QUERY.sub(_query, text)
        return _BEARER.sub(lambda found: found[1] + MARK, text) if " " in text else text

    def again(self, value: Any) -> Any:
        """Look at what was redacted before once more, for what was learned since."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {
                self.text(key): item if _is_count(key, item) else self.again(item)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self.again(item) for item in value]
        return self._scalar(value)

    def _scalar(self, value: Any) -> Any:
        if type(value) not in (int, float) or not self._known:
            return value
        digits = str(value)
        return MARK if len(digits) >= MIN_DIGITS and digits in self._known else value

    # -- by place ------------------------------------------------------------------------------

    def value(self, value: Any, schema: Any = None, *, schemas: bool = False) -> Any:
        """A copy of JSON without its secrets.

        Parameters
        ----------
        schema : mapping, optional
            JSON Schema of the value, which may say what is secret in it.
        schemas : bool
            Whether members called `inputSchema`, `outputSchema` and `requestedSchema` are schemas: their
            properties have telling names, and are no secrets.

        Raises
        ------
        TooDeep
            It has more than `MAX_DEPTH` levels.
        """
        return self._value(value, parts(schema, schema), schema, schemas, 0)

    def params(
        self, method: str, params: Mapping[str, Any], tools: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, Any]:
        """A copy of a call's params without their secrets.

        Parameters
        ----------
        tools : mapping
            Tools by name, as on the wire, for what their schemas say is secret.
        """
        if method == "tools/call" and isinstance(name := params.get("name"), str):
            inner = tools.get(name, {}).get("inputSchema")
            described = parts({"properties": {"arguments": inner}}, inner)
            made = self._value(params, described, inner, False, 0)
        else:
            made = self.value(params)
        assert isinstance(made, dict)
        return made

    def _value(self, value: Any, described: list[Any], root: Any, schemas: bool, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise TooDeep(f"It has more than {MAX_DEPTH} levels.")
        if isinstance(value, str):
            self._look_into(value)
            return self.text(value)
        if isinstance(value, list):
            inner = members_of(described, None, root)
            if any(map(is_secret, inner)):
                return self._hidden(value)
            return [self._value(item, inner, root, schemas, depth + 1) for item in value]
        if not isinstance(value, dict):
            return self._scalar(value)
        paired = value.get("name", value.get("key"))
        made = {}
        for key, item in value.items():
            inner = members_of(described, key, root)
            if schemas and key in ("inputSchema", "outputSchema", "requestedSchema"):
                made[key] = self._schema(item, False, depth + 1)
            elif _is_count(key, item):
                made[key] = item
            elif (
                _tells(key, item)
                or any(map(is_secret, inner))
                or (key == "value" and isinstance(paired, str) and _tells(paired, item))
            ):
                made[self.text(key)] = self._hidden(item)
            else:
                made[self.text(key)] = self._value(item, inner, root, schemas, depth + 1)
        return made

    def _hidden(self, value: Any, least: int = MIN_SECRET_CHARS) -> Any:
        """The mark for a value whose place is secret, or for all in it; and it is a secret everywhere."""
        if isinstance(value, dict):
            return {self.text(key): self._hidden(item, MIN_NESTED_CHARS) for key, item in value.items()}
        if isinstance(value, list):
            return [self._hidden(item, least) for item in value]
        if value is None or value == "" or isinstance(value, bool):
            return value
        text = str(value)
        if len(text) >= least:
            self._learn(text)
        return MARK

    def _schema(self, node: Any, hide: bool, depth: int) -> Any:
        """A copy of a JSON Schema, in which the example values of secret properties are left out."""
        if depth > MAX_DEPTH:
            raise TooDeep(f"It has more than {MAX_DEPTH} levels.")
        if isinstance(node, list):
            return [self._schema(item, hide, depth + 1) for item in node]
        if not isinstance(node, dict):
            return self._scalar(node) if not isinstance(node, str) else self.text(node)
        hide = hide or is_secret(node)
        made = {}
        for key, item in node.items():
            if key == "properties" and isinstance(item, dict):
                made[key] = {
                    self.text(name): self._schema(sub, _tells(name, _kind_of(sub)), depth + 2)
                    for name, sub in item.items()
                }
            elif hide and key in ("const", "default", "example", "examples"):
                made[key] = self._hidden(item)
            else:
                made[self.text(key)] = self._schema(item, False, depth + 1)
        return made

    def _look_into(self, text: str) -> None:
        """Learn the secrets in a text that is JSON: results often say the same in both forms."""
        if text[:1] in ("{", "[") and len(text) <= MAX_JSON_CHARS:
            try:
                inner = from_json(text)
            except ValueError:
                return
            for secret in _by_name(inner):
                self._learn(secret)


# -- names -------------------------------------------------------------------------------------------------


def _tells(name: str, value: Any) -> bool:
    """Whether a name says that its value is a secret."""
    telling = _telling(name[:MAX_NAME_CHARS])
    return bool(telling - _COUNTED if type(value) in (int, float) else telling)


@lru_cache(MAX_NAMES)
def _telling(name: str) -> frozenset[str]:
    """The words of a name that tell of a secret."""
    words = [word.lower() for word in _WORDS.findall(name)]
    pairs = {" ".join(pair) for pair in pairwise(words) if pair in _SECRET_PAIRS}
    return frozenset(pairs.union(word for word in words if word in _SECRET_WORDS))


def _kind_of(schema: Any) -> float | str:
    """A value such as a schema describes, as far as `_tells` looks at it."""
    described = schema.get("type") if isinstance(schema, dict) else None
    return 0 if described in ("integer", "number") else ""


def _is_count(name: str, value: Any) -> bool:
    """Whether this is a number of the protocol's own, without which a recording could not be read."""
    return name in ("code", "progress", "total") and type(value) in (int, float)


def _query(found: re.Match[str]) -> str:
    mark, name, value = found.groups()
    return f"{mark}{name}={MARK if _tells(name, value) else value}"


def _by_name(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if _tells(key, item) and isinstance(item, str):
                yield item
            else:
                yield from _by_name(item)
    elif isinstance(value, list):
        for item in value:
            yield from _by_name(item)


# -- patterns ----------------------------------------------------------------------------------------------


def _compiled(pattern: str) -> re.Pattern[str]:
    if len(pattern) > MAX_PATTERN_CHARS:
        raise ConfigError(f"A pattern of redact= has more than {MAX_PATTERN_CHARS} characters.")
    try:
        made = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as exc:
        raise ConfigError(f"A pattern of redact= is no regular expression: {exc}.") from None
    if made.match(""):
        raise ConfigError("A pattern of redact= matches the empty text, so it would match everywhere.")
    return made
