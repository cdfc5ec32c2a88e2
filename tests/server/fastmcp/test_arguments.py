# SPDX-License-Identifier: BSD-3-Clause
"""Arguments: their schema, what comes of them in the function, and what is said of those that do not fit."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import functools
import itertools
import pathlib
import sys
import uuid
from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple, Optional

import jsonschema
import numpy as np
import pandas as pd
import pydantic
import pytest
from pydantic import Field
from typing_extensions import TypedDict

from mcp_jupyter.server.fastmcp import Context, FastMCP
from mcp_jupyter.server.fastmcp.tools import Tool

from . import plain_annotations
from .speaker import speaking

pytestmark = pytest.mark.anyio


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1


class Point(pydantic.BaseModel):
    x: int
    y: int = 0


class Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True)
    day: dt.date


class Blob(pydantic.BaseModel):
    raw: bytes
    more: list[bytes] = []
    encoded: pydantic.Base64Bytes | None = None


@dataclasses.dataclass
class Sealed:
    raw: bytes


class Node(pydantic.BaseModel):
    value: int
    children: list[Node] = []


class Options(TypedDict, total=False):
    deep: bool


class Pair(NamedTuple):
    left: int
    right: str


@dataclasses.dataclass
class Box:
    size: float
    points: list[Point] = dataclasses.field(default_factory=list)


DAY = dt.date(2026, 1, 2)

HINTS = [
    (int, 3, 3),
    (int, "3", 3),
    (float, 3, 3.0),
    (bool, True, True),
    (str, "3", "3"),
    (str, "[1]", "[1]"),
    (Any, {"a": [1]}, {"a": [1]}),
    (list, [1, "a"], [1, "a"]),
    (list[int], [1, 2], [1, 2]),
    (list[int], "[1, 2]", [1, 2]),
    (tuple[int, str], [1, "a"], (1, "a")),
    (set[int], [1], {1}),
    (dict, {"a": 1}, {"a": 1}),
    (dict[str, list[int]], '{"a": [1]}', {"a": [1]}),
    (dict[int, str], {"1": "a"}, {1: "a"}),
    (Literal["a", "b", 3], 3, 3),
    (Colour, "blue", Colour.BLUE),
    (Level, 1, Level.LOW),
    (Optional[int], None, None),  # noqa: UP045 - the old spelling must work too
    (int | None, 5, 5),
    (int | str, "x", "x"),
    (str | list[str], "[x]", "[x]"),
    (list[int] | None, "[1]", [1]),
    (dt.date, "2026-01-02", DAY),
    (dt.datetime, "2026-01-02T03:00:00Z", dt.datetime(2026, 1, 2, 3, tzinfo=dt.UTC)),
    (dt.timedelta, "P1D", dt.timedelta(days=1)),
    (decimal.Decimal, "1.10", decimal.Decimal("1.10")),
    (uuid.UUID, str(uuid.UUID(int=1)), uuid.UUID(int=1)),
    (pathlib.Path, "a/b", pathlib.Path("a/b")),
    (bytes, "YWJj", b"abc"),
    (bytes, "_wA=", b"\xff\x00"),
    (bytes, "/wA", b"\xff\x00"),
    (list[bytes] | None, ["YWJj", ""], [b"abc", b""]),
    (dict[str, bytes], '{"a": "YWJj"}', {"a": b"abc"}),
    (Blob, {"raw": "_wA=", "more": ["YWJj"]}, Blob(raw=b"\xff\x00", more=[b"abc"])),
    (list[Blob], [{"raw": "YWJj"}], [Blob(raw=b"abc")]),
    (Blob, {"raw": "YWJj", "encoded": "YWJj"}, Blob(raw=b"abc", encoded=b"YWJj")),
    (Sealed, {"raw": "YWJj"}, Sealed(raw=b"abc")),
    (Point, {"x": 1}, Point(x=1)),
    (Point, '{"x": 1}', Point(x=1)),
    (list[Point], [{"x": 1, "y": 2}], [Point(x=1, y=2)]),
    (Point | None, {"x": 1}, Point(x=1)),
    (Strict, {"day": "2026-01-02"}, Strict(day=DAY)),
    (Node, {"value": 1, "children": [{"value": 2}]}, Node(value=1, children=[Node(value=2)])),
    (Box, {"size": 1, "points": [{"x": 1}]}, Box(1.0, [Point(x=1)])),
    (Options, {"deep": True}, {"deep": True}),
    (Pair, [1, "a"], Pair(1, "a")),
    (Annotated[int, Field(ge=0, description="how many")], 0, 0),
    (Annotated[str, Field(pattern="^a")], "abc", "abc"),
    (collections.deque[int], [1], collections.deque([1])),
]


def taking(hint: Any, **default: Any) -> Callable[..., Any]:
    """A function with one parameter of that kind that gives what it got."""
    function: Any = (lambda it=default["default"]: it) if default else (lambda it: it)
    function.__name__ = "function"
    function.__annotations__ = {"it": hint}
    return function


@pytest.mark.parametrize(("hint", "sent", "got"), HINTS, ids=[str(hint) for hint, *_ in HINTS])
async def test_every_kind_of_argument(hint, sent, got):
    received = []
    function = taking(hint)
    mcp = FastMCP()
    mcp.add_tool(functools.wraps(function)(lambda it: received.append(it)))
    async with speaking(mcp) as client:
        (tool,) = (await client.ask("tools/list"))["tools"]
        schema = tool["inputSchema"]
        jsonschema.Draft202012Validator.check_schema(schema)
        if not (isinstance(sent, str) and sent[:1] in "[{3"):
            jsonschema.validate({"it": sent}, schema)
        assert "isError" not in await client.call("function", it=sent)
    assert received == [got]
    assert type(received[0]) is type(got)


def schema_of(function: Callable[..., Any]) -> dict[str, Any]:
    return Tool.of(function, name="f").definition.inputSchema["properties"]


DEFAULTS = [
    (int, 3, 3),
    (int | None, None, None),
    (str, "a", "a"),
    (list[int], [1], [1]),
    (set[int], {1}, [1]),
    (Colour, Colour.RED, "red"),
    (dt.date, DAY, "2026-01-02"),
    (Point, Point(x=1), {"x": 1, "y": 0}),
    (Box, Box(1.0), {"size": 1.0, "points": []}),
    (pathlib.Path, pathlib.Path("a"), "a"),
]


@pytest.mark.parametrize(("hint", "default", "shown"), DEFAULTS)
async def test_a_default_is_shown_and_is_the_functions_own(hint, default, shown):
    received = []
    function = taking(hint, default=default)
    assert schema_of(function)["it"]["default"] == shown
    tool = Tool.of(function, name="f")
    assert "required" not in tool.definition.inputSchema
    mcp = FastMCP()

    @mcp.tool()
    @functools.wraps(function)
    def outer(**arguments: Any) -> None:
        received.append(function(**arguments))

    async with speaking(mcp) as client:
        await client.call("function")
    assert received[0] is default


@pytest.mark.parametrize(
    "default",
    [
        object(),
        float("nan"),
        itertools.count(),
        pd.DataFrame,
        pd.Period("2026"),
        np.dtype("f4"),
        np.sin,
        np.finfo("f4"),
        [0] * 1_000_001,
    ],
    ids=range(9),
)
def test_a_default_that_json_cannot_show_still_applies(default):
    """NumPy's objects without data, and what is too large, are among them (1.13)."""
    tool = Tool.of(taking(Any, default=default), name="f")
    assert "default" not in tool.definition.inputSchema["properties"]["it"]
    assert tool.signature.bind({}) == {}


