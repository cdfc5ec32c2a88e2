# SPDX-License-Identifier: BSD-3-Clause
"""Replace secrets in a recording by a mark: found by the names of parameters, by schemas, by value, by shape.

* By name: only in what the client sends (a call's params, the answers to a server's questions), because a
  member of a result called `tokens` is data.
* By schema: wherever it has `format: password` or `writeOnly`.
* By value: secrets that the client knows, or that were found by name or schema or in a URL that it sent. They
  are replaced in every text and usual encoding, if they are too strong to be an ordinary word (`is_strong`).
* By shape: `scheme://user:PASSWORD@`, headers and query parameters within texts, and the user's own patterns.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

from pydantic_core import from_json

from ..._util.json_schema import branches, is_secret, members
from ...errors import ConfigError
from ..secrets import MARK, KnownSecrets
from .recording import MAX_DEPTH

__all__ = [
    "Redactor",
    "SecretNames",
    "TooDeep",
    "is_strong",
]


log = logging.getLogger(__name__)

MIN_SECRET_CHARS: Final = 4
"""Characters. A shorter secret given with `secrets=` is ignored, because it would occur in most texts."""

MAX_FOUND: Final = 200
"""Learned secrets that are searched for in all texts: each costs time in every text."""

MIN_DIGITS: Final = 8
"""Digits of a number that can be a secret: a shorter one may be a count or a year."""

MAX_PATTERNS: Final = 50
"""Patterns of `redact=`: each costs time in every text."""
MAX_PATTERN_CHARS: Final = 500
"""Characters of one pattern: one for a kind of key fits in a line."""

MAX_EXEMPT: Final = 100
"""Names in `no_redact=`: a server has fewer parameters that need it."""

MAX_JSON_CHARS: Final = 1 << 20
"""Characters. A longer text is not parsed to compare it with the structured content."""

_HEADER_LINE: Final = re.compile(
    r"(?i)\b((?:proxy-)?authorization|mcp-session-id|x-api-key|(?:set-)?cookie)(\s{0,4}[:=]\s{0,4})"
    r"(?:[A-Za-z]{1,20} )?[^\s\"',]{8,}"
)
_BEARER: Final = re.compile(r"(?i)\b(bearer )[\w.~+/=-]{8,}")
_QUERY: Final = re.compile(r"([?&#;])([\w.~%-]{1,60})=([^&#;\s\"'<>]+)")

_USER_INFO: Final = re.compile(r"(:(?:\\{0,4}/){2})([^\s/?#\"'<>@:\\]{0,200}:)?([^\s/?#\"'<>\\]{1,1000})@")
"""The user and the password of a URL (RFC 3986, 3.2.1)."""

_ASSIGNED: Final = re.compile(
    r"(?P<name>(?<![\w.-])[A-Za-z][\w.-]{0,59})(?P<mark>\\{0,4}[\"']?\s{0,4}[:=]\s{0,4})"
    r"(?:(?P<quote>\\{0,4}[\"'])(?P<quoted>(?:\\.|[^\\]){1,2000}?)(?P=quote)|(?P<bare>[^\s,;&\"'\\{}\[\]()<>]{1,2000}))",
    re.DOTALL,
)
"""A name with a value in a text: a DSN (`password=x`), JSON, YAML, an option of a command."""


class TooDeep(ValueError):
    """The value has more levels of nesting than a cassette can hold."""


class Redactor:
    """Replaces the secrets in one cassette by a mark.

    Parameters
    ----------
    secrets : iterable of str
        The caller's own secrets of at least `MIN_SECRET_CHARS`, searched for in all texts.
    patterns : iterable of str
        The user's regular expressions for further secrets.
    exempt : iterable of str
        Names of parameters whose values are kept, even if the name or a schema marks them as secret.

    Attributes
    ----------
    generation : int
        Grows with each learned secret. After that, earlier recordings must be redacted again.

    Raises
    ------
    ConfigError
        A pattern or a name is not valid.
    """

    def __init__(
        self, secrets: Iterable[str] = (), patterns: Iterable[str] = (), exempt: Iterable[str] = ()
    ) -> None:
        self.generation = 0
        self._known = KnownSecrets()
        self._found = 0
        self._patterns = [_compiled(pattern) for pattern in patterns]
        if len(self._patterns) > MAX_PATTERNS:
            raise ConfigError(f"redact= has more than {MAX_PATTERNS} patterns.")
        self._names = SecretNames(_exempted(exempt))
        for secret in secrets:
            if len(secret) >= MIN_SECRET_CHARS:
                self._add(secret)

    def keep(self, secret: str) -> None:
        """Redact `secret` from now on, if it is strong enough not to be an ordinary word."""
        if is_strong(secret):
            self._add(secret)

    def _add(self, secret: str) -> None:
        if self._known.add(secret):
            self.generation += 1

    def _learn(self, secret: str) -> None:
        """Search all texts for a newly found secret from now on, if it is strong enough."""
        if is_strong(secret) and secret not in self._known:
            self._found += 1
            if self._found <= MAX_FOUND:
                self._add(secret)
            elif self._found == MAX_FOUND + 1:
                log.warning("More than %d secrets: further ones are redacted in their place only.", MAX_FOUND)

    # -- by value and by shape -----------------------------------------------------------------

    def text(self, text: str) -> str:
        """Return `text` with the mark in place of known secrets and of matches of patterns and shapes."""
        # The short tests skip regular expressions that cannot match, as in most texts.
        text = self._known.without(text)
        for pattern in self._patterns:
            text = pattern.sub(MARK, text)
        if "://" in text or ":\\/" in text:
            text = _USER_INFO.sub(_without_password, text)
        if ":" in text or "=" in text:
            text = _HEADER_LINE.sub(self._without_header, text)
        if "=" in text:
            text = _QUERY.sub(self._without_query, text)
        return _BEARER.sub(lambda found: found[1] + MARK, text) if " " in text else text

    def _without_header(self, found: re.Match[str]) -> str:
        return found[0] if self._names.is_exempt(found[1]) else found[1] + found[2] + MARK

    def _without_query(self, found: re.Match[str]) -> str:
        mark, name, value = found.groups()
        return f"{mark}{name}={MARK}" if self._names.tell(name, _number_or_text(value)) else found[0]

    def again(self, value: Any) -> Any:
        """Redact an already redacted value again, for secrets learned since."""
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

    def value(self, value: Any, schema: Any = None, *, weak: Collection[str] = ()) -> Any:
        """Return a redacted copy of a value from the server.

        Parameters
        ----------
        value
            The value, as parsed JSON.
        schema : mapping, optional
            JSON Schema of the value, which may mark parts as secret.
        weak : collection of str
            Secrets of the call that this value answers; they are searched for only here (see `params`).

        Raises
        ------
        TooDeep
            The value has more than `MAX_DEPTH` levels.
        """
        return _Copy(self, weak=weak).of(value, branches(schema, schema), schema)

    def page(self, value: Any, *, weak: Collection[str] = ()) -> Any:
        """Return a redacted copy of a server's value that contains schemas: a page of tools, or a form."""
        return _Copy(self, schemas=True, weak=weak).of(value, [], None)

    def sent(self, value: Any, schema: Any = None) -> Any:
        """Return a redacted copy of a value from the client, in which names of members mark secrets too."""
        return _Copy(self, by_name=True).of(value, branches(schema, schema), schema)

    def params(
        self,
        method: str,
        params: Mapping[str, Any],
        tools: Mapping[str, Mapping[str, Any]],
        weak: set[str] | None = None,
    ) -> dict[str, Any]:
        """Return a redacted copy of a call's params.

        Parameters
        ----------
        method : str
            The MCP method.
        params : mapping
            The params, in canonical form.
        tools : mapping
            Tools by name, as on the wire; their schemas may mark arguments as secret.
        weak : set of str, optional
            A set to which secrets are added that are too weak to be searched for in all texts, but are not
            ordinary words: a server often repeats them in its response to the same call.
        """
        copy = _Copy(self, by_name=True)
        if method == "tools/call" and isinstance(name := params.get("name"), str):
            inner = tools.get(name, {}).get("inputSchema")
            made = copy.of(params, [{"properties": {"arguments": inner}}], inner)
        else:
            made = copy.of(params, [], None)
        if weak is not None:
            weak |= {secret for secret in copy.hidden if is_unusual(secret) and not is_strong(secret)}
        assert isinstance(made, dict)
        return made

    def result(
        self, result: Mapping[str, Any], tool: Mapping[str, Any], weak: Collection[str] = ()
    ) -> dict[str, Any]:
        """Return a redacted copy of the result of a tool call.

        Values that the tool's output schema marks as secret are redacted in the structured content, and in
        text blocks that repeat it as JSON.
        """
        schema, content = tool.get("outputSchema"), result.get("content")
        copy = _Copy(self, weak=weak)
        made = copy.of(result, [{"properties": {"structuredContent": schema}}], schema)
        assert isinstance(made, dict)
        if copy.hidden and isinstance(content, list):
            was, now = result["structuredContent"], made["structuredContent"]
            for block, kept in zip(content, made["content"], strict=True):
                if isinstance(block, dict) and isinstance(text := block.get("text"), str):
                    kept["text"] = _same_said(text, was, now, copy.hidden) or kept["text"]
        return made


