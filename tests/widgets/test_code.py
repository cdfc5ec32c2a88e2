# SPDX-License-Identifier: BSD-3-Clause
"""Requests as Python: what the code says, and what it never says."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_jupyter.widgets.html import call_code, prompt_code, read_code

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def code(arguments: dict[str, Any], schema: Any = None, name: str = "forecast") -> str:
    return call_code("weather", name, [name, "other"], arguments, schema or {"type": "object"})


def test_a_call_is_what_a_person_would_write() -> None:
    assert code({"city": "Paris", "days": 3}) == "weather.tools.forecast(city='Paris', days=3)"
    assert code({}) == "weather.tools.forecast()"
    assert prompt_code("weather", "pack", {"city": "Oslo"}) == "weather.prompt('pack', city='Oslo')"
    assert read_code("weather", "a://b") == "weather.read('a://b')"


def test_a_long_call_has_a_line_for_each_argument() -> None:
    text = code({"city": "x" * 60, "note": "y" * 60})
    assert text.splitlines() == [
        "weather.tools.forecast(",
        f"    city='{'x' * 60}',",
        f"    note='{'y' * 60}',",
        ")",
    ]


def test_names_that_are_no_names_in_python() -> None:
    assert code({"x-y": 1, "class": 2, "ok": 3}) == "weather.tools.forecast(ok=3, **{'x-y': 1, 'class': 2})"
    assert code({}, name="get-weather") == "weather.tools.get_weather()"
    assert call_code("weather", "gone", [], {}, {}) == "weather.tools['gone']()"


@given(st.dictionaries(st.text(), JSON, max_size=4), st.text(min_size=1))
def test_whatever_the_values_the_code_is_one_call_of_literals(arguments: dict[str, Any], name: str) -> None:
    call = ast.parse(code(arguments, name=name), mode="eval").body
    assert isinstance(call, ast.Call)
    assert call.args == []
    found: dict[str, Any] = {}
    for keyword in call.keywords:
        value = ast.literal_eval(keyword.value)
        found |= value if keyword.arg is None else {keyword.arg: value}
    assert found == arguments


def test_nothing_in_it_reorders_or_hides() -> None:
    text = code({"city": "a\u202eb\u200bc\x1b[31m", "x\u202e": 1})
    assert text.isprintable()


SECRET = {"type": "string", "format": "password"}
HIDDEN = {"type": "string", "writeOnly": True}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (SECRET, "s3cret"),
        (HIDDEN, "s3cret"),
        ({"$ref": "#/$defs/key"}, "s3cret"),
        ({"anyOf": [{"type": "null"}, SECRET]}, "s3cret"),
        ({"type": "object", "properties": {"key": SECRET}}, {"key": "s3cret"}),
        ({"type": "object", "additionalProperties": SECRET}, {"any": "s3cret"}),
        ({"type": "array", "items": HIDDEN}, ["s3cret"]),
        ({"patternProperties": {".*": SECRET}}, {"any": "s3cret"}),
        ({"$ref": "https://example.com/schema", "properties": {"key": HIDDEN}}, {"key": "s3cret"}),
    ],
)
def test_secrets_are_left_for_the_person_to_fill_in(schema: Any, value: Any) -> None:
    whole = {
        "type": "object",
        "properties": {"login": schema, "city": {"type": "string"}},
        "$defs": {"key": SECRET},
    }
    text = code({"login": value, "city": "Paris"}, whole)
    assert "s3cret" not in text
    assert "..." in text
    assert "city='Paris'" in text