async def test_parameters_without_annotations_take_anything():
    mcp = FastMCP()

    @mcp.tool()
    def f(a, b=5):
        return repr((a, b))

    assert schema_of(f) == {"a": {}, "b": {"default": 5}}
    async with speaking(mcp) as client:
        assert await client.text("f", a=[1, {"x": None}]) == "([1, {'x': None}], 5)"
        assert await client.text("f", a="[1]", b="7") == "('[1]', '7')"


async def test_fields_declare_constraints_descriptions_and_defaults():
    mcp = FastMCP()

    @mcp.tool()
    def f(
        few: Annotated[int, Field(ge=1, le=3, description="how few")],
        name: str = Field(description="who", max_length=3),
        level: int = Field(default=2, ge=0),
        items: list[int] = Field(default_factory=list),  # noqa: B008 - a declaration
        when: Annotated[dt.date, Field(description="day")] = DAY,
    ) -> list:
        items.append(few)
        return [few, name, level, items, str(when)]

    properties = schema_of(f)
    assert properties["few"] == {"type": "integer", "minimum": 1, "maximum": 3, "description": "how few"}
    assert properties["name"] == {"type": "string", "maxLength": 3, "description": "who"}
    assert properties["level"] == {"type": "integer", "minimum": 0, "default": 2}
    assert properties["items"] == {"type": "array", "items": {"type": "integer"}}
    assert properties["when"]["default"] == "2026-01-02"
    assert Tool.of(f).definition.inputSchema["required"] == ["few", "name"]
    async with speaking(mcp) as client:
        for _ in range(2):  # what a factory makes is made anew
            assert await client.text("f", few=1, name="me") == '[1,"me",2,[1],"2026-01-02"]'
        assert "few: Input should be less than or equal to 3" in await client.error("f", few=9, name="me")


