# SPDX-License-Identifier: BSD-3-Clause
"""What values become when they are read as resources."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest

from mcp_jupyter import types
from mcp_jupyter.server.content import (
    Audio,
    Content,
    ContentTable,
    Image,
    ResourceValue,
    default_rows,
    to_resource,
)
from mcp_jupyter.server.content.resources import MAX_RESOURCE_ROWS

from .test_plain import Pair, Silent

TABLE = ContentTable(default_rows())
FRAME = pd.DataFrame({"a": [1, 2], "b": ["x", None]})


@pytest.mark.parametrize(
    ("value", "data", "mime_type"),
    [
        ("text", "text", "text/plain"),
        (b"\xff", b"\xff", "application/octet-stream"),
        (memoryview(b"m"), b"m", "application/octet-stream"),
        (Image(data=b"i", format="jpeg"), b"i", "image/jpeg"),
        (Audio(data=b"s"), b"s", "audio/wav"),
        (Image(data=b"i").to_image_content(), b"i", "image/png"),
        ({"a": 1}, '{"a":1}', "application/json"),
        ([1, "a"], '[1,"a"]', "application/json"),
        ([], "[]", "application/json"),
        (1.5, "1.5", "application/json"),
        (True, "true", "application/json"),
        (None, "null", "application/json"),
        (float("nan"), "null", "application/json"),
        (np.array([1, 2]), "[1,2]", "application/json"),
        (Pair(1), '{"left":1,"right":null}', "application/json"),
        (dt.date(2026, 1, 2), "2026-01-02", "text/plain"),
        (Silent(), "<Silent whose text cannot be shown: RuntimeError>", "text/plain"),
        (types.TextContent(type="text", text="t"), "t", "text/plain"),
    ],
)
def test_values(value, data, mime_type):
    assert to_resource(value, TABLE) == ResourceValue(data, mime_type)
    assert to_resource(value, TABLE, "application/x-own").mime_type == "application/x-own"


def test_a_frame_is_csv_and_says_how_much_of_it():
    found = to_resource(FRAME, TABLE)
    assert (found.data, found.mime_type) == ("a,b\n1,x\n2,\n", "text/csv")
    assert found.meta == {"rows": 2, "total": 2, "truncated": False}
    long = to_resource(pd.DataFrame({"n": range(MAX_RESOURCE_ROWS + 1)}), TABLE)
    assert long.meta == {"rows": MAX_RESOURCE_ROWS, "total": MAX_RESOURCE_ROWS + 1, "truncated": True}
    assert long.data.count("\n") == MAX_RESOURCE_ROWS + 1


def test_a_frame_in_the_format_that_was_promised():
    found = to_resource(FRAME, TABLE, "application/json")
    assert json.loads(found.data)["rows"] == [[1, "x"], [2, None]]
    assert to_resource(FRAME, TABLE, "text/markdown").data.startswith("| a | b |\n| --- | --- |")
    assert to_resource(FRAME, TABLE, "text/csv; charset=utf-8").data.startswith("a,b\n")


def test_a_value_made_by_hand_stays_as_it_is():
    own = ResourceValue("x", "text/x", {"k": 1})
    assert to_resource(own, TABLE) is own


def test_what_a_kernel_shows_richly_is_read_so():
    def picture(value):
        return Content([Image(data=b"p").to_image_content()]) if isinstance(value, Pair) else None

    found = to_resource(Pair(1), ContentTable(default_rows(picture)))
    assert found == ResourceValue(b"p", "image/png")
