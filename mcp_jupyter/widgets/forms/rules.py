# SPDX-License-Identifier: BSD-3-Clause
"""Values against the schemas of one form, in words for the person. Knows no field and no widget."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time
from typing import Any, Final
from urllib.parse import urlsplit

from ...errors import UncheckableSchema
from ...protocol.validation import JsonSchema

__all__ = ["Rules", "format_problem", "is_secret"]


class Rules:
    """The checks of a form.

    Parameters
    ----------
    schema : Any
        The whole schema; what is checked against stands in it.

    Attributes
    ----------
    reason : str or None
        Why nothing can be checked here; the server still does.
    has_secret : bool
        Whether some part of the whole is a secret.
    """

    def __init__(self, schema: Any) -> None:
        self._whole: JsonSchema | None = None
        self.reason: str | None = None
        self.has_secret = False
        if isinstance(schema, bool):
            schema = {} if schema else {"not": {}}
        if not isinstance(schema, Mapping):
            self.reason = "It is no JSON Schema."
            return
        try:
            self._whole = JsonSchema(schema)
            self.has_secret = any(map(is_secret, _parts(schema)))
        except UncheckableSchema as exc:
            self.reason = str(exc)

    def misfits(self, schema: Any, value: Any) -> list[str]:
        """What does not fit a part of the whole, as in `$.a: ...`; empty also where it cannot be checked."""
        if self._whole is None:
            return []
        try:
            return self._whole.problems(value, schema)
        except UncheckableSchema:
            return []  # a reference into nowhere, a pattern without bounds: left to the server
        except (AttributeError, LookupError, TypeError, ValueError):
            return []  # jsonschema tripped: a reference led to what was never a schema

    def fits(self, schema: Any, value: Any) -> bool:
        """Whether a value fits a part of the whole, as far as that can be checked."""
        return not self.misfits(schema, value)

    def broken(self, plain: Mapping[str, Any], value: Any) -> list[str]:
        """In words, which of a simple field's bounds a value breaks."""
        return [
            words.format(plain[keyword])
            for keyword, words in _BOUNDS.items()
            if keyword in plain and not self.fits({keyword: plain[keyword]}, value)
        ]


def is_secret(schema: Mapping[str, Any]) -> bool:
    """Whether what a schema describes must not be shown."""
    return schema.get("format") == "password" or schema.get("writeOnly") is True


def _parts(schema: Any) -> Iterator[Mapping[str, Any]]:
    """All objects in a schema, which has been measured."""
    if isinstance(schema, Mapping):
        yield schema
    within = schema.values() if isinstance(schema, Mapping) else schema if isinstance(schema, list) else ()
    for part in within:
        yield from _parts(part)


_BOUNDS: Final = {
    "minLength": "must have at least {} characters",
    "maxLength": "must have at most {} characters",
    "pattern": "must match the pattern {}",
    "minimum": "must be at least {}",
    "exclusiveMinimum": "must be more than {}",
    "maximum": "must be at most {}",
    "exclusiveMaximum": "must be less than {}",
    "multipleOf": "must be a multiple of {}",
}


# -- formats -----------------------------------------------------------------------------------------


def _is_date_time(text: str) -> bool:
    return "t" in text.lower() and datetime.fromisoformat(text.upper()).tzinfo is not None


def _is_email(text: str) -> bool:
    name, _, domain = text.rpartition("@")
    return bool(name and domain) and not any(char.isspace() for char in text)


def _is_uri(text: str) -> bool:
    return bool(urlsplit(text).scheme) and not any(char.isspace() for char in text)


_FORMATS: Final[Mapping[str, tuple[Callable[[str], Any], str]]] = {
    # JSON Schema leaves formats to whoever wants to check them: these tell a slip from the thing itself.
    "date": (
        lambda text: text[4:5] == text[7:8] == "-" and date.fromisoformat(text),
        "a date, as 2026-01-31",
    ),
    "date-time": (_is_date_time, "a date and time with a zone, as 2026-01-31T09:30:00Z"),
    "time": (lambda text: ":" in text and time.fromisoformat(text.upper()), "a time, as 09:30:00"),
    "email": (_is_email, "an e-mail address, as name@example.com"),
    "uri": (_is_uri, "a URI, as https://example.com/"),
}


def format_problem(name: Any, text: str) -> str | None:
    """What a text is not, for the formats that are known."""
    if not isinstance(name, str) or name not in _FORMATS:
        return None
    check, words = _FORMATS[name]
    try:
        good = check(text) is not False
    except ValueError:
        good = False
    return None if good else f"must be {words}"
