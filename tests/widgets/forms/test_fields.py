# SPDX-License-Identifier: BSD-3-Clause
"""Which field a schema gets, and what may be entered in it: fields that are not drawn."""

from __future__ import annotations

import time
import urllib.request
from typing import Any

import pytest
from ipywidgets.widgets import widget as widget_module

from mcp_jupyter.widgets.forms.containers import MAX_ROWS, ListField, ManyField, ObjectField, VariantField
from mcp_jupyter.widgets.forms.controls import Presence
from mcp_jupyter.widgets.forms.fields import (
    ChoiceField,
    Field,
    NumberField,
    SwitchField,
    TextField,
)
from mcp_jupyter.widgets.forms.form import MAX_DEPTH, MAX_FIELDS, build
from mcp_jupyter.widgets.forms.schema import hint
from mcp_jupyter.widgets.forms.values import Problem

TITLED = {"oneOf": [{"const": "c", "title": "Celsius"}, {"const": "f", "title": "Fahrenheit"}]}
CIRCLE = {"type": "object", "properties": {"kind": {"const": "circle"}, "r": {"type": "number"}}}
SQUARE = {"type": "object", "title": "A square", "properties": {"side": {"type": "number"}}}
SHAPES = {"oneOf": [{**CIRCLE, "required": ["kind"]}, {**SQUARE, "required": ["side"]}]}
WITH_A = {"type": "object", "properties": {"a": {}}, "if": {"required": ["a"]}}


def of(properties: dict[str, Any], **rest: Any) -> Any:
    field = build({"type": "object", "properties": properties, **rest})
    assert isinstance(field, ObjectField)
    return field


def read(field: Field) -> tuple[Any, list[str]]:
    problems: list[Problem] = []
    value = field.read((), problems)
    return value, [str(problem) for problem in problems]


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "string", "format": "date"}, TextField),
        ({"type": "integer"}, NumberField),
        ({"type": "number", "exclusiveMinimum": 0}, NumberField),
        ({"type": "boolean"}, SwitchField),
        ({"type": ["boolean", "null"]}, ChoiceField),
        ({"enum": ["a", 1, None]}, ChoiceField),
        (TITLED, ChoiceField),
        ({"type": "array", "items": TITLED}, ManyField),
        ({"type": "array", "items": {"type": "string"}}, ListField),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, ObjectField),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, TextField),
        ({"anyOf": [TITLED, {"type": "null"}]}, ChoiceField),
        (SHAPES, VariantField),
        ({"type": ["string", "integer"]}, VariantField),
        ({"allOf": [{"type": "string"}, {"maxLength": 3}]}, TextField),
        ({"$ref": "#/$defs/name"}, TextField),
        (
            {"type": "object", "properties": {"a": {}}, "anyOf": [{"required": ["a"]}, {"not": {}}]},
            ObjectField,
        ),
        (
            {
                "type": "object",
                "properties": {"a": {}},
                "if": {"required": ["a"]},
                "then": {"required": ["b"]},
            },
            ObjectField,
        ),
        # beyond every field
        ({}, Field),
        (True, Field),
        ({"type": "object"}, Field),
        ({"type": "array"}, Field),
        ({"type": "array", "prefixItems": [{"type": "string"}]}, Field),
        ({"type": "object", "patternProperties": {"^x": {"type": "string"}}}, Field),
        (
            {
                "type": "object",
                "properties": {"a": {}},
                "if": {"required": ["a"]},
                "then": {"properties": {"b": {}}},
            },
            Field,
        ),
        ({"$ref": "https://example.com/schema"}, Field),
        ({"$ref": "#/$defs/nothing"}, Field),
        ({"$ref": "#/$defs/loop"}, Field),
        ({"allOf": [{"type": "string", "pattern": "a"}, {"pattern": "b"}]}, Field),
    ],
)
def test_the_kind_of_field(schema: Any, kind: type[Field]) -> None:
    defs = {"name": {"type": "string"}, "loop": {"$ref": "#/$defs/loop"}}
    field = build({"type": "object", "properties": {"field": schema}, "required": ["field"], "$defs": defs})
    assert isinstance(field, ObjectField)
    assert type(field.fields["field"]) is kind


@pytest.mark.parametrize(
    ("schema", "value", "said"),
    [
        ({"type": "string", "minLength": 2}, "a", "must have at least 2 characters"),
        ({"type": "string", "pattern": "^a+$"}, "b", "must match the pattern ^a+$"),
        ({"type": "string", "format": "email"}, "nobody", "must be an e-mail address, as name@example.com"),
        ({"type": "string", "format": "date"}, "2026-02-30", "must be a date, as 2026-01-31"),
        ({"type": "string", "format": "uri"}, "here", "must be a URI, as https://example.com/"),
        ({"type": "integer", "maximum": 3}, 4, "must be at most 3"),
        ({"type": "number", "exclusiveMinimum": 0}, 0, "must be more than 0"),
        ({"type": "integer", "multipleOf": 5}, 7, "must be a multiple of 5"),
        ({"type": "array", "items": {"type": "string"}, "minItems": 1}, [], "[] should be non-empty"),
        ({"type": "integer"}, "four", "'four' is not of type 'integer'"),
    ],
)
def test_what_does_not_fit_is_said(schema: Any, value: Any, said: str) -> None:
    field = of({"field": schema})
    field.set({"field": value})
    assert read(field)[1] == [f"field: {said}"]


