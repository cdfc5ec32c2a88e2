# SPDX-License-Identifier: BSD-3-Clause
"""Whether a value seems to have changed, and what it costs to see."""

from __future__ import annotations

import dataclasses
import io
import time
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from matplotlib.figure import Figure

from mcp_jupyter.kernel.variables import fingerprint


class Bad:
    def __eq__(self, other):
        raise RuntimeError

    def __len__(self):
        raise RuntimeError

    __hash__ = None


class Sly:
    def __str__(self):
        raise SystemExit


class SlyList(list):
    def __iter__(self):
        raise KeyboardInterrupt


def nested() -> tuple:
    value: tuple = (1,)
    for _ in range(40):
        value = (value, value)
    return value


VALUES = [
    pd.DataFrame({"n": range(1000), "s": "a"}, index=pd.date_range("2026", periods=1000)),
    pd.DataFrame(),
    pd.Series([1.5, None]),
    pl.DataFrame({"n": [1, None]}),
    pl.Series([1]),
    pa.table({"n": [1]}),
    pa.chunked_array([[1], [2]]),
    np.zeros((100, 100)),
    np.array(3),
    np.array([]),
    {"a": [1], (1, 2): float("nan")},
    [1, "a", {}],
    {1, 2},
    nested(),
    "text",
    float("nan"),
    None,
    len,
    Bad(),
    [Bad()],
    pd.DataFrame({"o": [Sly()]}),
    SlyList([1]),
]


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_what_nobody_touched_is_the_same(value):
    assert fingerprint(value) == fingerprint(value)


CHANGES = {
    "a cell": lambda frame: frame.__setitem__("n", frame.n + 1),
    "the first": lambda frame: frame.iloc.__setitem__((0, 0), 99),
    "the last": lambda frame: frame.iloc.__setitem__((-1, 0), 99),
    "a new row": lambda frame: frame.loc.__setitem__(1000, 1),
    "a column": lambda frame: frame.insert(1, "m", 2),
    "a label": lambda frame: setattr(frame, "columns", ["k"]),
    "a type": lambda frame: frame.__setitem__("n", frame.n.astype(float)),
    "the index": lambda frame: setattr(frame, "index", frame.index + 1),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_frame_changed_in_place(change):
    frame = pd.DataFrame({"n": range(1000)})
    before = fingerprint(frame)
    change(frame)
    assert fingerprint(frame) != before


def test_other_values_changed_in_place():
    array, items, mapping = np.zeros(1000), [1, 2], {"a": 1, "b": [1]}
    before = [fingerprint(each) for each in (array, items, mapping)]
    array += 1
    items[0] = 3
    mapping["b"].append(2)
    after = [fingerprint(each) for each in (array, items, mapping)]
    assert all(old != new for old, new in zip(before, after, strict=True))


def test_what_is_missed_is_what_the_sample_leaves_out():
    frame = pd.DataFrame({"n": np.zeros(100_000)})
    before = fingerprint(frame)
    frame.iloc[1, 0] = 5
    assert fingerprint(frame) == before


def test_a_large_frame_costs_no_more_than_its_sample():
    frame = pd.DataFrame(np.zeros((1_000_000, 12)))  # 96 MB
    fingerprint(frame)
    begin = time.process_time()
    fingerprint(frame)
    assert time.process_time() - begin < 0.05  # measured: 1 ms; to hash it all takes a second


class Model:
    def fit(self, n: int) -> None:
        self.coefficients = np.full(3, n)


@dataclasses.dataclass
class Report:
    title: str
    parts: list[Model]


@pytest.mark.parametrize(
    ("value", "change"),
    [
        (Model(), lambda model: model.fit(1)),
        (Report("a", []), lambda report: setattr(report, "title", "b")),
        (Report("a", [Model()]), lambda report: report.parts[0].fit(1)),
        ({"a": {"b": 1}}, lambda mapping: mapping["a"].update(b=2)),
        ({"sales": pd.DataFrame({"n": [1]})}, lambda each: each["sales"].loc.__setitem__((0, "n"), 2)),
        ([np.zeros(3)], lambda items: items[0].__setitem__(0, 1)),
    ],
)
def test_an_object_changed_in_place(value, change):
    before = fingerprint(value)
    assert fingerprint(value) == before
    change(value)
    assert fingerprint(value) != before


def test_a_model_fitted_again():
    model = Model()
    model.fit(1)
    before = fingerprint(model)
    model.coefficients[:] = 2
    assert fingerprint(model) != before


DRAW = {
    "a line": lambda axes: axes.plot([2, 1]),
    "data of a line": lambda axes: axes.lines[0].set_ydata([3, 4]),
    "a title": lambda axes: axes.set_title("new"),
    "a label": lambda axes: axes.set_xlabel("new"),
    "a limit": lambda axes: axes.set_xlim(-9, 9),
    "bars": lambda axes: axes.bar([1], [2]),
    "points": lambda axes: axes.scatter([1], [2]),
}


@pytest.mark.parametrize("change", DRAW.values(), ids=DRAW)
def test_a_figure_drawn_in(change):
    figure = Figure()
    axes = figure.subplots()
    axes.plot([1, 2])
    before = fingerprint(figure)
    figure.savefig(io.BytesIO())  # to look at it changes nothing
    assert fingerprint(figure) == before
    change(axes)
    assert fingerprint(figure) != before


@pytest.mark.parametrize("make", [pa.table, pl.DataFrame, pd.DataFrame])
def test_a_wide_frame_costs_no_more_than_its_sample(make):
    frame = make({f"c{at}": [1, 2] for at in range(10_000)})
    fingerprint(frame)
    begin = time.process_time()
    fingerprint(frame)
    assert time.process_time() - begin < 0.5


class Store(Mapping[str, int]):
    """A mapping that would fetch its items from elsewhere."""

    def __init__(self) -> None:
        self.path = "a"

    def __getitem__(self, key: str) -> int:
        raise AssertionError("fetched")

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("fetched")

    def __len__(self) -> int:
        raise AssertionError("fetched")


@pytest.mark.parametrize("within", [lambda store: store, lambda store: {"a": [store]}])
def test_a_mapping_of_another_kind_is_looked_at_as_an_object(within: Callable[[Store], object]) -> None:
    store = Store()
    value = within(store)
    before = fingerprint(value)
    assert fingerprint(value) == before
    store.path = "b"
    assert fingerprint(value) != before


def test_a_date_that_python_has_not_hides_no_change():
    """One such cell, and the frame was looked at no further (1.11)."""
    far = pl.Series("when", [317_273_587_200_000], dtype=pl.Int64).cast(pl.Datetime("ms"))
    frame = pl.DataFrame({"when": far, "n": [1]})
    before = fingerprint(frame)
    assert before == fingerprint(frame)
    frame[0, "n"] = 2
    assert before != fingerprint(frame)
