# SPDX-License-Identifier: BSD-3-Clause
"""Convert columns and arrays of NumPy, pandas, polars and pyarrow to lists of Python values.

Dates become exact text, and 32-bit floats get their shortest digits. The libraries are not imported here: a
program with such a value has imported its library. If a library has no Python value for a cell, such as a
date before year 1, the other cells are converted all the same. `values.plain` converts other values.
"""

from __future__ import annotations

import datetime as dt
import re
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from ..._util.names import is_builtin, library_of, module_of

__all__ = [
    "cells",
    "duration",
    "instant",
    "is_array",
    "is_date",
    "is_missing",
    "is_sequence",
    "named",
    "numpy_value",
    "readable",
    "short",
    "short_format",
    "text",
    "time_of_day",
]


_SEQUENCES: Final = frozenset({("pandas", "Index"), ("pandas", "ExtensionArray"), ("pyarrow", "Array")})
"""One-dimensional classes that are shown as lists. (Series and chunked arrays count as data frames.)"""

_MISSING: Final = frozenset({"NaTType", "NAType"})

_SHORT: Final = {"float32": "f", "float": "f", "float16": "e", "halffloat": "e"}
"""`struct` formats of floats with fewer digits than Python's, by the libraries' type names in lower case."""

NAT: Final = -(2**63)
"""The integer that stands for NaT in NumPy and pandas."""

Cell = Callable[[Any], Any]


def readable(value: Any) -> str:
    """Return `str(value)`, or a placeholder if that raises."""
    try:
        return str(value)
    except Exception as exc:  # noqa: BLE001 - a user's __str__ may raise anything
        return f"<{type(value).__name__} whose text cannot be shown: {type(exc).__name__}>"


def is_missing(value: Any) -> bool:
    """Whether `value` is pandas' NaT or NA."""
    return type(value).__name__ in _MISSING


def named(kind: type, classes: frozenset[tuple[str, str]]) -> bool:
    """Whether a class is one of `classes`, (library, name) pairs, or derived from one."""
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
    """Return the cells of a series, an index or an array of pandas, polars or pyarrow."""
    library = next(name for base in type(column).__mro__ if (name := library_of(base)) in _READERS)
    return _READERS[library](column)


def short(value: float, format: str) -> float:
    """Return the shortest float for the same 32 or 16 bit number: 0.1, not 0.10000000149011612."""
    if value - value:  # infinite or NaN
        return value
    for digits in range(6, 9) if format == "f" else range(3, 5):
        shorter = float(f"{value:.{digits}g}")
        try:
            if struct.unpack(format, struct.pack(format, shorter))[0] == value:
                return shorter
        except OverflowError:  # rounded up, the number is beyond the format's largest
            continue
    return value


def short_format(kind: Any) -> str | None:
    """Return the `struct` format of a column's type if its floats are shorter than Python's, else None."""
    return _SHORT.get(str(kind).partition("[")[0].lower())


# -- NumPy -----------------------------------------------------------------------------------------------


def numpy_value(value: Any) -> Any:
    """Convert a NumPy scalar or array to Python values.

    Raises
    ------
    TypeError
        `value` is something else of NumPy: a function, a type, a generator, ...
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
        write = instant if kind.kind == "M" else duration
        if unit == "generic":
            shown = numpy.array([str(item) for item in numpy.ravel(value)], dtype=object)
            return _each(shown.reshape(value.shape).tolist(), lambda text: None if text == "NaT" else text)
        counts = value.astype("i8").tolist()  # None for the masked items of a masked array
        return _each(counts, lambda n: None if n in (NAT, None) else write(n * step, unit))
    if kind.kind == "f" and kind.itemsize != 8:
        if kind.itemsize < 8:
            format = "f" if kind.itemsize == 4 else "e"
            return _each(value.tolist(), lambda x: x if x is None else short(x, format))
        return value.astype(float).tolist()
    return value.tolist()


def _zipped(fields: list[Any], depth: int) -> Any:
    """Turn one array per field into an array of records."""
    if depth == 0:
        return fields
    return [_zipped(list(each), depth - 1) for each in zip(*fields, strict=True)]


def _each(items: Any, change: Cell) -> Any:
    """Apply `change` to each item of nested lists."""
    return [_each(item, change) for item in items] if isinstance(items, list) else change(items)


# -- pandas ----------------------------------------------------------------------------------------------


def _pandas(column: Any) -> list[Any]:
    kind = column.dtype
    if type(kind).__name__ == "ArrowDtype":
        array = getattr(column, "array", column)
        return _arrow(array.__arrow_array__())
    try:
        found: list[Any] = column.to_numpy(dtype=object).tolist()
    except Exception:  # noqa: BLE001 - one cell has no Python value; each library raises its own error
        found = [_item(column, at) for at in range(len(column))]
    if getattr(kind, "kind", "") in ("m", "M"):
        return [None if is_missing(cell) else cell if type(cell) is str else text(cell) for cell in found]
    format = short_format(kind)
    if format is not None:
        return [short(cell, format) if isinstance(cell, float) else cell for cell in found]
    return found


def _item(column: Any, at: int) -> Any:
    with suppress(Exception):
        return column.iloc[at] if hasattr(column, "iloc") else column[at]
    try:  # a date with a time zone in a year that Python does not support: the same instant in UTC
        counts = getattr(column, "array", column).asi8
        return instant(int(counts[at]), column.dtype.unit) + "Z"
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
    """Return the type that has a column's dates as integers; None for a type without dates."""
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
    """Return the name of a type; polars has a class for types without parameters, else an instance."""
    return kind.__name__ if isinstance(kind, type) else type(kind).__name__


