# SPDX-License-Identifier: BSD-3-Clause
"""Data frames of three libraries as pages of rows, as Markdown and as CSV."""

from __future__ import annotations

import csv
import datetime as dt
import decimal
import io
import json
import time
from typing import Any

import jsonschema
import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from mcp_jupyter.server.content.tables import (
    FRAME_SCHEMA,
    MAX_CELL_CHARS,
    MAX_CELLS,
    MAX_ROWS,
    is_frame,
    to_csv,
    to_markdown,
    to_page,
)

DAY = dt.datetime(2026, 1, 2)


class MyFrame(pd.DataFrame):
    pass


LIBRARIES = {
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "pyarrow": pa.table,
    "a subclass": MyFrame,
}


@pytest.mark.parametrize("make", LIBRARIES.values(), ids=LIBRARIES)
def test_every_library_gives_the_same_page(make):
    frame = make({"n": [1, 2], "x": [0.5, None], "s": ["a", None], "t": [DAY, None], "b": [True, False]})
    assert is_frame(frame)
    page = to_page(frame)
    jsonschema.validate(page, FRAME_SCHEMA)
    assert page == {
        "columns": ["n", "x", "s", "t", "b"],
        "rows": [[1, 0.5, "a", "2026-01-02T00:00:00", True], [2, None, None, None, False]],
        "total": 2,
        "truncated": False,
    }


@pytest.mark.parametrize("make", LIBRARIES.values(), ids=LIBRARIES)
def test_a_frame_without_rows_or_columns(make):
    assert to_page(make({"a": []})) == {"columns": ["a"], "rows": [], "total": 0, "truncated": False}
    assert to_page(make({})) == {"columns": [], "rows": [], "total": 0, "truncated": False}
    assert to_markdown(to_page(make({"a": []}))) == "| a |\n| --- |\n\nAn empty data frame: no rows."
    assert to_markdown(to_page(make({}))) == "An empty data frame: 0 rows, no columns."


@pytest.mark.parametrize(
    ("series", "columns", "rows"),
    [
        (pd.Series([1, 2], name="n"), ["n"], [[1], [2]]),
        (pd.Series([1, 2]), ["value"], [[1], [2]]),
        (pd.Series([1, 2], index=["a", "b"]), ["index", "value"], [["a", 1], ["b", 2]]),
        (pd.Series({"a": 1}, name=0), ["index", "0"], [["a", 1]]),
        (pl.Series("n", [1, None]), ["n"], [[1], [None]]),
        (pl.Series([1]), ["value"], [[1]]),
        (pa.chunked_array([[1], [2]]), ["value"], [[1], [2]]),
    ],
)
def test_a_series_is_a_frame_of_one_column(series, columns, rows):
    assert is_frame(series)
    page = to_page(series)
    assert (page["columns"], page["rows"]) == (columns, rows)


@pytest.mark.parametrize(
    ("index", "columns", "first"),
    [
        (None, ["v"], [10]),
        (pd.RangeIndex(3, name="id"), ["id", "v"], [0, 10]),
        (pd.RangeIndex(5, 8), ["index", "v"], [5, 10]),
        (pd.RangeIndex(0, 6, 2), ["index", "v"], [0, 10]),
        (["a", "b", "c"], ["index", "v"], ["a", 10]),
        (pd.Index(["a", "b", "c"], name="v"), ["v", "v.2"], ["a", 10]),
        (pd.Index(["a", "b", "c"], name=("x", 1)), ["x / 1", "v"], ["a", 10]),
        (pd.date_range("2026-01-02", periods=3, tz="UTC"), ["index", "v"], ["2026-01-02T00:00:00Z", 10]),
        (pd.Categorical(["a", "b", "c"]), ["index", "v"], ["a", 10]),
        (
            pd.MultiIndex.from_product([["a"], [1, 2, 3]], names=["k", None]),
            ["k", "index", "v"],
            ["a", 1, 10],
        ),
        (pd.MultiIndex.from_product([["a"], [1, 2, 3]]), ["index", "index.2", "v"], ["a", 1, 10]),
        (pd.MultiIndex.from_product([["a"], [1, 2, 3]], names=["v", "v"]), ["v", "v.2", "v.3"], ["a", 1, 10]),
        (pd.IntervalIndex.from_breaks([0, 1, 2, 3]), ["index", "v"], ["(0, 1]", 10]),
    ],
)
def test_an_index_that_says_something_becomes_columns(index, columns, first):
    page = to_page(pd.DataFrame({"v": [10, 20, 30]}, index=index))
    assert page["columns"] == columns
    assert page["rows"][0] == first


