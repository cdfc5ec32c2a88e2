# SPDX-License-Identifier: BSD-3-Clause
"""Convert data frames (pandas, polars, pyarrow) to a page of rows, and a page to Markdown and CSV.

The libraries are not imported here: a program with a data frame has imported its library.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable
from typing import Any, Final

from ..._util.names import is_builtin, module_of
from ...protocol.frames import dumps
from . import columns
from .columns import named, readable, short_format
from .size_limits import MAX_PARTS, TooManyParts
from .values import plain, unique

__all__ = [
    "FRAME_SCHEMA",
    "MAX_CELLS",
    "MAX_LISTED",
    "MAX_ROWS",
    "PAGE_CHARS",
    "as_frame",
    "column",
    "is_frame",
    "is_frame_class",
    "kind",
    "kinds",
    "labels",
    "nbytes",
    "page_rows",
    "rows_of",
    "shorten",
    "snapshot",
    "to_csv",
    "to_markdown",
    "to_page",
    "to_part",
    "width",
]

MAX_ROWS: Final = 200
"""Rows of a frame in one tool result: as many as a model can use; `total` has the number of all rows."""

MAX_LISTED: Final = 10_000
"""Items of a library's sequence or array that is sent as a list; a longer one is sent as a data frame."""

MAX_CELLS: Final = 20_000
"""Cells of a frame in one tool result: 200 rows of 100 columns. Frames with more columns get fewer rows."""

PAGE_CHARS: Final = 9_000
"""Characters of a frame in one tool result, as JSON. Only Cline cuts such results (`host_profiles`)."""

MAX_CELL_CHARS: Final = 200
"""Characters of one cell in the Markdown table."""

MIN_CELL_CHARS: Final = 60
"""Characters that each cell of a too long row keeps. If a frame has too many columns for that, the last ones
are left out."""

COLUMN_CHARS: Final = 12
"""Characters of a column besides its label and a cell: quotes, commas, and the rule of a Markdown table."""

CHUNK_ROWS: Final = 100
"""Rows that are converted to JSON values at once; those of the last chunk may turn out to be too many."""

_CLASSES: Final = frozenset(
    {
        ("pandas", "DataFrame"),
        ("pandas", "Series"),
        ("polars", "DataFrame"),
        ("polars", "Series"),
        ("pyarrow", "Table"),
        ("pyarrow", "ChunkedArray"),
    }
)
"""By name: the libraries are slow to import, and may not be installed."""

FRAME_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "columns": {"type": "array", "items": {"type": "string"}},
        "rows": {"type": "array", "items": {"type": "array"}},
        "total": {"type": "integer", "description": "Rows in the whole frame."},
        "truncated": {"type": "boolean", "description": "Whether rows were left out."},
        "total_columns": {
            "type": "integer",
            "description": "Columns of the whole frame, where some were left out.",
        },
        "more": {
            "type": "object",
            "description": "How to read on, where rows were left out.",
            "properties": {
                "uri": {"type": "string"},
                "next_offset": {"type": "integer"},
                "hint": {"type": "string"},
            },
        },
        "printed": {"type": "string", "description": "What the call printed."},
    },
    "required": ["columns", "rows", "total", "truncated"],
}
"""The JSON Schema of the value of `to_page`."""


def is_frame(value: Any) -> bool:
    """Whether `value` is a data frame or a series in memory."""
    return is_frame_class(type(value))


def is_frame_class(kind: type) -> bool:
    """Whether a class is one of data frames or series in memory, or derived from one."""
    return module_of(kind) != "builtins" and named(kind, _CLASSES)


def as_frame(value: Any) -> Any:
    """Return a data frame or series unchanged, and a long sequence of a library as a series.

    "Long" means more than `MAX_LISTED` items. Return None for other values, and if this process has not
    imported a library of data frames.
    """
    if is_builtin(value):
        return None
    if is_frame(value):
        return value
    is_array = columns.is_array(value) and value.ndim == 1 and not value.dtype.names
    if not (is_array or columns.is_sequence(value)) or len(value) <= MAX_LISTED:
        return None
    if hasattr(value, "nlevels") and value.nlevels > 1:
        return value.to_frame(index=False, allow_duplicates=True)
    pandas, polars, pyarrow = map(sys.modules.get, ("pandas", "polars", "pyarrow"))
    if pyarrow is not None and isinstance(value, pyarrow.Array):
        return pyarrow.chunked_array([value])
    if pandas is not None:
        return pandas.Series(value, name=getattr(value, "name", None), copy=False).reset_index(drop=True)
    if polars is not None:
        return polars.Series("value", value)
    return pyarrow and pyarrow.chunked_array([pyarrow.array(value)])


def snapshot(value: Any) -> Any:
    """Return `as_frame(value)`, protected from later changes of the value by the user's code."""
    frame = as_frame(value.copy() if columns.is_array(value) else value)
    # Under pandas' copy-on-write this is the frame as it is now, without a copy of its values.
    return frame.copy(deep=False) if hasattr(frame, "iloc") else frame


