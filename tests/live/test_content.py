# SPDX-License-Identifier: BSD-3-Clause
"""Each row of the content table as the official SDK's client receives it from a live notebook."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from .parts import SdkClient, sdk_client

pytestmark = pytest.mark.anyio

SETUP = """
%load_ext mcp_jupyter
import collections, dataclasses, datetime, decimal, enum, pathlib, typing
import altair, numpy as np, pandas as pd, pydantic, PIL.Image, plotly.graph_objects as go, polars as pl
import pyarrow as pa
import matplotlib.pyplot as plt
from mcp_jupyter import notebook
from mcp_jupyter.server.fastmcp import Audio, Image
from mcp_jupyter.types import ImageContent, TextContent

columns = {"region": ["n", "s"], "revenue": [1.5, float("nan")]}
@dataclasses.dataclass
class Point:
    x: int
    when: datetime.date
class Model(pydantic.BaseModel):
    name: str
    price: decimal.Decimal
class Typed(typing.TypedDict):
    n: int
class Colour(enum.Enum):
    RED = "red"
class Bad:
    def __repr__(self):
        raise RuntimeError("no repr")
def numbers():
    yield from range(3)
pathlib.Path("data.csv").write_text("a")
cyclic = []
cyclic.append(cyclic)
"""

Check = Callable[[list[dict[str, Any]], Any], bool]


def text(*wanted: str) -> Check:
    return lambda blocks, structured: [block.get("text") for block in blocks] == [*wanted]


def says(part: str) -> Check:
    return lambda blocks, structured: part in blocks[0]["text"]


def structured(wanted: Any) -> Check:
    return lambda blocks, given: given == wanted


def picture(kind: str = "image/png", begin: bytes = b"\x89PNG") -> Check:
    return lambda blocks, structured: any(
        block.get("mimeType") == kind and base64.b64decode(block["data"]).startswith(begin)
        for block in blocks
    )


def frame(blocks: list[dict[str, Any]], given: Any) -> bool:
    return (
        "| n | 1.5 |" in blocks[0]["text"].replace("| 0 ", "")
        and given["total"] == 2
        and given["rows"][1][-1] is None
    )


def link(blocks: list[dict[str, Any]], given: Any) -> bool:
    return blocks[-1]["type"] == "resource_link" and blocks[-1]["uri"].endswith("/data.csv")


def chart(key: str) -> Check:
    return lambda blocks, structured: key in json.loads(blocks[0]["text"])


ROWS: list[tuple[str, str, str, Check]] = [
    # what is returned, its annotation, what comes of it
    ("'plain'", "str", "", text("plain")),
    ("7", "int", "", structured({"result": 7})),
    ("None", "None", "", lambda blocks, given: given is None),
    ("pd.DataFrame(columns)", "pd.DataFrame", "pandas", frame),
    ("pl.DataFrame(columns)", "pl.DataFrame", "polars", frame),
    ("pa.table(columns)", "pa.Table", "pyarrow", frame),
    ("np.arange(4).reshape(2, 2)", "typing.Any", "numpy", says("[[0,1],[2,3]]")),
    ("np.float64('nan')", "float", "nan", structured({"result": None})),
    ("[float('inf'), 1.0]", "list[float]", "inf", structured({"result": ["Infinity", 1.0]})),
    ("plt.plot([1, 2])[0].figure", "typing.Any", "figure", picture()),
    ("plt.plot([1, 2]) and None", "typing.Any", "open_figure", picture()),
    ("PIL.Image.new('RGB', (2, 2))", "typing.Any", "pil", picture()),
    ("go.Figure(go.Bar(y=[1]))", "typing.Any", "plotly", chart("data")),
    ("altair.Chart(pd.DataFrame(columns)).mark_bar()", "typing.Any", "altair", chart("$schema")),
    ("Model(name='n', price='1.10')", "Model", "pydantic", structured({"name": "n", "price": "1.10"})),
    ("Point(1, datetime.date(2026, 1, 2))", "Point", "dataclass", structured({"x": 1, "when": "2026-01-02"})),
    ("{'n': 1}", "Typed", "typeddict", structured({"n": 1})),
    ("Colour.RED", "Colour", "enum", structured({"result": "red"})),
    ("decimal.Decimal('0.10')", "typing.Any", "decimal", says("0.10")),
    ("datetime.datetime(2026, 1, 2, 3)", "typing.Any", "datetime", says("2026-01-02T03:00:00")),
    ("numbers()", "typing.Any", "generator", text("[0,1,2]")),
    ("b'bytes'", "bytes", "bytes", lambda blocks, given: blocks[0]["resource"]["blob"] == "Ynl0ZXM="),
    ("pathlib.Path('data.csv')", "typing.Any", "path", link),
    ("Image(data=b'\\x89PNG..', format='png')", "Image", "image", picture()),
    ("Audio(data=b'RIFF', format='wav')", "Audio", "audio", picture("audio/wav", b"RIFF")),
    ("ImageContent(data='aW1n', mimeType='image/own')", "typing.Any", "block", picture("image/own", b"img")),
    ("['a', TextContent(text='b')]", "list", "blocks", text("a", "b")),
    ("Bad()", "typing.Any", "bad", says("Bad")),
    ("cyclic", "typing.Any", "cyclic", text("[[...]]")),
    ("collections.Counter('aab')", "typing.Any", "mapping", text('{"a":2,"b":1}')),
]
CASES = [(name or annotation, value, annotation, check) for value, annotation, name, check in ROWS]


@pytest.fixture(scope="module")
def notebook(jupyter):
    tools = "\n".join(
        f"@notebook.tool('row_{name}')\ndef give() -> {annotation}:\n    return {value}"
        for name, value, annotation, _ in CASES
    )
    with jupyter.notebook("content.ipynb", SETUP, tools) as notebook:
        yield notebook


@pytest.fixture
async def client(jupyter, notebook) -> AsyncIterator[SdkClient]:
    async with sdk_client("auto", jupyter.endpoint("content"), jupyter.token("content")) as client:
        yield client


async def test_each_row_arrives(client: SdkClient) -> None:
    wrong = {}
    for name, _, _, check in CASES:
        result = await client.do("call", name=f"row_{name}")
        blocks = result["content"]
        try:
            arrived = not result.get("isError") and check(blocks, result.get("structuredContent"))
        except (KeyError, IndexError, TypeError, ValueError):
            arrived = False
        if not arrived:
            wrong[name] = result
    assert wrong == {}
