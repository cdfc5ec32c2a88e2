# SPDX-License-Identifier: BSD-3-Clause
"""Signatures of tools, and arguments before they are sent."""

import contextlib
import dataclasses
import datetime
import enum
import inspect
import pathlib
import time
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pydantic
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcp_jupyter.notebook_client.functions import NOT_GIVEN, checked, signature_of
from mcp_jupyter.types import Tool


def tool(*required: str, defs: Any = None, **properties: Any) -> Tool:
    schema: dict[str, Any] = {"type": "object", "properties": properties, "required": list(required)}
    return Tool(name="forecast", inputSchema={**schema, **({"$defs": defs} if defs else {})})


FORECAST = tool(
    "city", unit={"enum": ["c", "f"], "default": "c"}, city={"type": "string"}, days={"type": "integer"}
)


def test_the_signature_says_what_is_required_and_what_is_not() -> None:
    assert str(signature_of(FORECAST)) == "(*, city: str, unit: Literal['c', 'f'] = 'c', days: int = ...)"


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "string"}, "str"),
        ({"type": "number"}, "float"),
        ({"type": "boolean"}, "bool"),
        ({"type": "object", "properties": {}}, "dict"),
        ({"type": "array"}, "list"),
        ({"type": "array", "items": {"type": "string"}}, "list[str]"),
        ({"type": "array", "items": {"type": ["integer", "null"]}}, "list[int | None]"),
        ({"type": ["null", "string"]}, "str | None"),
        ({"anyOf": [{"type": "null"}, {"type": "integer"}, {"type": "string"}]}, "int | str | None"),
        ({"const": 3}, "Literal[3]"),
        ({"oneOf": [{"const": "a", "title": "A"}, {"const": "b"}]}, "Literal['a', 'b']"),
        ({"enum": ["a", None]}, "Literal['a'] | None"),
        ({"enum": [f"value {n}" for n in range(100)]}, "str"),
        ({"enum": [{"a": 1}]}, "dict"),
        ({"$ref": "#/$defs/Point"}, "dict"),
        ({"allOf": [{"$ref": "#/$defs/Unit"}], "description": "x"}, "Literal['c']"),
        ({"$ref": "https://elsewhere.example/schema"}, "Any"),
        ({"$ref": "#/$defs/Loop"}, "Any"),
        ({"type": "array", "items": {"$ref": "#/$defs/Nest"}}, "list[list[list[list]]]"),
        ({}, "Any"),
        (True, "Any"),
        ({"type": {"no": "type"}}, "Any"),
    ],
)
def test_schemas_read_as_python_types(schema: Any, text: str) -> None:
    defs = {
        "Point": {"type": "object"},
        "Unit": {"enum": ["c"]},
        "Loop": {"$ref": "#/$defs/Loop"},
        "Nest": {"type": "array", "items": {"$ref": "#/$defs/Nest"}},
    }
    assert repr(signature_of(tool(defs=defs, x=schema)).parameters["x"].annotation) == text


def test_names_that_are_none_in_python_go_by_two_stars() -> None:
    odd = tool("x-y", **{"x-y": {"type": "integer"}, "class": {}, "ok": {"type": "string"}})
    assert str(signature_of(odd)) == "(*, ok: str = ..., **arguments)"
    assert checked(odd, {"x-y": 1, "class": 2}) == {"x-y": 1, "class": 2}


def test_names_that_look_like_others_are_not_in_the_signature() -> None:
    hidden = tool(**{"\ufb01le": {}, "a\u115fb": {}, "fine": {}})
    assert list(signature_of(hidden).parameters) == ["fine", "arguments"]


def test_arguments_of_a_referenced_or_combined_schema_are_found() -> None:
    combined = Tool(
        name="t",
        inputSchema={
            "$ref": "#/$defs/Args",
            "allOf": [{"properties": {"b": {"type": "integer"}}, "required": ["b"]}],
            "$defs": {"Args": {"properties": {"a": {"type": "string"}}}},
        },
    )
    either = Tool(
        name="t",
        inputSchema={
            "type": "object",
            "anyOf": [
                {"properties": {"id": {"type": "integer"}}, "required": ["id"]},
                {"properties": {"name": {"type": "string"}}, "required": ["name"]},
            ],
        },
    )
    assert str(signature_of(combined)) == "(*, b: int, a: str = ...)"
    assert str(signature_of(either)) == "(*, id: int = ..., name: str = ...)"
    assert checked(either, {"name": "x"}) == {"name": "x"}
    with pytest.raises(ValueError, match="not valid under any"):
        checked(either, {})


