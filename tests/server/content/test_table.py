# SPDX-License-Identifier: BSD-3-Clause
"""What values become: every kind has a defined outcome, and all of them can be sent."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import itertools
import json
import pathlib
import uuid
import weakref
from base64 import b64encode
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pydantic
import pytest

from mcp_jupyter import types
from mcp_jupyter.protocol.frames import Message, Response, parse
from mcp_jupyter.server.content import Audio, Content, ContentTable, Image, default_rows, to_resource
from mcp_jupyter.server.content.conversion import MAX_MEMBERS
from mcp_jupyter.server.content.tables import MAX_LISTED

from .test_plain import Pair, Silent, cyclic, nested

TABLE = ContentTable(default_rows())
TEXT = types.TextContent(type="text", text="hello")
LINK = types.ResourceLink(type="resource_link", uri="data://x", name="x")
EMBEDDED = types.EmbeddedResource(
    type="resource", resource=types.TextResourceContents(uri="data://x", text="x")
)


class Level(enum.IntEnum):
    LOW = 1


class Model(pydantic.BaseModel):
    name: str


def sent(content: Content) -> dict[str, Any]:
    """What the other side reads: through the serialiser and the parser."""
    result = types.CallToolResult(content=content.blocks, structuredContent=content.structured)
    read: dict[str, Any] = parse(Message.of(Response(1, result)).raw)["result"]
    return read


def texts(value: Any) -> list[str]:
    return [block["text"] for block in sent(TABLE.convert(value))["content"]]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain\ntext", "plain\ntext"),
        ("", ""),
        (3, "3"),
        (-1.5, "-1.5"),
        (True, "true"),
        (float("nan"), "null"),
        (10**400, "1" + "0" * 400),
        ([1, "a", None], '[1,"a",null]'),
        ([], "[]"),
        ((1, 2), "[1,2]"),
        ({3}, "[3]"),
        (dt.date(2026, 1, 2), "2026-01-02"),
        (decimal.Decimal("1.10"), "1.10"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (pathlib.Path("a"), "a"),
        (Level.LOW, "1"),
        (np.float64(1.5), "1.5"),
        (np.array([1, 2]), "[1,2]"),
        (pd.Timestamp("2026-01-02"), "2026-01-02T00:00:00"),
        (pd.NaT, "null"),
        (range(3), "[0,1,2]"),
        (itertools.count(), "count(0)"),  # looked at, it would not end
        (pd.Period("2026-01"), "2026-01"),
        (ValueError("why"), "why"),
        ([float("inf")], '["Infinity"]'),
    ],
)
def test_values_as_text(value, text):
    assert texts(value) == [text]
    assert TABLE.convert(value).structured is None


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ({}, {}),
        ({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}),
        ({1: float("nan"), "x": np.int64(3)}, {"1": None, "x": 3}),
        (Pair(1, "r"), {"left": 1, "right": "r"}),
        (Model(name="n"), {"name": "n"}),
        (
            {"frame": pd.DataFrame({"a": [1]})},
            {"frame": {"columns": ["a"], "rows": [[1]], "total": 1, "truncated": False}},
        ),
        ({"it": pd.Period("2026"), "ok": 1}, {"it": "2026", "ok": 1}),
        (Pair(dt.date(2026, 1, 2)), {"left": "2026-01-02", "right": None}),
    ],
)
def test_objects_have_a_text_and_a_structure(value, form):
    read = sent(TABLE.convert(value))
    assert json.loads(read["content"][0]["text"]) == form
    assert read["structuredContent"] == form


def test_none_is_no_content():
    assert TABLE.convert(None) == Content([])


def test_bytes_are_an_embedded_resource():
    for value in (b"\xff", bytearray(b"\xff"), memoryview(b"\xff")):
        (block,) = TABLE.convert(value).blocks
        assert (block.resource.blob, block.resource.mimeType) == ("/w==", "application/octet-stream")


def test_a_frame_is_a_table_and_its_rows():
    for frame in (pd.DataFrame({"a": [1]}), pl.DataFrame({"a": [1]})):
        content = TABLE.convert(frame)
        assert content.blocks == [types.TextContent(type="text", text="| a |\n| --- |\n| 1 |")]
        assert content.structured == {"columns": ["a"], "rows": [[1]], "total": 1, "truncated": False}


@pytest.mark.parametrize("block", [TEXT, LINK, EMBEDDED, Image(data=b"x").to_image_content()])
def test_mcp_content_passes_through(block):
    assert TABLE.convert(block).blocks == [block]
    assert TABLE.convert([block, block]).blocks == [block, block]


def test_a_list_of_things_to_show_becomes_their_content():
    image, sound = Image(data=b"i"), Audio(data=b"s")
    blocks = TABLE.convert(["see:", image, sound, TEXT, {"n": 1}, pd.DataFrame({"a": [1]}), None]).blocks
    assert [block.type for block in blocks] == [*("text", "image", "text"), "audio", "text", "text", "text"]
    assert blocks[5].text == '{"n":1}'
    assert TABLE.convert([pd.DataFrame({"a": [1]})] * 2).blocks[1].text.startswith("| a |")
    assert texts([1, Silent()])[1].startswith("<Silent")
    assert TABLE.convert((TEXT,)).blocks == [TEXT]


def test_a_long_list_is_a_value_of_its_own():
    assert len(TABLE.convert([Audio(data=b"s")] * MAX_MEMBERS).blocks) == MAX_MEMBERS
    assert len(TABLE.convert([object()] * (MAX_MEMBERS + 1)).blocks) == 1
    assert len(TABLE.convert([TEXT] * (MAX_MEMBERS + 1)).blocks) == MAX_MEMBERS + 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Silent(), "<Silent whose text cannot be shown: RuntimeError>"),
        ([Silent()], "<Silent whose text cannot be shown: RuntimeError>"),
        ({"a": Silent()}, '{"a":"<Silent whose text cannot be shown: RuntimeError>"}'),
        (cyclic(), "{'self': {...}}"),
        ([cyclic()], "{'self': {...}}"),
        (nested(50_000), "<list whose text cannot be shown: RecursionError>"),
        ("lone \ud800 surrogate", "lone � surrogate"),
        (["lone \ud800"], '["lone �"]'),
        ({"\udc00": 1}, '{"�":1}'),
        (10**5000, str(10) + "0" * 4999),
        ({"n": 10**5000}, "<dict whose text cannot be shown: ValueError>"),
    ],
    ids=[
        "silent",
        "in list",
        "in dict",
        "cyclic",
        "cyclic in list",
        "deep",
        "str",
        "list",
        "key",
        "int",
        "int in dict",
    ],
)
def test_values_that_resist(value, text):
    assert texts(value) == [text]


def test_rows_of_others_stand_before_the_general_ones_and_after_the_special_ones():
    seen = []

    def row(value: Any) -> Content | None:
        seen.append(value)
        return Content([TEXT]) if isinstance(value, Pair) else None

    table = ContentTable(default_rows(row))
    assert table.convert(Pair(1)).blocks == [TEXT]
    assert table.convert([Pair(object()), "x"]).blocks == [TEXT, types.TextContent(type="text", text="x")]
    table.convert("text")
    table.convert(pd.DataFrame())
    assert [type(value).__name__ for value in seen] == ["Pair", "list", "Pair"]


# -- Image and Audio -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("media", "mime_type"),
    [
        (Image(data=b"x"), "image/png"),
        (Image(data=b"x", format="JPEG"), "image/jpeg"),
        (Image(data=b"x", format="jpg"), "image/jpeg"),
        (Image(data=b"x", format="svg"), "image/svg+xml"),
        (Image("dir/plot.WEBP"), "image/webp"),
        (Image(pathlib.Path("plot")), "image/png"),
        (Image("plot.png", format="gif"), "image/gif"),
        (Audio(data=b"x"), "audio/wav"),
        (Audio("a.wav"), "audio/wav"),
        (Audio("a.mp3"), "audio/mpeg"),
    ],
)
def test_the_type_of_media(media, mime_type):
    assert media.mime_type == mime_type


def test_media_of_a_file_and_of_data(tmp_path):
    path = tmp_path / "a.gif"
    path.write_bytes(b"GIF")
    expected = b64encode(b"GIF").decode()
    for image in (Image(path), Image(str(path)), Image(data=b"GIF", format="gif")):
        assert image.to_image_content() == types.ImageContent(
            type="image", data=expected, mimeType="image/gif"
        )


def test_media_take_one_of_path_and_data():
    for arguments in ({}, {"path": "a", "data": b"b"}):
        with pytest.raises(ValueError, match="Image takes either a path or data"):
            Image(**arguments)
    with pytest.raises(FileNotFoundError):
        TABLE.convert(Image("there/is/none.png"))


def test_a_dataclass_that_is_no_json_is_its_parts():
    @dataclasses.dataclass
    class Holds:
        it: Any

    content = TABLE.convert(Holds(pd.Period("2026")))
    assert content.blocks[0].text == '{"it":"2026"}'
    assert content.structured == {"it": "2026"}


# -- sequences of libraries --------------------------------------------------------------------------------

SEQUENCES = {
    "columns": (lambda n: pd.DataFrame(columns=[f"c{i}" for i in range(n)]).columns, "c1"),
    "range": (pd.RangeIndex, 1),
    "dates": (lambda n: pd.date_range("2026-01-01", periods=n), "2026-01-02T00:00:00"),
    "categories": (lambda n: pd.Categorical(["a", "b"] * (n // 2)), "b"),
    "nullable": (lambda n: pd.array(range(n), dtype="Int64"), 1),
    "strings": (lambda n: pd.Series([str(i) for i in range(n)]).unique(), "1"),
    "array": (np.arange, 1),
    "pyarrow": (lambda n: pa.array(range(n)), 1),
}


@pytest.mark.parametrize("kind", SEQUENCES)
def test_a_sequence_of_a_library_is_a_list_in_full_or_a_page(kind):
    """Never a text with "..." in it (1.14)."""
    make, second = SEQUENCES[kind]
    short = TABLE.convert(make(4))
    listed = json.loads(short.blocks[0].text)
    assert (len(listed), listed[1], short.structured) == (4, second, None)
    assert sent(TABLE.convert({"in": make(4)}))["structuredContent"] == {"in": listed}
    assert len(json.loads(texts(make(MAX_LISTED))[0])) == MAX_LISTED
    long = TABLE.convert(make(MAX_LISTED + 2))
    assert (long.structured["rows"][1], long.structured["total"]) == ([second], MAX_LISTED + 2)
    assert long.structured["truncated"]
    assert long.blocks[0].text.endswith(f"200 of {MAX_LISTED + 2} rows.")
    assert to_resource(make(MAX_LISTED + 2), TABLE).data.splitlines()[2] == str(second)


def test_an_index_of_several_levels_is_a_list_of_rows():
    index = pd.MultiIndex.from_product([["a"], [1, 2]])
    assert texts(index) == ['[["a",1],["a",2]]']
    long = pd.MultiIndex.from_product([range(200), range(100)], names=["x", "y"])
    assert TABLE.convert(long).structured["columns"] == ["x", "y"]


# -- what raises -------------------------------------------------------------------------------------------


def test_a_row_that_raises_leaves_the_value_to_the_others_and_says_why():
    """A conversion never ends the call (1.13)."""

    def row(value: Any) -> Content | None:
        raise RuntimeError("no such font")

    reason = "(It could not be shown in a richer form: RuntimeError: no such font)"
    table = ContentTable(default_rows(row))
    assert [block.text for block in table.convert({"a": np.dtype("f4")}).blocks] == [
        '{"a":"float32"}',
        reason,
    ]
    assert [block.text for block in table.convert(np.sin).blocks] == ["<ufunc 'sin'>", reason]
    assert table.convert("text").blocks == [types.TextContent(type="text", text="text")]


def test_a_frame_that_cannot_be_read_is_its_text():
    """In a container it costs only itself (1.13)."""

    class Broken(pd.DataFrame):
        @property
        def iloc(self) -> Any:
            raise RuntimeError("the file is gone")

    frame = Broken({"a": [1]})
    assert "the file is gone" in TABLE.convert(frame).blocks[-1].text
    assert to_resource(frame, TABLE).mime_type == "text/plain"
    assert set(sent(TABLE.convert({"f": frame, "n": 1}))["structuredContent"]) == {"f", "n"}


def test_a_list_of_what_raises_for_its_class_is_their_texts():
    """Also dead weak references (1.13)."""

    class Gone:
        pass

    dead = weakref.proxy(Gone())
    text = f"<{type(dead).__name__} whose text cannot be shown: ReferenceError>"
    assert [block.text for block in TABLE.convert([1, dead]).blocks if "richer" not in block.text] == [
        "1",
        text,
    ]
    assert sent(TABLE.convert({"a": dead, "n": 1}))["structuredContent"] == {"a": text, "n": 1}
