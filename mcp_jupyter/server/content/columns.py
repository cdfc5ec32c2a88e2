# SPDX-License-Identifier: BSD-3-Clause
"""The cells of libraries' columns and arrays as Python values: dates as exact text, short floats as short.

Reads what NumPy, pandas, polars and pyarrow have in one dimension (NumPy also in more). Imports none of
them: a program with such a value has its library. A cell that its library cannot give as a Python value, such
as a date before year 1, costs no other cell. Numbers, texts and containers are left to `plain`.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from ..kinds import is_builtin, library_of, module_of
from . import dates

__all__ = [
    "cells",
    "is_array",
    "is_missing",
    "is_sequence",
    "named",
    "numpy_value",
    "readable",
    "short",
    "short_format",
]

_SEQUENCES: Final = frozenset({("pandas", "Index"), ("pandas", "ExtensionArray"), ("pyarrow", "Array")})
"""Classes of one dimension that are lists to a reader. (Series and chunked arrays are data frames to us.)"""

_MISSING: Final = frozenset({"NaTType", "NAType"})

_SHORT: Final = {"float32": "f", "float": "f", "float16": "e", "halffloat": "e"}
"""`struct` formats of floats that have fewer digits than Python's, by the libraries' names in lower case."""

NAT: Final = -(2**63)
"""The count that means no date in NumPy and pandas."""

Cell = Callable[[Any], Any]


def readable(value: Any) -> str:
    """A value's text, whatever its `str` does."""
    try:
        return str(value)
    except Exception as exc:  # noqa: BLE001 - a user's __str__ may raise anything
        return f"<{type(value).__name__} whose text cannot be shown: {type(exc).__name__}>"


def is_missing(value: Any) -> bool:
    """Whether `value` is pandas' NaT or NA."""
    return type(value).__name__ in _MISSING


def named(kind: type, classes: frozenset[tuple[str, str]]) -> bool:
    """Whether a class is one of those, or derived from one, by the names of its library and itself."""
    return any((library_of(base), base.__name__) in classes for base in kind.__mro__)


def is_sequence(value: Any) -> bool:
    """Whether `value` is a pandas index or array, or a pyarrow array."""
    kind = type(value)
    return module_of(kind) != "builtins" and named(kind, _SEQUENCES)


def is_array(value: Any) -> bool:
    """Whether `value` is a NumPy array."""
    if is_builtin(value):
        return False
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray)


def cells(column: Any) -> list[Any]:
    """The cells of a series, an index or an array of pandas, polars or pyarrow."""
    library = next(name for base in type(column).__mro__ if (name := library_of(base)) in _READERS)
    return _READERS[library](column)


def short(value: float, format: str) -> float:
    """The float with the fewest digits that is the same 32 or 16 bit number: 0.1, not 0.10000000149011612."""
    if value - value:  # infinite
        return value
    for digits in range(6, 9) if format == "f" else range(3, 5):
        shorter = float(f"{value:.{digits}g}")
        try:
            if struct.unpack(format, struct.pack(format, shorter))[0] == value:
                return shorter
        except OverflowError:  # rounded up, it is beyond the largest
            continue
    return value


def short_format(kind: Any) -> str | None:
    """The `struct` format of a column's type where its floats are shorter than Python's."""
    return _SHORT.get(str(kind).partition("[")[0].lower())


# -- NumPy -----------------------------------------------------------------------------------------------


def numpy_value(value: Any) -> Any:
    """A NumPy scalar or array as Python values.

    Raises
    ------
    TypeError
        `value` has no data: it is a function, a type, a generator, ...
    """
    numpy = sys.modules["numpy"]
    if not isinstance(value, numpy.ndarray | numpy.generic):
        raise TypeError(f"{type(value).__name__} has no JSON form")
    kind = value.dtype
    if kind.names:  # a record: each field by its own type
        fields = [numpy_value(value[name]) for name in kind.names]
        return _zipped(fields, value.ndim)
    if kind.kind in "mM":
        unit, step = numpy.datetime_data(kind)
        write = dates.instant if kind.kind == "M" else dates.duration
        if unit == "generic":
            shown = numpy.array([str(item) for item in numpy.ravel(value)], dtype=object)
            return _each(shown.reshape(value.shape).tolist(), lambda text: None if text == "NaT" else text)
        counts = value.astype("i8").tolist()  # None where a masked array hides one
        return _each(counts, lambda n: None if n in (NAT, None) else write(n * step, unit))
    if kind.kind == "f" and kind.itemsize != 8:
        if kind.itemsize < 8:
            format = "f" if kind.itemsize == 4 else "e"
            return _each(value.tolist(), lambda x: x if x is None else short(x, format))
        return value.astype(float).tolist()
    return value.tolist()


def _zipped(fields: list[Any], depth: int) -> Any:
    """Fields of arrays as an array of records."""
    if depth == 0:
        return fields
    return [_zipped(list(each), depth - 1) for each in zip(*fields, strict=True)]


def _each(items: Any, change: Cell) -> Any:
    """The same for each item of nested lists."""
    return [_each(item, change) for item in items] if isinstance(items, list) else change(items)


# -- pandas ----------------------------------------------------------------------------------------------


def _pandas(column: Any) -> list[Any]:
    kind = column.dtype
    if type(kind).__name__ == "ArrowDtype":
        array = getattr(column, "array", column)
        return _arrow(array.__arrow_array__())
    try:
        found: list[Any] = column.to_numpy(dtype=object).tolist()
    except Exception:  # noqa: BLE001 - one cell has no Python value: each library's own error
        found = [_item(column, at) for at in range(len(column))]
    if getattr(kind, "kind", "") in ("m", "M"):
        return [
            None if is_missing(cell) else cell if type(cell) is str else dates.text(cell) for cell in found
        ]
    format = short_format(kind)
    if format is not None:
        return [short(cell, format) if isinstance(cell, float) else cell for cell in found]
    return found