def _polars_cell(kind: Any) -> Cell | None:
    name = _name(kind)
    if name == "Date":
        return lambda count: instant(count, "D")
    if name == "Datetime":
        return lambda count: instant(count, kind.time_unit, kind.time_zone)
    if name == "Duration":
        return lambda count: duration(count, kind.time_unit)
    if name == "Time":
        return lambda count: time_of_day(count, "ns")
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
    """Whether a type contains dates or short floats."""
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
        return instant(scalar.value, kind.unit, kind.tz)
    if types.is_date32(kind):
        return instant(scalar.value, "D")
    if types.is_date64(kind):
        return instant(scalar.value // 86_400_000, "D")
    if types.is_duration(kind):
        return duration(scalar.value, kind.unit)
    if types.is_time(kind):
        return time_of_day(scalar.value, kind.unit)
    return scalar.as_py()  # an interval of months, days and nanoseconds


_READERS: Final[dict[str, Callable[[Any], list[Any]]]] = {
    "pandas": _pandas,
    "polars": _polars,
    "pyarrow": _arrow,
}


# -- dates ---------------------------------------------------------------------------------------
#
# ISO 8601 text of dates, times and durations, exact for every year and every unit.
#
# Libraries count from 1970 in units of years to attoseconds, so most functions take a count and a unit.
# Python's classes end at year 9999 and at microseconds; they are used where they suffice. Years outside of 0
# to 9999 are written as NumPy does: 12024-01-01, -0044-03-15 (year 0 is 1 BCE).

_DIGITS: Final = {"s": 0, "ms": 3, "us": 6, "ns": 9, "ps": 12, "fs": 15, "as": 18}
"""Decimal digits of a second in each unit."""

_SECONDS: Final = {"m": 60, "h": 3600, "D": 86_400, "W": 604_800}
"""Seconds in each unit longer than a second."""

EPOCH: Final = dt.date(1970, 1, 1).toordinal()

LAST_DAY: Final = dt.date.max.toordinal()

CYCLE_DAYS: Final = 146_097
"""Days of 400 years, after which the Gregorian calendar repeats."""

_DATES: Final = (dt.date, dt.time, dt.timedelta)

_OFFSET: Final = re.compile(r"([+-])(\d\d):?(\d\d)")


def is_date(value: Any) -> bool:
    """Whether `value` is a date, time or duration of Python, or of pandas, which derives from Python's."""
    return isinstance(value, _DATES)


def text(value: Any) -> str:
    """Return the text of a date, time or duration (see `is_date`), with nanoseconds of pandas."""
    if isinstance(value, dt.timedelta):
        raw = getattr(value, "asm8", None)  # pandas, whose base class timedelta has no nanoseconds
        if raw is not None:
            return duration(int(raw.astype("i8")), value.unit)  # type: ignore[attr-defined]
        return duration(value // dt.timedelta(microseconds=1), "us")
    if not isinstance(value, dt.datetime):
        return value.isoformat()  # type: ignore[no-any-return]
    raw = getattr(value, "asm8", None)  # pandas, whose base class datetime has a wrong year beyond 9999
    if raw is not None and not 0 < value.year <= dt.MAXYEAR:
        # pandas has no offset for these years: write the same instant in UTC.
        return instant(int(raw.astype("i8")), value.unit) + ("Z" if value.tzinfo else "")  # type: ignore[attr-defined]
    shown = value.isoformat()
    return shown[:-6] + "Z" if shown.endswith("+00:00") else shown


def instant(count: int, unit: str, zone: str | None = None) -> str:
    """Return the text of a point in time.

    Parameters
    ----------
    count : int
        Units since 1970-01-01, in UTC if there is a zone.
    unit : str
        NumPy's name: "Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs" or "as". With the first
        four, the text is a year, a month or a day.
    zone : str, optional
        An IANA name or an offset (+01:00). The text has its local time, or UTC if the zone is unknown.

    Raises
    ------
    ValueError
        There is no such unit.
    """
    if unit == "Y":
        return _year(1970 + count)
    if unit == "M":
        years, month = divmod(count, 12)
        return f"{_year(1970 + years)}-{month + 1:02}"
    if unit in ("D", "W"):
        return _day(count * (_SECONDS[unit] // 86_400))
    seconds, rest, digits = _split(count, unit)
    suffix = ""
    if zone is not None:
        offset = _offset(seconds, zone)
        seconds += offset
        suffix = _suffix(offset)
    days, second = divmod(seconds, 86_400)
    fraction = _fraction(rest, digits)
    return f"{_day(days)}T{_clock(second)}{fraction}{suffix}"


def time_of_day(count: int, unit: str) -> str:
    """Return the text of a time of day, given as units since midnight."""
    seconds, rest, digits = _split(count, unit)
    return _clock(seconds) + _fraction(rest, digits)


def duration(count: int, unit: str) -> str:
    """Return the text of a duration: in years or months for "Y" and "M", else in days down to seconds.

    Raises
    ------
    ValueError
        There is no such unit.
    """
    sign, count = ("-", -count) if count < 0 else ("", count)
    if unit in ("Y", "M"):
        return f"{sign}P{count}{unit}"
    seconds, rest, digits = _split(count, unit)
    days, seconds = divmod(seconds, 86_400)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    fraction = f".{rest:0{digits}d}".rstrip("0") if rest else ""
    parts = [f"{hour}H" if hour else "", f"{minute}M" if minute else ""]
    parts += [f"{second}{fraction}S"] if second or rest else []
    clock = "".join(parts)
    if not days:
        return f"{sign}PT{clock or '0S'}"
    return f"{sign}P{days}D" + (f"T{clock}" if clock else "")


def _split(count: int, unit: str) -> tuple[int, int, int]:
    """Return whole seconds, the rest in the unit, and the number of digits of the rest."""
    if unit in _SECONDS:
        return count * _SECONDS[unit], 0, 0
    digits = _DIGITS.get(unit)
    if digits is None:
        raise ValueError(f"{unit!r} is not a unit of time")
    seconds, rest = divmod(count, 10**digits)
    return seconds, rest, digits


def _day(days: int) -> str:
    ordinal = days + EPOCH
    if 0 < ordinal <= LAST_DAY:
        return dt.date.fromordinal(ordinal).isoformat()
    cycles, within = divmod(ordinal - 1, CYCLE_DAYS)
    day = dt.date.fromordinal(within + 1)
    return f"{_year(day.year + 400 * cycles)}-{day.month:02}-{day.day:02}"


def _year(year: int) -> str:
    return f"{year:04d}" if year >= 0 else f"-{-year:04d}"


def _clock(seconds: int) -> str:
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02}:{minute:02}:{second:02}"


def _fraction(rest: int, digits: int) -> str:
    """Return six digits, as Python does, or nine or more, in steps of three, if the value needs them."""
    if not rest:
        return ""
    shown = f"{rest:0{digits}d}".ljust(6, "0")
    while len(shown) > 6 and shown.endswith("000"):
        shown = shown[:-3]
    return f".{shown}"


def _offset(seconds: int, zone: str) -> int:
    """Return the seconds that local time is ahead of UTC; 0 for years that Python does not support."""
    fixed = _OFFSET.fullmatch(zone)
    if fixed:
        ahead = int(fixed[2]) * 3600 + int(fixed[3]) * 60
        return ahead if fixed[1] == "+" else -ahead
    known = _zone(zone)
    if known is None:
        return 0
    try:
        offset = dt.datetime.fromtimestamp(seconds, known).utcoffset()
    except (ValueError, OverflowError, OSError):
        return 0
    return 0 if offset is None else int(offset.total_seconds())


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):  # an unknown zone, or a machine without a list of zones
        return None


def _suffix(offset: int) -> str:
    if not offset:
        return "Z"
    sign, offset = ("-", -offset) if offset < 0 else ("+", offset)
    shown = _clock(offset)
    return sign + (shown[:-3] if shown.endswith(":00") else shown)