def test_ten_thousand_properties_are_read_within_bounds() -> None:
    many = tool(**{f"p{n}": {"type": "string"} for n in range(10_000)})
    started = time.process_time()
    assert len(signature_of(many).parameters) == 101
    assert checked(many, {"p9999": "x"}) == {"p9999": "x"}
    assert time.process_time() - started < 5


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["type", "properties", "$ref", "enum", "const", "anyOf", "oneOf", "allOf", "items"]
            )
            | st.sampled_from(["required", "default", "additionalProperties", "#", "examples", "$defs"])
            | st.text(max_size=5),
            inner,
            max_size=5,
        )
    ),
    max_leaves=30,
)
SCHEMAS = st.dictionaries(st.sampled_from(["properties", "required", "$ref", "anyOf", "allOf"]), JSON)


@given(SCHEMAS | st.fixed_dictionaries({"properties": st.dictionaries(st.text(max_size=5), JSON)}))
@example({"properties": {"a": {"$ref": "#/properties/a"}}})
@example({"allOf": [{"$ref": "#"}], "$ref": "#"})
@example({"properties": {"a": {"enum": [[], {}, float("nan")]}}})
def test_no_schema_makes_the_signature_fail(schema: Any) -> None:
    hostile = Tool.model_construct(name="t", inputSchema=schema)
    str(signature_of(hostile))
    with contextlib.suppress(TypeError, ValueError):
        checked(hostile, {"a": 1})


# -- values ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"city": 5}, ValueError, r"^city: 5 is not of type 'string'$"),
        ({"city": "x", "unit": "k"}, ValueError, r"^unit: 'k' is not one of \['c', 'f'\]$"),
        ({}, TypeError, r"^forecast\(\) needs city \(str\)\.$"),
        (
            {"city": "x", "unt": "c"},
            TypeError,
            r"takes no argument 'unt'\. Did you mean unit\?$",
        ),
        ({"city": "x", "z": 1}, TypeError, "It takes unit, city, days"),
        ({"city": len}, TypeError, "^city: a builtin_function_or_method has no JSON form"),
        ({"city": "x", "days": "3"}, ValueError, "^days: '3' is not of type 'integer'$"),
    ],
)
def test_what_does_not_fit_is_named(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        checked(FORECAST, arguments)


def test_a_wrong_value_deep_within_is_named_by_its_path() -> None:
    nested = tool(rows={"type": "array", "items": {"type": "object"}}, **{"x-y": {"type": "integer"}})
    with pytest.raises(ValueError, match=r"^rows\[1\]: 2 is not of type 'object'$"):
        checked(nested, {"rows": [{}, 2]})
    with pytest.raises(ValueError, match=r"^\['x-y'\]: 'z' is not of type 'integer'$"):
        checked(nested, {"x-y": "z"})


def test_what_is_not_given_is_not_sent() -> None:
    assert checked(FORECAST, {"city": "x", "days": NOT_GIVEN}) == {"city": "x"}
    assert signature_of(FORECAST).parameters["days"].default is NOT_GIVEN
    assert signature_of(FORECAST).parameters["city"].default is inspect.Parameter.empty


def test_other_arguments_are_taken_where_the_schema_says_so() -> None:
    schema = {"type": "object", "properties": {"a": {}}, "additionalProperties": {"type": "integer"}}
    open_tool = Tool(name="t", inputSchema=schema)
    assert checked(open_tool, {"other": 1}) == {"other": 1}
    with pytest.raises(ValueError, match="other: 'x' is not of type 'integer'"):
        checked(open_tool, {"other": "x"})
    assert checked(Tool(name="t", inputSchema={"type": "object"}), {"any": 1}) == {"any": 1}
    with pytest.raises(TypeError, match=r"takes no argument 'any'\. It takes none"):
        checked(tool(), {"any": 1})


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {"$ref": "#/nowhere"}}},
        {"type": "object", "properties": {"a": {"type": "string", "pattern": "(?=x)"}}},
        {"type": 5},
    ],
)
def test_a_schema_that_cannot_be_used_checks_nothing(schema: Any) -> None:
    assert checked(Tool(name="t", inputSchema=schema), {"a": "x"}) == {"a": "x"}


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int


class Model(pydantic.BaseModel):
    name: str


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (np.int64(3), 3),
        (np.float32(0.5), 0.5),
        (np.arange(3), [0, 1, 2]),
        (pathlib.PurePosixPath("a/b"), "a/b"),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (pd.Timestamp("2026-01-02"), "2026-01-02T00:00:00"),
        ((1, 2), [1, 2]),
        ({1}, [1]),
        (Colour.RED, "red"),
        (Point(1), {"x": 1}),
        (Model(name="n"), {"name": "n"}),
        ([Model(name="n")], [{"name": "n"}]),
        (pd.DataFrame({"a": [1.5, None]}), [{"a": 1.5}, {"a": None}]),
        (pl.DataFrame({"a": [1]}), [{"a": 1}]),
        (pa.table({"a": [1]}), [{"a": 1}]),
        ({"frame": pd.DataFrame({"a": [1]})}, {"frame": [{"a": 1}]}),
        (pd.Series([1, 2]), [1, 2]),
        (pl.Series([1, 2]), [1, 2]),
        (pa.chunked_array([[1, 2]]), [1, 2]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_python_values_are_sent_as_json(value: Any, sent: Any) -> None:
    assert checked(tool(x={}), {"x": value}) == {"x": sent}


def test_a_frame_too_large_for_a_call_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"^x: a data frame of 2,000,000 cells is too large"):
        checked(tool(x={}), {"x": pd.DataFrame({"a": range(2_000_000)})})


