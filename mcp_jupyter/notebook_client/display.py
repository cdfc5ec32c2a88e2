# SPDX-License-Identifier: BSD-3-Clause
"""Display what a server sent: text as text, images as images, everything else as one line.

Nothing that a server sends becomes HTML, Markdown, SVG or script in a page, where it could run code or fetch
something. Equal results give equal text: it has no ids and no times.
"""

from __future__ import annotations

import io
import re
from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final, TypeVar

from .._ipython.cards import NOTE, Card, Row, counted, inert
from .._util.text import MAX_MESSAGE_CHARS, join_names, safe_block, safe_line
from ..protocol.frames import dumps
from ..types import (
    AudioContent,
    BlobResourceContents,
    EmbeddedResource,
    ImageContent,
    Prompt,
    ResourceLink,
    ResourceTemplate,
    TextContent,
    TextResourceContents,
)
from .tracebacks import NotATable

__all__ = [
    "MAX_LISTED",
    "Items",
    "Shown",
    "audio_bundle",
    "bundles_of",
    "decoded",
    "frame_of",
    "frame_of_csv",
    "harmless_markdown",
    "image_bundle",
    "is_page",
    "joined",
    "page_bundle",
    "table",
    "text_of",
]


MAX_TABLE_ROWS: Final = 20
"""Rows of a table in an output; `.df()` has all rows."""

MAX_TABLE_COLUMNS: Final = 50
"""Columns of a table in an output."""

MAX_LISTED: Final = 100
"""Tools, resources or prompts in a card: nearly all servers we know have fewer."""

MAX_SHOWN_PARTS: Final = 50
"""Outputs of one result: images, sounds, and the texts between them."""

Bundle = dict[str, Any]

T = TypeVar("T")


def text_of(blocks: Iterable[Any]) -> list[str]:
    """Return the texts of content blocks, including embedded resources."""
    found = []
    for block in blocks:
        inner = block.resource if isinstance(block, EmbeddedResource) else block
        if isinstance(inner, TextContent | TextResourceContents):
            found.append(inner.text)
    return found


def bundles_of(blocks: Iterable[Any]) -> list[Bundle]:
    """Return the displays of content blocks: one per image or sound, one for the text between them."""
    return joined([_bundle(block) for block in blocks])


def joined(bundles: Sequence[Bundle]) -> list[Bundle]:
    """Merge adjacent bundles of text only, and cut the list to `MAX_SHOWN_PARTS`."""
    found: list[Bundle] = []
    for is_text, run in groupby(bundles, key=lambda bundle: len(bundle) == 1):
        if is_text:
            found.append({"text/plain": safe_block("\n".join(bundle["text/plain"] for bundle in run))})
        else:
            found += run
    more = len(found) - MAX_SHOWN_PARTS
    return [*found[:MAX_SHOWN_PARTS], {"text/plain": f"... and {more} more parts"}] if more > 0 else found


def _bundle(block: Any) -> Bundle:
    if isinstance(block, EmbeddedResource):
        block = block.resource
    if isinstance(block, TextContent | TextResourceContents):
        return {"text/plain": safe_block(block.text)}
    return {"text/plain": _link(block)} if isinstance(block, ResourceLink) else _media(block)


def _link(link: ResourceLink) -> str:
    about = [each for each in (link.title or link.name, link.mimeType, link.description) if each]
    return f"[resource {safe_line(link.uri, MAX_MESSAGE_CHARS)}: {', '.join(map(safe_line, about))}]"


def _media(block: ImageContent | AudioContent | BlobResourceContents) -> Bundle:
    data = block.blob if isinstance(block, BlobResourceContents) else block.data
    kind = safe_line(block.mimeType or "bytes")
    found: Bundle | None = None
    if not isinstance(block, AudioContent):
        found = image_bundle(data)
    if found is None and (isinstance(block, AudioContent) or kind.startswith("audio/")):
        found = audio_bundle(data)
    raw = decoded(data)
    size = "not base64" if raw is None else f"{len(raw):,} bytes"
    hidden = "" if found else ", not displayed"
    return {**(found or {}), "text/plain": f"[{kind}, {size}{hidden}]"}


