# SPDX-License-Identifier: BSD-3-Clause
"""The table that turns a Python value into MCP content, most specific row first.

A kernel puts rows of its own (figures, anything with a rich display) before the general ones. Whatever a
library raises when a value is converted, the value has a text in the end.
"""

from __future__ import annotations

import mimetypes
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic_core import from_json, to_json

from ... import types
from ..._util.text import MAX_MESSAGE_CHARS, safe_line
from ...errors import ToolError
from ...protocol.frames import Serialised, dumps
from ...types import AudioContent, ImageContent, TextContent
from . import columns, tables
from .images import SVG, Audio, Image, picture
from .markup import readable_html
from .values import plain, readable

__all__ = [
    "HTML",
    "RICH_TYPES",
    "TEXT",
    "Content",
    "ContentTable",
    "FramePage",
    "Row",
    "default_rows",
    "from_bundle",
    "most_telling",
]


_BLOCKS: Final = (
    types.TextContent,
    types.ImageContent,
    types.AudioContent,
    types.ResourceLink,
    types.EmbeddedResource,
)

MAX_MEMBERS: Final = 100
"""Members of a list that become content one by one; a longer list, if not of blocks, is a value of its
own."""


@dataclass(slots=True)
class FramePage:
    """The first rows of a data frame, which may become fewer when the result is put together.

    Attributes
    ----------
    frame : Any
        The frame as it is now (see `frames.snapshot`).
    page : dict
        See `frames.to_page`.
    block : TextContent
        The page as text, among the blocks of its content.
    """

    frame: Any
    page: dict[str, Any]
    block: types.TextContent


@dataclass(slots=True)
class Content:
    """What a value becomes.

    Attributes
    ----------
    blocks : list
        Content blocks, for the reader.
    structured : Any
        Its JSON form for programs, where it has one.
    mime_type : str
        Of the text, where a block is text.
    pages : list of FramePage
        The data frames among the blocks.
    """

    blocks: list[Any]
    structured: Any = None
    mime_type: str = "text/plain"
    pages: list[FramePage] = field(default_factory=list)


Row = Callable[[Any], Content | None]
"""One row of the table: the content of a value, or None when the value is another row's."""


