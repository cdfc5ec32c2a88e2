# SPDX-License-Identifier: BSD-3-Clause
"""Hypothesis strategies: schemas with values that fit them, and what only looks like a schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

__all__ = ["Case", "cases", "hostile_schemas", "json_values"]

NAMES = st.sampled_from(["a", "b", "city", "content", "x y", "ü", "$ref", "0"])
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)


def json_values(leaves: int = 8) -> st.SearchStrategy[Any]:
    """Any JSON value."""
    return st.recursive(
        SCALARS,
        lambda within: (
            st.lists(within, max_size=3) | st.dictionaries(st.text(max_size=5), within, max_size=3)
        ),
        max_leaves=leaves,
    )


@dataclass(frozen=True)
class Case:
    """A schema, and a strategy for values that fit it."""

    schema: dict[str, Any]
    values: st.SearchStrategy[Any]


@st.composite
def texts(draw: st.DrawFn) -> Case:
    least, most = draw(st.integers(0, 3)), draw(st.integers(3, 300))
    return Case(
        {"type": "string", "minLength": least, "maxLength": most}, st.text(min_size=least, max_size=most)
    )


@st.composite
def formats(draw: st.DrawFn) -> Case:
    known = {
        "date": st.dates().map(str),
        "date-time": st.datetimes(timezones=st.timezones()).map(lambda moment: moment.isoformat()),
        "email": st.just("ada@example.com"),
        "uri": st.sampled_from(["https://example.com/a?b#c", "urn:x:y"]),
        "password": st.text(),
        "uuid": st.uuids().map(str),
    }
    name = draw(st.sampled_from(sorted(known)))
    return Case({"type": "string", "format": name}, known[name])


@st.composite
def numbers(draw: st.DrawFn) -> Case:
    least, most = draw(st.integers(-(2**53), 0)), draw(st.integers(1, 2**53))
    kind = draw(st.sampled_from(["integer", "number"]))
    bounds = {"type": kind, "minimum": least, "maximum": most}
    whole = st.integers(least, most)
    return Case(
        bounds,
        whole
        if kind == "integer"
        else whole | st.floats(min_value=-1e3, max_value=1).filter(lambda x: least <= x),
    )


@st.composite
def choices(draw: st.DrawFn) -> Case:
    values = draw(st.lists(SCALARS, min_size=1, max_size=4, unique_by=repr))
    form = draw(st.sampled_from(["enum", "const", "titled", "named", "many"]))
    schemas: dict[str, dict[str, Any]] = {
        "enum": {"enum": values},
        "const": {"const": values[0]},
        "titled": {"oneOf": [{"const": value, "title": f"T {index}"} for index, value in enumerate(values)]},
        "named": {"enum": values, "enumNames": [f"N {value}" for value in values]},
        "many": {"type": "array", "items": {"enum": values}},
    }
    if form == "many":
        return Case(schemas[form], st.lists(st.sampled_from(values), max_size=4))
    return Case(schemas[form], st.just(values[0]) if form == "const" else st.sampled_from(values))


LEAVES = st.one_of(
    texts(),
    formats(),
    numbers(),
    choices(),
    st.just(Case({"type": "boolean"}, st.booleans())),
    st.just(Case({"type": "null"}, st.none())),
    st.just(Case({}, json_values())),
    st.just(Case({"type": ["string", "integer", "null"]}, st.text() | st.integers() | st.none())),
    st.just(Case({"type": "object"}, st.dictionaries(st.text(), json_values(3), max_size=2))),
)


@st.composite
def lists(draw: st.DrawFn, within: st.SearchStrategy[Case]) -> Case:
    case = draw(within)
    least = draw(st.integers(0, 2))
    return Case(
        {"type": "array", "items": case.schema, "minItems": least},
        st.lists(case.values, min_size=least, max_size=3),
    )


@st.composite
def maps(draw: st.DrawFn, within: st.SearchStrategy[Case]) -> Case:
    case = draw(within)
    return Case(
        {"type": "object", "additionalProperties": case.schema},
        st.dictionaries(st.text(max_size=4), case.values, max_size=3),
    )


@st.composite
def objects(draw: st.DrawFn, within: st.SearchStrategy[Case]) -> Case:
    fields = draw(st.dictionaries(NAMES, within, max_size=4))
    required = [name for name in fields if draw(st.booleans())]
    closed = draw(st.booleans())
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name: case.schema for name, case in fields.items()},
        "required": required,
    }
    if closed:
        schema["additionalProperties"] = False
    values: st.SearchStrategy[Any] = st.fixed_dictionaries(
        {name: fields[name].values for name in required},
        optional={name: case.values for name, case in fields.items() if name not in required},
    )
    if not closed:
        more = st.dictionaries(st.sampled_from(["more", "other"]), json_values(3), max_size=1)
        values = st.builds(lambda first, second: {**first, **second}, values, more)
    return Case(schema, values)


@st.composite
def alternatives(draw: st.DrawFn, within: st.SearchStrategy[Case]) -> Case:
    some = draw(st.lists(within, min_size=1, max_size=3))
    null = [Case({"type": "null"}, st.none())] * draw(st.integers(0, 1))
    return Case(
        {"anyOf": [case.schema for case in some + null], "title": "Any of them"},
        st.one_of([case.values for case in some + null]),
    )


@st.composite
def merged(draw: st.DrawFn, within: st.SearchStrategy[Case]) -> Case:
    case = draw(within)
    return Case({"allOf": [case.schema], "description": "Merged"}, case.values)


ALL = st.recursive(
    LEAVES,
    lambda within: lists(within) | maps(within) | objects(within) | alternatives(within) | merged(within),
    max_leaves=6,
)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A schema, whole or by way of a reference, with a default that may fit it."""
    case = draw(ALL)
    schema = dict(case.schema)
    if draw(st.booleans()):
        schema["default"] = draw(case.values | json_values(2))
    if draw(st.booleans()):
        schema = {"$defs": {"it/self": schema}, "$ref": "#/$defs/it~1self"}
    return Case(schema, case.values)


WORDS = """
$ref $defs $id $schema $dynamicRef allOf anyOf oneOf not if then else properties required items prefixItems
patternProperties additionalProperties dependentSchemas type enum const title description default format
minimum maximum multipleOf minLength maxLength pattern minItems maxItems uniqueItems enumNames
"""
PLACES = """
# #/ #/properties/a #/$defs/a #/default #/default/properties #/default/items #/enum/0 #a https://x/ #/% //[
#/allOf/99999999999
"""
KEYWORDS = st.sampled_from(WORDS.split())
REFERENCES = st.sampled_from(PLACES.split())
TYPES = st.sampled_from(["object", "array", "string", "integer", "number", "boolean", "null", "", "any"])


def hostile_schemas() -> st.SearchStrategy[Any]:
    """JSON values made of the words of schemas; in many, references lead to where no schema is."""
    words = SCALARS | REFERENCES | TYPES
    anything = st.recursive(
        words,
        lambda within: (
            st.lists(within, max_size=4)
            | st.dictionaries(KEYWORDS | NAMES, within, max_size=5)
            | st.fixed_dictionaries({"type": TYPES}, optional={"items": within, "enum": within})
            | st.fixed_dictionaries({"$ref": REFERENCES}, optional={"properties": within, "default": within})
        ),
        max_leaves=12,
    )
    references = st.fixed_dictionaries({"$ref": REFERENCES}, optional={"default": anything})
    misled = st.fixed_dictionaries(
        {"properties": st.dictionaries(NAMES, references, min_size=1, max_size=3), "default": anything}
    )
    return anything | misled
