# SPDX-License-Identifier: BSD-3-Clause
"""Convert HTML to text for a model: tables and links become Markdown, style sheets and scripts are left out.

It also reports whether the HTML is one table, as that of data frames and their styles is, and the first
picture or sound in it.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Final, NamedTuple

__all__ = ["Readable", "readable_html"]

MAX_AROUND: Final = 400
"""Characters of text beside a table that still counts as only a table: a caption, a shape, a footnote."""

MAX_SPAN: Final = 100
"""Columns that one cell may cover. The HTML can name any number, and each column takes memory."""

_UNSEEN: Final = frozenset({"head", "script", "style", "svg", "template", "title"})
"""Elements whose text a browser does not show."""

_LIVE: Final = frozenset(
    {"button", "canvas", "details", "form", "iframe", "input", "pre", "script", "select", "svg", "textarea"}
)
"""Elements that make HTML more than a table: diagrams, controls, preformatted text."""

_BLOCKS: Final = frozenset(
    {"address", "article", "aside", "blockquote", "br", "caption", "dd", "details", "div", "dl", "dt"}
    | {"fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header"}
    | {"hr", "li", "main", "nav", "ol", "p", "pre", "section", "summary", "table", "tbody", "tfoot", "thead"}
    | {"tr", "ul"}
)
"""Elements that begin and end a line."""

_WITHOUT_END: Final = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)


_DATA_URI: Final = re.compile(r"data:(image/(?:png|jpeg|gif|webp)|audio/[\w.+-]+);base64,")

_SOURCES: Final = frozenset({"audio", "embed", "iframe", "img", "source", "video"})
"""Elements that show something from a URL."""

_WITH_FALLBACK: Final = frozenset({"audio", "iframe", "video"})
"""Elements whose text is only for browsers that do not support them."""


class Readable(NamedTuple):
    """The readable parts of HTML.

    Attributes
    ----------
    text : str
        Text with Markdown tables and links.
    is_table : bool
        Whether the HTML is one table, at most with a caption or a footnote.
    media : (str, str) or None
        MIME type and base64 of the first picture or sound that the HTML contains as a data URI.
    """

    text: str
    is_table: bool
    media: tuple[str, str] | None


def readable_html(html: str) -> Readable:
    """Return the readable parts of HTML."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    reader.end_tables()
    text = _tidy("".join(reader.parts))
    around = sum(len(part.strip()) for part in reader.parts) - reader.table_chars
    is_table = reader.tables == 1 and not reader.live and around <= MAX_AROUND
    return Readable(text, is_table, reader.media)


