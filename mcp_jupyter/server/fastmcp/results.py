# SPDX-License-Identifier: BSD-3-Clause
"""Fit the result of a call to what the caller's host hands to its model, and keep the rest.

`Presenter` applies the request's `HostProfile`: sizes, structured content, pictures. `KeptResults` keeps what
does not fit, and the result tells the model how to read on (`resource_link`, spec 2025-06-18, server/tools).
Converting values to content is left to `server.content`.
"""

from __future__ import annotations

import secrets
import threading
from base64 import b64decode
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Final

from pydantic import Field
from pydantic_core import from_json

from ... import types
from ...protocol.frames import dumps, dumps_with_serialised, has_too_many_containers
from ...protocol.limits import MAX_LINE_BYTES
from ..content import Content, FramePage, ResourceValue, tables
from ..content import resources as paging
from ..content.images import with_texts, without_texts
from ..content.resources import MAX_RESOURCE_ROWS
from ..content.size_limits import beginning, first_lines, json_size
from ..host_profiles import HostProfile
from .context import Context
from .resources import Resource

__all__ = [
    "MAX_PICTURES",
    "PRINTED_CHARS",
    "Draft",
    "KeptResults",
    "Presenter",
]


PRINTED_CHARS: Final = 4_000
"""Characters of a call's printed text in its result; at most a third of the result."""

MAX_PICTURES: Final = 4
"""Pictures of one result. Models use only a few."""

OWN_CHARS: Final = PRINTED_CHARS + 100
"""Characters that we may add to structured content: the object around a value, and the printed text."""

LINK_CHARS: Final = 400
"""Characters reserved for a link to a kept value and the sentence about it."""

ERROR_HEAD_CHARS: Final = 1_000
"""Characters from the beginning of a cut error. The rest is from its end, where a traceback has the cause."""

MAX_KEPT_ERROR: Final = 1_000_000
"""Characters of an error that are kept for the caller."""

_TOO_LARGE: Final = "too large for this result"

_KINDS: Final = {"image": "picture", "audio": "sound"}


@dataclass(slots=True)
class Draft:
    """The complete result of a call, before it is fitted to the host.

    Attributes
    ----------
    result : CallToolResult
        All content blocks, and the structured content if there is any.
    pages : list of FramePage
        The data frames among the blocks.
    promised : bool
        Whether the tool has an output schema.
    is_text : bool
        Whether that schema is only a text.
    is_ours : bool
        Whether this package defines the structured object, so that "printed" may be added to it.
    structure_size : int or None
        Bytes of the structured content as JSON, if it is or holds a `Serialised`; None when unknown.
    """

    result: types.CallToolResult
    pages: list[FramePage] = field(default_factory=list)
    promised: bool = False
    is_text: bool = False
    is_ours: bool = False
    structure_size: int | None = None

    def add(self, shown: Content) -> None:
        """Add displayed content, unless the result has it already (`display(frame); return frame`)."""
        if not all(block in self.result.content for block in shown.blocks):
            self.result.content.extend(shown.blocks)
            self.pages.extend(shown.pages)


