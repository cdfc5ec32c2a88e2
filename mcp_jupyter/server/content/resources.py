# SPDX-License-Identifier: BSD-3-Clause
"""Convert a Python value to the contents of a resource (text or bytes, and a MIME type), frames by pages."""

from __future__ import annotations

import io
from base64 import b64decode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import Field
from pydantic_core import from_json

from ..._util.text import join_names, safe_line
from ...errors import INVALID_PARAMS, McpError
from ...protocol.frames import dumps, has_too_many_containers
from . import tables
from .columns import cells, short_format
from .conversion import ContentTable
from .images import Audio, Image
from .values import plain, readable

__all__ = [
    "MAX_RESOURCE_CELLS",
    "MAX_RESOURCE_CHARS",
    "MAX_RESOURCE_ROWS",
    "Columns",
    "Format",
    "Limit",
    "Offset",
    "ResourceValue",
    "read_rows",
    "schema",
    "summary",
    "to_resource",
]


MAX_RESOURCE_ROWS: Final = 10_000
"""Rows of a frame in one read; `meta` has their total number."""

MAX_RESOURCE_CELLS: Final = 200_000
"""Cells of a frame in one read, for frames with many columns: some megabytes of text."""


MAX_RESOURCE_CHARS: Final = 8_000_000
"""Characters of a frame in one read, as JSON, for frames with long cells."""


@dataclass(frozen=True, slots=True)
class ResourceValue:
    """The contents of a resource in one read: text or bytes, its MIME type, and `_meta` for programs."""

    data: str | bytes
    mime_type: str
    meta: dict[str, Any] | None = None


def to_resource(value: Any, table: ContentTable, mime_type: str | None = None) -> ResourceValue:
    """Return a value as the contents of a resource.

    Parameters
    ----------
    value : Any
        The value to convert.
    table : ContentTable
        Converts values without a form of their own as a resource.
    mime_type : str, optional
        Replaces the MIME type that follows from the value. A data frame is written in that format if there
        is a writer for it, else as CSV, which is the default.

    Raises
    ------
    McpError
        INVALID_PARAMS: the format cannot hold the frame's values, or needs a library.
    """
    if isinstance(value, ResourceValue):
        return value
    if (frame := tables.as_frame(value)) is not None:
        try:
            return _frame(frame, mime_type or "text/csv")
        except McpError:
            raise
        except Exception:  # noqa: BLE001 - each library raises its own; the text says the reason
            mime_type = None
    if mime_type == "text/html" and (html := getattr(value, "_repr_html_", None)) is not None:
        return ResourceValue(str(html()), mime_type)  # asked for by name: otherwise HTML becomes text
    found = _natural(value, table)
    return found if mime_type is None else ResourceValue(found.data, mime_type, found.meta)


def _frame(value: Any, mime_type: str) -> ResourceValue:

    if mime_type in (MIME_TYPES["parquet"], MIME_TYPES["arrow"]):
        formats = {mime: format for format, mime in MIME_TYPES.items()}
        return read_rows(value, format=formats[mime_type])
    page = tables.to_page(value, limit=MAX_RESOURCE_ROWS, cells=MAX_RESOURCE_CELLS, chars=MAX_RESOURCE_CHARS)
    meta = {"rows": len(page["rows"]), "total": page["total"], "truncated": page["truncated"]}
    if mime_type == "application/json":
        return ResourceValue(dumps(page).decode("utf-8"), mime_type, meta)
    write = tables.to_markdown if mime_type == "text/markdown" else tables.to_csv
    return ResourceValue(write(page), mime_type, meta)


def _natural(value: Any, table: ContentTable) -> ResourceValue:
    if isinstance(value, str):
        return ResourceValue(value, "text/plain")
    if isinstance(value, bytes | bytearray | memoryview):
        return ResourceValue(bytes(value), "application/octet-stream")
    if isinstance(value, Image | Audio):
        return ResourceValue(value.read(), value.mime_type)
    content = table.convert(value)
    for block in content.blocks:
        if block.type in ("image", "audio"):
            return ResourceValue(b64decode(block.data), block.mimeType)
        if block.type == "text":
            return ResourceValue(block.text, content.mime_type)
    return ResourceValue("null", "application/json")


# -- paging --------------------------------------------------------------------------------------
#
# Read a data frame by pages, columns and format; describe its columns.
#
# A client's arguments are numbers, column names and one of five formats; they are never evaluated as code.
# Only the requested rows are read, except by `summary`.

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

MAX_SUMMARISED: Final = 200
"""Columns of a summary: each takes a pass over all its values."""

