# SPDX-License-Identifier: BSD-3-Clause
"""Read a JSON Schema for a form: follow references, merge `allOf`, and check values.

Pure, and safe for hostile schemas: the steps for each question are limited, and the answer is `None` where a
form cannot follow (for example a remote reference: nothing is fetched).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, time
from typing import Any, Final
from urllib.parse import urlsplit

from ..._util.json_schema import is_secret, target
from ..._util.text import safe_line
from ...errors import UncheckableSchema
from ...protocol.validation import JsonSchema

__all__ = [
    "MAX_STEPS",
    "NOTES",
    "Plain",
    "Reader",
    "Rules",
    "format_example",
    "format_problem",
    "hint",
]


MAX_STEPS: Final = 200
"""References and merges for one schema; real tools need fewer than ten."""

Plain = Mapping[str, Any]
"""A schema without `$ref` and `allOf` at its top level."""

_BEYOND: Final = frozenset({"$dynamicRef", "$recursiveRef", "patternProperties", "prefixItems"})
"""Keywords that fields do not support, unless their value is empty."""

NOTES: Final = frozenset(
    {"title", "description", "default", "examples", "deprecated", "$comment", "$schema", "$id"}
)
"""Keywords that do not constrain a value; when schemas are merged, the outer schema's are kept."""

_CHOOSERS: Final = ("oneOf", "anyOf")


class Reader:
    """Reads the parts of one schema.

    Parameters
    ----------
    root : Any
        The whole schema; references lead into it.
    """

    def __init__(self, root: Any) -> None:
        self._root = root

    def plain(self, schema: Any) -> Plain | None:
        """Return a schema with its references followed and its `allOf` merged, or None."""
        return self._plain(schema, iter(range(MAX_STEPS)))

    def variants(self, plain: Plain) -> list[Any] | None:
        """Return the alternatives of `oneOf` or `anyOf`, each with the keywords beside; None for both."""
        found = [key for key in _CHOOSERS if key in plain]
        if len(found) != 1:
            return None if found else []
        beside = {key: value for key, value in plain.items() if key not in _CHOOSERS}
        for note in NOTES:
            beside.pop(note, None)  # a title of the whole is not the title of an alternative
        return [{"allOf": [variant, beside]} if beside else variant for variant in plain[found[0]]]

    def only_constrains(self, plain: Plain, schemas: Iterable[Any]) -> bool:
        """Return whether the schemas add no properties to an object; they are then checked, not drawn."""
        properties = plain.get("properties")
        return properties is not None and all(self._adds_nothing(properties, schema) for schema in schemas)

    def _adds_nothing(self, properties: Mapping[str, Any], schema: Any) -> bool:
        if isinstance(schema, bool):
            return True
        plain = self.plain(schema)
        return (
            plain is not None
            and plain.get("type", "object") == "object"
            and plain.get("properties", {}).keys() <= properties.keys()
            and not any(key in plain for key in (*_CHOOSERS, "enum", "const", "then", "else"))
        )

    def _plain(self, schema: Any, steps: Iterator[int]) -> Plain | None:
        if schema is True:
            return {}
        if not isinstance(schema, Mapping) or next(steps, None) is None or not _is_sound(schema):
            return None
        merged: Plain | None = {key: value for key, value in schema.items() if key not in ("$ref", "allOf")}
        others = list(schema.get("allOf", ()))
        if "$ref" in schema:
            others.insert(0, target(schema["$ref"], self._root))
        for other in others:
            part = self._plain(other, steps)
            merged = None if part is None or merged is None else _merged(merged, part)
        return merged


# -- merging -----------------------------------------------------------------------------------------


def _is_sound(schema: Plain) -> bool:
    """Return whether each keyword has a valid value: a reference may lead to what is not a schema."""
    return not any(schema.get(key) for key in _BEYOND) and all(
        form(schema[key]) for key, form in _FORMS.items() if key in schema
    )


def _is_words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return _is_number(value) and value >= 0 and value == value // 1


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


_FORMS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "properties": _is_mapping,
    "dependentSchemas": _is_mapping,
    "required": _is_words,
    "type": lambda value: isinstance(value, str) or _is_words(value),
    "pattern": lambda value: isinstance(value, str),
    **dict.fromkeys(("enum", "allOf", "anyOf", "oneOf"), _is_list),
    **dict.fromkeys(
        ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), _is_count
    ),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), _is_number),
}


def _merged(first: Plain, second: Plain) -> Plain | None:
    """Merge two schemas if that is simple, else return None."""
    merged = dict(first)
    for key, value in second.items():
        if key not in merged or merged[key] == value:
            merged[key] = value
        elif key in _MERGERS:
            merged[key] = _MERGERS[key](merged[key], value)
        elif key not in NOTES:
            return None
    return None if merged.get("type") == [] else merged


