# SPDX-License-Identifier: BSD-3-Clause
"""Results that are too large for one answer: kept for who called, as resources, for a while.

Owns the budget of a result, what is shown in place of the whole, and what is kept. The answer says where
the whole is (`resource_link`, spec 2025-06-18, server/tools); only the sender of the call may read it. Any
thread.
"""

from __future__ import annotations

import secrets
import threading
from base64 import b64decode
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from ... import types
from ...protocol.frames import dumps
from ..content import Content, ResourceValue, frames, paging
from ..content.resources import MAX_RESOURCE_ROWS
from .context import Context
from .resources import Resource

__all__ = ["RESULT_BUDGET", "KeptResults"]

RESULT_BUDGET: Final = 1_000_000
"""Characters of the content of one result, pictures in base64 included: some pictures, or far more text
than a model reads."""

PREVIEW_CHARS: Final = 2000
"""Of a text that is over the budget: half a page to see what it is."""

MAX_KEPT: Final = 64
"""Results kept by one server, of all senders; the oldest go first."""

MAX_KEPT_BYTES: Final = 512 * 2**20
"""The same in bytes. A frame is not copied: what the notebook has anyway costs nothing more."""

MAX_ITEM_BYTES: Final = 32 * 2**20
"""A text or picture that is kept: as base64, it still fits into one message of a link."""


