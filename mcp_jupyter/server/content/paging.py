# SPDX-License-Identifier: BSD-3-Clause
"""A data frame read by pages, columns and format, and what is to be known of it beforehand.

Owns the forms a frame has as a resource. What is asked for is numbers, column names and one of five words:
nothing of it is evaluated. Looks at the rows asked for and no others, but for `summary`.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import Field
from pydantic_core import from_json

from ...errors import McpError
from ...protocol.codes import INVALID_PARAMS
from ...protocol.frames import dumps, has_too_many_containers
from . import frames
from .columns import cells, short_format
from .plain import plain, readable
from .resources import MAX_RESOURCE_CELLS, MAX_RESOURCE_CHARS, MAX_RESOURCE_ROWS, ResourceValue

__all__ = ["Columns", "Format", "Limit", "Offset", "read_rows", "schema", "summary"]

Offset = Annotated[int, Field(ge=0, description="Rows to leave out at the beginning.")]
Limit = Annotated[int, Field(ge=1, le=MAX_RESOURCE_ROWS, description="Rows of the page.")]
Columns = Annotated[str | None, Field(description='Names, as in a,b or ["a,b", "c"]; all when left out.')]
Format = Literal["csv", "json", "markdown", "parquet", "arrow"]

MIME_TYPES: Final[dict[Format, str]] = {
    "csv": "text/csv",
    "json": "application/json",
    "markdown": "text/markdown",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.stream",
}

MAX_NAMED: Final = 50
"""Columns that an error names: enough to correct a slip."""

MAX_SUMMARISED: Final = 200
"""Columns of a summary: each is a pass over its values."""

_WRITERS: Final[dict[str, Callable[[dict[str, Any]], str]]] = {
    "csv": frames.to_csv,
    "markdown": frames.to_markdown,
    "json": lambda page: dumps(page).decode("utf-8"),
}


def read_rows(
    value: Any,
    offset: int = 0,
    limit: int = MAX_RESOURCE_ROWS,
    columns: str | None = None,
    format: Format = "csv",
) -> ResourceValue:
    """One page of a frame or series.

    Parameters
    ----------
    columns : str, optional
        Labels with commas between them, or a JSON list of labels; the page has them in this order.

    Raises
    ------
    McpError
        INVALID_PARAMS: there is no such column, or the format cannot hold the values or needs a library.
    """
    labels = frames.labels(value)
    chosen = labels if columns is None else _chosen(columns, labels)
    narrow, order = _narrowed(value, labels, chosen)
    count = frames.page_rows(narrow, offset, limit, MAX_RESOURCE_CELLS)
    total = len(narrow)
    meta = {"offset": offset, "rows": count, "total": total, "truncated": offset > 0 or count < total}
    if format not in _WRITERS:
        # As the library has them: no value becomes Python's.
        return ResourceValue(
            _binary(frames.rows_of(narrow, offset, offset + count), format), MIME_TYPES[format], meta
        )
    page = frames.to_page(
        narrow, offset=offset, limit=limit, cells=MAX_RESOURCE_CELLS, chars=MAX_RESOURCE_CHARS
    )
    meta |= {"rows": len(page["rows"]), "truncated": page["truncated"]}
    page["columns"] = chosen
    if order is not None:
        page["rows"] = [[row[at] for at in order] for row in page["rows"]]
    return ResourceValue(_WRITERS[format](page), MIME_TYPES[format], meta)


def _chosen(columns: str, labels: Sequence[str]) -> list[str]:
    try:
        is_json = columns.startswith("[") and not has_too_many_containers(columns)
        found = from_json(columns) if is_json else columns.split(",")
    except ValueError:
        found = columns.split(",")
    for name in found:
        if name not in labels:
            there_are = ", ".join(labels[:MAX_NAMED]) + (", ..." if len(labels) > MAX_NAMED else "")
            raise McpError(
                INVALID_PARAMS, f"There is no column {readable(name)[:100]!r}. There are: {there_are}."
            )
    return list(dict.fromkeys(found))


def _narrowed(value: Any, labels: list[str], chosen: list[str]) -> tuple[Any, list[int] | None]:
    """The frame with fewer columns, and where the chosen ones are in its rows (None: as they are)."""
    if chosen == labels:
        return value, None
    index = len(labels) - frames.width(value)
    places = [labels.index(name) for name in chosen]
    data = [place - index for place in places if place >= index]
    order, taken = [], index
    for place in places:
        order.append(place if place < index else taken)
        taken += place >= index
    if not hasattr(value, "columns"):  # a series: one column, and perhaps its index
        return value, places
    if hasattr(value, "iloc"):
        return value.iloc[:, data], order
    if hasattr(value, "column_names"):
        return value.select(data), order
    return value[:, data], order


def _binary(rows: Any, format: str) -> bytes:
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ImportError:
        raise McpError(
            INVALID_PARAMS, f"{format} needs pyarrow, which is not installed where the notebook runs."
        ) from None
    target = io.BytesIO()
    try:
        table = _arrow(rows, pa)
        if format == "parquet":
            pyarrow.parquet.write_table(table, target)
        else:
            with pa.ipc.new_stream(target, table.schema) as stream:
                stream.write_table(table)
    except Exception as exc:  # noqa: BLE001 - pyarrow's, or the library's that converts to it
        said = readable(exc)[:200]
        raise McpError(
            INVALID_PARAMS, f"These values have no {format} form ({said}); use csv or json."
        ) from None
    return target.getvalue()


def _arrow(rows: Any, pa: Any) -> Any:
    if not hasattr(rows, "columns"):
        rows = rows.to_frame() if hasattr(rows, "to_frame") else pa.table({"value": rows})
    if hasattr(rows, "iloc"):
        return pa.Table.from_pandas(rows)
    return rows.to_arrow() if hasattr(rows, "to_arrow") else rows


def schema(value: Any) -> dict[str, Any]:
    """The columns of a frame with their types, by the library's own names, and the number of rows."""
    kinds = map(str, frames.kinds(value))
    columns = [{"name": name, "type": kind} for name, kind in zip(frames.labels(value), kinds, strict=False)]
    return {"kind": type(value).__name__, "rows": len(value), "columns": columns}


