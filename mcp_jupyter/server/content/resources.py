# SPDX-License-Identifier: BSD-3-Clause
"""What a Python value becomes when it is read as a resource: text or bytes, and a MIME type."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass
from typing import Any, Final

from ...errors import McpError
from ...protocol.frames import dumps
from . import frames
from .media import Audio, Image
from .table import ContentTable

__all__ = ["MAX_RESOURCE_CELLS", "MAX_RESOURCE_CHARS", "MAX_RESOURCE_ROWS", "ResourceValue", "to_resource"]

MAX_RESOURCE_ROWS: Final = 10_000
"""Rows of a frame in one read; `meta` says how many there are."""

MAX_RESOURCE_CELLS: Final = 200_000
"""Cells of a frame in one read, where its rows are wide: some megabytes of text."""


MAX_RESOURCE_CHARS: Final = 8_000_000
"""Characters of the same, as JSON, where cells are long."""


@dataclass(frozen=True, slots=True)
class ResourceValue:
    """What one read gives: text or bytes, its MIME type, and notes for programs."""

    data: str | bytes
    mime_type: str
    meta: dict[str, Any] | None = None


def to_resource(value: Any, table: ContentTable, mime_type: str | None = None) -> ResourceValue:
    """A value as a resource.

    Parameters
    ----------
    mime_type : str, optional
        In place of the one that follows from the value. A data frame is then written in that format, if
        it has it (see `paging`); CSV is its own.
    """
    if isinstance(value, ResourceValue):
        return value
    if (frame := frames.as_frame(value)) is not None:
        try:
            return _frame(frame, mime_type or "text/csv")
        except McpError:
            raise
        except Exception:  # noqa: BLE001 - each library's own: its text is read, and the reason
            mime_type = None
    if mime_type == "text/html" and (html := getattr(value, "_repr_html_", None)) is not None:
        return ResourceValue(str(html()), mime_type)  # else a model gets the text of it
    found = _natural(value, table)
    return found if mime_type is None else ResourceValue(found.data, mime_type, found.meta)


def _frame(value: Any, mime_type: str) -> ResourceValue:
    from . import paging  # which needs this module

    if mime_type in (paging.MIME_TYPES["parquet"], paging.MIME_TYPES["arrow"]):
        formats = {mime: format for format, mime in paging.MIME_TYPES.items()}
        return paging.read_rows(value, format=formats[mime_type])
    page = frames.to_page(value, limit=MAX_RESOURCE_ROWS, cells=MAX_RESOURCE_CELLS, chars=MAX_RESOURCE_CHARS)
    meta = {"rows": len(page["rows"]), "total": page["total"], "truncated": page["truncated"]}
    if mime_type == "application/json":
        return ResourceValue(dumps(page).decode("utf-8"), mime_type, meta)
    write = frames.to_markdown if mime_type == "text/markdown" else frames.to_csv
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