_TOO_LARGE: Final = (
    "What {} returned is larger than the {} characters that one result may have, and its output schema "
    "allows no part of it. Ask for less, or read the whole as the resource below."
)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A frame, or text or bytes with their type; whose it is and how large."""

    value: Any
    sender: str
    size: int


class KeptResults:
    """Keeps results within a budget, and what is over it for a while.

    Parameters
    ----------
    budget : int
        Characters of a result's content.

    Attributes
    ----------
    budget : int
        May be changed at any time.
    """

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        pages = Resource.of(
            "result://{id}{?offset,limit,columns,format}", self._read, name="a kept result", concurrent=True
        )
        self._resource = replace(pages, ours=True)  # a column may be called like a path

    def resource_at(self, uri: str) -> tuple[Resource, Mapping[str, str]] | None:
        """What reads a kept result; as `Catalog.resource_at`. It is in no list: each caller has its own."""
        variables = self._resource.template.match(uri)
        return None if variables is None else (self._resource, variables)

    def add_rest(self, content: Content, value: Any, name: str, sender: str) -> None:
        """Add, to the content of a frame that shows its first rows only, where the others are."""
        page, blocks = content.structured, content.blocks
        if not isinstance(page, dict) or frames.as_frame(value) is None:
            return
        value = frames.snapshot(value)
        if frames.trim(page, self.budget):  # its table stays: cells are short there
            about = f"As structured content: the first {len(page['rows'])} rows, for the others are long."
            blocks.append(types.TextContent(type="text", text=about))
        elif not page["truncated"]:
            return
        blocks.extend(self.keep_whole(value, name, sender))

    def keep_whole(self, frame: Any, name: str, sender: str) -> list[Any]:
        """Keep a data frame of which the result shows the first rows; a link to it, if it is not too large.

        Parameters
        ----------
        frame : Any
            A frame that nobody changes (see `frames.snapshot`).
        """
        size = frames.nbytes(frame)
        uri = self._keep(_Kept(frame, sender, size), MAX_KEPT_BYTES)
        if uri is None:
            return []
        about = f"All {len(frame)} rows. By pages, columns and format: {uri}?offset=0&limit=1000&format=csv"
        return [_link(uri, name, about, "text/csv", size)]

    def fit(self, result: types.CallToolResult, name: str, sender: str, promised: bool) -> None:
        """Cut a result to the budget; what is cut off is kept.

        Parameters
        ----------
        promised : bool
            Whether the tool has an output schema. A part of a text keeps to that; of anything else it would
            not (spec, server/tools, "Output Schema"), so the result is an error that says what to do.
        """
        left = self.budget
        if sum(map(_size, result.content)) <= left:
            self._fit_structured(result, name, sender, promised)
            return
        fitted: list[Any] = []
        for block in result.content:
            size = _size(block)
            if size <= left:
                left -= size
                fitted.append(block)
            else:
                cut = self._cut(block, name, sender)
                fitted.extend(cut)
                if block.type == "text" and result.structuredContent is not None:
                    self._cut_structured(result, cut[0].text, name, fitted, promised)
        result.content = fitted

    def _fit_structured(self, result: types.CallToolResult, name: str, sender: str, promised: bool) -> None:
        """The same for what is structured, where it says more than the content: all of a large array."""
        if result.structuredContent is None:
            return
        text = dumps(result.structuredContent)
        if len(text) > 2 * self.budget:  # a text within it, with much that JSON escapes, is not meant
            cut = self._cut(types.TextContent(type="text", text=text.decode("utf-8")), name, sender)
            result.content.extend(cut)
            self._cut_structured(result, cut[0].text, name, result.content, promised)

    def _cut_structured(
        self, result: types.CallToolResult, preview: str, name: str, fitted: list[Any], promised: bool
    ) -> None:
        """What a text that was cut says is structured too: the same once more."""
        if promised and _is_text(result.structuredContent):
            result.structuredContent = {"result": preview}  # part of a text is a text
            return
        result.structuredContent = None
        result.model_fields_set.discard("structuredContent")  # else it is sent as null
        if promised:
            result.isError = True
            fitted.insert(0, types.TextContent(text=_TOO_LARGE.format(name, self.budget)))

    def forget(self, sender: str) -> None:
        """Drop what is kept for a sender."""
        with self._lock:
            for key in [key for key, item in self._kept.items() if item.sender == sender]:
                self._bytes -= self._kept.pop(key).size

    def _cut(self, block: Any, name: str, sender: str) -> list[Any]:
        value = _whole(block)
        data = value.data
        size = len(data.encode("utf-8", "replace")) if isinstance(data, str) else len(data)
        uri = self._keep(_Kept(value, sender, size), MAX_ITEM_BYTES)
        where = f"the whole is the resource {uri}" if uri else "the whole is too large to be kept"
        if isinstance(data, str):
            shown = data[:PREVIEW_CHARS]
            said = f"{shown}\n... The first {len(shown)} of {len(data)} characters; {where}."
        else:
            said = f"{value.mime_type}, {size} bytes: too large for one answer; {where}."
        preview = types.TextContent(type="text", text=said)
        return [preview, _link(uri, name, None, value.mime_type, size)] if uri else [preview]

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

    def _read(
        self,
        id: str,
        ctx: Context,
        offset: paging.Offset = 0,
        limit: paging.Limit = MAX_RESOURCE_ROWS,
        columns: paging.Columns = None,
        format: paging.Format = "csv",
    ) -> ResourceValue:
        with self._lock:
            found = self._kept.get(id)
        request = ctx.request_context
        if found is None or found.sender != request.sender:  # one answer: who is told more could guess
            raise request.era.resource_not_found(f"result://{id}")
        if isinstance(found.value, ResourceValue):
            return found.value
        return paging.read_rows(found.value, offset, limit, columns, format)


def _size(block: Any) -> int:
    if block.type == "text":
        return len(block.text)
    if block.type == "resource":
        item = block.resource
        return len(item.text if isinstance(item, types.TextResourceContents) else item.blob)
    return len(block.data) if block.type in ("image", "audio") else 0


def _whole(block: Any) -> ResourceValue:
    if block.type == "text":
        mime_type = "application/json" if block.text.startswith(("{", "[")) else "text/plain"
        return ResourceValue(block.text, mime_type)
    if block.type in ("image", "audio"):
        return ResourceValue(b64decode(block.data), block.mimeType)
    item = block.resource
    if isinstance(item, types.TextResourceContents):
        return ResourceValue(item.text, item.mimeType or "text/plain")
    return ResourceValue(b64decode(item.blob), item.mimeType or "application/octet-stream")


def _is_text(structured: Any) -> bool:
    return (
        isinstance(structured, dict) and structured.keys() == {"result"} and type(structured["result"]) is str
    )


def _link(uri: str, name: str, about: str | None, mime_type: str, size: int) -> types.ResourceLink:
    said: dict[str, Any] = {} if about is None else {"description": about}
    return types.ResourceLink(uri=uri, name=f"result of {name}", mimeType=mime_type, size=size, **said)