class Presenter:
    """Fit one result to the caller's host.

    Parameters
    ----------
    name, sender : str
        The tool's name, and the call's principal.
    profile : HostProfile
        The host's profile, within the user's budget.
    kept : KeptResults
        Keeps what does not fit.
    by_tool : bool
        Whether the model reads on with the tool `read_more`.
    """

    def __init__(
        self, name: str, sender: str, profile: HostProfile, kept: KeptResults, *, by_tool: bool
    ) -> None:
        self._name = name
        self._sender = sender
        self._profile = profile
        self._kept = kept
        self._by_tool = by_tool
        self._pictures = 0
        self._text_is_cut = False
        self._media_left = profile.media_chars
        self._left = profile.result_chars

    # -- errors ----------------------------------------------------------------------------------

    def error(self, text: str, printed: str = "") -> types.CallToolResult:
        """Return the result of a failed call: the text of its error, cut in the middle if it is too long."""
        most = self._profile.error_chars
        blocks: list[Any] = []
        if len(text) > most:
            uri = self._kept.keep(ResourceValue(text[:MAX_KEPT_ERROR], "text/plain"), self._sender)
            where = f" {self._read_on(uri)}" if uri else ""
            between = (
                f"\n[... The error has {len(text)} characters; those between are left out.{where} ...]\n"
            )
            end = most - ERROR_HEAD_CHARS - len(between)
            head = text[: most - len(between)] if end <= 0 else text[:ERROR_HEAD_CHARS]
            text = head + between + (text[-end:] if end > 0 else "")
            blocks += self._link(uri, "text/plain", None)
        if printed and self._profile.printed:
            blocks.append(_printed(self._cut_printed(printed)))
        return types.CallToolResult(content=[types.TextContent(text=text), *blocks], isError=True)

    # -- results ---------------------------------------------------------------------------------

    def result(self, draft: Draft, printed: str = "") -> types.CallToolResult:
        """Return the fitted result. This changes the objects in `draft`."""
        result = draft.result
        shown = self._cut_printed(printed) if printed and self._profile.printed else ""
        if shown:
            self._left -= json_size(shown) + len("Printed:\n")
        self._choose_structure(draft)
        told = with_texts if self._profile.picture_texts else without_texts
        result.content[:] = self._fitted(told(result.content), draft.pages)
        if shown:
            result.content.append(_printed(shown))
            if draft.is_ours and result.structuredContent is not None:
                result.structuredContent = {**result.structuredContent, "printed": shown}
        self._fit_structure(draft)
        if self._profile.structures_json_text and result.structuredContent is None and not result.isError:
            self._structure_json_text(result)
        return result

    def _choose_structure(self, draft: Draft) -> None:
        """Drop structured content that the host does not use, or that would hide pictures."""
        result, kind = draft.result, self._profile.structure
        keeps = kind == "all" or (draft.promised and kind == "promised")
        keeps = keeps or (draft.promised and kind == "typed" and not draft.is_text)
        if self._profile.structure_hides_pictures and any(block.type == "image" for block in result.content):
            keeps = False
        if not keeps and (result.content or result.structuredContent is None):
            _drop_structure(result)

    def _fitted(self, blocks: Sequence[Any], pages: Sequence[FramePage]) -> list[Any]:
        """Return the fitted blocks. Pages of data frames share equally what the other blocks leave."""
        content: list[Any] = []
        if not pages:
            for block in blocks:
                content += self._fitted_block(block)
            return content
        page_of = {id(page.block): page for page in pages}
        # First all other blocks, so that `self._left` is what remains for the pages.
        parts = [page_of.get(id(block)) or self._fitted_block(block) for block in blocks]
        for part in parts:
            if isinstance(part, FramePage):
                part = self._page(part, max(self._left // len(pages), 0))
            content += part
        return content

    def _fitted_block(self, block: Any) -> list[Any]:
        """Return a block unchanged, cut, or replaced by a link, and subtract its size from what is left."""
        if block.type == "text":
            size = json_size(block.text)
            if size <= min(self._profile.text_chars, self._left) and self._has_few_lines(block.text):
                self._left -= size  # most results end here
                return [block]
            fitted = self._cut_text(block.text)
        elif block.type in ("image", "audio"):
            fitted = self._fitted_media(block)
        elif block.type == "resource":
            fitted = self._fitted_resource(block)
        else:
            fitted = [block]
        self._left -= sum(_room(each) for each in fitted)
        return fitted

    def _has_few_lines(self, text: str) -> bool:
        most = self._profile.text_lines
        return len(text) < most or text.count("\n") < most

    def _cut_text(self, text: str) -> list[Any]:
        most = min(self._profile.text_chars, max(self._left, 0))
        self._text_is_cut = True
        mime_type = "application/json" if text.startswith(("{", "[")) else "text/plain"
        uri = self._kept.keep(ResourceValue(text, mime_type), self._sender)
        shown = first_lines(beginning(text, max(most - LINK_CHARS, 0)), self._profile.text_lines)
        at = len(shown)
        how = f" {self._read_on(uri, at, at or None)}" if uri else " The rest is too large to be kept."
        said = f"Characters 0 to {at - 1} of {len(text)}." if at else f"A text of {len(text)} characters."
        cut = types.TextContent(text=f"{shown}\n... {said}{how}" if at else f"{said}{how}")
        return [cut, *self._link(uri, mime_type, len(text.encode("utf-8", "replace")))]

    def _fitted_media(self, block: Any) -> list[Any]:
        is_picture = block.type == "image"
        size = len(block.data)
        hidden = is_picture and not self._profile.pictures
        if not hidden and size <= self._media_left and (not is_picture or self._pictures < MAX_PICTURES):
            self._media_left -= size
            self._pictures += is_picture
            return [block]
        why = f"which {self._profile.title} does not show to its model" if hidden else _TOO_LARGE
        if not hidden and is_picture and self._pictures >= MAX_PICTURES:
            why = f"left out, because a result has at most {MAX_PICTURES} pictures"
        return self._in_place(block.data, block.mimeType, why)

    def _fitted_resource(self, block: Any) -> list[Any]:
        item = block.resource
        if isinstance(item, types.TextResourceContents):
            most = min(self._profile.text_chars, self._left)
            if json_size(item.text) <= most:
                return [block]
            return self._in_place(item.text, item.mimeType or "text/plain", _TOO_LARGE, encoded=False)
        if len(item.blob) <= min(self._profile.text_chars, self._left):
            return [block]
        return self._in_place(item.blob, item.mimeType or "application/octet-stream", _TOO_LARGE)

    def _in_place(self, data: str, mime_type: str, why: str, *, encoded: bool = True) -> list[Any]:
        """Replace a picture or file by a sentence and a link. `encoded`: `data` is base64."""
        kind = _KINDS.get(mime_type.partition("/")[0], "file")
        try:
            value = ResourceValue(b64decode(data) if encoded else data, mime_type)
        except ValueError:  # the tool's mistake; the rest of the result is still useful
            return [types.TextContent(text=f"(A {kind}, {mime_type}, which is not valid base64.)")]
        uri, size = self._kept.keep(value, self._sender), size_of(value)
        where = f" It is the resource {uri}" if uri else ""
        said = types.TextContent(text=f"(A {kind}, {mime_type}, {size} bytes, {why}.{where})")
        return [said, *self._link(uri, mime_type, size)]

    def _page(self, part: FramePage, room: int) -> list[Any]:
        """Return a page of rows as text. Sentence, structured content and link say how to get the others."""
        page, total = part.page, part.page["total"]
        if not page["truncated"] and _needs(page) <= room:
            return [types.TextContent(text=tables.to_markdown(page))]
        uri = self._kept.keep_frame(part.frame, self._sender)
        _leave_out_rows(page, room - LINK_CHARS)
        shown = len(page["rows"])
        said = f"Rows 0 to {shown - 1} of {total}." if shown else f"None of {total} rows fits."
        if "total_columns" in page:
            said += f" Columns 1 to {len(page['columns'])} of {page['total_columns']}."
        if uri is None:
            said += " The frame is too large to be kept: ask for less."
        else:
            # All rows can be shown and columns still be missing: then start again at row 0.
            rest = {"offset": shown if shown < total else 0, "limit": shown or 10, "format": "csv"}
            where = uri + "?" + "&".join(f"{key}={value}" for key, value in rest.items())
            page["more"] = {
                "uri": where,
                "next_offset": rest["offset"],
                "hint": f"{said} {self._read_on(None)}",
            }
            said += f" {self._read_on(where)}"
        blocks: list[Any] = [types.TextContent(text=tables.to_markdown(page, said))]
        if uri is not None:
            about = f"All {total} rows. By pages, columns and format: {uri}?offset=0&limit=1000&format=csv"
            blocks += self._link(uri, "text/csv", tables.nbytes(part.frame), about)
        return blocks

    def _fit_structure(self, draft: Draft) -> None:
        """Keep the structured content within its size, or replace it by an error if it was promised."""
        result = draft.result
        if result.structuredContent is None:
            return
        first = result.content[0] if result.content else None
        if draft.is_text and self._text_is_cut and isinstance(first, types.TextContent):
            result.structuredContent |= {"result": first.text}  # part of a text is a text
        host_decides = self._profile.structure == "typed"
        most = self._profile.structure_chars
        if draft.structure_size is not None and draft.structure_size + OWN_CHARS <= most:
            return  # most structures end here, so that they are not serialised a second time
        text = dumps_with_serialised(result.structuredContent)
        if len(text) <= most:
            return
        _drop_structure(result)
        if not draft.promised or host_decides:
            return
        result.isError = True
        why = (
            f"What {self._name} returned is larger than the {most} characters that one result may have, and "
            "its output schema allows no part of it. Ask for less, or read all of it by the link below."
        )
        links: list[Any] = []
        if not self._text_is_cut:  # otherwise the cut text already has a link to all of it
            whole = ResourceValue(text.decode("utf-8"), "application/json")
            links = self._link(self._kept.keep(whole, self._sender), "application/json", len(text))
        result.content = [types.TextContent(text=why), *result.content, *links]

    @staticmethod
    def _structure_json_text(result: types.CallToolResult) -> None:
        """Add structured content if a host would parse the text as JSON that is not an object.

        Such hosts report a number or list as an error.
        """
        first = result.content[0] if result.content else None
        if first is None or first.type != "text" or has_too_many_containers(first.text):
            return
        try:
            value = from_json(first.text)
        except ValueError:
            return
        if not isinstance(value, dict):
            result.structuredContent = {"result": value}

    # -- words -----------------------------------------------------------------------------------

    def _read_on(self, uri: str | None, offset: int | None = None, limit: int | None = None) -> str:
        """Return the sentence on how to get the rest: by the host's tool for resources, or by `read_more`."""
        query = "" if not offset else f"?offset={offset}" + (f"&limit={limit}" if limit else "")
        if self._by_tool:
            return "To read on, call the tool read_more with " + (f"{uri}{query}" if uri else "this uri.")
        return "To read on, read the resource " + (f"{uri}{query}" if uri else "at this uri.")

    def _link(self, uri: str | None, mime_type: str, size: int | None, about: str | None = None) -> list[Any]:
        if uri is None:
            return []
        said: dict[str, Any] = {"description": about, "size": size}
        said = {key: value for key, value in said.items() if value is not None}
        return [types.ResourceLink(uri=uri, name=f"result of {self._name}", mimeType=mime_type, **said)]

    def _cut_printed(self, printed: str) -> str:
        """Return the printed text, with its middle cut out if it is too long."""
        most = min(PRINTED_CHARS, self._profile.result_chars // 3)
        printed = printed.strip("\n")
        if json_size(printed) <= most:
            return printed
        between = f"\n[... of {len(printed)} characters, those between are left out ...]\n"
        half = max((most - len(between)) // 2, 0)
        return beginning(printed, half) + between + beginning(printed[::-1], half)[::-1]


def _printed(text: str) -> types.TextContent:
    return types.TextContent(text=f"Printed:\n{text}")


def _room(block: Any) -> int:
    """Return a block's share of a result's characters. Pictures and sounds have their own limit, so 0."""
    if block.type == "text":
        return json_size(block.text)
    if block.type == "resource":
        item = block.resource
        return json_size(item.text) if isinstance(item, types.TextResourceContents) else len(item.blob)
    return LINK_CHARS if block.type == "resource_link" else 0


def _needs(page: dict[str, Any]) -> int:
    """Return the characters that a page needs as text or as structured content, whichever is more."""
    return max(json_size(tables.to_markdown(page)), len(dumps(page)))


def _leave_out_rows(page: dict[str, Any], room: int) -> None:
    """Remove the last rows until the page needs at most `room` characters."""
    rows, low, high = page["rows"], 0, len(page["rows"])
    while low < high:  # bisect for the largest number of rows that fits
        middle = (low + high + 1) // 2
        page["rows"] = rows[:middle]
        if _needs(page) <= room:
            low = middle
        else:
            high = middle - 1
    page["rows"] = rows[:low]
    page["truncated"] = page["truncated"] or low < len(rows)


def _drop_structure(result: types.CallToolResult) -> None:
    result.structuredContent = None
    result.model_fields_set.discard("structuredContent")  # otherwise it would be sent as null


# -- kept results --------------------------------------------------------------------------------
#
# Keep values that are larger than one result for a while, as resources that only the caller can read:
# `result://ID`, with offset and limit in rows of a data frame or in characters of a text. Any thread.

MAX_KEPT: Final = 64
"""Results kept by one server, of all senders; the oldest go first."""

MAX_KEPT_BYTES: Final = 512 * 2**20
"""Bytes of all kept results. Frames are not copied: one that the notebook holds too takes no more memory."""

MAX_ITEM_BYTES: Final = MAX_LINE_BYTES // 2
"""Bytes of one kept text or picture: as base64, it still fits into one message of a link."""

Limit = Annotated[int | None, Field(ge=1, description="Rows of a data frame, or characters of a text.")]


@dataclass(frozen=True, slots=True)
class _Kept:
    """A kept frame, or `ResourceValue`, with the principal that may read it and its size in bytes."""

    value: Any
    sender: str
    size: int


class KeptResults:
    """Keep values that did not fit into a result; the oldest are dropped first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        pages = Resource.of(
            "result://{id}{?offset,limit,columns,format}", self._read, name="a kept result", concurrent=True
        )
        self._resource = replace(pages, ours=True)  # no path checks: a column's name may look like a path

    def keep_frame(self, frame: Any, sender: str) -> str | None:
        """Keep a data frame that must not change any more (see `tables.snapshot`).

        Returns
        -------
        str or None
            Its URI; None if it is too large to be kept.
        """
        return self._keep(_Kept(frame, sender, tables.nbytes(frame)), MAX_KEPT_BYTES)

    def keep(self, value: ResourceValue, sender: str) -> str | None:
        """Keep a text or bytes, as `keep_frame` does."""
        return self._keep(_Kept(value, sender, size_of(value)), MAX_ITEM_BYTES)

    def _keep(self, item: _Kept, most: int) -> str | None:
        if item.size > most:
            return None
        key = secrets.token_hex(16)  # 128 bits; lower case only, because clients may lower-case a URI's host
        with self._lock:
            self._kept[key] = item
            self._bytes += item.size
            while len(self._kept) > MAX_KEPT or self._bytes > MAX_KEPT_BYTES:
                _, oldest = self._kept.popitem(last=False)
                self._bytes -= oldest.size
        return f"result://{key}"

    def forget(self, sender: str) -> None:
        """Drop all values kept for a sender."""
        with self._lock:
            for key in [key for key, item in self._kept.items() if item.sender == sender]:
                self._bytes -= self._kept.pop(key).size

    def resource_at(self, uri: str) -> tuple[Resource, Mapping[str, str]] | None:
        """Return the resource that reads a kept result, as `Catalog.resource_at` does. Lists leave it out."""
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
        # Unknown and foreign ids get the same error, so that a client cannot find out which ids exist.
        if found is None or found.sender != request.sender:
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
    """Return the size in bytes of a text (as UTF-8) or of bytes."""
    return len(value.data.encode("utf-8", "replace") if isinstance(value.data, str) else value.data)
