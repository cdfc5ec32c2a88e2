# SPDX-License-Identifier: BSD-3-Clause
"""Whether a value seems to have changed, and what it costs to see."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from mcp_jupyter.kernel.fingerprints import fingerprint


class Bad:
    def __eq__(self, other):
        raise RuntimeError

    def __len__(self):
        raise RuntimeError

    __hash__ = None


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