@pytest.mark.parametrize(
    ("text", "value"),
    [("12", 12), (" -3 ", -3), ("1.5", 1.5), ("1e3", 1000.0), (".5", 0.5), ("9" * 30, int("9" * 30))],
)
def test_numbers_as_people_write_them(text: str, value: float) -> None:
    field = of({"n": {"type": "number"}})
    field.fields["n"].write(text)
    assert read(field) == ({"n": value}, [])


@pytest.mark.parametrize("text", ["one", "1,5", "0x10", "NaN", "inf", "1e999", "1_000", "٣", "9" * 5000])
def test_what_is_no_number(text: str) -> None:
    field = of({"n": {"type": "number"}})
    field.fields["n"].write(text)
    assert read(field)[1] == ["n: must be a number, as 1.5"]


def test_a_value_is_set_and_read_without_a_widget() -> None:
    before = set(widget_module._instances)
    field = of({"shape": SHAPES, "tags": {"type": "array", "items": {"type": "string"}}, "any": {}})
    value = {"shape": {"side": 2}, "tags": ["x"], "any": None}
    field.set(value)
    field.fields["tags"].add().write("y")
    assert read(field) == ({**value, "tags": ["x", "y"]}, [])
    assert set(widget_module._instances) == before


def test_each_problem_names_its_field() -> None:
    place = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    field = of({"home": place, "stops": {"type": "array", "items": place}}, required=["home"])
    field.fields["stops"].add()
    assert read(field)[1] == ["home.city: required", "stops[0].city: required"]


def test_left_out_null_and_empty_are_three_things() -> None:
    field = of({"name": {"type": ["string", "null"]}})
    name = field.fields["name"]
    assert name.blanks == [Presence.LEFT_OUT, Presence.GIVEN, Presence.NULL]
    for meaning, value in [
        (Presence.LEFT_OUT, {}),
        (Presence.NULL, {"name": None}),
        (Presence.GIVEN, {"name": ""}),
    ]:
        name.set_blank(meaning)
        assert read(field) == (value, [])
    name.write("Ada")
    assert read(field) == ({"name": "Ada"}, [])
    name.write("")
    assert read(field) == ({}, [])


def test_a_required_text_left_empty_is_missing_until_it_is_said_to_be_empty() -> None:
    field = of({"city": {"type": "string"}}, required=["city"])
    assert read(field)[1] == ["city: required"]
    field.fields["city"].set_blank(Presence.GIVEN)
    assert read(field) == ({"city": ""}, [])


def test_defaults_are_filled_in_where_they_fit() -> None:
    field = of(
        {
            "n": {"type": "integer", "default": 3},
            "bad": {"type": "string", "default": None},
            "worse": {"type": "integer", "maximum": 1, "default": 2},
            "many": {"type": "array", "items": {"enum": ["a", "b"]}, "default": ["b"]},
            "within": {"type": "object", "properties": {"x": {"type": "string", "default": "y"}}},
        },
        required=["within"],
    )
    assert read(field) == ({"n": 3, "many": ["b"], "within": {"x": "y"}}, [])


def test_a_schema_may_contain_itself() -> None:
    tree = {"type": "object", "properties": {"name": {"type": "string"}, "next": {"$ref": "#"}}}
    field = build(tree)
    value: dict[str, Any] = {"name": "leaf"}
    for _ in range(20):
        value = {"next": value}
    field.set(value)
    assert read(field) == (value, [])
    assert field.size <= 2 * MAX_DEPTH + 3


def test_a_schema_that_wants_itself_ends() -> None:
    assert (
        build({"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]}).size
        < MAX_FIELDS
    )


def test_fields_are_limited() -> None:
    wide = {f"f{index}": {"type": "string"} for index in range(150)}
    field = of({name: {"type": "object", "properties": wide} for name in "abcde"}, required=list("abcde"))
    assert field.size <= MAX_FIELDS
    assert [type(part) for part in field.fields.values()] == [ObjectField, Field, Field, Field, Field]


def test_rows_are_limited_and_removed_ones_make_room() -> None:
    field = of({"tags": {"type": "array", "items": {"type": "string"}}})
    tags = field.fields["tags"]
    for _ in range(10 * MAX_FIELDS):
        tags.remove(tags.add())
    tags.set(["x"] * MAX_ROWS)
    assert len(tags.items) == MAX_ROWS
    assert not tags.can_add()
    field.set({"tags": ["x"] * (MAX_ROWS + 1)})
    assert field.fields["tags"].raw is not None
    assert read(field)[0] == {"tags": ["x"] * (MAX_ROWS + 1)}


def test_references_that_double_each_time_are_given_up() -> None:
    defs = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)}
    before = time.thread_time()
    field = of({"x": {"$ref": "#/$defs/d0"}}, **{"$defs": {**defs, "d40": {"type": "string"}}})
    assert time.thread_time() - before < 1
    assert type(field.fields["x"]) is Field


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(urllib.request, "urlopen", lambda *args, **kwargs: asked.append(args))
    field = of({"x": {"$ref": "http://127.0.0.1:9/schema.json"}})
    field.set({"x": [1]})
    assert read(field) == ({"x": [1]}, [])
    assert asked == []