def test_titles_are_the_users_own():
    class Sized(pydantic.BaseModel):
        title: str
        size: int = Field(title="How large")

    def f(title: str, sized: Sized, properties: int = 1) -> None: ...

    f.__annotations__["sized"] = Sized
    schema = Tool.of(f).definition.inputSchema
    assert "title" not in schema
    assert schema["properties"]["title"] == {"type": "string"}
    assert schema["properties"]["properties"] == {"type": "integer", "default": 1}
    assert schema["$defs"]["Sized"]["properties"] == {
        "title": {"type": "string"},
        "size": {"type": "integer", "title": "How large"},
    }


# -- what does not fit ----------------------------------------------------------------------------------


def greet(name: str, times: int = 1, tags: list[str] | None = None) -> str:
    return name * times


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "name: Field required"),
        ({"name": 3}, "name: Input should be a valid string"),
        ({"name": None}, "name: Input should be a valid string"),
        ({"name": "a", "nam": "b"}, "nam: Extra inputs are not permitted"),
        ({"name": "a", "times": "many"}, "times: Input should be a valid integer"),
        ({"name": "a", "times": 1.5}, "times: Input should be a valid integer"),
        ({"name": "a", "tags": [1]}, "tags.0: Input should be a valid string"),
        ({"name": "a", "tags": "[1]"}, "tags.0: Input should be a valid string"),
        ({"name": "a", "tags": "[1"}, "tags: Input should be a valid "),
        ({"times": "x"}, "name: Field required; times: Input should be a valid integer"),
    ],
)
async def test_what_does_not_fit_is_named(arguments, said):
    mcp = FastMCP()
    mcp.add_tool(greet)
    async with speaking(mcp) as client:
        text = await client.error("greet", **arguments)
    assert text.startswith("Invalid arguments for greet: ")
    assert said in text
    assert "pydantic.dev" not in text


async def test_a_list_as_text_is_not_read_when_it_has_too_many_lists():
    """What a message may not hold, a text in it may not bring in (1.26)."""
    mcp = FastMCP()

    @mcp.tool()
    def size(items: list[list[int]]) -> int:
        return len(items)

    async with speaking(mcp) as client:
        assert await client.text("size", items="[" + "[]," * 9 + "[]]") == "10"
        said = await client.error("size", items="[" + "[]," * 100_000 + "[]]")
        assert said.startswith("Invalid arguments for size: items: Input should be a valid array")


async def test_values_of_the_caller_are_not_repeated_to_him_and_many_errors_are_cut_short():
    mcp = FastMCP()
    mcp.tool("f")(taking(list[int]))
    async with speaking(mcp) as client:
        text = await client.error("f", it=["secret"] * 50)
    assert "secret" not in text
    assert text.endswith("and 45 more")


