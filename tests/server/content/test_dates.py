# SPDX-License-Identifier: BSD-3-Clause
"""Dates and durations of every library, unit and year, in every form that a value has."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from mcp_jupyter.server.content import columns, plain, readable
from mcp_jupyter.server.content.resources import read_rows, schema, summary
from mcp_jupyter.server.content.tables import to_markdown, to_page

PARIS = ZoneInfo("Europe/Paris")
FAR = np.datetime64("12024-01-02T03:04:05")
BCE = np.datetime64("-0044-03-15")


NAT = -(2**63)


def without_unit(kind: str, count: int) -> Any:
    """Make a NumPy date or duration that has no unit, without the warning for it."""
    return np.array([count]).view(kind)[0]


def pandas_dates(*texts: str, unit: str = "s") -> pd.DatetimeIndex:
    return pd.DatetimeIndex(np.array(texts, dtype=f"datetime64[{unit}]"))


SCALARS = [
    (pd.Timestamp(FAR), "12024-01-02T03:04:05"),
    (pd.Timestamp(BCE.astype("M8[s]")), "-0044-03-15T00:00:00"),
    (pd.Timestamp("2026-01-02T03:04:05.123456789"), "2026-01-02T03:04:05.123456789"),
    (pd.Timestamp("2026-01-02T03:04:05.5"), "2026-01-02T03:04:05.500000"),
    (pd.Timestamp("2026-07-02T03:04:05.000000001", tz="Europe/Paris"), "2026-07-02T03:04:05.000000001+02:00"),
    (pd.Timestamp("2026-01-02", tz="UTC"), "2026-01-02T00:00:00Z"),
    (pandas_dates("12024-01-02").tz_localize("UTC")[0], "12024-01-02T00:00:00Z"),
    (pd.Timedelta(1, "ns"), "PT0.000000001S"),
    (pd.Timedelta(np.timedelta64(10**12, "s")), "P11574074DT1H46M40S"),
    (pd.Period(year=12024, month=1, day=2, freq="D"), "12024-01-02"),
    (pd.Period("2026-01"), "2026-01"),
    (np.datetime64("20000-01-02"), "20000-01-02"),
    (BCE, "-0044-03-15"),
    (np.datetime64("2026"), "2026"),
    (np.datetime64("2026-03"), "2026-03"),
    (np.datetime64("2026-01-01", "W"), "2026-01-01"),
    (np.datetime64("2026-01-02T03", "h"), "2026-01-02T03:00:00"),
    (np.datetime64("2026-01-02T03:04", "m"), "2026-01-02T03:04:00"),
    (np.datetime64("2026-01-02T03:04:05.000000001", "ns"), "2026-01-02T03:04:05.000000001"),
    (np.datetime64(1, "as"), "1970-01-01T00:00:00.000000000000000001"),
    (np.datetime64(2**62, "s"), "146138514283-06-19T07:45:04"),
    (without_unit("M8", NAT), None),
    (np.datetime64("NaT", "ns"), None),
    (np.array([NAT]).view("M8"), [None]),
    (
        np.array([["2026-01-02", "20000-01-02"]], dtype="M8[s]"),
        [["2026-01-02T00:00:00", "20000-01-02T00:00:00"]],
    ),
    (np.array([(1, "2026-01-02")], dtype=[("n", int), ("when", "M8[ns]")]), [[1, "2026-01-02T00:00:00"]]),
    (np.array([pd.Timestamp(FAR), 1], dtype=object), ["12024-01-02T03:04:05", 1]),
    (np.ma.masked_array(np.array(["2026", "2027"], dtype="M8[D]"), mask=[True, False]), [None, "2027-01-01"]),
    (pa.scalar(317_273_587_200, pa.timestamp("s")), "12024-01-01T00:00:00"),
    (np.timedelta64(3, "M"), "P3M"),
    (np.timedelta64(-2, "Y"), "-P2Y"),
    (np.timedelta64(2, "W"), "P14D"),
    (np.timedelta64(5, "ps"), "PT0.000000000005S"),
    (without_unit("m8", 5), "5 generic time units"),
    (without_unit("m8", NAT), None),
    (dt.timedelta(days=400), "P400D"),
    (dt.datetime(1800, 1, 2, tzinfo=PARIS), "1800-01-02T00:00:00+00:09:21"),
    ({pd.Timestamp(FAR): 1}, {"12024-01-02T03:04:05": 1}),
    ({"when": {"from": [pd.Timestamp(FAR), None]}}, {"when": {"from": ["12024-01-02T03:04:05", None]}}),
    (pa.array([10**6], pa.int32()).cast(pa.date32()), ["4707-11-29"]),
    (pandas_dates("12024-01-02", "NaT"), ["12024-01-02T00:00:00", None]),
]


@pytest.mark.parametrize(
    ("value", "form"), SCALARS, ids=[f"{n}-{f}"[:40] for n, (_, f) in enumerate(SCALARS)]
)
def test_a_date_is_its_iso_text_whatever_its_year_and_unit(value, form):
    """Never another date, and never an error (1.11)."""
    assert plain(value, readable) == form
    assert plain({"a": [value]}, readable) == {"a": [form]}


@pytest.mark.parametrize("unit", ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns"])
def test_numpy_reads_the_text_as_the_same_date(unit):
    for count in (0, 1, -1, 12_345_678, -12_345_678, 2**52 + 1, -(2**52)):
        if unit in "YMWDhm" and abs(count) > 2**40:
            continue
        assert np.datetime64(columns.instant(count, unit)) == np.datetime64(count, unit)


def test_the_text_is_that_of_pydantic_where_python_has_the_date():
    for count in (0, 1, -1, 10**15 + 123_456, -(10**16), 253_402_300_799 * 10**6):
        moment = dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=count)
        assert columns.instant(count, "us") == plain(moment)
        short = dt.timedelta(microseconds=count % 10**13)
        assert columns.duration(count % 10**13, "us") == plain(short) == plain(pd.Timedelta(short))


def test_an_unknown_unit_and_an_unknown_zone():
    with pytest.raises(ValueError, match="'fortnight' is not a unit of time"):
        columns.instant(1, "fortnight")
    assert columns.instant(0, "s", "Nowhere/Else") == "1970-01-01T00:00:00Z"
    assert columns.instant(0, "s", "-05:30") == "1969-12-31T18:30:00-05:30"


# -- columns -----------------------------------------------------------------------------------------------


def polars_column(counts: list[int | None], kind: Any) -> pl.Series:
    return pl.Series("when", counts, dtype=pl.Int64).cast(kind)


def arrow_column(counts: list[int | None], kind: Any) -> pa.ChunkedArray:
    whole = pa.array(counts, pa.int32() if kind in (pa.date32(), pa.time32("s")) else pa.int64())
    return pa.chunked_array([whole.cast(kind)])


SECONDS = 317_273_587_200  # of 12024-01-01
COLUMNS = [
    *(
        (pd.Series(pandas_dates("12024-01-01", "-0044-03-15", "NaT", unit=unit)), "12024-01-01T00:00:00")
        for unit in ("s", "ms", "us")
    ),
    (pd.Series(pd.DatetimeIndex(["2026-01-02T00:00:00.000000001", None])), "2026-01-02T00:00:00.000000001"),
    (
        pd.Series(pandas_dates("12024-01-01", "2026-01-02").tz_localize("UTC").tz_convert("Europe/Paris")),
        "12024-01-01T00:00:00Z",
    ),
    (pd.Series(pd.to_timedelta([1, None], unit="ns")), "PT0.000000001S"),
    (pd.Series(np.array([10**12], dtype="m8[s]")), "P11574074DT1H46M40S"),
    (pd.Series([pd.Timestamp(FAR), "x"], dtype=object), "12024-01-02T03:04:05"),
    (pd.Series([dt.date(2026, 1, 2), np.datetime64("20000-01-02")], dtype=object), "2026-01-02"),
    (pd.Series(pd.Categorical(pandas_dates("12024-01-01"))), "12024-01-01T00:00:00"),
    (
        pd.Series(arrow_column([4_000_000, None], pa.date32()), dtype=pd.ArrowDtype(pa.date32())),
        "12921-08-18",
    ),
    (
        pd.Series(arrow_column([SECONDS], pa.timestamp("s")), dtype=pd.ArrowDtype(pa.timestamp("s"))),
        "12024-01-01T00:00:00",
    ),
    (polars_column([SECONDS * 1000, None], pl.Datetime("ms")), "12024-01-01T00:00:00"),
    (polars_column([SECONDS * 10**6, -(10**17)], pl.Datetime("us")), "12024-01-01T00:00:00"),
    (polars_column([1, None], pl.Datetime("ns")), "1970-01-01T00:00:00.000000001"),
    (polars_column([1, None], pl.Datetime("ns", "Europe/Paris")), "1970-01-01T01:00:00.000000001+01:00"),
    (polars_column([SECONDS * 1000], pl.Datetime("ms", "Europe/Paris")), "12024-01-01T00:00:00Z"),
    (polars_column([4_000_000, -800_000], pl.Int32).cast(pl.Date), "12921-08-18"),
    (polars_column([1, None], pl.Duration("ns")), "PT0.000000001S"),
    (polars_column([1, None], pl.Time), "00:00:00.000000001"),
    (arrow_column([SECONDS, None], pa.timestamp("s")), "12024-01-01T00:00:00"),
    (arrow_column([SECONDS * 1000, -(10**15)], pa.timestamp("ms")), "12024-01-01T00:00:00"),
    (arrow_column([1, None], pa.timestamp("ns")), "1970-01-01T00:00:00.000000001"),
    (arrow_column([1], pa.timestamp("ns", "+01:00")), "1970-01-01T01:00:00.000000001+01:00"),
    (arrow_column([SECONDS], pa.timestamp("s", "Europe/Paris")), "12024-01-01T00:00:00Z"),
    (arrow_column([4_000_000, None], pa.date32()), "12921-08-18"),
    (arrow_column([4_000_000 * 86_400_000], pa.date64()), "12921-08-18"),
    (arrow_column([10**15, None], pa.duration("s")), "P11574074074DT1H46M40S"),
    (arrow_column([1, None], pa.duration("ns")), "PT0.000000001S"),
    (arrow_column([1, None], pa.time64("ns")), "00:00:00.000000001"),
    (arrow_column([1, None], pa.time32("s")), "00:00:01"),
]


def frame_of(column: Any) -> Any:
    if isinstance(column, pd.Series):
        return pd.DataFrame({"when": column})
    return column.to_frame("when") if isinstance(column, pl.Series) else pa.table({"when": column})


@pytest.mark.parametrize(("column", "text"), COLUMNS, ids=[f"{n}-{t}" for n, (_, t) in enumerate(COLUMNS)])
def test_a_column_of_dates_in_every_format(column, text):
    """One cell out of Python's range costs no other, in no format (1.11)."""
    frame = frame_of(column)
    page = to_page(frame)
    assert page["rows"][0] == [text]
    assert to_page(column)["rows"] == page["rows"]
    assert to_markdown(page).splitlines()[2] == f"| {text} |"
    assert list(csv.reader(io.StringIO(read_rows(frame).data)))[1] == [text]
    assert json.loads(read_rows(frame, format="json").data)["rows"][0] == [text]
    assert len(schema(frame)["columns"]) == 1
    (described,) = summary(frame)["rows"]
    assert described[0] == "when"
    if getattr(column, "dtype", None) not in (object, "category"):  # these have no order
        assert text in described[3:5]


