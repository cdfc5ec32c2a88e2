# SPDX-License-Identifier: BSD-3-Clause
"""Convert a Python value to MCP content with a table of converters, the most specific first.

A kernel adds rows (figures, values with a rich display) before the general ones. If a library raises while a
value is converted, the value becomes text.
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
    "most_useful",
]


_BLOCKS: Final = (
    types.TextContent,
    types.ImageContent,
    types.AudioContent,
    types.ResourceLink,
    types.EmbeddedResource,
)

MAX_MEMBERS: Final = 100
"""Members of a list that become content one by one; a longer list without content blocks is one JSON
value."""


@dataclass(slots=True)
class FramePage:
    """The first rows of a data frame; some may be removed when the result is assembled.

    Attributes
    ----------
    frame : Any
        The frame as it was when it was converted (see `tables.snapshot`).
    page : dict
        See `tables.to_page`.
    block : TextContent
        The page as text; one of the blocks of the content.
    """

    frame: Any
    page: dict[str, Any]
    block: types.TextContent


@dataclass(slots=True)
class Content:
    """The MCP content of a value.

    Attributes
    ----------
    blocks : list
        Content blocks, for the model or the user.
    structured : Any
        The value's JSON form for programs; None if it has none.
    mime_type : str
        MIME type of the text blocks.
    pages : list of FramePage
        The data frames among the blocks.
    """

    blocks: list[Any]
    structured: Any = None
    mime_type: str = "text/plain"
    pages: list[FramePage] = field(default_factory=list)


Row = Callable[[Any], Content | None]
"""One row of the table: returns the content of a value, or None to leave it to the next row."""


class ContentTable:
    """Rows, tried in order; a value that no row converts becomes its JSON form or its text."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def convert(
        self, value: Any, promised: Serialised | None = None, page_chars: int = tables.PAGE_CHARS
    ) -> Content:
        """Return the content of one value; a list of things to show becomes its members' content.

        Parameters
        ----------
        value : Any
            The value to convert.
        promised : Serialised, optional
            The JSON form of the value if the tool has an output schema; a text block of JSON then has this
            form.
        page_chars : int
            Characters of the page of a data frame, as JSON.
        """
        # By type: `isinstance` may raise, as for proxies of dead weak references.
        listed = issubclass(type(value), list | tuple)
        # Content blocks have a JSON form too, but must be sent as blocks.
        of_blocks = listed and any(issubclass(type(item), _BLOCKS) for item in value[:MAX_MEMBERS])
        if not of_blocks and (content := self._find(value, promised, page_chars)) is not None:
            return content
        if of_blocks or (listed and len(value) <= MAX_MEMBERS):
            members = [self._find(item, None, page_chars) or _anything(item) for item in value]
            blocks = [block for member in members for block in member.blocks]
            return Content(blocks, pages=[page for member in members for page in member.pages])
        return _anything(value)

    def _find(self, value: Any, promised: Serialised | None, page_chars: int) -> Content | None:
        """Return the content from a row or from the JSON form; None if neither exists."""
        failed: Exception | None = None
        for row in self._rows:
            if row is _frame and promised is not None:
                continue
            try:
                content = _frame(value, page_chars) if row is _frame else row(value)
            except ToolError:
                raise
            except Exception as exc:
                if issubclass(type(value), Image | Audio):  # a file that the tool named cannot be read
                    raise
                failed = failed or exc  # try the other forms, and report this reason with the result
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
    """Return a JSON form as a text block."""
    return Content([text(form.value if isinstance(form.value, str) else form.text.decode("utf-8"))])


def text(value: str) -> types.TextContent:
    """Return a text block."""
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
    """Convert a data frame, or a long sequence of a library, to its first page."""
    frame = tables.as_frame(value)
    if frame is None:
        return None
    page = tables.to_page(frame, chars=chars)
    tables.shorten(page, chars)
    block = text(tables.to_markdown(page))
    return Content([block], page, pages=[FramePage(tables.snapshot(value), page, block)])


