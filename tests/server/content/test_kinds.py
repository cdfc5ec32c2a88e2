# SPDX-License-Identifier: BSD-3-Clause
"""What a client receives for each kind of value that a tool returns, and that nothing eats the memory."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import io
import itertools
import tracemalloc
import weakref
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import PIL.Image
import polars as pl
import pyarrow as pa
import pydantic
import pytest
from typing_extensions import TypedDict

from mcp_jupyter.server.content.images import MAX_IMAGE_SIDE
from mcp_jupyter.server.content.size_limits import MAX_PARTS, TooManyParts, extent
from mcp_jupyter.server.fastmcp import FastMCP, Image

from ..fastmcp.speaker import speaking
from .test_plain import Disguised, Raising

pytestmark = pytest.mark.anyio

PAGE = {"columns": ["n"], "rows": [[1]], "total": 1, "truncated": False}


class City(TypedDict):
    name: str


class Model(pydantic.BaseModel):
    n: int


@dataclasses.dataclass
class Point:
    x: float


@dataclasses.dataclass
class Holder:
    rows: Any


class Colour(enum.Enum):
    RED = "red"


class Unshowable:
    def __repr__(self) -> str:
        raise RuntimeError("no")


async def received(value: Any, annotation: Any = None, host: str = "mcp_jupyter") -> dict[str, Any]:
    mcp = FastMCP()

    def give():
        return value

    give.__annotations__["return"] = annotation
    mcp.add_tool(give)
    async with speaking(mcp, name=host) as client:
        result: dict[str, Any] = await client.call("give")
        return result


@pytest.mark.parametrize(
    ("value", "annotation", "text", "structured"),
    [
        (pd.DataFrame({"n": [1]}), pd.DataFrame, "| n |\n| --- |\n| 1 |", PAGE),
        (pl.DataFrame({"n": [1]}), None, "| n |\n| --- |\n| 1 |", PAGE),
        (pa.table({"n": [1]}), None, "| n |\n| --- |\n| 1 |", PAGE),
        (np.arange(3), None, "[0,1,2]", None),
        (np.float32(0.5), float, "0.5", {"result": 0.5}),
        (Model(n=1), Model, '{"n":1}', {"n": 1}),
        (Point(float("nan")), Point, '{"x":null}', {"x": None}),
        ({"name": "Rome"}, City, '{"name":"Rome"}', {"name": "Rome"}),
        (Colour.RED, Colour, "red", {"result": "red"}),
        (dt.date(2026, 1, 2), dt.date, "2026-01-02", {"result": "2026-01-02"}),
        (decimal.Decimal("1.10"), decimal.Decimal, "1.10", {"result": "1.10"}),
        (float("inf"), float, "Infinity", {"result": "Infinity"}),
        ((n for n in (1, 2)), None, "[1,2]", None),
        ({"rows": (n for n in (1, 2))}, None, '{"rows":[1,2]}', {"rows": [1, 2]}),
        (Unshowable(), None, "<Unshowable whose text cannot be shown: RuntimeError>", None),
        (Path("there/is/none"), None, "there/is/none", None),
    ],
)
async def test_what_a_client_receives(value, annotation, text, structured):
    result = await received(value, annotation)
    assert result["content"] == [{"type": "text", "text": text}]
    assert result.get("structuredContent") == structured


async def test_a_call_survives_whatever_its_value_raises():
    """Values without data, and objects that raise for whatever is asked of them (1.13)."""

    class Gone:
        pass

    dead = weakref.proxy(Gone())
    values = [np.dtype("f4"), np.sin, np.random.default_rng(0), np.finfo("f8"), Raising(), Disguised(), dead]
    for value in values:
        for held in (value, [value], {"in": value, "n": 1}):
            result = await received(held)
            assert "isError" not in result, result
        assert result["structuredContent"]["n"] == 1
    assert (await received({"t": np.dtype("f4")}, dict[str, Any]))["structuredContent"] == {"t": "float32"}


async def test_a_file_is_named_and_not_read(tmp_path):
    path = tmp_path / "sales 2026.csv"
    path.write_text("secret,1\n")
    name, link = (await received(path))["content"]
    assert name["text"] == str(path)
    assert link == {
        "type": "resource_link",
        "uri": path.as_uri(),
        "name": "sales 2026.csv",
        "mimeType": "text/csv",
        "size": 9,
    }


async def test_a_large_array_is_its_shape_and_its_corners():
    result = await received(np.zeros((1000, 1000)))
    text = result["content"][0]["text"]
    assert text.startswith("float64 array of shape (1000, 1000)\n[[0. 0. 0. ... 0. 0. 0.]")
    assert result["structuredContent"] == {"shape": [1000, 1000], "dtype": "float64", "truncated": True}


@pytest.mark.parametrize("kind", ["png", "jpeg"])
async def test_an_image_is_no_larger_than_a_model_looks_at(kind):
    target = io.BytesIO()
    PIL.Image.new("RGB", (4000, 1000)).save(target, kind)
    picture = Image(data=target.getvalue(), format=kind)
    (block, said) = (await received(picture, host="any host"))["content"]
    assert said["text"] == f"Picture ({MAX_IMAGE_SIDE}x392 pixels, of 4000x1000)"
    with PIL.Image.open(io.BytesIO(b64decode(block["data"]))) as image:
        assert (image.size, image.format) == ((MAX_IMAGE_SIDE, 392), kind.upper())


def shared(levels: int) -> list[Any]:
    value: list[Any] = [1]
    for _ in range(levels):
        value = [value, value]
    return value


def endless() -> Iterator[int]:
    return itertools.count()


@pytest.mark.parametrize(
    "make",
    [
        lambda: shared(24),
        lambda: {"a": shared(24)},
        lambda: Holder(shared(24)),
        lambda: [endless()],
        lambda: {"rows": [{"n": endless()}]},
        lambda: [[0] * (MAX_PARTS + 1)],
        lambda: {"array": np.zeros(MAX_PARTS + 1)},
        lambda: range(MAX_PARTS + 1),
    ],
    ids=["shared", "in a dict", "in a dataclass", "endless", "deep", "long", "array", "range"],
)
async def test_a_value_without_bounds_is_refused_before_it_fills_the_memory(make):
    value = make()
    tracemalloc.start()
    try:
        result = await received(value)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert result["isError"]
    assert result["content"][0]["text"].startswith("The value has more than 1,000,000 parts")
    assert most < 100 * 2**20


async def test_the_same_with_a_return_annotation():
    assert "more than 1,000,000 parts" in (await received(shared(24), list[Any]))["content"][0]["text"]
    kept = await received([iter([1, 2])], list[list[int]])
    assert kept["structuredContent"] == {"result": [[1, 2]]}


def test_what_is_shared_counts_as_often_as_it_is_written():
    assert extent(shared(3)).parts == 8 + 15  # eight ones, in fifteen lists
    assert extent({"a": [1, 2], "b": {3}}).parts == 6
    cycle: list[Any] = [1]
    cycle.append(cycle)
    assert extent(cycle).parts == 3
    with pytest.raises(TooManyParts):
        extent(shared(20))