def to_page(
    value: Any,
    *,
    offset: int = 0,
    limit: int = MAX_ROWS,
    cells: int = MAX_CELLS,
    chars: int | None = None,
) -> dict[str, Any]:
    """Return rows `offset` to `offset + limit` as JSON values (`FRAME_SCHEMA`).

    The index of a pandas frame becomes columns unless it is 0 to n-1. Labels become unique text. NaN and NaT
    become null, dates ISO 8601 text, and values without a JSON form their text (see `plain`). There are
    fewer rows if they would have more than `cells` cells, or more than `chars` characters as JSON, but at
    least one if the frame has one there.
    """
    total = len(value)
    end = offset + page_rows(value, offset, limit, cells)
    # Only these rows are read, so that the time does not depend on the length of the frame.
    labels, rows = (
        _pandas_table(value, value.iloc[offset:end]) if hasattr(value, "iloc") else _table(value[offset:end])
    )
    rows = plain(rows, readable) if chars is None else _plain_rows(rows, chars)
    return {
        "columns": _unique(labels),
        "rows": rows,
        "total": total,
        "truncated": offset > 0 or offset + len(rows) < total,
    }


def shorten(page: dict[str, Any], chars: int) -> None:
    """Shorten a page, in place, to about `chars` characters of JSON; it begins at the frame's first row.

    First the last columns are left out if there are very many, then long cells are cut, then the last rows
    are left out; one row always stays.
    """
    labels, rows = page["columns"], page["rows"]
    first = rows[0] if rows else [None] * len(labels)
    cost, kept = 0, 0
    for label, cell in zip(labels, first, strict=True):
        cost += len(dumps(label)) + min(len(dumps(cell)), MIN_CELL_CHARS) + COLUMN_CHARS
        if cost > chars and kept:
            page |= {"columns": labels[:kept], "total_columns": len(labels), "truncated": True}
            break
        kept += 1
    left = chars - len(dumps(page["columns"]))
    most = max(MIN_CELL_CHARS, left // kept) if kept else 0
    page["rows"] = []
    for row in rows:
        row = row[:kept]
        if len(dumps(row)) > chars // 2:
            row = [_cut_cell(cell, most) for cell in row]
        left -= len(dumps(row)) + 1
        if left < 0 and page["rows"]:
            page["truncated"] = True
            break
        page["rows"].append(row)


def _cut_cell(cell: Any, chars: int) -> Any:
    shown = dumps(cell)
    if len(shown) <= chars:
        return cell
    text = cell if isinstance(cell, str) else shown.decode("utf-8")
    return text[: chars * len(text) // len(shown) - 1] + "…"


def _plain_rows(rows: list[Any], chars: int) -> list[Any]:
    kept: list[Any] = []
    for begin in range(0, len(rows), CHUNK_ROWS):
        chunk = rows[begin : begin + CHUNK_ROWS]
        try:
            chunk = plain(chunk, readable)
        except TooManyParts:
            chunk = [[_plain_cell(cell) for cell in row] for row in chunk]
        for row in chunk:
            chars -= len(dumps(row))
            if chars < 0 and kept:
                return kept
            kept.append(row)
    return kept


def _plain_cell(cell: Any) -> Any:
    try:
        return plain(cell, readable)
    except TooManyParts:
        return f"<{type(cell).__name__} with more than {MAX_PARTS:,} parts>"


def page_rows(value: Any, offset: int, limit: int, cells: int) -> int:
    """Return how many rows a page from `offset` on has at most (see `to_page`)."""
    return max(0, min(limit, max(1, cells // (width(value) or 1)), len(value) - offset))


def _pandas_table(whole: Any, part: Any) -> tuple[list[Any], list[Any]]:
    frame = part if hasattr(part, "columns") else part.to_frame("value" if part.name is None else part.name)
    rows = _pandas_rows(frame)
    index = whole.index
    if type(index).__name__ == "RangeIndex" and (index.name, index.start, index.step) == (None, 0, 1):
        return list(frame.columns), rows
    names = ["index" if name is None else name for name in index.names]
    keys = zip(*(columns.cells(frame.index.get_level_values(at)) for at in range(index.nlevels)), strict=True)
    return [*names, *frame.columns], [[*key, *row] for key, row in zip(keys, rows, strict=True)]


def _pandas_rows(frame: Any) -> list[Any]:
    try:
        # As objects, block by block: a loop over rows or columns is slow for large frames.
        rows = frame.to_numpy(dtype=object).tolist()
        kinds = list(frame.dtypes)
        special = {kind for kind in set(kinds) if _is_own(kind)}
        own = [at for at, kind in enumerate(kinds) if kind in special]
    except Exception:  # noqa: BLE001 - a cell has no Python value; each library raises its own error
        rows = [[None] * len(frame.columns) for _ in range(len(frame))]
        own = list(range(len(frame.columns)))
    for at in own:
        for row, cell in zip(rows, columns.cells(frame.iloc[:, at]), strict=True):
            row[at] = cell
    return rows  # type: ignore[no-any-return]


def _is_own(kind: Any) -> bool:
    """Whether a pandas column is read separately: dates, columns of pyarrow, and short floats."""
    is_date = getattr(kind, "kind", "") in ("m", "M")
    return is_date or type(kind).__name__ == "ArrowDtype" or short_format(kind) is not None


def _table(value: Any) -> tuple[list[Any], list[Any]]:
    if not hasattr(value, "columns"):  # a series
        return [getattr(value, "name", None) or "value"], [[cell] for cell in columns.cells(value)]
    is_arrow = hasattr(value, "column_names")  # tables of pyarrow may have a name twice
    parts = value.columns if is_arrow else value.get_columns()
    labels = value.column_names if is_arrow else value.columns
    return list(labels), [list(row) for row in zip(*map(columns.cells, parts), strict=True)]


def _unique(labels: Iterable[Any]) -> list[str]:
    """Return labels as unique text: pandas allows numbers, tuples and duplicates."""
    return unique(
        " / ".join(map(readable, name)) if isinstance(name, tuple) else readable(name) for name in labels
    )


def labels(value: Any) -> list[str]:
    """Return the columns of a page of this frame: unique text, the index first if the page has it."""
    found: list[str] = to_page(value, limit=0)["columns"]
    return found


def width(value: Any) -> int:
    """Return the number of columns without the index; a series has one."""
    if not hasattr(value, "iloc") and hasattr(value, "num_columns"):  # `columns` of pyarrow builds them all
        return int(value.num_columns)
    return len(value.columns) if hasattr(value, "columns") else 1


def column(value: Any, at: int) -> Any:
    """Return the column at a position, without the index, as the library's series."""
    if hasattr(value, "iloc"):
        return value.iloc[:, at] if value.ndim == 2 else value
    if hasattr(value, "num_columns"):  # before `columns` is read: see `width`
        return value.column(at)
    return value.to_series(at) if hasattr(value, "columns") else value


def rows_of(value: Any, begin: int, end: int) -> Any:
    """Return a range of rows as the library's frame or series."""
    return value.iloc[begin:end] if hasattr(value, "iloc") else value[begin:end]


def kind(series: Any) -> Any:
    """Return the library's type of a series."""
    return series.dtype if hasattr(series, "dtype") else series.type


def kinds(value: Any) -> list[Any]:
    """Return the library's types of the columns in `labels`."""
    if not hasattr(value, "iloc"):
        if hasattr(value, "column_names"):
            return list(value.schema.types)
        own = getattr(value, "dtypes", None)
        return [kind(value)] if own is None else list(own)
    data = list(value.dtypes) if hasattr(value, "columns") else [value.dtype]
    index = value.index
    levels = [level.dtype for level in index.levels] if index.nlevels > 1 else [index.dtype]
    return data if len(labels(value)) == len(data) else levels + data


def nbytes(value: Any) -> int:
    """Return roughly the bytes of a frame, in pandas without those of texts and objects in its columns."""
    if hasattr(value, "iloc"):
        used = value.memory_usage(index=True, deep=False)
        return int(used.sum() if hasattr(used, "sum") else used)
    return int(value.estimated_size() if hasattr(value, "estimated_size") else value.nbytes)


def to_part(value: Any) -> Any:
    """Convert a part without a JSON form: a frame becomes its first page, another value its text."""
    if is_frame(value):
        try:
            page = to_page(value, chars=PAGE_CHARS)
            shorten(page, PAGE_CHARS)
            return page
        except Exception:  # noqa: BLE001 - each library raises its own: only this part becomes text
            return readable(value)
    return plain(value, readable)


def to_markdown(page: dict[str, Any], rest: str | None = None) -> str:
    """Return a page as a Markdown table; a last line says what was left out, or that the frame is empty.

    Parameters
    ----------
    page : dict
        See `to_page`.
    rest : str, optional
        The last line if something was left out; by default the numbers of rows and columns.
    """
    lines = ["| " + " | ".join(map(_cell, page["columns"])) + " |", "|" + " --- |" * len(page["columns"])]
    lines += ["| " + " | ".join(map(_cell, row)) + " |" for row in page["rows"]]
    if not page["columns"]:
        lines = [f"An empty data frame: {page['total']} rows, no columns."]
    elif not page["total"]:
        lines.append("\nAn empty data frame: no rows.")
    elif page["truncated"]:
        lines.append(f"\n{rest or _left_out(page)}")
    return "\n".join(lines)


def _left_out(page: dict[str, Any]) -> str:
    shown, columns = len(page["rows"]), page.get("total_columns")
    said = "" if columns is None else f", {len(page['columns'])} of {columns} columns"
    return f"{shown} of {page['total']} rows{said}."


def _cell(value: Any) -> str:
    text = _text(value)
    if len(text) > MAX_CELL_CHARS:
        text = text[: MAX_CELL_CHARS - 1] + "…"
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("\r", " ")


def _text(value: Any) -> str:
    if value is None:
        return ""
    return dumps(value).decode("utf-8") if isinstance(value, dict | list) else str(value)


def to_csv(page: dict[str, Any]) -> str:
    """Return a page as CSV (RFC 4180, except that lines end in LF); lists and objects are JSON."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(page["columns"])
    for row in page["rows"]:
        writer.writerow([_text(cell) if isinstance(cell, dict | list) else cell for cell in row])
    return target.getvalue()