def page_bundle(page: Mapping[str, Any], text: str) -> Bundle:
    """Return the display of a page of a data frame: a table, and `text` as its plain text."""
    assert is_page(page)
    columns, rows = page["columns"][:MAX_TABLE_COLUMNS], page["rows"]
    shown = rows[:MAX_TABLE_ROWS]
    total = page.get("total")
    total = total if isinstance(total, int) and total >= len(rows) else len(rows)
    notes = [f"{len(shown)} of {total} rows"] if len(shown) < total else []
    if len(columns) < len(page["columns"]):
        notes.append(f"{len(columns)} of {len(page['columns'])} columns")
    cells = ([_cell(cell) for cell in row[:MAX_TABLE_COLUMNS]] for row in shown)
    return {"text/plain": text, "text/html": table(columns, cells, ", ".join(notes))}


def _cell(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else dumps(value).decode("utf-8")


class Shown:
    """An object that is displayed as one or several bundles."""

    def _bundles(self) -> Sequence[Bundle]:
        raise NotImplementedError

    def bundles(self) -> tuple[Bundle, ...]:
        """Return the displays in their order, each a mapping of MIME types to data."""
        return tuple(self._bundles())

    def __repr__(self) -> str:
        return "\n".join(bundle["text/plain"] for bundle in self._bundles())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Bundle:
        bundles = self._bundles()
        rich = next((bundle for bundle in bundles if len(bundle) > 1), {})
        return {**rich, "text/plain": repr(self)}

    def _ipython_display_(self) -> None:
        bundles = self._bundles()
        if len(bundles) == 1:
            raise NotImplementedError  # IPython then displays the object as the value of the cell
        from IPython.display import display

        for bundle in bundles:
            display(bundle, raw=True)


# -- Markdown ----------------------------------------------------------------------------------------------

_TWINS: Final = str.maketrans("<&$\\!:", "＜＆＄＼！：")  # noqa: RUF001 - full-width twins are the point

_ACTIVE: Final = re.compile(
    r"<(?=[A-Za-z/!?])"  # HTML, and links in angle brackets
    r"|&(?=[#A-Za-z])"  # entities, which would bring back what is replaced here
    r"|\$"  # TeX, which has links and styles
    r"|(?<!\\)\\++(?=[(\[]|begin|end)"  # the same
    r"|!(?=\[)"  # images, which a page would fetch: they become links
    r"|(?<=javascript)[\s\\]*+:|(?<=vbscript)[\s\\]*+:",  # links that run something
    re.IGNORECASE,
)
_DIAGRAM: Final = re.compile(r"(?<=[`~]{3})([ \t]*)mermaid", re.IGNORECASE)


def harmless_markdown(text: str) -> str:
    """Return Markdown without images, HTML, TeX, diagrams and links that run scripts.

    The first character of each such construct is replaced by its full-width twin, which looks alike and
    means nothing in Markdown. This includes code, because parsers differ in what they take for code.
    """
    return _DIAGRAM.sub(r"\1text", _ACTIVE.sub(lambda match: match[0].translate(_TWINS), safe_block(text)))


# -- lists and tables ----------------------------------------------------------------------------
#
# HTML of our own around foreign text, in the manner of `_ipython.cards`.

# JupyterLab's sanitiser allows each of these styles, in exactly this notation.
_TABLE: Final = "margin:0;border-collapse:collapse"
_ROW: Final = "background:transparent"
_CELL: Final = "padding:2px 12px 2px 0;text-align:left;vertical-align:top"


class Items(list[T]):
    """Resources, templates or prompts of a server: a list that is displayed as a card.

    Parameters
    ----------
    items : iterable
        The items.
    noun : str
        What one of them is called.
    """

    def __init__(self, items: Iterable[T], noun: str) -> None:
        super().__init__(items)
        self._noun = noun

    def _card(self) -> Card:
        rows = [_listed(item) for item in self[:MAX_LISTED]]
        more = len(self) - len(rows)
        return Card(counted(len(self), self._noun), {"": rows}, f"... and {more} more" if more else "")

    def __repr__(self) -> str:
        return repr(self._card())

    def _repr_html_(self) -> str:
        return self._card()._repr_html_()


def _listed(item: Any) -> Row:
    text = item.description or item.title or ""
    if isinstance(item, Prompt):
        taken = [each.name if each.required else f"{each.name}=..." for each in item.arguments or ()]
        return Row(f"{item.name}({', '.join(taken)})", text)
    uri = item.uriTemplate if isinstance(item, ResourceTemplate) else item.uri
    return Row(uri, text, [each for each in (item.name, item.mimeType) if each])


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], note: str = "") -> str:
    """Return an HTML table of text cells."""
    head = "".join(f'<th style="{_CELL}"><strong>{inert(safe_line(name))}</strong></th>' for name in columns)
    body = "".join(
        f'<tr style="{_ROW}">'
        + "".join(f'<td style="{_CELL}">{inert(safe_line(cell))}</td>' for cell in row)
        + "</tr>"
        for row in rows
    )
    return f'<table style="{_TABLE}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{_note(note)}'