_SAME_VALUE: Final = frozenset(
    {"additionalProperties", "allOf", "anyOf", "else", "items", "oneOf", "prefixItems", "then"}
)
"""Keywords whose schemas describe the same value as the schema that has them, or a part of it."""


class _Copy:
    """Makes one redacted copy of a JSON value.

    Attributes
    ----------
    hidden : set of str
        The secrets found in this value.
    """

    def __init__(
        self,
        redactor: Redactor,
        *,
        by_name: bool = False,
        schemas: bool = False,
        weak: Collection[str] = (),
    ) -> None:
        self.hidden: set[str] = set()
        self._redactor = redactor
        self._names = redactor._names
        self._by_name = by_name
        self._schemas = schemas
        words = "|".join(map(re.escape, sorted(weak, key=len, reverse=True)))
        self._weak = re.compile(rf"(?<!\w)(?:{words})(?!\w)") if words else None

    def of(self, value: Any, described: list[Any], root: Any, depth: int = 0) -> Any:
        if depth > MAX_DEPTH:
            raise TooDeep(f"It has more than {MAX_DEPTH} levels.")
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, list):
            inner = members(described, None, root)
            if any(map(is_secret, inner)):
                return self._hidden(value)
            return [self.of(item, inner, root, depth + 1) for item in value]
        if isinstance(value, dict):
            return self._object(value, described, root, depth)
        return self._redactor._scalar(value)

    def _object(self, value: dict[str, Any], described: list[Any], root: Any, depth: int) -> dict[str, Any]:
        # In a pair such as {"name": "password", "value": "x"}, the name tells about the value.
        paired = value.get("name", value.get("key"))
        made = {}
        for key, item in value.items():
            inner = members(described, key, root)
            if self._schemas and key in ("inputSchema", "outputSchema", "requestedSchema"):
                made[key] = self._schema(item, False, key != "outputSchema", depth + 1)
            elif _is_count(key, item):
                made[key] = item
            elif (
                self._tells(key, item)
                or (any(map(is_secret, inner)) and not self._names.is_exempt(key))
                or (key == "value" and isinstance(paired, str) and self._tells(paired, item))
            ):
                made[self._text(key)] = self._hidden(item)
            else:
                made[self._text(key)] = self.of(item, inner, root, depth + 1)
        return made

    def _tells(self, name: str, value: Any) -> bool:
        return self._by_name and self._names.tell(name, value)

    def _text(self, text: str) -> str:
        if self._by_name and ("=" in text or ":" in text):
            for found in _USER_INFO.finditer(text):
                if found[2] is not None:
                    self._found(found[3])
            text = _ASSIGNED.sub(self._without_value, text)
        text = self._redactor.text(text)
        return text if self._weak is None else self._weak.sub(MARK, text)

    def _without_value(self, found: re.Match[str]) -> str:
        name, value = found["name"], found["quoted"] or found["bare"]
        if not self._names.tell(name, _number_or_text(value)) or value == MARK:
            return found[0]
        if found["bare"] and ":" in found["mark"] and not any(map(str.isdigit, value)):
            return found[0]  # as in "a token: the smallest part of a text"
        self._found(value)
        quote = found["quote"] or ""
        return f"{name}{found['mark']}{quote}{MARK}{quote}"

    def _found(self, secret: str) -> None:
        if secret != MARK:
            self.hidden.add(secret)
            self._redactor._learn(secret)

    def _hidden(self, value: Any) -> Any:
        """Return the mark for a secret value; for an object or list, mark every value in it."""
        if isinstance(value, dict):
            return {self._text(key): self._hidden(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._hidden(item) for item in value]
        if value is None or value == "" or isinstance(value, bool):
            return value
        self._found(str(value))
        return MARK

    def _schema(self, node: Any, hide: bool, by_name: bool, depth: int) -> Any:
        """Return a copy of a JSON Schema in which example and default values of secrets are redacted."""
        if depth > MAX_DEPTH:
            raise TooDeep(f"It has more than {MAX_DEPTH} levels.")
        if isinstance(node, list):
            return [self._schema(item, hide, by_name, depth + 1) for item in node]
        if not isinstance(node, dict):
            return self._redactor._scalar(node) if not isinstance(node, str) else self._text(node)
        # `hide` is for this node's own examples: a nested schema has its own name or mark.
        hide = hide or is_secret(node)
        made = {}
        for key, item in node.items():
            if key == "properties" and isinstance(item, dict):
                made[key] = {
                    self._text(name): self._schema(
                        sub, hide or (by_name and self._names.tell(name, _kind_of(sub))), by_name, depth + 2
                    )
                    for name, sub in item.items()
                }
            elif hide and key in ("const", "default", "example", "examples"):
                made[key] = self._hidden(item)
            else:
                made[self._text(key)] = self._schema(item, hide and key in _SAME_VALUE, by_name, depth + 1)
        return made


def _same_said(text: str, structured: Any, redacted: Any, hidden: Collection[str]) -> str | None:
    """Redact a text that is a secret or repeats the structured content as JSON; return None for others."""
    if text in hidden:
        return MARK
    if text[:1] in ("{", "[") and len(text) <= MAX_JSON_CHARS:
        try:
            said = from_json(text)
        except ValueError:
            return None
        if said == structured:
            return json.dumps(redacted, ensure_ascii=False, indent=2 if "\n" in text else None)
    return None


def _kind_of(schema: Any) -> float | str:
    """Return a value of the type that a schema describes, for `SecretNames.tell`."""
    described = schema.get("type") if isinstance(schema, dict) else None
    return 0 if described in ("integer", "number") else ""


def _number_or_text(text: str) -> float | str:
    return 0 if text.rstrip(".,;:!?)]}").isdigit() else text


def _is_count(name: str, value: Any) -> bool:
    """Whether this is a number that the protocol itself requires; without it a recording is not valid."""
    return name in ("code", "progress", "total") and type(value) in (int, float)


def _without_password(found: re.Match[str]) -> str:
    """Redact the password of a URL, or a user without a password that may be a token.

    An example of the second is `https://ghp_...@github.com`.
    """
    slashes, user, secret = found.groups()
    return found[0] if user is None and not is_strong(secret) else f"{slashes}{user or ''}{MARK}@"


# -- options of the user -----------------------------------------------------------------------------------


def _exempted(names: Iterable[str]) -> tuple[str, ...]:
    exempt = tuple(names)
    if len(exempt) > MAX_EXEMPT or not all(exempt):
        raise ConfigError(f"no_redact= takes at most {MAX_EXEMPT} names of parameters, none of them empty.")
    return exempt


def _compiled(pattern: str) -> re.Pattern[str]:
    if len(pattern) > MAX_PATTERN_CHARS:
        raise ConfigError(f"A pattern of redact= has more than {MAX_PATTERN_CHARS} characters.")
    try:
        made = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as exc:
        raise ConfigError(f"A pattern of redact= is not a valid regular expression: {exc}.") from None
    if made.match(""):
        raise ConfigError("A pattern of redact= matches the empty text, so it would match everywhere.")
    return made


# -- secret names --------------------------------------------------------------------------------
#
# Names are compared word by word (`dbPassword` is `db`, `password`), so `pin` does not match `spinning`.

MIN_LONG_CHARS: Final = 16
"""Characters. A secret of this length is searched for in all texts, whatever it consists of."""

MIN_STRONG_CHARS: Final = 8
"""Characters. A shorter secret is never searched for in all texts, because it can occur there by chance."""

MIN_STRONG_BITS: Final = 27.0
"""Estimated entropy, in bits, of a secret shorter than `MIN_LONG_CHARS` that is searched for in all texts. A
word has about 15, a word with a year about 20, eight random hexadecimal digits about 30."""

MIN_UNUSUAL_CHARS: Final = 6
"""Characters. A shorter secret is not even searched for in the response to its own call."""

MAX_EXAMINED_CHARS: Final = 200
"""Characters of a name that are examined."""

MAX_NAMES: Final = 1_024
"""Names in the cache of words, because the rows of a table repeat their names."""

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
"""Words that name a quantity, as in `max_tokens`, when the value is a number. Such a value is not secret."""

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
        return bool(self._exempt) and _words(name[:MAX_EXAMINED_CHARS]) in self._exempt

    def tell(self, name: str, value: Any) -> bool:
        """Whether the value of a parameter with this name is a secret."""
        telling = _telling(name[:MAX_EXAMINED_CHARS])
        if not telling or self.is_exempt(name):
            return False
        return bool(telling - _COUNTED) or type(value) not in (int, float)


@lru_cache(MAX_NAMES)
def _words(name: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _WORDS.findall(name))


@lru_cache(MAX_NAMES)
def _telling(name: str) -> frozenset[str]:
    """Return the words and pairs of words in a name that mark a secret."""
    words = _words(name)
    pairs = {" ".join(pair) for pair in pairwise(words) if pair in _SECRET_PAIRS}
    return frozenset(pairs.union(word for word in words if word in _SECRET_WORDS))


def is_strong(secret: str) -> bool:
    """Whether a secret can be searched for in all texts without redacting ordinary words."""
    if len(secret) >= MIN_LONG_CHARS:
        return True
    return len(secret) >= MIN_STRONG_CHARS and _bits(secret) >= MIN_STRONG_BITS


def _bits(text: str) -> float:
    """Return a rough estimate of a text's entropy in bits, which is low for words."""
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
    """Whether a secret can be searched for in the response to its own call: it is more than a word."""
    return len(secret) >= MIN_UNUSUAL_CHARS and not secret.isalpha()
