# SPDX-License-Identifier: BSD-3-Clause
"""The JSON form of Python values."""

from __future__ import annotations

import array
import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import ipaddress
import pathlib
import re
import types
import uuid
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pydantic
import pytest

from mcp_jupyter.server.content import plain, readable

NAN, INF = float("nan"), float("inf")


class Colour(enum.Enum):
    RED = "red"


class Point(NamedTuple):
    x: int
    y: int


@dataclasses.dataclass
class Pair:
    left: Any
    right: Any = None


class Model(pydantic.BaseModel):
    size: int = pydantic.Field(serialization_alias="theSize")


VALUES = [
    (None, None),
    (True, True),
    (10**30, 10**30),
    (1.5, 1.5),
    (NAN, None),
    ([INF, -INF], [None, None]),
    ("text", "text"),
    (b"\xff\x00", "_wA="),
    (bytearray(b"\xff"), "_w=="),
    ((1, 2), [1, 2]),
    ({1}, [1]),
    (frozenset({1}), [1]),
    (range(3), [0, 1, 2]),
    ({"a": 1}.keys(), ["a"]),
    (collections.deque([1]), [1]),
    (collections.Counter("aab"), {"a": 2, "b": 1}),
    (collections.ChainMap({"a": 1}), {"a": 1}),
    (types.MappingProxyType({"a": 1}), {"a": 1}),
    ({1: "a", None: "b", 1.5: "c", (1, 2): "d"}, {"1": "a", "None": "b", "1.5": "c", "1,2": "d"}),
    (dt.date(2026, 1, 2), "2026-01-02"),
    (dt.datetime(2026, 1, 2, 3, tzinfo=dt.UTC), "2026-01-02T03:00:00Z"),
    (dt.time(3, 4), "03:04:00"),
    (dt.timedelta(days=1, seconds=1), "P1DT1S"),
    (decimal.Decimal("1.10"), "1.10"),
    (fractions.Fraction(1, 3), "1/3"),
    (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (pathlib.Path("a"), "a"),
    (ipaddress.ip_address("127.0.0.1"), "127.0.0.1"),
    (re.compile("a+"), "a+"),
    (2j, "2j"),
    (Colour.RED, "red"),
    ({Colour.RED: 1}, {"red": 1}),
    (Point(1, 2), [1, 2]),
    (Pair(1, Pair(2)), {"left": 1, "right": {"left": 2, "right": None}}),
    (Model(size=3), {"theSize": 3}),
    (array.array("i", [1, 2]), [1, 2]),
    (np.int64(3), 3),
    (np.float32(1.5), 1.5),
    (np.float64("nan"), None),
    (np.bool_(True), True),
    (np.str_("x"), "x"),
    (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
    (np.array(3), 3),
    (np.array([1.0, NAN]), [1.0, None]),
    (np.array(["a", None], dtype=object), ["a", None]),
    (np.datetime64("2026-01-02T03:04:05.123456789"), "2026-01-02T03:04:05.123456"),
    (np.datetime64("NaT"), None),
    (np.array(["2026-01-02", "NaT"], dtype="datetime64[ns]"), ["2026-01-02T00:00:00", None]),
    (np.timedelta64(1, "D"), "P1D"),
    ({np.int64(1): np.int64(2)}, {"1": 2}),
    (Pair(np.int64(1), np.array([2])), {"left": 1, "right": [2]}),
    (pd.Timestamp("2026-01-02"), "2026-01-02T00:00:00"),
    (pd.Timedelta(days=1), "P1D"),
    (pd.NaT, None),
    (pd.NA, None),
    ({"when": pd.NaT, "n": [pd.NA, 1]}, {"when": None, "n": [None, 1]}),
]


@pytest.mark.parametrize(
    ("value", "form"), VALUES, ids=[f"{n}-{readable(v)[:20]}" for n, (v, _) in enumerate(VALUES)]
)
def test_what_has_a_json_form(value, form):
    assert plain(value) == form
    assert plain([value]) == [form]


class Silent:
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    "value", [object(), Silent(), len, int, ValueError("x"), pd.Period("2026"), ..., Pair(object())]
)
def test_what_has_none(value):
    with pytest.raises(TypeError):
        plain(value)
    with pytest.raises(TypeError):
        plain({"a": [value]})
    assert plain({"a": [1, value]}, lambda part: "other") == {"a": [1, "other"]}


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def cyclic() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["self"] = value
    return value


@pytest.mark.parametrize("value", [nested(5_000), cyclic(), [cyclic()]], ids=["deep", "cyclic", "in a list"])
def test_what_json_cannot_hold(value):
    for other in ((), (readable,)):
        with pytest.raises(TypeError, match="cyclic"):
            plain(value, *other)


def test_the_text_of_anything():
    assert readable(3) == "3"
    assert readable(Silent()) == "<Silent whose text cannot be shown: RuntimeError>"
    assert readable(10**5000) == "<int whose text cannot be shown: ValueError>"