def _note(text: str) -> str:
    return f'<div style="{NOTE}">{inert(text)}</div>' if text else ""


# -- media ---------------------------------------------------------------------------------------
#
# Images and sounds are checked before a page gets them. A page gets bytes only under the type that the bytes
# themselves show, and only in formats that hold no script: never SVG.

MAX_MEDIA_BYTES: Final = 16 * 2**20
"""Bytes of one image or sound in an output: the notebook's file stores it as base64, a third larger."""


def decoded(data: str) -> bytes | None:
    """Decode base64 text; None when it is not base64."""
    try:
        return b64decode("".join(data.split()), validate=True)
    except ValueError:
        return None


def image_bundle(data: str) -> dict[str, Any] | None:
    """Return the display of an image; None when it is too large or of another format."""
    raw = _within_bounds(data)
    kind = _image_kind(raw) if raw else None
    return {kind: "".join(data.split())} if kind else None


def audio_bundle(data: str) -> dict[str, Any] | None:
    """Return the display of a sound, an `<audio>` element; None when it is too large or of another format."""
    raw = _within_bounds(data)
    kind = _audio_kind(raw) if raw else None
    if kind is None:
        return None
    source = f"data:{kind};base64,{''.join(data.split())}"  # valid base64 holds no quotation mark
    return {"text/html": f'<audio controls preload="metadata" src="{source}"></audio>'}


def _within_bounds(data: str) -> bytes | None:
    return decoded(data) if len(data) <= MAX_MEDIA_BYTES * 4 // 3 + 4 else None


def _image_kind(raw: bytes) -> str | None:
    if raw.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if raw.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if raw.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    return "image/webp" if raw.startswith(b"RIFF") and raw[8:12] == b"WEBP" else None


def _audio_kind(raw: bytes) -> str | None:
    if raw.startswith(b"RIFF") and raw[8:12] == b"WAVE":
        return "audio/wav"
    if raw.startswith(b"OggS"):
        return "audio/ogg"
    if raw.startswith(b"fLaC"):
        return "audio/flac"
    if raw[4:8] == b"ftyp":
        return "audio/mp4"
    if raw.startswith(b"\x1aE\xdf\xa3"):
        return "audio/webm"
    if raw.startswith(b"ID3") or (len(raw) > 1 and raw[0] == 0xFF and raw[1] & 0xE0 == 0xE0):
        return "audio/mpeg"
    return None


# -- tables --------------------------------------------------------------------------------------
#
# JSON values in the shape of a table become pandas data frames.

_DATES: Final = ("date-time", "date")

_INFINITIES: Final = frozenset({"Infinity", "-Infinity"})

_SHAPES: Final = "a list of objects, an object of lists of one length, or columns and rows"


def is_page(value: Any) -> bool:
    """Return whether a value has the shape in which data frames travel (`server.content.frames`)."""
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
    """Convert a value to a data frame.

    Parameters
    ----------
    schema : mapping, optional
        The value's JSON Schema; columns with a date format are converted to dates.
    key : str, optional
        The key of the table in an object.

    Raises
    ------
    NotATable
        The value does not have the shape of a table, or not this key. It is a ValueError.
    ImportError
        pandas is not installed.
    """
    schema = schema if isinstance(schema, Mapping) else {}
    if key is not None:
        if not isinstance(value, Mapping) or key not in value:
            raise NotATable(f"Unknown key {key!r}. {_what(value)}")
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
    raise NotATable(f"The result is not a table, which is {_SHAPES}. {_what(value)}")


def frame_of_csv(text: str) -> Any:
    """Read CSV text into a data frame."""
    return _pandas().read_csv(io.StringIO(text))


def _made(data: Any = None, columns: list[str] | None = None) -> Any:
    """Make a data frame, and turn the texts "Infinity" and "-Infinity" in columns of numbers into numbers."""
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
    """Convert columns with a date format to dates, where pandas can read them."""
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
        names = join_names(map(repr, value))
        tables = "" if not value else " `.df(key)` takes the table under one of them."
        return f"Its keys are {names}.{tables}" if value else "It is an empty object."
    return "It is empty." if value is None else f"It is of type {type(value).__name__}; see `.data`."


def _pandas() -> Any:
    try:
        import pandas
    except ImportError:
        raise ImportError("A data frame needs pandas, which is not installed: %pip install pandas") from None
    return pandas