def test_a_filtered_frame_keeps_its_row_labels():
    frame = pd.DataFrame({"v": range(10)})
    page = to_page(frame[frame.v > 7])
    assert page["rows"] == [[8, 8], [9, 9]]


@pytest.mark.parametrize(
    ("labels", "columns"),
    [
        ([0, 1], ["0", "1"]),
        (["a", "a"], ["a", "a.2"]),
        (["a", "a", "a.2", "a"], ["a", "a.2", "a.2.2", "a.3"]),
        ([1, "1"], ["1", "1.2"]),
        (pd.MultiIndex.from_tuples([("a", 1), ("a", 2)]), ["a / 1", "a / 2"]),
        ([DAY], ["2026-01-02 00:00:00"]),
    ],
)
def test_column_labels_become_unique_text(labels, columns):
    frame = pd.DataFrame([list(range(len(labels)))], columns=labels)
    assert to_page(frame)["columns"] == columns
    assert to_page(frame)["rows"] == [list(range(len(labels)))]


def test_an_arrow_table_may_have_a_name_twice():
    assert to_page(pa.table([[1], [2]], names=["a", "a"]))["columns"] == ["a", "a.2"]


def test_cells_of_every_kind():
    frame = pd.DataFrame(
        {
            "float": [np.nan, np.inf],
            "Int64": pd.array([1, None], dtype="Int64"),
            "string": pd.array(["a", None], dtype="string"),
            "category": pd.Categorical(["a", None]),
            "when": [pd.Timestamp("2026-01-02", tz="Europe/Paris"), pd.NaT],
            "how long": [pd.Timedelta(hours=1), pd.NaT],
            "period": [pd.Period("2026-01"), pd.NaT],
            "list": [[1, np.nan], None],
            "array": [np.array([1, 2]), None],
            "dict": [{"k": pd.NA}, None],
            "decimal": [decimal.Decimal("1.10"), None],
            "bytes": [b"\xff", None],
            "object": [object, None],
            "big": [10**30, None],
            "text NA": ["<NA>", "NaT"],
        }
    )
    first, second = to_page(frame)["rows"]
    assert first == [
        None,
        1,
        "a",
        "a",
        "2026-01-02T00:00:00+01:00",
        "PT1H",
        "2026-01",
        [1, None],
        [1, 2],
        {"k": None},
        "1.10",
        "_w==",
        "<class 'object'>",
        10**30,
        "<NA>",
    ]
    assert second == ["Infinity"] + [None] * 13 + ["NaT"]


def test_nested_cells_of_polars_and_arrow():
    data = {"list": [[1, 2], None], "struct": [{"a": DAY}, {"a": None}]}
    for frame in (pl.DataFrame(data), pa.table(data)):
        assert to_page(frame)["rows"] == [[[1, 2], {"a": "2026-01-02T00:00:00"}], [None, {"a": None}]]
    frame = pl.DataFrame({"category": pl.Series(["a"], dtype=pl.Categorical), "day": [DAY.date()]})
    assert to_page(frame)["rows"] == [["a", "2026-01-02"]]


@pytest.mark.parametrize("make", LIBRARIES.values(), ids=LIBRARIES)
def test_a_page_is_a_part_and_says_so(make):
    frame = make({"n": list(range(1000))})
    first = to_page(frame)
    assert (len(first["rows"]), first["total"], first["truncated"]) == (MAX_ROWS, 1000, True)
    middle = to_page(frame, offset=500, limit=2)
    assert (middle["columns"], middle["rows"], middle["truncated"]) == (["n"], [[500], [501]], True)
    last = to_page(frame, offset=999, limit=10)
    assert (last["rows"], last["truncated"]) == ([[999]], True)
    assert to_page(frame, offset=5000)["rows"] == []
    assert to_markdown(first).endswith("\n| 199 |\n\n200 of 1000 rows.")