def _tidy(text: str) -> str:
    """Reduce white space as a browser does: none at the ends of lines, at most one empty line."""
    lines = "\n".join(re.sub(r"^ (?! )", "", line.rstrip()) for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", lines).strip("\n")


def _escaped(cell: str) -> str:
    return cell.replace("\\", "\\\\").replace("|", "\\|")


class _Table:
    """Rows of cells; the text of a cell over several columns is repeated in each of them."""

    def __init__(self) -> None:
        self.heads: list[list[str]] = []
        self.rows: list[list[str]] = []
        self.cell: list[str] | None = None
        self._row: list[str] = []
        self._span = 1
        self._in_head = False
        self._only_heads = True

    def open(self, tag: str, attributes: dict[str, str | None]) -> None:
        self.end_cell()
        if tag in ("td", "th"):
            self.cell = []
            digits = attributes.get("colspan") or "1"
            self._span = min(int(digits), MAX_SPAN) if digits.isdecimal() and len(digits) < 6 else 1
            self._only_heads = self._only_heads and tag == "th"
        elif tag in ("tr", "tbody", "tfoot", "thead"):
            self.end_row()
            self._in_head = tag == "thead" or (tag == "tr" and self._in_head)

    def end_cell(self) -> None:
        if self.cell is not None:
            self._row += [" ".join("".join(self.cell).split())] * self._span
            self.cell = None

    def end_row(self) -> None:
        self.end_cell()
        if self._row:
            headed = self._in_head or (self._only_heads and not self.rows)
            (self.heads if headed else self.rows).append(self._row)
        self._row, self._only_heads = [], True

    def markdown(self) -> str:
        self.end_row()
        width = max(map(len, [*self.heads, *self.rows]), default=0)
        if not width:
            return ""
        for row in (*self.heads, *self.rows):
            row += [""] * (width - len(row))
        # Labels of several levels are joined, as in a page of a data frame.
        labels = [" / ".join(dict.fromkeys(filter(None, column))) for column in zip(*self.heads, strict=True)]
        lines = [labels or [""] * width, ["---"] * width, *self.rows]
        return "\n".join("| " + " | ".join(map(_escaped, line)) + " |" for line in lines)


class _Reader(HTMLParser):
    """Collects the texts and tables of HTML in `parts`."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.tables = 0
        self.table_chars = 0
        self.live = False
        self.media: tuple[str, str] | None = None
        self._fallbacks = 0
        self._open: list[_Table] = []
        self._unseen: list[str] = []
        self._links: list[str] = []
        self._verbatim = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.live = self.live or tag in _LIVE
        if self._unseen or tag in _UNSEEN:
            if tag not in _WITHOUT_END:
                self._unseen.append(tag)
            return
        attributes = dict(attrs)
        if tag == "table":
            self.tables += 1
            self._open.append(_Table())
        elif self._open and tag in ("td", "th", "tr", "tbody", "tfoot", "thead"):
            self._open[-1].open(tag, attributes)
            return
        elif tag == "a":
            self._links.append(_address(attributes.get("href")))
            self._add("[" if self._links[-1] else "")
        elif tag in _SOURCES:
            self._source(tag, attributes)
        self._verbatim += tag == "pre"
        self._add({"li": "\n- "}.get(tag, "\n" if tag in _BLOCKS else ""))

    def _source(self, tag: str, attributes: dict[str, str | None]) -> None:
        source, name = attributes.get("src") or "", attributes.get("alt") or ""
        if self.media is None and (found := _DATA_URI.match(source)) is not None:
            self.media = found[1], source[found.end() :]
        elif address := _address(source):
            self._add(f"[{name or tag}]({address})")
        elif name:
            self._add(f"[{name}]")
        self._fallbacks += tag in _WITH_FALLBACK

    def handle_endtag(self, tag: str) -> None:
        if self._unseen:
            if tag in self._unseen:
                while self._unseen.pop() != tag:
                    pass
            return
        if tag == "table":
            self._end_table()
        elif self._open and tag in ("td", "th", "tr", "tbody", "tfoot", "thead"):
            table = self._open[-1]
            (table.end_cell if tag in ("td", "th") else table.end_row)()
        elif tag == "a" and self._links:
            address = self._links.pop()
            self._add(f"]({address})" if address else "")
        self._fallbacks -= tag in _WITH_FALLBACK and self._fallbacks > 0
        self._verbatim -= tag == "pre" and self._verbatim > 0
        self._add("\n" if tag in _BLOCKS else "")

    def handle_data(self, data: str) -> None:
        if not self._unseen and not self._fallbacks:
            self._add(data if self._verbatim else re.sub(r"\s+", " ", data))

    def end_tables(self) -> None:
        """End tables that the HTML leaves open."""
        while self._open:
            self._end_table()

    def _end_table(self) -> None:
        if not self._open:
            return
        text = self._open.pop().markdown()
        if self._open:
            self._add(text)
        else:
            self.table_chars += len(text.strip())
            self.parts += ["\n\n", text, "\n\n"]

    def _add(self, text: str) -> None:
        if not self._open:
            self.parts.append(text)
        elif self._open[-1].cell is not None:
            self._open[-1].cell.append(text)
        elif text.strip():  # a caption, or text that a browser shows before its table
            self.parts.append(text)


def _address(href: str | None) -> str:
    """Return the URL if it leads outside of the page (http, https or mailto), else an empty text."""
    return href.strip() if href is not None and re.match(r"\s*(https?|mailto):", href) else ""