def test_of_alternatives_the_nearest_says_what_is_wrong():
    circle = {"properties": {"kind": {"const": "circle"}, "r": {"type": "number"}}, "required": ["kind", "r"]}
    square = {"properties": {"kind": {"const": "square"}, "a": {}, "b": {}}, "required": ["kind", "a", "b"]}
    tool = Tool(
        name="draw",
        inputSchema={
            "type": "object",
            "properties": {
                "shape": {"oneOf": [{"$ref": "#/$defs/Circle"}, square, {"type": "null"}]},
                "x": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            },
            "$defs": {"Circle": {"title": "Circle", "type": "object", **circle}},
        },
    )
    with pytest.raises(ValueError, match="schemas") as caught:
        checked(tool, {"shape": {"kind": "circle"}})
    assert str(caught.value).split("\n")[1:] == [
        "shape: 'r' is a required property (for Circle, the nearest of them)"
    ]
    with pytest.raises(ValueError, match="schemas") as caught:
        checked(tool, {"shape": {"kind": "circle", "r": "big"}})
    assert str(caught.value).split("\n")[1:] == [
        "shape.r: 'big' is not of type 'number' (for Circle, the nearest of them)"
    ]
    with pytest.raises(ValueError, match="schemas") as caught:
        checked(tool, {"x": "one"})
    assert "\n" not in str(caught.value)


# -- bytes -------------------------------------------------------------------------------------------------

RAW = b"\xfb\xff\x00"
COMMON, URL = "+/8A", "-_8A"


@dataclasses.dataclass
class Upload:
    name: str
    raw: bytes


@pytest.mark.parametrize(
    ("schema", "value", "sent"),
    [
        ({"type": "string", "contentEncoding": "base64"}, RAW, COMMON),
        ({"type": "string", "contentEncoding": "base64", "format": "base64url"}, bytearray(RAW), COMMON),
        ({"type": "string", "contentEncoding": "base64url"}, RAW, URL),
        ({"type": "string", "format": "base64url"}, memoryview(RAW), URL),
        ({"type": "string", "format": "byte"}, RAW, COMMON),
        ({"type": "string", "format": "binary"}, RAW, COMMON),
        ({"type": "string"}, RAW, COMMON),
        ({}, RAW, COMMON),
        ({"$ref": "#/$defs/Url"}, RAW, URL),
        ({"anyOf": [{"type": "null"}, {"$ref": "#/$defs/Url"}]}, RAW, URL),
        ({"type": "array", "items": {"$ref": "#/$defs/Url"}}, [RAW, RAW], [URL, URL]),
        ({"type": "array", "prefixItems": [{}, {"$ref": "#/$defs/Url"}]}, (RAW, RAW), [COMMON, URL]),
        ({"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/Url"}}, {"type": "null"}]}, [RAW], [URL]),
        ({"type": "object", "additionalProperties": {"$ref": "#/$defs/Url"}}, {"a": RAW}, {"a": URL}),
        (
            {"type": "object", "properties": {"raw": {"$ref": "#/$defs/Url"}, "name": {"type": "string"}}},
            Upload("n", RAW),
            {"name": "n", "raw": URL},
        ),
        ({"type": "string", "contentEncoding": "base64"}, COMMON, COMMON),
    ],
)
def test_bytes_are_encoded_as_the_schema_asks(schema: Any, value: Any, sent: Any) -> None:
    """In its alphabet, at any depth; text that is base64 already is sent as it is (1.12)."""
    taking = tool(defs={"Url": {"type": "string", "format": "base64url"}}, data=schema)
    assert checked(taking, {"data": value}) == {"data": sent}


def test_a_parameter_of_base64_is_shown_as_bytes() -> None:
    """In signatures and docstrings (1.12)."""
    encoded = {"type": "string", "contentEncoding": "base64"}
    shown = signature_of(tool("a", a=encoded, b={"type": "array", "items": encoded}))
    assert str(shown) == "(*, a: bytes, b: list[bytes] = ...)"


def test_dates_that_python_has_not_go_as_their_text() -> None:
    """Also in a series (1.11)."""
    far = pl.Series("when", [317_273_587_200_000], dtype=pl.Int64).cast(pl.Datetime("ms"))
    assert checked(tool(x={}), {"x": far}) == {"x": ["12024-01-01T00:00:00"]}
    assert checked(tool(x={}), {"x": [np.datetime64("20000-01-02")]}) == {"x": ["20000-01-02"]}
