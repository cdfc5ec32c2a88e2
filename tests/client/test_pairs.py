# SPDX-License-Identifier: BSD-3-Clause
"""`key=value` as arguments, by a tool's input schema."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_jupyter.client.pairs import parse_arguments, split_pairs


def meant(text: str, schema: Any, **more: Any) -> Any:
    return parse_arguments({"x": text}, {"properties": {"x": schema}, **more})["x"]


@pytest.mark.parametrize(
    ("text", "schema", "value"),
    [
        ("3", {"type": "integer"}, 3),
        ("-3", {"type": "integer"}, -3),
        ("3", {"type": "number"}, 3),
        ("3.5", {"type": "number"}, 3.5),
        ("1e3", {"type": "number"}, 1000.0),
        ("true", {"type": "boolean"}, True),
        ("3", {"type": "string"}, "3"),
        ("true", {"type": "string"}, "true"),
        ("", {"type": "string"}, ""),
        ("a=b", {"type": "string"}, "a=b"),
        ("[1, 2]", {"type": "array"}, [1, 2]),
        ('{"a": 1}', {"type": "object"}, {"a": 1}),
        ("5", {"type": ["integer", "string"]}, 5),
        ("five", {"type": ["integer", "string"]}, "five"),
        ("null", {"anyOf": [{"type": "string"}, {"type": "null"}]}, None),
        ("north", {"anyOf": [{"type": "string"}, {"type": "null"}]}, "north"),
        ("3", {"oneOf": [{"type": "integer"}, {"type": "null"}]}, 3),
        ("null", {"enum": ["null", "other"]}, "null"),
        ("2", {"enum": [1, 2]}, 2),
        ("1", {"const": "1"}, "1"),
        ("3", {}, 3),
        ("x", {}, "x"),
        ("3", True, 3),
        ("NaN", {}, "NaN"),
    ],
)
def test_a_text_becomes_what_the_schema_says(text: str, schema: Any, value: Any) -> None:
    found = meant(text, schema)
    assert found == value
    assert type(found) is type(value)


def test_a_reference_is_followed_within_the_document() -> None:
    definitions = {"$defs": {"a/b": {"type": "integer"}, "loop": {"$ref": "#/$defs/loop"}}}
    assert meant("3", {"$ref": "#/$defs/a~1b"}, **definitions) == 3
    assert meant("3", {"$ref": "https://example.com/schema"}) == 3
    assert meant("text", {"$ref": "#/$defs/loop"}, **definitions) == "text"
    assert meant("text", {"$ref": "#/$defs/nowhere"}, **definitions) == "text"


@pytest.mark.parametrize(
    ("text", "schema", "words"),
    [
        ("x", {"type": "integer"}, "x must be a whole number, which 'x' is not"),
        ("3.5", {"type": "integer"}, "a whole number"),
        ("9" * 5000, {"type": "integer"}, "a whole number"),
        ("inf", {"type": "number"}, "a number"),
        ("nan", {"type": "number"}, "a number"),
        ("yes", {"type": "boolean"}, "true or false"),
        ("[1", {"type": "array"}, "a JSON array"),
        ("[" * 100_000, {"type": "array"}, "a JSON array"),
        ("[1]", {"type": "object"}, "a JSON object"),
        ("x", {"anyOf": [{"type": "integer"}, {"type": "boolean"}]}, "true or false or a whole number"),
    ],
)
def test_a_text_that_cannot_be_one_is_told(text: str, schema: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        meant(text, schema)


def test_a_wrong_key_names_the_right_ones() -> None:
    schema: dict[str, Any] = {"properties": {"region": {}, "n": {}}}
    with pytest.raises(ValueError, match=r"Unknown argument 'regoin'\. Known arguments: region, n\."):
        parse_arguments({"regoin": "1"}, schema)
    assert parse_arguments({"more": "1"}, {**schema, "additionalProperties": True}) == {"more": 1}
    assert parse_arguments({"any": "1"}, {"type": "object"}) == {"any": 1}


@pytest.mark.parametrize("words", [["x"], ["=1"], ["a=1", "a=2"], [""]])
def test_what_is_no_pair_is_told(words: list[str]) -> None:
    with pytest.raises(ValueError, match=r"key=value|given twice"):
        split_pairs(words)


KEYS = (
    st.sampled_from(["type", "enum", "const", "anyOf", "oneOf", "allOf", "$ref", "properties", "x"])
    | st.text()
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=10,
)
KEYS = (
    st.sampled_from(["type", "enum", "const", "anyOf", "oneOf", "allOf", "$ref", "properties", "x"])
    | st.text()
)


@given(text=st.text(), schema=JSON)
def test_no_schema_of_a_server_does_harm(text: str, schema: Any) -> None:
    for whole in ({"properties": {"x": schema}, "$defs": schema}, {"properties": schema}):
        try:
            parse_arguments({"x": text}, whole)
        except ValueError:
            continue