def _array(value: Any) -> Content | None:
    """Convert a large NumPy array of several dimensions to NumPy's text, with its first and last items."""
    if not columns.is_array(value) or value.size <= tables.MAX_LISTED:
        return None
    shape, kind = list(value.shape), str(value.dtype)
    shown = f"{kind} array of shape {tuple(shape)}\n{readable(value)}"
    return Content([text(shown)], {"shape": shape, "dtype": kind, "truncated": True})


def _path(value: Any) -> Content | None:
    """Link a file. Its contents are not sent: the tool returned only the path."""
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
    """Convert values with a JSON form: models, dataclasses, containers, numbers, dates, enums, arrays."""
    try:
        return _as_json(plain(value))
    except (TypeError, ValueError):
        return None


def _as_json(form: Any) -> Content:
    """Return a JSON form as content. Raises ValueError if JSON parsers would refuse it."""
    if isinstance(form, str):
        return Content([text(form)])
    shown = dumps(form)
    # Parsed again: structured content must survive the peer's parser (numbers of 5,000 digits do not).
    structured = from_json(shown) if isinstance(form, dict) else None
    return Content([text(shown.decode("utf-8"))], structured, "application/json")


def _anything(value: Any) -> Content:
    """Convert any other value: parts without a JSON form become their text."""
    try:
        return _as_json(plain(value, tables.to_part))
    except (TypeError, ValueError):
        # The value is cyclic or nested too deep.
        return Content([text(readable(value))])


def default_rows(*richer: Row) -> list[Row]:
    """Return the rows of a plain server, with `richer` rows before the one for bytes. JSON comes last."""
    return [_block, _media, _frame, _path, *richer, _bytes]


# -- mime ----------------------------------------------------------------------------------------
#
# Convert MIME bundles, as notebooks display them, to MCP content.

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
"""MIME types that are preferred to HTML, most useful first, for a model that sees images and reads text. The
specification of a chart (altair, plotly) says more than its HTML, which is a script of megabytes."""

RICH_TYPES: Final = (*_BEFORE_HTML, HTML, "application/json")
"""MIME types besides plain text, which every value has."""

MAX_REPR_CHARS: Final = 10_000
"""Characters of a value's text that are used to describe its picture; the text may be very long."""

_ADDRESS: Final = re.compile(r" at 0x[0-9a-fA-F]+")

_DEFAULT_REPR: Final = re.compile(r"<[\w.<>]+ (?:object(?: at 0x[0-9a-fA-F]+)?|at 0x[0-9a-fA-F]+)>")
"""Matches a text that only names the class: `<pandas.io.formats.style.Styler at 0x7f3a>`."""


def from_bundle(bundle: Mapping[str, Any]) -> list[Any]:
    """Return the most useful form of a bundle as content blocks; an empty list for an empty bundle."""
    found = most_useful(bundle)
    if found is None:
        return []
    mime, data = found
    return _picture(mime, data, _about(bundle)) if mime.startswith("image/") else [_mime_block(mime, data)]


def most_useful(bundle: Mapping[str, Any]) -> tuple[str, Any] | None:
    """Return MIME type and data of the most useful form, or None for an empty bundle.

    HTML that is a table becomes Markdown. Other HTML is written for browsers, so the value's text replaces
    it; if that only names the class, the text of the HTML does, or else a picture or sound in it.
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
    """Return text as one string; the notebook format has it as a list of lines."""
    return "".join(map(str, data)) if isinstance(data, list) else str(data)


def _about(bundle: Mapping[str, Any]) -> str:
    """Return the description of a picture: the bundle's text, or empty if that only names a class."""
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
    """Return a picture and its text. The notebook format has pictures as base64, but SVG as text."""
    if not isinstance(data, bytes):
        text = _joined(data)
        try:
            data = text.encode("utf-8") if mime == SVG else b64decode(text.replace("\n", ""), validate=True)
        except ValueError:  # not base64: the client will report it
            return [ImageContent(data=text.replace("\n", ""), mimeType=mime)]
    return picture(data, mime, about)