class ContentTable:
    """Rows, tried in order; a value that is no row's has its JSON form, or its text."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def convert(
        self, value: Any, promised: Serialised | None = None, page_chars: int = tables.PAGE_CHARS
    ) -> Content:
        """The content of one value; a list of things to show becomes its members' content.

        Parameters
        ----------
        promised : Serialised, optional
            The JSON form that the tool promised, where it did: a text of JSON is that form then.
        page_chars : int
            Characters of the page of a data frame, as JSON.
        """
        # By type: an object may raise when it is asked for its class, as dead weak references do.
        listed = issubclass(type(value), list | tuple)
        # JSON has a form for blocks too, but not the one that is meant.
        of_blocks = listed and any(issubclass(type(item), _BLOCKS) for item in value[:MAX_MEMBERS])
        if not of_blocks and (content := self._find(value, promised, page_chars)) is not None:
            return content
        if of_blocks or (listed and len(value) <= MAX_MEMBERS):
            members = [self._find(item, None, page_chars) or _anything(item) for item in value]
            blocks = [block for member in members for block in member.blocks]
            return Content(blocks, pages=[page for member in members for page in member.pages])
        return _anything(value)

    def _find(self, value: Any, promised: Serialised | None, page_chars: int) -> Content | None:
        """The content by a row, or by what JSON has a form for; None when there is neither."""
        failed: Exception | None = None
        for row in self._rows:
            if row is _frame and promised is not None:
                continue
            try:
                content = _frame(value, page_chars) if row is _frame else row(value)
            except ToolError:
                raise
            except Exception as exc:
                if issubclass(type(value), Image | Audio):  # its author meant a file, which cannot be read
                    raise
                failed = failed or exc  # of a class that we do not know: it has another form, and the reason
                continue
            if content is not None:
                return content
        if failed is not None:
            return _explained(_json(value) or _anything(value), failed)
        return _array(value) or _json(value) if promised is None else _said(promised)


def _explained(content: Content, error: Exception) -> Content:
    reason = safe_line(f"{type(error).__name__}: {readable(error)}", MAX_MESSAGE_CHARS)
    content.blocks.append(text(f"(It could not be shown in a richer form: {reason})"))
    return content


def _said(form: Serialised) -> Content:
    """A JSON form as text."""
    return Content([text(form.value if isinstance(form.value, str) else form.text.decode("utf-8"))])


def text(value: str) -> types.TextContent:
    """A text block."""
    return types.TextContent(type="text", text=value)


def _block(value: Any) -> Content | None:
    if value is None:
        return Content([])
    if isinstance(value, str):
        return Content([text(value)])
    if isinstance(value, types.WireModel) and isinstance(value, _BLOCKS):  # the first for speed
        return Content([value])
    return None


def _media(value: Any) -> Content | None:
    if isinstance(value, Image):
        return Content(picture(value.read(), value.mime_type, value.path.name if value.path else ""))
    return Content([value.to_audio_content()]) if isinstance(value, Audio) else None


def _frame(value: Any, chars: int = tables.PAGE_CHARS) -> Content | None:
    """A data frame, or a long sequence of a library."""
    frame = tables.as_frame(value)
    if frame is None:
        return None
    page = tables.to_page(frame, chars=chars)
    tables.shorten(page, chars)
    block = text(tables.to_markdown(page))
    return Content([block], page, pages=[FramePage(tables.snapshot(value), page, block)])


def _array(value: Any) -> Content | None:
    """A large NumPy array of several dimensions: as NumPy shows it, with its first and last items."""
    if not columns.is_array(value) or value.size <= tables.MAX_LISTED:
        return None
    shape, kind = list(value.shape), str(value.dtype)
    shown = f"{kind} array of shape {tuple(shape)}\n{readable(value)}"
    return Content([text(shown)], {"shape": shape, "dtype": kind, "truncated": True})


def _path(value: Any) -> Content | None:
    """A file by its name: what it contains is not read, for the caller was not given that."""
    if not isinstance(value, Path):
        return None
    try:
        if not value.is_file():
            return None
        size, uri = value.stat().st_size, value.absolute().as_uri()
    except (OSError, ValueError):
        return None
    mime_type = mimetypes.guess_type(value.name)[0] or "application/octet-stream"
    link = types.ResourceLink(uri=uri, name=value.name, mimeType=mime_type, size=size)
    return Content([text(str(value)), link])


def _bytes(value: Any) -> Content | None:
    if not isinstance(value, bytes | bytearray | memoryview):
        return None
    resource = types.BlobResourceContents(
        uri="data:application/octet-stream",
        mimeType="application/octet-stream",
        blob=b64encode(value).decode("ascii"),
    )
    return Content([types.EmbeddedResource(type="resource", resource=resource)])


def _json(value: Any) -> Content | None:
    """What JSON has a form for: models, dataclasses, containers, numbers, dates, enums, arrays."""
    try:
        return _as_json(plain(value))
    except (TypeError, ValueError):
        return None


def _as_json(form: Any) -> Content:
    """A JSON form as content. Raises ValueError when readers of JSON would not take it."""
    if isinstance(form, str):
        return Content([text(form)])
    shown = dumps(form)
    # Read back: what is structured must survive the other side's parser (numbers of 5,000 digits do not).
    structured = from_json(shown) if isinstance(form, dict) else None
    return Content([text(shown.decode("utf-8"))], structured, "application/json")


def _anything(value: Any) -> Content:
    """What is left: parts that JSON has no form for become their text."""
    try:
        return _as_json(plain(value, tables.to_part))
    except (TypeError, ValueError):
        # Cyclic, or nested too deep.
        return Content([text(readable(value))])


def default_rows(*richer: Row) -> list[Row]:
    """The rows of a plain server; `richer` rows stand before that of bytes. JSON comes after all rows."""
    return [_block, _media, _frame, _path, *richer, _bytes]


# -- mime ----------------------------------------------------------------------------------------
#
# MIME bundles, as notebooks display them, to MCP content. Does not know who made the bundle.

HTML: Final = "text/html"
TEXT: Final = "text/plain"

_BEFORE_HTML: Final = (
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "audio/wav",
    SVG,
    "text/markdown",
    "text/latex",
    "application/vnd.vegalite.v6+json",
    "application/vnd.vegalite.v5+json",
    "application/vnd.plotly.v1+json",
)
"""In the order of worth to a reader that sees images and reads text. The specification of a chart (altair,
plotly) says more than its HTML, which is a script of megabytes."""

RICH_TYPES: Final = (*_BEFORE_HTML, HTML, "application/json")
"""What makes a bundle more than the text that every value has."""

MAX_REPR_CHARS: Final = 10_000
"""Of a value's text, which may be long, that are looked at for a picture's."""

_ADDRESS: Final = re.compile(r" at 0x[0-9a-fA-F]+")

_DEFAULT_REPR: Final = re.compile(r"<[\w.<>]+ (?:object(?: at 0x[0-9a-fA-F]+)?|at 0x[0-9a-fA-F]+)>")
"""The text of a value whose class says nothing of it: `<pandas.io.formats.style.Styler at 0x7f3a>`."""


def from_bundle(bundle: Mapping[str, Any]) -> list[Any]:
    """The most useful of the forms that a bundle offers, as content; none for an empty bundle."""
    found = most_telling(bundle)
    if found is None:
        return []
    mime, data = found
    return _picture(mime, data, _about(bundle)) if mime.startswith("image/") else [_mime_block(mime, data)]


def most_telling(bundle: Mapping[str, Any]) -> tuple[str, Any] | None:
    """MIME type and data of the most useful form.

    HTML is written for browsers: what a model gets is the table that it is, as Markdown; else the value's
    text; and where that is only the name of its class, the text of the HTML, or a picture or
    sound in it.
    """
    for mime in _BEFORE_HTML:
        if mime in bundle:
            return mime, bundle[mime]
    if HTML in bundle:
        found = readable_html(_joined(bundle[HTML]))
        says_nothing = _DEFAULT_REPR.fullmatch(_joined(bundle.get(TEXT, "<an object>")))
        if found.text and (found.is_table or says_nothing):
            return "text/markdown", found.text
        if found.media is not None and says_nothing:
            return found.media
    return next(((mime, bundle[mime]) for mime in ("application/json", TEXT) if mime in bundle), None)


def _joined(data: Any) -> str:
    """Text; the notebook format keeps it as a list of lines."""
    return "".join(map(str, data)) if isinstance(data, list) else str(data)


def _about(bundle: Mapping[str, Any]) -> str:
    """What a bundle's text says of its picture; empty where that is only the name of a class."""
    text = _joined(bundle.get(TEXT, ""))[:MAX_REPR_CHARS].strip()
    if _DEFAULT_REPR.fullmatch(text):
        return ""
    return _ADDRESS.sub("", text).removeprefix("<").removesuffix(">")


def _mime_block(mime: str, data: Any) -> Any:
    if mime.endswith("json"):
        return TextContent(type="text", text=to_json(data, inf_nan_mode="null").decode("utf-8"))
    if mime.startswith("audio/"):
        encoded = (
            b64encode(data).decode("ascii") if isinstance(data, bytes) else _joined(data).replace("\n", "")
        )
        return AudioContent(data=encoded, mimeType=mime)
    return TextContent(type="text", text=_joined(data))


def _picture(mime: str, data: Any, about: str) -> list[Any]:
    """A picture and its text. The notebook format has pictures as base64, but SVG as text."""
    if not isinstance(data, bytes):
        text = _joined(data)
        try:
            data = text.encode("utf-8") if mime == SVG else b64decode(text.replace("\n", ""), validate=True)
        except ValueError:  # no base64: its reader will say so
            return [ImageContent(data=text.replace("\n", ""), mimeType=mime)]
    return picture(data, mime, about)
