# SPDX-License-Identifier: BSD-3-Clause
"""Frames by pages, columns and format; what is asked for is never evaluated."""

from __future__ import annotations

import io
import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mcp_jupyter.errors import McpError
from mcp_jupyter.server.content.resources import read_rows, schema, summary
from mcp_jupyter.server.content.tables import nbytes

DATA = {"n": [1, 2, 3], "s": ["a", "b", None], "x,y": [0.5, 1.5, 2.5]}
MAKERS = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}
every_library = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


@every_library
def test_a_page_of_some_columns(make):
    page = read_rows(make(DATA), 1, 1, "s,n")
    assert (page.data, page.mime_type) == ("s,n\nb,2\n", "text/csv")
    assert page.meta == {"offset": 1, "rows": 1, "total": 3, "truncated": True}
    named = json.loads(read_rows(make(DATA), columns='["x,y"]', format="json").data)
    assert (named["columns"], named["rows"]) == (["x,y"], [[0.5], [1.5], [2.5]])
    assert read_rows(make(DATA), 2, 1, "n", "markdown").data.startswith("| n |\n| --- |\n| 3 |")
    assert read_rows(make(DATA), 99).data == 'n,s,"x,y"\n'


@every_library
def test_parquet_and_arrow_are_read_back(make):
    parquet = read_rows(make(DATA), 1, 2, "n,s", "parquet")
    assert parquet.mime_type == "application/vnd.apache.parquet"
    assert pq.read_table(io.BytesIO(parquet.data)).to_pydict() == {"n": [2, 3], "s": ["b", None]}
    arrow = read_rows(make(DATA), 0, 1, format="arrow")
    assert pa.ipc.open_stream(arrow.data).read_all().to_pydict() == {"n": [1], "s": ["a"], "x,y": [0.5]}


def test_an_index_and_labels_used_twice_are_chosen_by_what_a_page_calls_them():
    frame = pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"], index=["u", "v"])
    assert read_rows(frame, columns="a.2,index").data == "a.2,index\n2,u\n4,v\n"
    assert read_rows(frame, columns="index").data == "index\nu\nv\n"
    assert read_rows(pd.Series([1, 2], name="n", index=["u", "v"]), columns="n").data == "n\n1\n2\n"


@pytest.mark.parametrize("columns", ["z", "__import__('os')", "n > 1", "[1]", ""])
def test_what_is_no_column_is_refused(columns):
    with pytest.raises(McpError, match=r"Unknown column .* Known columns: n, s, x,y"):
        read_rows(pd.DataFrame(DATA), columns=columns)


def test_values_that_a_format_cannot_hold():
    with pytest.raises(McpError, match=r"no parquet form .*; use csv or json"):
        read_rows(pd.DataFrame({"o": [object(), 1]}), format="parquet")


@every_library
def test_the_schema_and_a_summary(make):
    said = schema(make(DATA))
    assert said["rows"] == 3
    assert [each["name"] for each in said["columns"]] == ["n", "s", "x,y"]
    assert said["columns"][0]["type"].lower() == "int64"
    n, s, x = summary(make(DATA))["rows"]
    assert n == ["n", 3, 0, 1, 3, 2.0, 1.0]
    assert s[:5] == ["s", 2, 1, "a", "b"]
    assert x[:2] == ["x,y", 3]


def test_the_schema_names_an_index_and_a_series():
    said = schema(pd.DataFrame({"n": [1]}, index=pd.Index(["u"], name="who")))
    assert [each["name"] for each in said["columns"]] == ["who", "n"]
    assert schema(pl.Series("n", [1]))["columns"] == [{"name": "n", "type": "Int64"}]
    assert schema(pa.chunked_array([[1]]))["columns"] == [{"name": "value", "type": "int64"}]
    assert summary(pd.DataFrame({"o": [1, "a"]}))["rows"] == [["o", 2, 0, None, None, None, None]]
    assert summary(pd.DataFrame())["rows"] == []


@every_library
def test_what_a_frame_holds_is_counted(make):
    assert nbytes(make({"n": np.arange(1000), "x": np.zeros(1000)})) >= 16 * 1000


@pytest.mark.parametrize("frame", [pd.DataFrame({"n": [10**30]}), pd.Series([1, -(10**30)], name="n")])
@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_what_no_column_of_a_format_holds_says_which_formats_do(frame, form):
    """Also integers that are too large for Parquet (1.15)."""
    with pytest.raises(McpError, match=rf"no {form} form .*; use csv or json"):
        read_rows(frame, format=form)
    assert read_rows(frame).data


@every_library
def test_a_summary_shows_dates_and_short_floats_as_the_cells_are(make):
    """Dates of year 12024 and nanoseconds among them (1.11)."""
    far = pa.chunked_array([pa.array([317_273_587_200, 0, None]).cast(pa.timestamp("s"))])
    exact = pa.chunked_array([pa.array([1, 2, None]).cast(pa.timestamp("ns"))])
    short = pa.chunked_array([pa.array([0.1, 0.2, None], pa.float32())])
    table = pa.table({"far": far, "exact": exact, "short": short})
    frame = {pd.DataFrame: table.to_pandas, pl.DataFrame: lambda: pl.from_arrow(table)}.get(
        make, lambda: table
    )()
    rows = [row[:5] for row in summary(frame)["rows"]]
    assert rows == [
        ["far", 2, 1, "1970-01-01T00:00:00", "12024-01-01T00:00:00"],
        ["exact", 2, 1, "1970-01-01T00:00:00.000000001", "1970-01-01T00:00:00.000000002"],
        ["short", 2, 1, 0.1, 0.2],
    ]
