# SPDX-License-Identifier: BSD-3-Clause
"""JSON values with the shape of a table, as pandas data frames. Knows no results and no displays."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, Final

from ..text import one_line

__all__ = ["frame_of", "frame_of_csv", "is_page"]

MAX_NAMED: Final = 20
"""Keys that an error names."""

_DATES: Final = ("date-time", "date")

_INFINITIES: Final = frozenset({"Infinity", "-Infinity"})

_SHAPES: Final = "a list of objects, an object of lists of one length, or columns and rows"


def is_page(value: Any) -> bool:
    """Whether a value has the shape in which data frames travel (`server.content.frames`)."""
    if not isinstance(value, Mapping):
        return False
    columns, rows = value.get("columns"), value.get("rows")
    return (
        isinstance(columns, list)
        and isinstance(rows, list)
        and all(isinstance(name, str) for name in columns)
        and all(isinstance(row, list) and len(row) == len(columns) for row in rows)
    )


def frame_of(value: Any, schema: Mapping[str, Any] | None = None, key: str | None = None) -> Any:
    """A value as a data frame.

    Parameters
    ----------
    schema : mapping, optional
        The value's JSON Schema: columns that it says are dates become dates.
    key : str, optional
        Where in an object the table is.

    Raises
    ------
    ValueError
        The value has not the shape of a table.
    ImportError
        pandas is not installed.
    """
    schema = schema if isinstance(schema, Mapping) else {}
    if key is not None:
        if not isinstance(value, Mapping) or key not in value:
            raise ValueError(f"There is no key {key!r} in the result. {_what(value)}")
        return frame_of(value[key], _within(schema, "properties", key))
    if is_page(value):
        return _made(value["rows"], value["columns"])
    if isinstance(value, Mapping):
        if list(value) == ["result"]:
            return frame_of(value["result"], _within(schema, "properties", "result"))
        if value and _are_columns(value):
            return _typed(_made(dict(value)), _within(schema, "properties"), "items")
    if isinstance(value, list) and value and all(isinstance(each, Mapping) for each in value):
        return _typed(_made(value), _within(schema, "items", "properties"))
    if isinstance(value, list) and not any(isinstance(each, Mapping | list) for each in value):
        return _made({"value": value}) if value else _made()
    raise ValueError(f"The result is no table: that is {_SHAPES}. {_what(value)}")


def frame_of_csv(text: str) -> Any:
    """CSV text as a data frame."""
    return _pandas().read_csv(io.StringIO(text))


def _made(data: Any = None, columns: list[str] | None = None) -> Any:
    """A data frame, in which the infinities of a column of numbers are numbers: JSON has them as text."""
    frame = _pandas().DataFrame(data, columns=columns)
    for at, kind in enumerate(frame.dtypes):
        if kind.kind == "O":
            cells = frame.iloc[:, at].tolist()
            texts = {cell for cell in cells if isinstance(cell, str)}
            if texts and texts <= _INFINITIES and any(type(cell) in (int, float) for cell in cells):
                frame.isetitem(at, [float("nan") if cell is None else float(cell) for cell in cells])
    return frame


def _are_columns(value: Mapping[str, Any]) -> bool:
    return all(isinstance(each, list) for each in value.values()) and len(set(map(len, value.values()))) == 1


def _within(schema: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    for name in path:
        inner = schema.get(name)
        if not isinstance(inner, Mapping):
            return {}
        schema = inner
    return schema


def _typed(frame: Any, columns: Mapping[str, Any], *inner: str) -> Any:
    """The frame with its dates as dates, where they can be read as such."""
    pandas = _pandas()
    for name in frame.columns:
        schema = columns.get(name)
        if isinstance(schema, Mapping) and _within(schema, *inner).get("format") in _DATES:
            try:
                frame[name] = pandas.to_datetime(frame[name], format="ISO8601")
            except (ValueError, TypeError):
                continue
    return frame


def _what(value: Any) -> str:
    if isinstance(value, Mapping):
        names = ", ".join(one_line(repr(key)) for key in list(value)[:MAX_NAMED])
        tables = "" if not value else " `.df(key)` takes the table under one of them."
        return f"Its keys are {names}.{tables}" if value else "It is an empty object."
    return "It is empty." if value is None else f"It is of type {type(value).__name__}; see `.data`."


def _pandas() -> Any:
    try:
        import pandas
    except ImportError:
        raise ImportError("A data frame needs pandas, which is not installed: %pip install pandas") from None
    return pandas