def test_a_wide_frame_has_fewer_rows():
    wide = pd.DataFrame(np.zeros((100, MAX_CELLS // 10)))
    assert len(to_page(wide)["rows"]) == 10
    wider = pd.DataFrame(np.zeros((3, MAX_CELLS + 1)))
    assert len(to_page(wider)["rows"]) == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda n: pd.DataFrame({"n": np.arange(n)}, index=np.arange(n) * 2),
        lambda n: pl.DataFrame({"n": range(n)}),
        lambda n: pa.table({"n": np.arange(n)}),
    ],
)
def test_only_the_rows_of_the_page_are_looked_at(make):
    frame = make(1_000_000)
    to_page(frame)
    start = time.thread_time()
    assert to_page(frame, limit=5)["total"] == 1_000_000
    assert time.thread_time() - start < 0.1  # measured: 0.3 ms; to copy the frame takes tens


def test_markdown_keeps_its_shape_whatever_the_cells_say():
    frame = pd.DataFrame({"a|b": ["x|y\n\\z", "l" * 500, None], "c": [1.5, [1, {"k": None}], True]})
    head, rule, *rows = to_markdown(to_page(frame)).splitlines()
    assert (head, rule) == ("| a\\|b | c |", "| --- | --- |")
    assert rows[0] == "| x\\|y \\\\z | 1.5 |"
    assert rows[1] == f'| {"l" * (MAX_CELL_CHARS - 1)}… | [1,{{"k":null}}] |'
    assert rows[2] == "|  | True |"


def test_csv_is_read_back_as_it_was():
    frame = pl.DataFrame({"a": ['say "hi", you', "two\nlines", None], "b": [1, 2, 3], "c": [[1], [], None]})
    text = to_csv(to_page(frame))
    assert list(csv.reader(io.StringIO(text))) == [
        ["a", "b", "c"],
        ['say "hi", you', "1", "[1]"],
        ["two\nlines", "2", "[]"],
        ["", "3", ""],
    ]


@pytest.mark.parametrize(
    "value",
    [
        3,
        [1],
        {"a": 1},
        None,
        pl.DataFrame({"a": [1]}).lazy(),
        pl.col("a"),
        pd.Index([1]),
        pd.NaT,
        np.array([1]),
        pd.DataFrame,
        nw,
    ],
)
def test_what_is_no_frame(value):
    assert not is_frame(value)


def test_the_schema_is_json():
    jsonschema.Draft202012Validator.check_schema(FRAME_SCHEMA)
    assert json.loads(json.dumps(FRAME_SCHEMA)) == FRAME_SCHEMA


def test_a_cell_without_bounds_costs_only_itself():
    frame = pd.DataFrame({"cell": [[0] * 600_000, [0] * 600_000, list(range(1_000_001))]})
    page = to_page(frame, chars=10_000_000)
    assert [len(row[0]) for row in page["rows"][:2]] == [600_000] * 2
    assert page["rows"][2] == ["<list with more than 1,000,000 parts>"]


def one_level(label: Any, name: str | None = None) -> pd.MultiIndex:
    return pd.MultiIndex.from_tuples([(label,)], names=[name])


@pytest.mark.parametrize(
    ("frame", "columns", "rows"),
    [
        (pd.DataFrame({"v": [1]}, index=one_level("a", name="k")), ["k", "v"], [["a", 1]]),
        (
            pd.DataFrame([[1]], columns=one_level("a"), index=one_level(7)),
            ["index", "a"],
            [[7, 1]],
        ),
        (pd.DataFrame({"x": np.array([0.1, np.inf], dtype="f4")}), ["x"], [[0.1], ["Infinity"]]),
        (pd.DataFrame({"x": pd.array([0.1, None], dtype="Float32")}), ["x"], [[0.1], [None]]),
        (pd.DataFrame({"n": [1]}, index=np.array([0.1], dtype="f4")), ["index", "n"], [[0.1, 1]]),
        (pl.DataFrame({"x": pl.Series([0.1, None], dtype=pl.Float32)}), ["x"], [[0.1], [None]]),
        (pl.DataFrame({"x": pl.Series([[0.1, None]], dtype=pl.List(pl.Float32))}), ["x"], [[[0.1, None]]]),
        (pa.table({"x": pa.array([0.1, None], pa.float32())}), ["x"], [[0.1], [None]]),
        (pa.table({"x": pa.array([[0.1]], pa.list_(pa.float32(), 1))}), ["x"], [[[0.1]]]),
        (pa.table({"x": pa.array([0.1], pa.float16())}), ["x"], [[0.1]]),
        (pd.DataFrame({"o": [{1: "a", "1": "b"}]}), ["o"], [[{"1": "a", "1.2": "b"}]]),
    ],
)
def test_labels_short_floats_infinities_and_keys(frame, columns, rows):
    """Nothing is lost or made longer than it is (1.15)."""
    page = to_page(frame)
    assert (page["columns"], page["rows"]) == (columns, rows)


def test_infinities_are_told_from_what_is_missing():
    """In pages and in CSV (1.15)."""
    page = to_page(pd.DataFrame({"x": [np.inf, -np.inf, np.nan]}))
    assert page["rows"] == [["Infinity"], ["-Infinity"], [None]]
    text = to_csv(page)
    assert text.splitlines()[1:3] == ["Infinity", "-Infinity"]
    back = pd.read_csv(io.StringIO(text), skip_blank_lines=False)["x"].tolist()
    assert back[:2] == [np.inf, -np.inf]
