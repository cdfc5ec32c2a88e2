# SPDX-License-Identifier: BSD-3-Clause
"""Tools in the forms that the APIs of models take."""

import re
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_jupyter.notebook_client.exports import fitted_names, tool_schemas
from mcp_jupyter.notebook_client.functions import Tools
from mcp_jupyter.types import Tool

SCHEMA = {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object"}


def only(tool: Tool, style: Literal["anthropic", "openai"]) -> dict[str, Any]:
    (found,) = tool_schemas({tool.name: tool}, style)
    return found


def test_each_api_has_its_form() -> None:
    properties = {"city": {"type": "string"}}
    tool = Tool(
        name="forecast",
        description="Weather.",
        inputSchema={**SCHEMA, "properties": properties, "required": ["city"]},
    )
    schema = {"type": "object", "properties": properties, "required": ["city"]}
    assert only(tool, "anthropic") == {
        "name": "forecast", "description": "Weather.", "input_schema": schema,
    }  # fmt: skip
    assert only(tool, "openai") == {
        "type": "function",
        "function": {"name": "forecast", "description": "Weather.", "parameters": schema},
    }


def test_a_tool_without_arguments_has_an_empty_object() -> None:
    tool = Tool(name="now", inputSchema={})
    assert only(tool, "anthropic")["input_schema"] == {"type": "object", "properties": {}}


@pytest.mark.parametrize("word", ["anyOf", "oneOf", "allOf"])
def test_what_apis_refuse_at_the_top_is_flattened(word: str) -> None:
    parts = [{"properties": {"a": {"type": "string"}}}, {"properties": {"b": {"type": "integer"}}}]
    tool = Tool(name="t", inputSchema={"type": "object", word: parts})
    assert only(tool, "openai")["function"]["parameters"] == {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"type": "integer"}},
    }


def test_definitions_are_kept_and_nothing_is_shared() -> None:
    schema = {
        "type": "object",
        "properties": {"p": {"$ref": "#/$defs/P"}},
        "$defs": {"P": {"type": "object"}},
    }
    tool = Tool(name="t", inputSchema=schema)
    found = only(tool, "anthropic")["input_schema"]
    assert found == schema
    found["$defs"]["P"]["type"] = "changed"
    assert schema["$defs"] == {"P": {"type": "object"}}


def test_hidden_text_in_a_description_is_shown_to_the_model_too() -> None:
    tool = Tool(name="t", description="Do it\U000e0041\x1b[0m", inputSchema={})
    assert only(tool, "anthropic")["description"] == "Do it⟨U+E0041⟩"


def test_an_unknown_style_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Unknown style 'gemini'\. Known styles: anthropic, openai\."):
        tool_schemas({}, "gemini")  # type: ignore[arg-type]


def test_names_that_fit_stay_and_others_are_made_to() -> None:
    assert fitted_names(["a-b", "files/read"]) == {"a-b": "a-b", "files/read": "files_read"}
    clash = fitted_names(["a.b", "a/b", "a_b"])
    assert clash["a_b"] == "a_b"
    assert re.fullmatch(r"a_b_[0-9a-f]{8}", clash["a.b"])


@given(st.lists(st.text(max_size=4) | st.text("ab._", min_size=60, max_size=70), max_size=8))
def test_every_fitted_name_is_taken_and_leads_back(names: list[str]) -> None:
    definitions = {name: Tool(name=name, inputSchema={}) for name in names}
    tools = Tools(lambda: definitions, lambda name, arguments: name)
    found = tool_schemas(definitions, "anthropic")
    assert len({each["name"] for each in found}) == len(definitions)
    for name, each in zip(definitions, found, strict=True):
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", each["name"])
        assert tools[each["name"]]() == name
