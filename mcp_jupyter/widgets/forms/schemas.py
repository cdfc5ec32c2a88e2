# SPDX-License-Identifier: BSD-3-Clause
"""What a JSON Schema asks for, as plain as it can be said: references followed, `allOf` merged, null apart.

Pure, and made for hostile schemas: each question has a bound on its steps, and `None` is the answer where
no form can follow (a remote reference is one: nothing is fetched).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import unquote

__all__ = ["MAX_STEPS", "NOTES", "Plain", "Reader"]

MAX_STEPS: Final = 200
"""References and merges for one schema; those of real tools take fewer than ten."""

Plain = Mapping[str, Any]
"""A schema without `$ref` and `allOf` at its top."""

_BEYOND: Final = frozenset({"$dynamicRef", "$recursiveRef", "patternProperties", "prefixItems"})
"""Keywords no field follows, where they say anything."""

NOTES: Final = frozenset(
    {"title", "description", "default", "examples", "deprecated", "$comment", "$schema", "$id"}
)
"""Keywords that do not constrain: the outermost one stands."""

_CHOOSERS: Final = ("oneOf", "anyOf")


class Reader:
    """Reads the schemas that stand in one whole schema.

    Parameters
    ----------
    root : Any
        The whole; references lead into it.
    """

    def __init__(self, root: Any) -> None:
        self._root = root

    def plain(self, schema: Any) -> Plain | None:
        """A schema with its references followed and its `allOf` merged, or None."""
        return self._plain(schema, _Steps())

    def variants(self, plain: Plain) -> list[Any] | None:
        """What `oneOf` or `anyOf` offer, each with what stands beside; None for both at once."""
        found = [key for key in _CHOOSERS if key in plain]
        if len(found) != 1:
            return None if found else []
        beside = {key: value for key, value in plain.items() if key not in _CHOOSERS}
        for note in NOTES:
            beside.pop(note, None)  # a title of the whole is none of a variant's
        return [{"allOf": [variant, beside]} if beside else variant for variant in plain[found[0]]]

    def only_constrains(self, plain: Plain, schemas: Iterable[Any]) -> bool:
        """Whether schemas beside an object's properties add none: they are checked, not drawn."""
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

    def _plain(self, schema: Any, steps: _Steps) -> Plain | None:
        if schema is True:
            return {}
        if not isinstance(schema, Mapping) or not steps.take() or not _is_sound(schema):
            return None
        merged: Plain | None = {key: value for key, value in schema.items() if key not in ("$ref", "allOf")}
        others = list(schema.get("allOf", ()))
        if "$ref" in schema:
            others.insert(0, self._target(schema["$ref"]))
        for other in others:
            part = self._plain(other, steps)
            merged = None if part is None or merged is None else _merged(merged, part)
        return merged

    def _target(self, reference: Any) -> Any:
        """What a JSON pointer into the whole points at (RFC 6901); None elsewhere."""
        if not isinstance(reference, str) or not reference.startswith("#"):
            return None
        found = self._root
        for step in reference[1:].split("/")[1:]:
            key = unquote(step).replace("~1", "/").replace("~0", "~")
            if isinstance(found, Mapping):
                found = found.get(key)
            elif isinstance(found, list) and key.isdecimal() and int(key[:9]) < len(found):
                found = found[int(key[:9])]
            else:
                return None
        return found if reference[1:2] in ("", "/") else None


class _Steps:
    """What is left of the steps for one schema."""

    def __init__(self) -> None:
        self._left = MAX_STEPS

    def take(self) -> bool:
        self._left -= 1
        return self._left >= 0


# -- merging -----------------------------------------------------------------------------------------


def _is_sound(schema: Plain) -> bool:
    """Whether each keyword has the form it must have: a reference may lead to what was never a schema."""
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
    """Both schemas as one, where that is simple."""
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
    """All of both; one that both describe has to fit both."""
    both = {name: {"allOf": [first[name], second[name]]} for name in first.keys() & second.keys()}
    return {**first, **second, **both}


def _types(first: Any, second: Any) -> Any:
    second = [second] if isinstance(second, str) else second
    common = [name for name in ([first] if isinstance(first, str) else first) if name in second]
    return common[0] if len(common) == 1 else common


_MERGERS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "$defs": lambda first, second: first,  # references lead into the whole, never here
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