_WRITERS: Final[dict[str, Callable[[dict[str, Any]], str]]] = {
    "csv": tables.to_csv,
    "markdown": tables.to_markdown,
    "json": lambda page: dumps(page).decode("utf-8"),
}


def read_rows(
    value: Any,
    offset: int = 0,
    limit: int = MAX_RESOURCE_ROWS,
    columns: str | None = None,
    format: Format = "csv",
) -> ResourceValue:
    """Return one page of a frame or series.

    Parameters
    ----------
    value : DataFrame, Series, Table or ChunkedArray
        Of pandas, polars or pyarrow.
    offset, limit : int
        The first row, counted from 0, and the largest number of rows.
    columns : str, optional
        Labels separated by commas, or a JSON list of labels; the page has them in this order.
    format : {"csv", "json", "markdown", "parquet", "arrow"}
        How the page is written.

    Raises
    ------
    McpError
        INVALID_PARAMS: there is no such column, or the format cannot hold the values or needs a library.
    """
    labels = tables.labels(value)
    chosen = labels if columns is None else _chosen(columns, labels)
    narrow, order = _narrowed(value, labels, chosen)
    count = tables.page_rows(narrow, offset, limit, MAX_RESOURCE_CELLS)
    total = len(narrow)
    meta = {"offset": offset, "rows": count, "total": total, "truncated": offset > 0 or count < total}
    if format not in _WRITERS:
        # pyarrow writes the library's own values, without converting them to Python values.
        return ResourceValue(
            _binary(tables.rows_of(narrow, offset, offset + count), format), MIME_TYPES[format], meta
        )
    page = tables.to_page(
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
            wrong = f"Unknown column {safe_line(readable(name))!r}."
            raise McpError(INVALID_PARAMS, f"{wrong} Known columns: {join_names(labels)}.")
    return list(dict.fromkeys(found))


def _narrowed(value: Any, labels: list[str], chosen: list[str]) -> tuple[Any, list[int] | None]:
    """Return the frame with fewer columns, and the places of the chosen ones in its rows (None: unchanged).

    The index of a pandas frame stays part of the rows, whether it is chosen or not.
    """
    if chosen == labels:
        return value, None
    index = len(labels) - tables.width(value)
    places = [labels.index(name) for name in chosen]
    data = [place - index for place in places if place >= index]
    order, taken = [], index
    for place in places:
        order.append(place if place < index else taken)
        taken += place >= index
    if not hasattr(value, "columns"):  # a series has one column, and perhaps an index
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
        said = safe_line(readable(exc))
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
    """Return the columns of a frame with the library's names of their types, and the number of rows."""
    kinds = map(str, tables.kinds(value))
    columns = [{"name": name, "type": kind} for name, kind in zip(tables.labels(value), kinds, strict=False)]
    return {"kind": type(value).__name__, "rows": len(value), "columns": columns}


def summary(value: Any) -> dict[str, Any]:
    """Return statistics of the columns as a page (`FRAME_SCHEMA`) with one row for each column.

    It reads every value of each column: for 1 GB this takes seconds.
    """
    data = tables.labels(value)[-tables.width(value) :] if tables.width(value) else []
    rows = [[name, *_described(tables.column(value, at))] for at, name in enumerate(data[:MAX_SUMMARISED])]
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
    kind = tables.kind(series)
    # narwhals does not know pyarrow's date64.
    if values.dtype.is_temporal() or str(kind).startswith("date64") or short_format(kind) is not None:
        # Found by position and read as cells: Python has no value for some dates, and more digits for
        # short floats.
        found += [_extreme(series, values, f"arg_{name}", nw.Int64) for name in ("min", "max")]
    else:
        found += [_tried(getattr(values, name)) for name in ("min", "max")]
    is_number = values.dtype.is_numeric()
    return found + [_tried(getattr(values, name)) if is_number else None for name in ("mean", "std")]


def _extreme(series: Any, values: Any, where: str, integer: Any) -> Any:
    """Return the cell with the smallest or largest value; `where` is "arg_min" or "arg_max"."""
    at = _tried(getattr(values, where))
    if at is None:  # pyarrow cannot compare durations, but their integers
        at = _tried(lambda: getattr(values.cast(integer), where)())
    return None if at is None else _tried(lambda: cells(tables.rows_of(series, at, at + 1))[0])


def _tried(find: Callable[[], Any]) -> Any:
    """Return the JSON form of `find()`; None if it raises, as for objects that have no order."""
    try:
        return plain(find(), readable)
    except Exception:  # noqa: BLE001 - each library raises its own
        return None
