# SPDX-License-Identifier: BSD-3-Clause
"""What a notebook shows of what a server sent: text as text, images as images, all else as a line.

Nothing a server sends becomes HTML, Markdown, SVG or script in a page (SECURITY, T30). The text is the
same from run to run when the answer is: no ids, no times.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from ...protocol.frames import dumps
from ...types import (
    AudioContent,
    BlobResourceContents,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)
from ..inert import table
from ..text import clean, one_line
from .media import audio_bundle, decoded, image_bundle
from .tables import is_page

__all__ = ["Shown", "bundles_of", "harmless_markdown", "joined", "page_bundle", "text_of"]

MAX_TABLE_ROWS: Final = 20
"""Rows of a table in an output; `.df()` has all that were sent."""

MAX_TABLE_COLUMNS: Final = 50
"""Columns of it."""

MAX_SHOWN_PARTS: Final = 50
"""Outputs of one result: images, and texts between them."""

Bundle = dict[str, Any]


def text_of(blocks: Iterable[Any]) -> list[str]:
    """The texts among blocks of content, those of embedded resources too."""
    found = []
    for block in blocks:
        inner = block.resource if isinstance(block, EmbeddedResource) else block
        if isinstance(inner, TextContent | TextResourceContents):
            found.append(inner.text)
    return found


def bundles_of(blocks: Iterable[Any]) -> list[Bundle]:
    """The displays of blocks of content: one for each image and sound, one for the text between them."""
    return joined([_bundle(block) for block in blocks])


def joined(bundles: Sequence[Bundle]) -> list[Bundle]:
    """Bundles with those of text only that follow each other made one; not more than are shown."""
    found: list[Bundle] = []
    for is_text, run in groupby(bundles, key=lambda bundle: len(bundle) == 1):
        if is_text:
            found.append({"text/plain": clean("\n".join(bundle["text/plain"] for bundle in run))})
        else:
            found += run
    more = len(found) - MAX_SHOWN_PARTS
    return [*found[:MAX_SHOWN_PARTS], {"text/plain": f"... and {more} more parts"}] if more > 0 else found


def _bundle(block: Any) -> Bundle:
    if isinstance(block, EmbeddedResource):
        block = block.resource
    if isinstance(block, TextContent | TextResourceContents):
        return {"text/plain": clean(block.text)}
    return {"text/plain": _link(block)} if isinstance(block, ResourceLink) else _media(block)


def _link(link: ResourceLink) -> str:
    about = [each for each in (link.title or link.name, link.mimeType, link.description) if each]
    return f"[resource {one_line(link.uri, 500)}: {', '.join(map(one_line, about))}]"


def _media(block: ImageContent | AudioContent | BlobResourceContents) -> Bundle:
    data = block.blob if isinstance(block, BlobResourceContents) else block.data
    kind = one_line(block.mimeType or "bytes")
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
    """The display of a page of a data frame: a table, with the given text beside it."""
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
    """Something whose display consists of bundles. IPython asks for one, or has several published."""

    def _bundles(self) -> Sequence[Bundle]:
        raise NotImplementedError

    def bundles(self) -> tuple[Bundle, ...]:
        """What is displayed, one after the other: a text or another form for each MIME type."""
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
            raise NotImplementedError  # IPython then takes the one, as the value of the cell
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
    """Markdown that a page can show: without images, HTML, TeX, diagrams and links that run something.

    What would begin one of these is replaced by the full-width twin of its first character, which looks
    alike and means nothing; so in code, too, because parsers differ in what they take for code.
    """
    return _DIAGRAM.sub(r"\1text", _ACTIVE.sub(lambda match: match[0].translate(_TWINS), clean(text)))
