# SPDX-License-Identifier: BSD-3-Clause
"""The tools of a server as functions."""

import datetime
import inspect
from typing import Annotated, Any, Literal

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.oinspect import Inspector
from mcp.server import MCPServer

from mcp_jupyter.notebook_client.functions import Tools, attribute_names
from mcp_jupyter.types import Tool


def defined(*names: str, **more: Any) -> dict[str, Tool]:
    schema = {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Where."},
            "unit": {"enum": ["c", "f"], "default": "c", "description": "Of the\ntemperature."},
        },
        "required": ["city"],
    }
    return {name: Tool(name=name, inputSchema=schema, **more) for name in names}


def tools_of(definitions: dict[str, Tool]) -> Tools:
    return Tools(lambda: definitions, lambda name, arguments: (name, arguments))


def test_a_tool_is_called_with_checked_arguments() -> None:
    tools = tools_of(defined("forecast", "get-alerts"))
    assert tools.forecast(city="Paris") == ("forecast", {"city": "Paris"})
    assert tools.get_alerts(city="Paris") == ("get-alerts", {"city": "Paris"})
    assert tools["get-alerts"](city="Paris") == ("get-alerts", {"city": "Paris"})
    with pytest.raises(ValueError, match="city: 5"):
        tools.forecast(city=5)


def test_what_a_model_calls_a_tool_is_taken_as_its_name() -> None:
    assert tools_of(defined("files/read.one"))["files_read_one"].__name__ == "files/read.one"


def test_arguments_have_to_be_named() -> None:
    with pytest.raises(TypeError, match=r"forecast\(\) takes named arguments only: forecast\(city=\.\.\.\)"):
        tools_of(defined("forecast")).forecast("Paris")


def test_an_unknown_name_is_answered_with_close_ones() -> None:
    tools = tools_of(defined("forecast", "get-alerts"))
    with pytest.raises(AttributeError, match=r"Unknown tool 'forcast'. Did you mean forecast?"):
        _ = tools.forcast
    with pytest.raises(KeyError, match=r"Did you mean get-alerts?"):
        tools["get-alert"]
    assert not hasattr(tools, "_ipython_display_")


def test_names_lists_and_length_are_those_of_the_tools() -> None:
    tools = tools_of(defined("forecast", "get-alerts"))
    assert dir(tools) == ["forecast", "get_alerts"]
    assert [each.__name__ for each in tools] == ["forecast", "get-alerts"]
    assert len(tools) == 2
    assert "get-alerts" in tools


def test_a_list_that_changes_is_the_new_one_at_once_and_a_function_kept_still_calls() -> None:
    definitions = defined("old")
    tools = tools_of(definitions)
    kept = tools.old
    definitions.clear()
    definitions.update(defined("new"))
    assert dir(tools) == ["new"]
    assert kept(city="x") == ("old", {"city": "x"})


def test_a_changed_definition_counts_for_a_function_kept() -> None:
    definitions = defined("forecast")
    kept = tools_of(definitions).forecast
    definitions["forecast"] = Tool(name="forecast", inputSchema={"properties": {"place": {}}})
    assert str(inspect.signature(kept)) == "(*, place: Any = ...)"


@pytest.mark.parametrize(
    ("names", "attributes"),
    [
        (["get-x", "get_x"], {"get_x_2": "get-x", "get_x": "get_x"}),
        (["a.b", "a-b"], {"a_b_2": "a.b", "a_b": "a-b"}),
        (["class", "2d", "_h", "日本"], {"class_": "class", "tool_2d": "2d", "h": "_h", "tool": "日本"}),
        (["__class__", "_repr_html_"], {"class_": "__class__", "repr_html": "_repr_html_"}),
    ],
)  # fmt: skip
def test_attributes_are_names_that_python_takes(names: list[str], attributes: dict[str, str]) -> None:
    assert attribute_names(names) == attributes
    assert attribute_names(names[::-1]) == attributes


@given(st.lists(st.text(max_size=6), max_size=8))
def test_every_tool_has_one_attribute_that_python_takes(names: list[str]) -> None:
    found = attribute_names(names)
    assert sorted(found.values()) == sorted(set(names))
    for attribute in found:
        assert attribute.isidentifier()
        assert not attribute.startswith("_")


def test_the_docstring_is_in_numpydoc_form() -> None:
    tools = tools_of(defined("forecast", description="The weather.\n\nFor a week."))
    assert tools.forecast.__doc__ == (
        "The weather.\n\nFor a week.\n\nParameters\n----------\ncity : str\n    Where.\n"
        "unit : Literal['c', 'f'], optional\n    Of the\n    temperature."
    )


def test_ipython_shows_signature_and_docstring() -> None:
    info = Inspector(theme_name="nocolor").info(
        tools_of(defined("forecast", description="Weather.")).forecast
    )
    assert "city: str" in str(info["definition"])
    assert "Weather." in str(info["docstring"])
    assert (info["call_def"], info["call_docstring"]) == (None, None)


def test_the_list_displays_signatures_and_first_lines() -> None:
    tools = tools_of(defined("get-alerts", description="Alerts.\nMore."))
    assert repr(tools) == "1 tool\n  get_alerts(city: str, unit: Literal['c', 'f'] = 'c')  Alerts."
    assert repr(tools["get-alerts"]) == "get-alerts(city: str, unit: Literal['c', 'f'] = 'c')"


class Point(pydantic.BaseModel):
    x: float
    y: float = 0


def near(
    point: Point,
    kind: Literal["park", "pool"] = "park",
    since: datetime.datetime | None = None,
    limit: Annotated[int, pydantic.Field(description="How many.", ge=1)] = 10,
    others: list[Point] | None = None,
) -> str:
    """What is near a point."""
    return "nothing"


@pytest.mark.anyio
async def test_the_schemas_of_the_official_sdk_read_well() -> None:
    server = MCPServer("places")
    server.tool()(near)
    listed = [each.model_dump(by_alias=True, mode="json") for each in await server.list_tools()]
    tools = tools_of({each["name"]: Tool.from_wire(each) for each in listed})
    assert repr(tools.near) == (
        "near(point: dict, kind: Literal['park', 'pool'] = 'park', since: str | None = None, "
        "limit: int = 10, others: list[dict] | None = None)"
    )
    _, sent = tools.near(point=Point(x=1), since=datetime.datetime(2026, 1, 2), others=(Point(x=2),))
    assert sent == {
        "point": {"x": 1, "y": 0}, "since": "2026-01-02T00:00:00", "others": [{"x": 2, "y": 0}],
    }  # fmt: skip
    with pytest.raises(ValueError, match="point: 'x' is a required property\nlimit: 0 is less than"):
        tools.near(point={"y": 1}, limit=0)


POISON = "\x1b[2J\u202e<img src=x onerror=alert(1)> ![x](https://evil.example/p) $\\href{javascript:1}{x}$"


def test_poison_in_a_definition_stays_text() -> None:
    schema = {"type": "object", "properties": {"a": {"description": POISON, "enum": [POISON]}, POISON: {}}}
    tools = tools_of({POISON: Tool(name=POISON, description=POISON, title=POISON, inputSchema=schema)})
    (function,) = tools
    for shown in (repr(tools), repr(function), function.__doc__, tools._repr_html_()):
        assert "\x1b" not in shown
        assert "\u202e" not in shown
    html = tools._repr_html_()
    assert "<img" not in html
    # JupyterLab sets TeX anywhere but in code.
    outside = "".join(part.partition("</code>")[2] for part in html.split("<code"))
    assert "$" not in outside