def _item(column: Any, at: int) -> Any:
    with suppress(Exception):
        return column.iloc[at] if hasattr(column, "iloc") else column[at]
    try:  # a date with a time zone in a year that Python has not: the same instant in UTC
        counts = getattr(column, "array", column).asi8
        return dates.instant(int(counts[at]), column.dtype.unit) + "Z"
    except Exception:  # noqa: BLE001 - see above
        return readable(getattr(column, "array", column)[at : at + 1])


# -- polars ----------------------------------------------------------------------------------------------

_TEMPORAL: Final = ("Date", "Datetime", "Duration", "Time")


def _polars(column: Any) -> list[Any]:
    kind = column.dtype
    stored = _stored(kind)
    if stored is not None:
        column = column.cast(stored)
    read = _polars_cell(kind)
    found = column.to_list()
    return found if read is None else [None if cell is None else read(cell) for cell in found]


def _stored(kind: Any) -> Any:
    """The type that holds a column's dates as integers; None for a type without dates."""
    polars = sys.modules["polars"]
    if _name(kind) in _TEMPORAL:
        return polars.Int64
    fields = getattr(kind, "fields", None)
    if fields is not None:
        found = [_stored(field.dtype) for field in fields]
        if not any(found):
            return None
        pairs = zip(fields, found, strict=True)
        return polars.Struct({field.name: each or field.dtype for field, each in pairs})
    inner = _stored(kind.inner) if hasattr(kind, "inner") else None
    if inner is None:
        return None
    return polars.Array(inner, kind.size) if hasattr(kind, "size") else polars.List(inner)


def _name(kind: Any) -> str:
    """The name of a type, which is a class where it has no parameters."""
    return kind.__name__ if isinstance(kind, type) else type(kind).__name__


def _polars_cell(kind: Any) -> Cell | None:
    name = _name(kind)
    if name == "Date":
        return lambda count: dates.instant(count, "D")
    if name == "Datetime":
        return lambda count: dates.instant(count, kind.time_unit, kind.time_zone)
    if name == "Duration":
        return lambda count: dates.duration(count, kind.time_unit)
    if name == "Time":
        return lambda count: dates.time_of_day(count, "ns")
    format = short_format(name)
    if format is not None:
        return lambda value: short(value, format)
    if hasattr(kind, "fields"):
        return _struct_cell({field.name: _polars_cell(field.dtype) for field in kind.fields})
    inner = _polars_cell(kind.inner) if hasattr(kind, "inner") else None
    return None if inner is None else _list_cell(inner)


def _struct_cell(readers: dict[str, Cell | None]) -> Cell | None:
    if not any(readers.values()):
        return None

    def read(cell: dict[str, Any]) -> dict[str, Any]:
        return {
            name: value if value is None or (inner := readers[name]) is None else inner(value)
            for name, value in cell.items()
        }

    return read


def _list_cell(inner: Cell) -> Cell:
    return lambda cell: [None if item is None else inner(item) for item in cell]


# -- pyarrow ---------------------------------------------------------------------------------------------


def _arrow(column: Any) -> list[Any]:
    if isinstance(column, sys.modules["pyarrow"].Scalar):
        return [_arrow_cell(column)]
    if _needs_care(column.type):
        return [_arrow_cell(scalar) for scalar in column]
    found: list[Any] = column.to_pylist()
    return found


def _needs_care(kind: Any) -> bool:
    """Whether there are dates or short floats in a type."""
    types = sys.modules["pyarrow"].types
    if types.is_temporal(kind) or types.is_float16(kind) or types.is_float32(kind):
        return True
    if types.is_dictionary(kind):
        return _needs_care(kind.value_type)
    return any(_needs_care(kind.field(at).type) for at in range(kind.num_fields))


def _arrow_cell(scalar: Any) -> Any:
    types = sys.modules["pyarrow"].types
    kind = scalar.type
    if not scalar.is_valid:
        return None
    if types.is_struct(kind):
        return {name: _arrow_cell(scalar[at]) for at, name in enumerate(kind.names)}
    if types.is_dictionary(kind):
        return _arrow_cell(scalar.value)
    if types.is_map(kind):
        return [[_arrow_cell(pair[0]), _arrow_cell(pair[1])] for pair in scalar.values]
    if kind.num_fields and hasattr(scalar, "values"):  # lists of all kinds
        return [_arrow_cell(item) for item in scalar.values]
    if types.is_temporal(kind):
        return _arrow_date(scalar, types)
    value = scalar.as_py()
    format = short_format(kind)
    return value if format is None else short(float(value), format)


def _arrow_date(scalar: Any, types: Any) -> Any:
    kind = scalar.type
    if types.is_timestamp(kind):
        return dates.instant(scalar.value, kind.unit, kind.tz)
    if types.is_date32(kind):
        return dates.instant(scalar.value, "D")
    if types.is_date64(kind):
        return dates.instant(scalar.value // 86_400_000, "D")
    if types.is_duration(kind):
        return dates.duration(scalar.value, kind.unit)
    if types.is_time(kind):
        return dates.time_of_day(scalar.value, kind.unit)
    return scalar.as_py()  # an interval of months, days and nanoseconds


_READERS: Final[dict[str, Callable[[Any], list[Any]]]] = {
    "pandas": _pandas,
    "polars": _polars,
    "pyarrow": _arrow,
}