async def test_one_argument_as_json_text_does_not_change_the_others():
    mcp = FastMCP()
    mcp.add_tool(lambda text, numbers: None, name="untyped")

    @mcp.tool()
    def f(text: str | None, free: Any, numbers: list[int]) -> str:
        return repr((text, free, numbers))

    async with speaking(mcp) as client:
        got = await client.text("f", text="[not a list]", free="[1]", numbers="[1, 2]")
    assert got == "('[not a list]', '[1]', [1, 2])"


# -- what is refused ------------------------------------------------------------------------------------


def takes_args(*values: int) -> None: ...


def takes_kwargs(a: int, **values: int) -> None: ...


def takes_positional(a: int, /, b: int) -> None: ...


def takes_frame(n: int, frame: pd.DataFrame) -> None: ...


def takes_callback(callback: Callable[[int], int]) -> None: ...


def takes_object_inside(items: list[pd.DataFrame]) -> None: ...


def takes_value(a: 5) -> None: ...


def takes_unknown(a: Unknown) -> None: ...  # noqa: F821


def takes_unknown_inside(a: list["Unknown"]) -> None: ...  # noqa: F821, UP037


def takes_missing(a: pd.Nothing) -> None: ...


def takes_two_contexts(first: Context, second: Context) -> None: ...


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (takes_two_contexts, r"takes_two_contexts: first and second are both a Context; leave one out"),
        (takes_args, r"takes_args: parameter \*values cannot be filled from a call by name; give each"),
        (takes_kwargs, r"takes_kwargs: parameter \*\*values cannot be filled"),
        (takes_positional, r"takes_positional: parameter a cannot be filled"),
        (takes_frame, r"takes_frame: parameter frame cannot come from JSON \(.*DataFrame.*\)\. Use str, int"),
        (takes_callback, r"takes_callback: parameter callback cannot come from JSON"),
        (takes_object_inside, r"takes_object_inside: parameter items cannot come from JSON"),
        (takes_value, r"takes_value: parameter a cannot come from JSON"),
        (takes_unknown, r"takes_unknown: the annotation 'Unknown' is not defined"),
        (takes_unknown_inside, r"takes_unknown_inside: parameter a cannot come .*a name in its annotation"),
        pytest.param(
            plain_annotations.with_typing_typed_dict,
            r"parameter by cannot come .*typing_extensions.TypedDict",
            marks=pytest.mark.skipif(sys.version_info >= (3, 12), reason="pydantic takes it from 3.12 on"),
        ),
        (takes_missing, r"takes_missing: its signature cannot be read: .*has no attribute 'Nothing'"),
    ],
)
def test_a_parameter_that_cannot_come_from_json_is_refused(function, said):
    for register in (FastMCP().tool(), FastMCP().prompt(), FastMCP().resource("x://{a}")):
        with pytest.raises(ValueError, match=said) as caught:
            register(function)
        assert "\n" not in str(caught.value)


def test_a_default_does_not_make_such_a_parameter_fit():
    with pytest.raises(ValueError, match=r"function: parameter it cannot come from JSON"):
        Tool.of(taking(pd.DataFrame, default=None), name="f")


# -- where annotations are written ----------------------------------------------------------------------


async def test_annotations_that_are_no_text():
    mcp = FastMCP()
    mcp.add_tool(plain_annotations.move)
    async with speaking(mcp) as client:
        assert await client.text("move", by={"x": 1}, times=2) == '{"x":2}'


async def test_names_within_quoted_annotations_are_found_where_the_function_is():
    assert schema_of(plain_annotations.quoted)["path"]["items"] == {"$ref": "#/$defs/Step"}


async def test_a_context_in_every_spelling_is_hidden():
    def one(a: int, ctx: Context) -> None: ...
    def two(ctx: Context[Any, dict[str, int]], a: int) -> None: ...
    def three(a: int, ctx: Context | None = None) -> None: ...
    def four(a: int, *, ctx: Optional[Context[Any]] = None) -> None: ...  # noqa: UP045
    def five(a: int, ctx: Annotated[Context, "ours"]) -> None: ...

    for function in (one, two, three, four, five):
        assert list(schema_of(function)) == ["a"]
