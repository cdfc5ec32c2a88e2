# SPDX-License-Identifier: BSD-3-Clause
"""Values that are larger than one result, kept as resources for a while, for the caller alone.

Owns what is kept, and how it is read: `result://ID`, with offset and limit in rows of a data frame or in
characters of a text. Any thread.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

from pydantic import Field

from ..content import ResourceValue, frames, paging
from ..content.resources import MAX_RESOURCE_ROWS
from .context import Context
from .resources import Resource

__all__ = ["KeptResults"]

MAX_KEPT: Final = 64
"""Results kept by one server, of all senders; the oldest go first."""

MAX_KEPT_BYTES: Final = 512 * 2**20
"""The same in bytes. A frame is not copied: what the notebook has anyway costs nothing more."""

MAX_ITEM_BYTES: Final = 32 * 2**20
"""A text or picture that is kept: as base64, it still fits into one message of a link."""

Limit = Annotated[int | None, Field(ge=1, description="Rows of a data frame, or characters of a text.")]


@dataclass(frozen=True, slots=True)
class _Kept:
    """A frame, or text or bytes with their type; whose it is and how large."""

    value: Any
    sender: str
    size: int


class KeptResults:
    """Keeps what did not fit into a result; the oldest values go first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        pages = Resource.of(
            "result://{id}{?offset,limit,columns,format}", self._read, name="a kept result", concurrent=True
        )
        self._resource = replace(pages, ours=True)  # a column may be called like a path

    def keep_frame(self, frame: Any, sender: str) -> str | None:
        """Keep a data frame that does not change (see `frames.snapshot`).

        Returns
        -------
        str or None
            Its URI; None when it is too large to be kept.
        """
        return self._keep(_Kept(frame, sender, frames.nbytes(frame)), MAX_KEPT_BYTES)

    def keep(self, value: ResourceValue, sender: str) -> str | None:
        """The same for text or bytes."""
        return self._keep(_Kept(value, sender, size_of(value)), MAX_ITEM_BYTES)

    def _keep(self, item: _Kept, most: int) -> str | None:
        if item.size > most:
            return None
        key = secrets.token_hex(16)  # 128 bits; in one case, since clients may change that of a host
        with self._lock:
            self._kept[key] = item
            self._bytes += item.size
            while len(self._kept) > MAX_KEPT or self._bytes > MAX_KEPT_BYTES:
                _, oldest = self._kept.popitem(last=False)
                self._bytes -= oldest.size
        return f"result://{key}"

    def forget(self, sender: str) -> None:
        """Drop what is kept for a sender."""
        with self._lock:
            for key in [key for key, item in self._kept.items() if item.sender == sender]:
                self._bytes -= self._kept.pop(key).size

    def resource_at(self, uri: str) -> tuple[Resource, Mapping[str, str]] | None:
        """What reads a kept result; as `Catalog.resource_at`. It is in no list: each caller has its own."""
        variables = self._resource.template.match(uri)
        return None if variables is None else (self._resource, variables)

    def _read(
        self,
        id: str,
        ctx: Context,
        offset: paging.Offset = 0,
        limit: Limit = None,
        columns: paging.Columns = None,
        format: paging.Format = "csv",
    ) -> ResourceValue:
        with self._lock:
            found = self._kept.get(id)
        request = ctx.request_context
        if found is None or found.sender != request.sender:  # one answer: who is told more could guess
            raise request.era.resource_not_found(f"result://{id}")
        value = found.value
        if not isinstance(value, ResourceValue):
            return paging.read_rows(
                value, offset, min(limit or MAX_RESOURCE_ROWS, MAX_RESOURCE_ROWS), columns, format
            )
        if isinstance(value.data, bytes) or (not offset and limit is None):
            return value
        part = value.data[offset : None if limit is None else offset + limit]
        meta = {"offset": offset, "characters": len(part), "total": len(value.data)}
        return ResourceValue(part, "text/plain", meta)


def size_of(value: ResourceValue) -> int:
    """Bytes of a text or of bytes."""
    return len(value.data.encode("utf-8", "replace") if isinstance(value.data, str) else value.data)