def _properties(first: Any, second: Any) -> Any:
    """Return the properties of both; one that both describe must fit both."""
    both = {name: {"allOf": [first[name], second[name]]} for name in first.keys() & second.keys()}
    return {**first, **second, **both}


def _types(first: Any, second: Any) -> Any:
    second = [second] if isinstance(second, str) else second
    common = [name for name in ([first] if isinstance(first, str) else first) if name in second]
    return common[0] if len(common) == 1 else common


_MERGERS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "$defs": lambda first, second: first,  # references lead into the whole schema, never here
    "definitions": lambda first, second: first,
    "properties": _properties,
    "required": lambda first, second: [*first, *(name for name in second if name not in first)],
    "type": _types,
    "enum": lambda first, second: [value for value in first if value in second],
    "minimum": max,
    "exclusiveMinimum": max,
    "minLength": max,
    "minItems": max,
    "minProperties": max,
    "maximum": min,
    "exclusiveMaximum": min,
    "maxLength": min,
    "maxItems": min,
    "maxProperties": min,
}


# -- words -----------------------------------------------------------------------------------------

_HINTS: Final = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "multipleOf": "a multiple of {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "pattern": "pattern {}",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "contentEncoding": "encoded as {}",
}

_WITH_ZERO: Final = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")
"""Bounds that say something when they are 0, other than "at least 0 characters"."""


def hint(plain: Mapping[str, Any]) -> str:
    """Describe in short which values fit: "at least 1, at most 10". The type shows in the control."""
    words = []
    for key, text in _HINTS.items():
        if plain.get(key) or (key in _WITH_ZERO and plain.get(key) == 0):
            counted = text.removesuffix("s") if plain[key] == 1 else text
            words.append(safe_line(counted.format(plain[key])))
    return ", ".join(words)


# -- rules ---------------------------------------------------------------------------------------
#
# Check values against the schemas of one form, and describe problems to the user.


class Rules:
    """The checks of a form.

    Parameters
    ----------
    schema : Any
        The whole schema, which contains every schema that is checked against.

    Attributes
    ----------
    reason : str or None
        Why values cannot be checked here; the server still checks them.
    has_secret : bool
        Whether some part of the schema is a secret.
    """

    def __init__(self, schema: Any) -> None:
        self._whole: JsonSchema | None = None
        self.reason: str | None = None
        self.has_secret = False
        if isinstance(schema, bool):
            schema = {} if schema else {"not": {}}
        if not isinstance(schema, Mapping):
            self.reason = "It is not a valid JSON Schema."
            return
        try:
            self._whole = JsonSchema(schema)
            self.has_secret = any(map(is_secret, _parts(schema)))
        except UncheckableSchema as exc:
            self.reason = str(exc)

    def misfits(self, schema: Any, value: Any) -> list[str]:
        """Return how a value misfits a part of the schema (`$.a: ...`); empty if that cannot be checked."""
        if self._whole is None:
            return []
        try:
            return self._whole.problems(value, schema)
        except UncheckableSchema:
            return []  # a dangling reference, or an unbounded pattern: left to the server
        except (AttributeError, LookupError, TypeError, ValueError):
            return []  # jsonschema failed on a reference to something that is not a schema

    def fits(self, schema: Any, value: Any) -> bool:
        """Return whether a value fits a part of the schema, as far as that can be checked."""
        return not self.misfits(schema, value)

    def broken(self, plain: Mapping[str, Any], value: Any) -> list[str]:
        """Describe which limits of a simple field a value breaks."""
        return [
            words.format(plain[keyword])
            for keyword, words in _BOUNDS.items()
            if keyword in plain and not self.fits({keyword: plain[keyword]}, value)
        ]


def _parts(schema: Any) -> Iterator[Mapping[str, Any]]:
    """Yield all objects in a schema, which must have been measured before."""
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
    # Checking formats is optional in JSON Schema. These checks find typing errors, no more.
    "date": (
        lambda text: text[4:5] == text[7:8] == "-" and date.fromisoformat(text),
        "a date, as 2026-01-31",
    ),
    "date-time": (_is_date_time, "a date and time with a zone, as 2026-01-31T09:30:00Z"),
    "time": (lambda text: ":" in text and time.fromisoformat(text.upper()), "a time, as 09:30:00"),
    "email": (_is_email, "an e-mail address, as name@example.com"),
    "uri": (_is_uri, "a URI, as https://example.com/"),
}


def format_example(plain: Mapping[str, Any]) -> str:
    """Return a text that shows what a known format looks like, for an empty field; else an empty text."""
    name = plain.get("format")
    return _FORMATS[name][1].rpartition(" as ")[2] if isinstance(name, str) and name in _FORMATS else ""


def format_problem(name: Any, text: str) -> str | None:
    """Return what a text should be, if it does not match a known format, else None."""
    if not isinstance(name, str) or name not in _FORMATS:
        return None
    check, words = _FORMATS[name]
    try:
        good = check(text) is not False
    except ValueError:
        good = False
    return None if good else f"must be {words}"