def test_a_pattern_without_bounds_is_left_to_the_server() -> None:
    field = of({"x": {"type": "string", "pattern": r"^(?=a)(a+)+\1$"}})
    field.set({"x": "a" * 10_000 + "b"})
    assert read(field)[1] == []


def test_a_secret_is_in_no_problem() -> None:
    secret = {"type": "string", "format": "password", "minLength": 20}
    within = {
        "type": "object",
        "properties": {"key": secret},
        "minProperties": 2,
        "additionalProperties": False,
    }
    field = of({"key": secret, "more": within, "keys": {"type": "array", "items": secret, "maxItems": 0}})
    field.set({"key": "hunter2", "more": {"key": "hunter2" * 3}, "keys": ["hunter2" * 3]})
    _, problems = read(field)
    assert len(problems) == 3
    field.set({"more": {"key": "hunter2", "": "JSON, for its name is empty"}})
    problems += read(field)[1]
    assert len(problems) == 5
    assert "hunter2" not in str(problems)


def test_json_is_checked_where_it_is_entered() -> None:
    field = of({"any": {"type": "array", "contains": {"const": 1}}})
    field.fields["any"].write_raw("[1, ")
    assert read(field)[1][0].startswith('any: must be JSON, as 12, "text" or {"a": 1} (line 1, column')
    field.fields["any"].write_raw("[2]")
    assert read(field)[1] == ["any: [2] does not contain items matching the given schema"]
    field.fields["any"].write_raw("NaN")
    assert "NaN is not valid JSON" in read(field)[1][0]
    field.fields["any"].write_raw("[" * 100_000)
    assert read(field)[1] == ["any: is nested too deep"]
    field.fields["any"].write_raw(" ")
    assert read(field) == ({}, [])


def test_alternatives_are_told_apart() -> None:
    field = of({"shape": SHAPES})
    field.set({"shape": {"side": 2}})
    shape = field.fields["shape"]
    assert [text for text, _ in shape.options] == ["kind: circle", "A square"]
    assert shape.chosen == 1
    shape.choose(0)
    shape.field.fields["r"].write("3")
    assert read(field) == ({"shape": {"kind": "circle", "r": 3}}, [])


def test_an_alternative_whose_format_fits_is_preferred() -> None:
    field = of({"when": {"anyOf": [{"type": "string", "format": "date"}, {"type": "string"}]}})
    for value, chosen in [("2026-01-31", 0), ("tomorrow", 1)]:
        field.set({"when": value})
        assert field.fields["when"].chosen == chosen
        assert read(field) == ({"when": value}, [])


def test_items_move() -> None:
    field = build({"type": "array", "items": {"type": "string"}})
    assert isinstance(field, ListField)
    field.set(["a", "b", "c"])
    field.move(field.items[2], -1)
    field.move(field.items[0], -1)
    field.remove(field.items[0])
    assert read(field) == (["c", "b"], [])


def test_choices_keep_the_order_they_were_made_in() -> None:
    field = build({"type": "array", "items": TITLED})
    assert isinstance(field, ManyField)
    field.choose(1, True)
    field.choose(0, True)
    assert read(field) == (["f", "c"], [])


def test_properties_with_names_of_ones_own() -> None:
    field = of(
        {"counts": {"type": "object", "additionalProperties": {"type": "integer"}}}, required=["counts"]
    )
    counts = field.fields["counts"]
    for key, text in [("a", "1"), ("a", "2"), ("", "3")]:
        row = counts.add()
        row.key = key
        row.field.write(text)
    assert read(field)[1] == ["counts.a: is there twice", "counts: a property has no name"]
    counts.rows[1].key, counts.rows[2].key = "b", "c"
    assert read(field) == ({"counts": {"a": 1, "b": 2, "c": 3}}, [])


def test_a_text_beside_a_number_that_looks_like_it_is_told_apart():
    field = build({"enum": [1, "1", True, "true", "a"]})
    assert isinstance(field, ChoiceField)
    assert [text for text, _ in field.options] == ["1", '"1"', "true", '"true"', "a"]
    field.choose(1)
    assert field.read((), []) == "1"


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "array", "minItems": 1, "maxItems": 3}, "at least 1 item, at most 3 items"),
        ({"type": "string", "minLength": 1}, "at least 1 character"),
        ({"type": "integer", "minimum": 0, "maximum": 1}, "at least 0, at most 1"),
        ({"type": "string", "minLength": 0}, ""),
        ({"type": "string", "format": "uri"}, ""),
    ],
)
def test_a_hint_counts_in_words(schema: dict[str, Any], said: str) -> None:
    assert hint(schema) == said
