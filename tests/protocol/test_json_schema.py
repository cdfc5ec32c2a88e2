# SPDX-License-Identifier: BSD-3-Clause
"""Checks against a JSON Schema: what they find, and that nothing hostile in one has its way."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from typing import Any

import pytest

from mcp_jupyter.errors import UncheckableSchema
from mcp_jupyter.protocol.limits import MAX_SCHEMA_DEPTH, MAX_SCHEMA_PARTS
from mcp_jupyter.protocol.schema_checker import MAX_CHECK_SECONDS
from mcp_jupyter.protocol.validation import JsonSchema

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name"],
    "additionalProperties": False,
}


def problems(schema: dict[str, Any], value: Any) -> list[str]:
    return JsonSchema(schema).problems(value)


def test_a_value_that_fits_has_no_problems():
    assert problems(PERSON, {"name": "Ada", "age": 36}) == []


def test_each_problem_has_its_place():
    found = problems(PERSON, {"age": -1, "colour": "red"})
    assert sorted(found) == [
        "$.age: -1 is less than the minimum of 0",
        "$: 'name' is a required property",
        "$: Unknown property 'colour'",
    ]


def test_a_part_is_checked_with_references_into_the_whole():
    whole = JsonSchema({"$defs": {"age": {"type": "integer"}}, "type": "object"})
    assert whole.problems(36, {"$ref": "#/$defs/age"}) == []
    assert whole.problems("old", {"$ref": "#/$defs/age"}) == ["$: 'old' is not of type 'integer'"]
    assert whole.problems({}, False) != []


def test_the_first_problems_are_enough_and_each_is_short():
    found = problems({"type": "array", "items": {"type": "integer"}}, ["x" * 10_000] * 100)
    assert len(found) == 5
    assert found[0].startswith("$[0]: 'xxx")
    assert found[0].endswith("is not of type 'integer'")
    assert max(map(len, found)) < 300


def test_references_within_the_schema_are_followed():
    tree = {
        "$ref": "#/$defs/node",
        "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}},
    }
    assert problems(tree, {"next": {"next": {}}}) == []
    assert problems(tree, {"next": {"next": 3}}) == ["$.next.next: 3 is not of type 'object'"]


@pytest.mark.parametrize(
    ("dialect", "keyword"),
    [
        (None, "prefixItems"),
        ("https://json-schema.org/draft/2020-12/schema", "prefixItems"),
        ("https://json-schema.org/draft/2019-09/schema", "items"),
        ("http://json-schema.org/draft-07/schema#", "items"),
    ],
)
def test_a_schema_names_its_dialect(dialect, keyword):
    schema = {keyword: [{"type": "string"}], **({"$schema": dialect} if dialect else {})}
    assert problems(schema, ["a", 1]) == []
    assert problems(schema, [1]) == ["$[0]: 1 is not of type 'string'"]


@pytest.mark.parametrize(
    ("schema", "fits", "does_not"),
    [
        ({"patternProperties": {"^n_": {"type": "number"}}}, {"n_a": 1, "b": "x"}, {"n_a": "x"}),
        (
            {"patternProperties": {"^n_": {}}, "additionalProperties": {"type": "string"}},
            {"n_a": 1, "b": "x"},
            {"b": 1},
        ),
        ({"uniqueItems": True}, [1, True, "1", {"a": 1}, {"a": 2}], [{"a": 1, "b": 2}, {"b": 2.0, "a": 1.0}]),
        ({"uniqueItems": False}, [1, 1], None),
        ({"pattern": r"^\d{4}-\d{2}$"}, "2026-07", "July"),
    ],
)
def test_keywords_with_a_way_of_their_own(schema, fits, does_not):
    assert problems(schema, fits) == []
    if does_not is not None:
        assert len(problems(schema, does_not)) == 1


# -- what is hostile -------------------------------------------------------------------------------------


def within(seconds: float, schema: dict[str, Any], value: Any) -> list[str]:
    before = time.thread_time()
    try:
        return problems(schema, value)
    finally:
        assert time.thread_time() - before < seconds


@pytest.mark.parametrize(
    "schema",
    [
        {"pattern": "^(a+)+$"},
        {"patternProperties": {"^(a+)+$": False}, "additionalProperties": False},
        {"propertyNames": {"pattern": "^(a|a)*$"}},
    ],
)
def test_no_pattern_takes_long(schema):
    evil = "a" * 100_000 + "!"
    assert within(MAX_CHECK_SECONDS, schema, evil if "pattern" in schema else {evil: 1})


@pytest.mark.parametrize(
    "pattern",
    ["([^b]{0,3000})*b", r"(\w{0,90}|\pL{0,60})*$", r"(\w?){90}$", "a{1000}{1000}{1000}", "a" * 10**6],
)
def test_a_pattern_that_counts_is_not_tried_on_a_long_text(pattern):
    """Linear time is the length of the text times what the pattern counts out, and no other thread runs."""
    with pytest.raises(UncheckableSchema, match="too long for the pattern"):
        within(0.5, {"pattern": pattern}, "a" * 500_000)


@pytest.mark.parametrize("pattern", ["^[A-Za-z0-9+/]*={0,2}$", "^(.|\n)*$"])
def test_a_plain_pattern_is_tried_on_a_long_text(pattern):
    assert within(MAX_CHECK_SECONDS, {"pattern": pattern}, "a" * 500_000) == []
    assert problems({"pattern": "^.{1,4000}$"}, "a" * 2000) == []


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"multipleOf": 0.1}, 10**400),
        ({"multipleOf": 5e-324}, 10**4000),
        ({"additionalProperties": {"$schema": "http://["}}, {"a": 1}),
        ({"$id": "http://[", "$ref": "x"}, 1),
        ({"properties": {"a": {"$ref": "#/required"}}, "required": ["a"]}, {"a": 1}),
        *(({"$ref": "#/x", "x": x}, 1) for x in (5, {"type": 5}, {"type": "x"}, {"enum": 5}, {"$ref": 5})),
    ],
)
def test_what_jsonschema_stumbles_over_is_uncheckable(schema, value):
    with pytest.raises(UncheckableSchema):
        problems(schema, value)


def test_numbers_made_to_collide_are_compared_in_time():
    hash_modulus = 2**61 - 1
    assert within(MAX_CHECK_SECONDS, {"uniqueItems": True}, [n * hash_modulus for n in range(50_000)]) == []


def test_references_that_double_at_each_level_end():
    levels = {f"l{n}": {"allOf": [{"$ref": f"#/$defs/l{n + 1}"}] * 2} for n in range(40)}
    schema = {"$ref": "#/$defs/l0", "$defs": {**levels, "l40": {}}}
    with pytest.raises(UncheckableSchema, match="takes more than 1 s"):
        within(2 * MAX_CHECK_SECONDS, schema, 1)


@pytest.mark.parametrize(
    "uri", ["https://example.com/schema", "http://127.0.0.1:1/x", "file:///etc/passwd", "x"]
)
def test_nothing_is_fetched(uri, monkeypatch):
    asked = []
    monkeypatch.setattr(urllib.request, "urlopen", asked.append)
    with pytest.raises(UncheckableSchema, match="leads nowhere in it"):
        problems({"properties": {"a": {"$ref": uri}}}, {"a": 1})
    assert asked == []


def deep(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels):
        schema = {"not": schema}
    return schema


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"anyOf": [{"const": n} for n in range(10_000)]}, f"more than {MAX_SCHEMA_PARTS} parts"),
        (deep(MAX_SCHEMA_DEPTH), f"more than {MAX_SCHEMA_DEPTH} levels"),
        (deep(100_000), f"more than {MAX_SCHEMA_DEPTH} levels"),
        ({"type": "text"}, "not a valid JSON Schema"),
        ({"properties": 5}, "not a valid JSON Schema"),
        ({"patternProperties": {"x": {"unevaluatedProperties": False}}}, "has both"),
    ],
)
def test_schemas_refused_at_once(schema, why):
    with pytest.raises(UncheckableSchema, match=why):
        JsonSchema(schema)


@pytest.mark.parametrize("pattern", ["^(?!x)", r"(a)\1", "("])
def test_patterns_that_have_no_bound_or_are_none(pattern):
    with pytest.raises(UncheckableSchema, match="look-around"):
        problems({"pattern": pattern}, "x")


def test_a_schema_that_is_itself():
    with pytest.raises(UncheckableSchema, match="back to itself"):
        problems({"$ref": "#"}, 1)


def test_a_value_too_deep_for_a_schema_that_follows_it():
    value: Any = 1
    for _ in range(10_000):
        value = [value]
    with pytest.raises(UncheckableSchema, match="too deep"):
        problems({"items": {"$ref": "#"}}, value)


FORMATS = """
import sys
from mcp_jupyter.protocol.validation import JsonSchema
assert JsonSchema({"type": "string", "format": "iri"}).problems("x") == []
assert "jsonschema" in sys.modules
assert "rfc3987_syntax" not in sys.modules
import jsonschema
iri = jsonschema.Draft202012Validator.FORMAT_CHECKER.conforms
assert iri("http://example.com/\u00e4", "iri") and not iri("a b", "iri")
import rfc3987_syntax
assert rfc3987_syntax.is_valid_syntax("iri", "http://example.com/")
"""


def test_the_grammar_of_a_format_is_built_only_for_those_who_check_formats():
    """It would stop a notebook for seconds when the first panel is shown (1.41)."""
    ran = subprocess.run([sys.executable, "-c", FORMATS], capture_output=True, text=True, timeout=120)
    assert (ran.returncode, ran.stderr) == (0, "")
