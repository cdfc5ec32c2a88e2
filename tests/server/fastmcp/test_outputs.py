# SPDX-License-Identifier: BSD-3-Clause
"""Structured output: what return annotations promise, and values that keep the promise or break it."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import json
import pathlib
import uuid
from collections.abc import AsyncIterator, Generator, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, Optional

import jsonschema
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pydantic
import pytest
from pydantic import Field
from typing_extensions import TypedDict

from mcp_jupyter import types
from mcp_jupyter.server.content.tables import FRAME_SCHEMA
from mcp_jupyter.server.fastmcp import Audio, FastMCP, Image
from mcp_jupyter.server.fastmcp.outputs import Output
from mcp_jupyter.server.fastmcp.tools import Tool

from .speaker import both_eras, speaking

pytestmark = pytest.mark.anyio

NAN = float("nan")
DAY = dt.date(2026, 1, 2)


class Colour(enum.Enum):
    RED = "red"


class City(pydantic.BaseModel):
    name: str
    size: float | None = None
    mayor: str = Field(default="nobody", serialization_alias="theMayor")


class Node(pydantic.BaseModel):
    children: list[Node] = []


class Names(pydantic.RootModel[dict[str, int]]):
    pass


class Row(TypedDict):
    a: int
    b: NotRequired[str]


class Pair(NamedTuple):
    left: int
    right: str


@dataclasses.dataclass
class Thumbnail:
    name: str
    png: bytes


@dataclasses.dataclass
class Stats:
    n: int
    mean: float
    by: dict[str, int] = dataclasses.field(default_factory=dict)


def returning(annotation: Any, value: Any, **options: Any) -> FastMCP:
    """A server with one tool, "f", that promises the one and returns the other."""
    f: Any = lambda: value  # noqa: E731
    f.__annotations__ = {"return": annotation}
    mcp = FastMCP()
    mcp.tool("f", **options)(f)
    return mcp


PROMISES = [
    (int, 3, {"result": 3}),
    (float, 3, {"result": 3.0}),
    (float, NAN, {"result": None}),
    (bool, True, {"result": True}),
    (str, "a", {"result": "a"}),
    (str, "\ud800", {"result": "�"}),
    (list[int], [1, 2], {"result": [1, 2]}),
    (list[float], [1.5, NAN, float("inf")], {"result": [1.5, None, "Infinity"]}),
    (list[dict[str, Any]], [{"a": None}], {"result": [{"a": None}]}),
    (tuple[int, str], (1, "a"), {"result": [1, "a"]}),
    (set[int], {1}, {"result": [1]}),
    (Sequence[int], (1, 2), {"result": [1, 2]}),
    (Optional[int], None, {"result": None}),  # noqa: UP045
    (int | str, "x", {"result": "x"}),
    (Literal["a", "b"], "a", {"result": "a"}),
    (Colour, Colour.RED, {"result": "red"}),
    (dt.date, DAY, {"result": "2026-01-02"}),
    (dt.datetime, pd.Timestamp("2026-01-02"), {"result": "2026-01-02T00:00:00"}),
    (dt.timedelta, dt.timedelta(1), {"result": "P1D"}),
    (decimal.Decimal, decimal.Decimal("1.10"), {"result": "1.10"}),
    (uuid.UUID, uuid.UUID(int=1), {"result": "00000000-0000-0000-0000-000000000001"}),
    (pathlib.Path, pathlib.Path("a"), {"result": "a"}),
    (Pair, Pair(1, "a"), {"result": [1, "a"]}),
    (City | None, City(name="x"), {"result": {"name": "x", "size": None, "theMayor": "nobody"}}),
    (Annotated[int, Field(ge=0)], 3, {"result": 3}),
    (Generator[int, None, None], (n for n in (1, 2)), {"result": [1, 2]}),
    (dict, {"a": [1, None]}, {"a": [1, None]}),
    (dict[str, Any], {"a": {"b": None}}, {"a": {"b": None}}),
    (dict[str, float], {"a": NAN}, {"a": None}),
    (dict, {"png": b"\x89PNG"}, {"png": "iVBORw=="}),
    (Thumbnail, Thumbnail("a", b"\x89PNG"), {"name": "a", "png": "iVBORw=="}),
    (Thumbnail, Thumbnail("text", b"abc"), {"name": "text", "png": "YWJj"}),
    (dict[int, str], {1: "x"}, {"1": "x"}),
    (Mapping[str, int], {"a": 1}, {"a": 1}),
    (collections.Counter, collections.Counter("aab"), {"a": 2, "b": 1}),
    (City, City(name="x", size=NAN), {"name": "x", "size": None, "theMayor": "nobody"}),
    (City, {"name": "x"}, {"name": "x", "size": None, "theMayor": "nobody"}),
    (list[City], [{"name": "x"}], {"result": [{"name": "x", "size": None, "theMayor": "nobody"}]}),
    (Names, Names({"a": 1}), {"a": 1}),
    (Node, Node(children=[Node()]), None),
    (Row, {"a": 1}, {"a": 1}),
    (Row, {"a": 1, "b": "x"}, {"a": 1, "b": "x"}),
    (Stats, Stats(1, 2.5, {"a": 1}), {"n": 1, "mean": 2.5, "by": {"a": 1}}),
    (Stats, {"n": 1, "mean": 2}, {"n": 1, "mean": 2.0, "by": {}}),
    # NumPy and pandas, as notebooks have them
    (int, np.int64(3), {"result": 3}),
    (float, np.float32(1.5), {"result": 1.5}),
    (float, np.float64("nan"), {"result": None}),
    (bool, np.bool_(True), {"result": True}),
    (list[float], np.array([1.5, NAN]), {"result": [1.5, None]}),
    (list[list[int]], np.eye(2, dtype=int), {"result": [[1, 0], [0, 1]]}),
    (dict[str, int], {"a": np.int64(1)}, {"a": 1}),
    (dict[str, Any], {"a": np.int64(1), "b": pd.NaT, "c": np.array([1])}, {"a": 1, "b": None, "c": [1]}),
    (Stats, Stats(np.int64(1), np.float32(2.5), {"a": np.int64(1)}), {"n": 1, "mean": 2.5, "by": {"a": 1}}),
    (dict[str, Any], {"period": pd.Period("2026")}, {"period": "2026"}),
    (
        dict[str, Any],
        {"rows": pd.DataFrame({"a": [1]})},
        {"rows": {"columns": ["a"], "rows": [[1]], "total": 1, "truncated": False}},
    ),
]


@pytest.mark.parametrize(
    ("annotation", "value", "structured"), PROMISES, ids=[f"{n}-{p[0]}" for n, p in enumerate(PROMISES)]
)
async def test_a_promise_kept(annotation, value, structured):
    async with speaking(returning(annotation, value)) as client:
        (tool,) = (await client.ask("tools/list"))["tools"]
        result = await client.call("f")
    assert "isError" not in result, result
    schema = tool["outputSchema"]
    assert schema["type"] == "object"
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(result["structuredContent"], schema)
    if structured is not None:
        assert result["structuredContent"] == structured


@both_eras
async def test_text_and_structure_say_the_same(era):
    async with speaking(returning(City, City(name="x")), era) as client:
        result = await client.call("f")
        assert json.loads(result["content"][0]["text"]) == result["structuredContent"]
    async with speaking(returning(str, "plain"), era) as client:
        result = await client.call("f")
        assert result["content"] == [{"type": "text", "text": "plain"}]


@both_eras
async def test_bytes_are_base64_and_the_schema_says_so_whatever_they_hold(era):
    async with speaking(returning(Thumbnail, Thumbnail("abc", b"abc")), era) as client:
        (tool,) = (await client.ask("tools/list"))["tools"]
        result = await client.call("f")
    assert tool["outputSchema"]["properties"]["png"] == {"type": "string", "format": "base64url"}
    assert result["structuredContent"] == {"name": "abc", "png": "YWJj"}
    assert json.loads(result["content"][0]["text"]) == result["structuredContent"]


FRAMES = {
    "pandas": (pd.DataFrame, pd.DataFrame({"a": [1, None]})),
    "a subclass": (pd.DataFrame, type("Mine", (pd.DataFrame,), {})({"a": [1, None]})),
    "pandas series": (pd.Series, pd.Series([1, None], name="a")),
    "polars": (pl.DataFrame, pl.DataFrame({"a": [1.0, None]})),
    "polars series": (pl.Series, pl.Series("a", [1.0, None])),
    "pyarrow": (pa.Table, pa.table({"a": [1.0, None]})),
    "another library": (pd.DataFrame, pl.DataFrame({"a": [1.0, None]})),
}


@pytest.mark.parametrize("kind", FRAMES)
async def test_a_frame_promised_is_a_page(kind):
    annotation, value = FRAMES[kind]
    async with speaking(returning(annotation, value)) as client:
        (tool,) = (await client.ask("tools/list"))["tools"]
        result = await client.call("f")
    assert tool["outputSchema"] == FRAME_SCHEMA
    jsonschema.validate(result["structuredContent"], FRAME_SCHEMA)
    assert result["structuredContent"]["rows"] == [[1.0], [None]]
    assert result["content"][0]["text"].startswith("| a |")


@pytest.mark.parametrize(
    "annotation",
    [
        None,
        Any,
        object,
        list,
        tuple,
        list[Any],
        bytes,
        Image,
        Audio,
        Optional[Image],  # noqa: UP045
        list[str | Image],
        types.TextContent,
        list[types.TextContent | types.ImageContent],
        types.CallToolResult,
        types.EmbeddedResource,
        pd.Period,
        np.ndarray,
        pd.DataFrame | None,
        type,
        AsyncIterator[int],
    ],
)
def test_annotations_that_promise_no_structure(annotation):
    assert Output.of(annotation) is None


async def test_without_an_annotation_nothing_is_promised():
    mcp = FastMCP()
    mcp.add_tool(lambda: {"a": 1}, name="f")
    async with speaking(mcp) as client:
        (tool,) = (await client.ask("tools/list"))["tools"]
        assert "outputSchema" not in tool
        assert (await client.call("f"))["structuredContent"] == {"a": 1}


async def test_images_in_a_list_of_anything():
    async with speaking(returning(list, ["see:", Image(data=b"i")]), name="another") as client:
        result = await client.call("f")
        assert [block["type"] for block in result["content"]] == ["text", "image", "text"]
        assert "structuredContent" not in result


async def test_structured_output_may_be_switched_off_or_demanded():
    mcp = returning(int, 3, structured_output=False)
    async with speaking(mcp) as client:
        assert await client.call("f") == {"content": [{"type": "text", "text": "3"}]}
    with pytest.raises(ValueError, match="f: structured output needs a return annotation that has a JSON"):
        returning(Any, 3, structured_output=True)
    assert Tool.of(returning(int, 3, structured_output=True).tools["f"].function, name="f").output


def wrong_stats() -> Stats:
    return Stats(n="many", mean=1)  # type: ignore[arg-type]


def changed_city() -> City:
    city = City(name="x")
    city.name = 3  # type: ignore[assignment]
    return city


BROKEN = [
    (int, "many", "return annotation: the value: Input should be a valid integer"),
    (int, None, "return annotation"),
    (str, 3, "return annotation: the value: Input should be a valid string"),
    (list[int], ["a"], "return annotation: 0: Input should be"),
    (dict[str, int], {"a": "x"}, "return annotation: a: Input should be"),
    (dict[str, str], {"a": object()}, "return annotation: a: Input should be"),
    (City, {"nam": "x"}, "return annotation: name: Field required"),
    (City, changed_city(), "return annotation: name: Input should be a valid string"),
    (City, None, "return annotation"),
    (Row, {}, "return annotation: a: Field required"),
    (Stats, wrong_stats(), "return annotation: n: Input should be"),
    (Colour, "green", "return annotation: the value: Input should be 'red'"),
    (Annotated[int, Field(ge=0)], -1, "return annotation: the value: Input should be greater than"),
    (int, 10**5000, "has no JSON form"),
    (dict[str, Any], {"n": 10**5000}, "has no JSON form"),
    (pd.DataFrame, None, "promised a data frame and returned NoneType"),
    (pd.DataFrame, {"a": [1]}, "promised a data frame and returned dict"),
]


@pytest.mark.parametrize(
    ("annotation", "value", "said"), BROKEN, ids=[f"{n}-{p[0]}" for n, p in enumerate(BROKEN)]
)
async def test_a_promise_broken_is_an_error_with_the_reason(annotation, value, said):
    async with speaking(returning(annotation, value)) as client:
        text = await client.error("f")
    assert said in text
    assert "pydantic.dev" not in text


async def test_a_cyclic_value_is_an_error_and_not_the_end():
    value: dict[str, Any] = {}
    value["self"] = value
    async with speaking(returning(dict[str, Any], value)) as client:
        assert "has no JSON form" in await client.error("f")
        assert "has no JSON form" in await client.error("f")


async def test_an_error_made_by_hand_breaks_no_promise():
    own = types.CallToolResult(content=[], isError=True)
    async with speaking(returning(dict[str, int], own)) as client:
        assert await client.call("f") == {"content": [], "isError": True}


# -- one form for text and structure -----------------------------------------------------------------------

FAR = pd.Timestamp(np.datetime64("12024-01-02"))


class Event(pydantic.BaseModel):
    when: dt.datetime
    png: bytes = b""
    share: float = 0.0
    more: Any = None


SAME = [
    (City, {"name": "x"}, {"name": "x", "size": None, "theMayor": "nobody"}),
    (list[float], np.arange(12_000.0), None),
    (list[int], pd.RangeIndex(12_000), None),
    (list[float], np.array([0.1, NAN, float("inf")], dtype="f4"), [0.1, None, "Infinity"]),
    (list[str], pd.DataFrame({"a": [1], "b": [2]}).columns, ["a", "b"]),
    (list[str], pd.Categorical(["x", "y"]), ["x", "y"]),
    (list[int], pa.array([1, 2]), [1, 2]),
    (list[int], pl.Series([1, 2]), [1, 2]),
    (list[dt.datetime], pd.DatetimeIndex([FAR]), ["12024-01-02T00:00:00"]),
    (list[dt.date], np.array(["20000-01-02", "2026-01-02"], dtype="M8[D]"), ["20000-01-02", "2026-01-02"]),
    (dt.datetime, np.datetime64("2026-01-02T00:00:00.000000001"), "2026-01-02T00:00:00.000000001"),
    (dt.timedelta, np.timedelta64(10**15, "D"), f"P{10**15}D"),
    (dt.timedelta, dt.timedelta(days=400), "P400D"),
    (dict[int | str, int], {1: 1, "1": 2}, {"1": 1, "1.2": 2}),
    (dict[str, float], {"a": float("-inf")}, {"a": "-Infinity"}),
    (Event, Event(when=FAR), {"when": "12024-01-02T00:00:00", "png": "", "share": 0.0, "more": None}),
    (
        Event,
        Event(when=DAY, png=b"\xff\x00", share=float("inf"), more=[FAR, b"x", np.dtype("f4")]),
        {
            "when": "2026-01-02T00:00:00",
            "png": "_wA=",
            "share": "Infinity",
            "more": ["12024-01-02T00:00:00", "eA==", "float32"],
        },
    ),
]


@pytest.mark.parametrize(
    ("annotation", "value", "form"), SAME, ids=[f"{n}-{s[0]}" for n, s in enumerate(SAME)]
)
async def test_with_an_annotation_the_text_is_the_structure(annotation, value, form):
    """What one half says the other says too, of long values also (1.14), dates, bytes and numbers (1.11)."""
    async with speaking(returning(annotation, value)) as client:
        (tool,) = (await client.ask("tools/list"))["tools"]
        result = await client.call("f")
    assert "isError" not in result, result
    structured = result["structuredContent"]
    jsonschema.validate(structured, tool["outputSchema"])
    sent = structured if isinstance(form, dict) else structured["result"]
    (block,) = result["content"]
    assert (block["text"] if isinstance(sent, str) else json.loads(block["text"])) == sent
    if form is None:
        assert len(sent) == 12_000
    else:
        assert sent == form
