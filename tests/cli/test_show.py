# SPDX-License-Identifier: BSD-3-Clause
"""Signatures and lines for people, whatever a server says of itself."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_jupyter import types
from mcp_jupyter.cli.output import heading, listing, prompt_signature, resource_line, tool_signature


def parameter(schema: Any, **more: Any) -> str:
    tool = types.Tool(name="f", inputSchema={"properties": {"x": schema}, **more})
    return tool_signature(tool).removeprefix("f(").removesuffix(")")


@pytest.mark.parametrize(
    ("schema", "shown"),
    [
        ({"type": "integer"}, "x?: integer"),
        ({"type": "integer", "default": 5}, "x: integer = 5"),
        ({"type": "string", "default": "é"}, 'x: string = "é"'),
        ({"type": "string", "default": None}, "x?: string"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "x?: string"),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, "x?: string | integer"),
        ({"type": ["integer", "null"]}, "x?: integer"),
        ({"enum": ["a", 1]}, 'x?: "a" | 1'),
        ({"enum": [*range(9)]}, "x?: 0 | 1 | 2 | 3 | 4 | 5 | ..."),
        ({"const": True}, "x?: true"),
        ({"type": "array", "items": {"type": "number"}}, "x?: [number]"),
        ({"type": "array"}, "x?: [any]"),
        ({"$ref": "#/$defs/Row"}, "x?: object"),
        ({"$ref": "#/$defs/Unit", "default": "c"}, 'x: "c" | "f" = "c"'),
        ({"$ref": "https://example.com/row"}, "x?"),
        ({}, "x?"),
        (True, "x?"),
        ({"default": "y" * 1000}, "x = ..."),
    ],
)
def test_a_parameter_is_shown_with_its_type(schema: Any, shown: str) -> None:
    definitions = {"Row": {"type": "object"}, "Unit": {"enum": ["c", "f", None]}}
    assert parameter(schema, **{"$defs": definitions}) == shown


def test_what_is_needed_is_shown_so() -> None:
    assert parameter({"type": "integer"}, required=["x"]) == "x: integer"
    arguments = [types.PromptArgument(name="a", required=True), types.PromptArgument(name="b")]
    assert prompt_signature(types.Prompt(name="p", arguments=arguments)) == "p(a, b?)"
    assert prompt_signature(types.Prompt(name="p")) == "p()"


def test_a_long_signature_is_cut() -> None:
    properties = {f"x{number}": {} for number in range(100)}
    shown = tool_signature(types.Tool(name="f", inputSchema={"properties": properties}))
    assert shown.endswith("x29?, ...)")


def test_a_resource_is_shown_with_what_is_known() -> None:
    resource = types.Resource(name="r", uri="a://b", mimeType="text/csv", size=1024)
    assert resource_line(resource) == "a://b (text/csv, 1,024 bytes)"
    assert resource_line(types.Resource(name="r", uri="a://b")) == "a://b"
    template = types.ResourceTemplate(name="r", uriTemplate="a://{b}")
    assert resource_line(template) == "a://{b}"


def test_only_the_first_line_of_a_description_is_shown() -> None:
    tool = types.Tool(name="f", inputSchema={}, description="\n  First.\x1b \n\nMore.")
    assert listing("Tools", [("f()\x1b[2J\n", tool)]) == ["", "Tools", "  f()", "      First.⟨U+001B⟩"]
    long = types.Tool(name="f", inputSchema={}, description="x" * 1000)
    assert len(listing("Tools", [("f()", long)])[-1]) < 170
    assert listing("Tools", []) == []


def test_a_server_is_shown_by_its_title() -> None:
    info = types.Implementation(name="n", version="1", title="A server\x07")
    assert heading(info, "2026-07-28", None) == ["A server⟨U+0007⟩ 1 (protocol 2026-07-28)"]
    assert heading(None, "2026-07-28", "  ") == ["A server without a name (protocol 2026-07-28)"]


KEYS = (
    st.sampled_from(["type", "enum", "const", "anyOf", "oneOf", "items", "default", "$ref", "x"]) | st.text()
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=10,
)


@given(schema=JSON, required=JSON)
def test_no_schema_of_a_server_does_harm(schema: Any, required: Any) -> None:
    for properties in ({"x": schema}, schema):
        tool = types.Tool(name="f", inputSchema={"properties": properties, "required": required})
        assert tool_signature(tool).startswith("f(")