def summary(value: Any) -> dict[str, Any]:
    """What the values of each column are like: a page (`FRAME_SCHEMA`) with a row for each column.

    Of every column the whole is looked at: on 1 GB this takes seconds.
    """
    data = frames.labels(value)[-frames.width(value) :] if frames.width(value) else []
    rows = [[name, *_described(frames.column(value, at))] for at, name in enumerate(data[:MAX_SUMMARISED])]
    return {
        "columns": ["column", "count", "missing", "min", "max", "mean", "std"],
        "rows": rows,
        "total": len(data),
        "truncated": len(rows) < len(data),
    }


def _described(series: Any) -> list[Any]:
    import narwhals as nw

    values = nw.from_native(series, series_only=True)
    missing = int(values.null_count())
    found: list[Any] = [len(values) - missing, missing]
    kind = frames.kind(series)
    # narwhals does not know pyarrow's date64.
    if values.dtype.is_temporal() or str(kind).startswith("date64") or short_format(kind) is not None:
        # As cells: Python may have no value for a date, and more digits for a short float.
        found += [_extreme(series, values, f"arg_{name}", nw.Int64) for name in ("min", "max")]
    else:
        found += [_tried(getattr(values, name)) for name in ("min", "max")]
    is_number = values.dtype.is_numeric()
    return found + [_tried(getattr(values, name)) if is_number else None for name in ("mean", "std")]


def _extreme(series: Any, values: Any, where: str, integer: Any) -> Any:
    """The cell with the least or largest value."""
    at = _tried(getattr(values, where))
    if at is None:  # pyarrow compares no durations
        at = _tried(lambda: getattr(values.cast(integer), where)())
    return None if at is None else _tried(lambda: cells(frames.rows_of(series, at, at + 1))[0])


def _tried(find: Callable[[], Any]) -> Any:
    """What it finds; None for what there is not: mixed objects have no order. Each library has its error."""
    try:
        return plain(find(), readable)
    except Exception:  # noqa: BLE001 - see above
        return None