def test_dates_within_lists_and_structs():
    """Nested dates keep to the same rules (1.11)."""
    moments = polars_column([SECONDS * 1000, 1], pl.Datetime("ms"))
    data = {
        "list": pl.Series([moments]),
        "array": pl.Series([moments]).cast(pl.Array(pl.Datetime("ms"), 2)),
        "struct": pl.DataFrame({"at": moments[:1], "n": [1]}).to_struct("struct"),
    }
    texts = ["12024-01-01T00:00:00", "1970-01-01T00:00:00.001000"]
    expected = [[texts, texts, {"at": texts[0], "n": 1}]]
    frame = pl.DataFrame(data)
    assert to_page(frame)["rows"] == expected
    assert to_page(frame.to_arrow())["rows"] == expected
    days = pa.array([[("a", 4_000_000)]], pa.map_(pa.string(), pa.int32())).cast(
        pa.map_(pa.string(), pa.date32())
    )
    assert to_page(pa.table({"map": days}))["rows"] == [[[["a", "12921-08-18"]]]]


def test_an_index_of_dates_that_python_has_not():
    index = pandas_dates("12024-01-01", "-0044-03-15")
    assert to_page(pd.DataFrame({"n": [1, 2]}, index=index))["rows"] == [
        ["12024-01-01T00:00:00", 1],
        ["-0044-03-15T00:00:00", 2],
    ]
    levels = pd.MultiIndex.from_arrays([index, ["a", "b"]])
    assert to_page(pd.DataFrame({"n": [1, 2]}, index=levels))["rows"][1] == ["-0044-03-15T00:00:00", "b", 2]
