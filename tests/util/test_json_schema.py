# SPDX-License-Identifier: BSD-3-Clause
"""What a JSON Schema says, whatever its author wrote."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcp_jupyter._util.json_schema import (
    MAX_BRANCHES,
    MAX_CHOICES,
    allowed_values,
    alternatives,
    branches,
    choices,
    is_secret,
    kinds,
    members,
    properties,
    replace_subschemas,
    resolve,
    subschemas,
    target,
)

TEXT = {"type": "string"}
ROOT: dict[str, Any] = {
    "$defs": {
        "a/b": TEXT,
        "~": {"$ref": "#/$defs/a~1b"},
        "x y": {"type": "integer"},
        "loop": {"$ref": "#/$defs/loop", "title": "Loop"},
        "ping": {"$ref": "#/$defs/pong"},
        "pong": {"anyOf": [{"$ref": "#/$defs/ping"}, TEXT]},
        "list": [TEXT, {"type": "null"}],
    }
}


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ("#", ROOT),
        ("#/$defs/a~1b", TEXT),
        ("#/$defs/~0", {"$ref": "#/$defs/a~1b"}),
        ("#/$defs/x%20y", {"type": "integer"}),
        ("#/$defs/list/1", {"type": "null"}),
        ("#/$defs/list/2", None),
        ("#/$defs/list/٣", None),
        ("#/$defs/list/-1", None),
        ("#/$defs/none", None),
        ("#/$defs/x%20y/type/0", None),
        ("#anchor", None),
        ("https://example.com/schema#/$defs/a", None),
        ("", None),
        (5, None),
        (["#"], None),
    ],
)
def test_a_reference_leads_into_the_document_only(reference: Any, found: Any) -> None:
    assert target(reference, ROOT) == found


@pytest.mark.parametrize(
    ("schema", "found"),
    [
        ({"$ref": "#/$defs/~0"}, TEXT),
        ({"$ref": "#/$defs/~0", "title": "T", "type": "number"}, {"type": "number", "title": "T"}),
        ({"allOf": [{"$ref": "#/$defs/~0"}], "title": "T"}, {"type": "string", "title": "T"}),
        ({"allOf": [TEXT, {"maxLength": 1}]}, {"allOf": [TEXT, {"maxLength": 1}]}),
        ({"$ref": "#/$defs/loop"}, {"title": "Loop"}),
        ({"$ref": "#/nowhere", "title": "T"}, {"title": "T"}),
        ({"$ref": {"not": "text"}}, {}),
        ({"allOf": [5]}, {}),
        (True, {}),
        ("text", {}),
    ],
)
def test_a_schema_is_resolved_and_what_stands_beside_counts_more(schema: Any, found: Any) -> None:
    assert resolve(schema, ROOT) == found


def test_branches_are_the_schema_its_references_and_alternatives() -> None:
    schema = {
        "$ref": "#/$defs/x y",
        "allOf": [{"anyOf": [TEXT, 5]}, True],
        "oneOf": [{"then": {"minimum": 1}}],
        "else": {"minimum": 2},
        "not": {"const": 3},
    }
    found = branches(schema, ROOT)
    assert found[0] is schema
    assert {"type": "integer"} in found
    assert TEXT in found
    assert {"minimum": 1} in found
    assert {"minimum": 2} in found
    assert {"const": 3} not in found
    assert branches({"$ref": "#/$defs/ping"}, ROOT)[-1] == TEXT
    assert branches(True, ROOT) == []
    assert alternatives({"anyOf": [1], "oneOf": [2], "allOf": [3]}) == [1, 2]
    assert alternatives({"anyOf": {"no": "list"}}) == []


def test_members_are_the_schemas_of_one_property_or_item() -> None:
    value = {
        "anyOf": [
            {"properties": {"a": {"$ref": "#/$defs/x y"}}, "additionalProperties": {"title": "other"}},
            {"patternProperties": {"^b": {"title": "pattern"}}},
            {"prefixItems": [{"title": "first"}], "items": {"title": "rest"}},
        ]
    }
    parts = branches(value, ROOT)

    def titles(key: Any) -> list[Any]:
        return [part.get("title") for part in members(parts, key, ROOT)]

    assert {"type": "integer"} in members(parts, "a", ROOT)
    assert titles("b") == ["other", "pattern"]
    assert titles(0) == ["first"]
    assert titles(1) == ["rest"]
    assert titles(None) == ["rest", "first"]


@pytest.mark.parametrize(
    ("schema", "found"),
    [
        ({"const": 1}, [("1", 1)]),
        ({"const": None}, [("null", None)]),
        ({"enum": ["a", True, "true"]}, [("a", "a"), ("true", True), ('"true"', "true")]),
        ({"enum": ["a", "b"], "enumNames": ["A", 2]}, [("A", "a"), ("2", "b")]),
        ({"enum": ["a", "b"], "enumNames": ["A"]}, [("a", "a"), ("b", "b")]),
        ({"oneOf": [{"const": "a", "title": " A "}, {"enum": ["b"]}]}, [("A", "a"), ("b", "b")]),
        ({"anyOf": [{"const": "a"}, {"const": None, "title": 5}]}, [("a", "a"), ("null", None)]),
        ({"anyOf": [{"const": "a"}, TEXT]}, []),
        ({"anyOf": [{"const": "a"}, {"enum": ["b", "c"]}]}, []),
        ({"enum": []}, []),
        ({"enum": "ab"}, []),
        ({"enum": [[], {}]}, [("[]", []), ("{}", {})]),
        (TEXT, []),
        (None, []),
    ],
)
def test_choices_are_the_values_with_their_titles(schema: Any, found: Any) -> None:
    assert choices(schema, ROOT) == found


@pytest.mark.parametrize(
    ("schema", "found"),
    [
        (TEXT, ["string"]),
        ({"type": ["null", "integer", 5, "date"]}, ["integer", "null"]),
        ({"type": "date"}, []),
        ({"type": {"not": "a type"}}, []),
        ({"properties": {}}, ["object"]),
        ({"items": {}}, ["array"]),
        ({"enum": ["a", 1, None]}, ["string", "integer", "null"]),
        ({"const": 1.5}, ["number"]),
        ({"const": True}, ["boolean"]),
        ({}, []),
    ],
)
def test_kinds_are_the_types_that_are_accepted(schema: Any, found: Any) -> None:
    assert kinds(schema) == found


def test_allowed_values_are_those_of_all_branches() -> None:
    schema = {"anyOf": [{"$ref": "#/$defs/unit"}, {"type": "boolean"}, {"const": None}]}
    found = allowed_values(schema, {"$defs": {"unit": {"enum": ["c", "f"]}}})
    assert found == ["c", "f", True, False, None]
    assert allowed_values(TEXT, {}) == []


@pytest.mark.parametrize(
    ("schema", "secret"),
    [
        ({"format": "password"}, True),
        ({"writeOnly": True}, True),
        ({"writeOnly": 1, "format": ["password"]}, False),
        ({}, False),
    ],
)
def test_a_secret_is_one_by_format_or_write_only(schema: Any, secret: bool) -> None:
    assert is_secret(schema) is secret


def test_properties_of_alternatives_are_known_and_not_required() -> None:
    found = properties(
        {
            "$ref": "#/$defs/base",
            "allOf": [{"properties": {"b": {}}, "required": ["b", 5]}],
            "anyOf": [{"properties": {"c": {"$ref": "#/$defs/text"}}, "required": ["c"]}],
            "required": ["z"],
            "$defs": {"base": {"properties": {"a": {}}, "required": ["a"]}, "text": TEXT},
        }
    )
    assert found.schemas == {"a": {}, "b": {}, "c": TEXT}
    assert found.required == ("z", "a", "b")
    assert not found.is_open


@pytest.mark.parametrize(
    ("schema", "is_open"),
    [
        ({}, True),
        ({"type": "object"}, True),
        ("text", True),
        ({"properties": {}}, False),
        ({"properties": {"a": {}}}, False),
        ({"additionalProperties": False}, False),
        ({"properties": {"a": {}}, "additionalProperties": {}}, True),
        ({"properties": {"a": {}}, "unevaluatedProperties": True}, True),
        ({"properties": {"a": {}}, "allOf": [{"additionalProperties": True}]}, True),
        ({"properties": {"a": {}}, "patternProperties": {}}, True),
    ],
)
def test_an_object_is_open_when_it_says_so_or_says_nothing(schema: Any, is_open: bool) -> None:
    assert properties(schema).is_open is is_open


def test_subschemas_stand_under_keywords_that_hold_schemas() -> None:
    schema = {
        "properties": {"a": 1},
        "items": 2,
        "anyOf": [3, 4],
        "default": {"items": 5},
        "enum": [6],
        "$defs": "no mapping",
    }
    expected = [("properties", "a", 1), ("items", "", 2), ("anyOf", "", 3), ("anyOf", "", 4)]
    assert list(subschemas(schema)) == expected
    doubled = replace_subschemas(schema, lambda value: value * 2)
    assert doubled == {**schema, "properties": {"a": 2}, "items": 4, "anyOf": [6, 8]}


# -- hostile schemas -----------------------------------------------------------------------------


def test_vast_schemas_are_read_within_bounds() -> None:
    wide = {"anyOf": [{"$ref": "#"}] * 100_000, "enum": [*range(100_000)]}
    wide["oneOf"] = [{"anyOf": wide["anyOf"], "title": str(number)} for number in range(10_000)]
    started = time.process_time()
    assert len(branches(wide, wide)) <= MAX_BRANCHES
    assert len(choices(wide, wide)) == MAX_CHOICES
    assert len(allowed_values(wide, wide)) == MAX_CHOICES
    assert properties(wide).schemas == {}
    assert time.process_time() - started < 2


KEYWORDS = (
    "$ref allOf anyOf oneOf then else const enum enumNames type title properties patternProperties required "
    "additionalProperties items prefixItems $defs"
)
REFERENCES = st.sampled_from(["#", "#/$defs", "#/$defs/a", "#/anyOf/0", "#/properties/a", "https://x"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | REFERENCES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(KEYWORDS.split()) | st.just("a"), inner, max_size=5)
    ),
    max_leaves=30,
)


@given(JSON)
@example({"$ref": "#"})
@example({"allOf": [{"$ref": "#"}]})
@example({"properties": {"a": {"$ref": "#/properties/a"}}, "anyOf": [{"$ref": "#"}]})
@example({"enum": [[], {}, float("nan")], "enumNames": [{}, 1, None]})
@example({"type": [[], {}], "required": {"a": 1}})
def test_no_schema_makes_a_reader_fail(schema: Any) -> None:
    parts = branches(schema, schema)
    for key in ("a", 0, None):
        members(parts, key, schema)
    for part in [*parts, resolve(schema, schema)]:
        kinds(part)
        is_secret(part)
        list(subschemas(part))
        replace_subschemas(part, repr)
    choices(schema, schema)
    allowed_values(schema, schema)
    for name, part in properties(schema).schemas.items():
        assert isinstance(name, str)
        assert isinstance(part, dict)
