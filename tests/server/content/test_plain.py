# SPDX-License-Identifier: BSD-3-Clause
"""The JSON form of Python values."""

from __future__ import annotations

import array
import collections
import collections.abc
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
import pyarrow as pa
import pydantic
import pytest

from mcp_jupyter.server.content import plain, readable
from mcp_jupyter.server.content.tables import to_page

DAY = dt.datetime(2026, 1, 2)
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
    ([INF, -INF], ["Infinity", "-Infinity"]),
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
    (np.datetime64("2026-01-02T03:04:05.123456789"), "2026-01-02T03:04:05.123456789"),
    (np.datetime64("NaT", "s"), None),
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
    form = {"left": "other", "right": None} if isinstance(value, Pair) else "other"
    assert plain({"a": [1, value]}, lambda part: "other") == {"a": [1, form]}


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


# -- what raises -------------------------------------------------------------------------------------------


class Raising:
    """As SQLFrame's: it raises its own error for whatever is asked of it."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"{name} is not supported")

    def __repr__(self) -> str:
        return "a lazy thing"


class Disguised:
    @property
    def __class__(self) -> Any:  # type: ignore[override]
        raise RuntimeError("no class")

    def __repr__(self) -> str:
        return "disguised"


class Lazy(collections.abc.Mapping):  # type: ignore[type-arg]
    def __getitem__(self, key: Any) -> Any:
        raise ConnectionError("out of reach")

    def __iter__(self) -> Any:
        return iter(["a"])

    def __len__(self) -> int:
        return 1

    def __repr__(self) -> str:
        return "lazy"


@dataclasses.dataclass
class Half:
    good: int = 1

    @property
    def bad(self) -> int:
        raise RuntimeError("not yet")


class Unread(pydantic.BaseModel):
    n: int

    @pydantic.computed_field
    def bad(self) -> int:
        raise RuntimeError("not yet")

    def __repr__(self) -> str:
        return "Unread"

    __str__ = __repr__


class Unknown(type):
    """Of a class that does not say where it is from."""

    @property
    def __module__(cls) -> str:
        raise RuntimeError("nowhere")


class Nowhere(metaclass=Unknown):
    def __repr__(self) -> str:
        return "nowhere"


WITHOUT_DATA = [
    (np.dtype("float32"), "float32"),
    (np.sin, "<ufunc 'sin'>"),
    (np.mean, str(np.mean)),
    (np.random.default_rng(0), "Generator(PCG64)"),
    (np.poly1d([1, 2]), str(np.poly1d([1, 2]))),
    (np.finfo("f4"), str(np.finfo("f4"))),
    (np.clongdouble(1j), "1j"),
    (np.float32, "<class 'numpy.float32'>"),
    (pd.DataFrame({"a": [1]}).dtypes["a"], "int64"),
    (Raising(), "a lazy thing"),
    (Disguised(), "disguised"),
    (Lazy(), "lazy"),
    (Unread(n=1), "Unread"),
    (Nowhere(), "nowhere"),
]


@pytest.mark.parametrize(("value", "text"), WITHOUT_DATA, ids=[text[:20] for _, text in WITHOUT_DATA])
def test_what_a_part_raises_costs_that_part_only(value, text):
    """Its text stands in its place, and the other parts are as ever (1.13)."""
    assert plain(value, readable) == text
    assert plain({"a": [1, value], "b": Half()}, readable) == {"a": [1, text], "b": {"good": 1}}
    with pytest.raises(TypeError):
        plain([value])


def test_an_attribute_that_raises_costs_that_attribute():
    """The other attributes have their values (1.13)."""
    kind = dataclasses.make_dataclass("Broken", ["left", "right"])
    broken = kind(1, 2)
    kind.right = property(lambda self: 1 / 0)  # type: ignore[attr-defined]
    assert plain(broken, readable) == {"left": 1, "right": "<right cannot be read: ZeroDivisionError>"}


def test_a_series_of_dtypes_is_text():
    """What `df.dtypes` gives (1.13)."""
    page = to_page(pd.DataFrame({"a": [1], "b": [0.5]}).dtypes)
    assert page["rows"] == [["a", "int64"], ["b", "float64"]]


class Weight(pydantic.BaseModel):
    grams: float


# -- silent losses -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ({1: "a", "1": "b"}, {"1": "a", "1.2": "b"}),
        ({None: 1, "None": 2}, {"None": 1, "None.2": 2}),
        ({(1, 2): 1, "1,2": 2}, {"1,2": 1, "1,2.2": 2}),
        ([{"a": {2: 1, "2": 2}}], [{"a": {"2": 1, "2.2": 2}}]),
        ({"1": 1, "1.2": 2, 1: 3}, {"1": 1, "1.2": 2, "1.3": 3}),
        ({1: "a", 2: "b"}, {"1": "a", "2": "b"}),
        (np.float32(0.1), 0.1),
        (np.array([0.1, 3.4e38, 1.5e-7], dtype="f4"), [0.1, 3.4e38, 1.5e-7]),
        ([np.float16(0.1)], [0.1]),
        (np.array([INF, -INF, NAN, 1], dtype="f4"), ["Infinity", "-Infinity", None, 1.0]),
        (np.array([INF, NAN]), ["Infinity", None]),
        (np.float64(INF), "Infinity"),
        (np.bytes_(b"\xff"), "_w=="),
        (np.void(b"abc"), "YWJj"),
        (np.complex64(1j), "1j"),
        (np.longdouble(INF), "Infinity"),
        (np.ma.masked_array([1.5, 2], mask=[True, False]), [None, 2.0]),
        (memoryview(b"\xff"), "_w=="),
        (pa.scalar(0.1, pa.float32()), 0.1),
        (pa.scalar(b"\xff"), "_w=="),
        (Pair(INF, [NAN]), {"left": "Infinity", "right": [None]}),
        (Weight(grams=INF), {"grams": "Infinity"}),
    ],
)
def test_nothing_is_lost_silently(value, form):
    """Keys that look the same, infinities and short floats (1.15)."""
    assert plain(value) == form


class Holder(pydantic.BaseModel):
    png: bytes
    when: dt.datetime = DAY
    any: Any = None


def test_a_model_has_the_same_forms():
    """Bytes that are no text, far dates and nanoseconds, also within a model (1.11, 1.12)."""
    far = pd.Timestamp(np.datetime64("12024-01-02"))
    exact = pd.Timestamp("2026-01-02T00:00:00.000000001")
    held = Holder(png=b"\xff\x00", when=far, any={"at": exact, "n": INF})
    form = {
        "png": "_wA=",
        "when": "12024-01-02T00:00:00",
        "any": {"at": "2026-01-02T00:00:00.000000001", "n": "Infinity"},
    }
    assert plain(held) == form
    assert plain([{"held": held}]) == [{"held": form}]
    assert plain(Holder(png=b"abc"))["png"] == "YWJj"
