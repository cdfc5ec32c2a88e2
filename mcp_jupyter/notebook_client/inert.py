# SPDX-License-Identifier: BSD-3-Clause
"""HTML of our own around foreign text, in the manner of `kernel.cards`. The text is never more than text.

JupyterLab sets TeX in whatever HTML it shows, and TeX can hold links and styles. It leaves `code` alone,
so every piece of foreign text stands in one (SECURITY, T30).
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ..kernel.cards import FRAME, NOTE
from .text import clean, one_line

__all__ = ["Listing", "inert", "listing", "table"]

MAX_CELL_CHARS: Final = 200
"""Of one cell of a table."""

MAX_NAME_CHARS: Final = 500
"""Of what a line of a card is about, which may be a whole signature."""

# Each of these is on the list of JupyterLab's sanitiser; see `kernel.cards`.
_TABLE: Final = "margin:0;border-collapse:collapse"
_ROW: Final = "background:transparent"
_NAME: Final = "padding:2px 12px 2px 0;text-align:left;vertical-align:top"
_TEXT: Final = "padding:2px 0;text-align:left;vertical-align:top;opacity:.75"
_ROOM: Final = "min-width:12em"
"""What a signature and what is said of it take at least: else the longer one leaves the other no room."""
_CELL: Final = "padding:2px 12px 2px 0;text-align:left;vertical-align:top"
_CODE: Final = "background:transparent;padding:0;font-family:inherit;white-space:pre-wrap"


def inert(text: str) -> str:
    """Foreign text as HTML that is only text."""
    return f'<code style="{_CODE}">{html.escape(clean(text))}</code>'


def listing(heading: str, lines: Iterable[tuple[str, str]], note: str = "") -> str:
    """A card: a heading, and lines of a name and what is said of it."""
    rows = "".join(
        f'<tr style="{_ROW}"><td style="{_NAME};{_ROOM}">'
        f'<code style="overflow-wrap:anywhere">{html.escape(one_line(name, MAX_NAME_CHARS))}</code></td>'
        f'<td style="{_TEXT}{f";{_ROOM}" if text else ""}">{inert(one_line(text))}</td></tr>'
        for name, text in lines
    )
    body = f'<table style="{_TABLE}"><tbody>{rows}</tbody></table>' if rows else ""
    return f'<div style="{FRAME}"><strong>{inert(heading)}</strong>{body}{_note(note)}</div>'


@dataclass(frozen=True, slots=True)
class Listing:
    """The same to be displayed: as a card, and as text.

    Attributes
    ----------
    heading : str
    lines : sequence of (str, str)
        What it is about, and what is said of it.
    note : str
    """

    heading: str
    lines: Sequence[tuple[str, str]]
    note: str = ""

    def __repr__(self) -> str:
        """The card as text."""
        rows = [f"  {one_line(name, MAX_NAME_CHARS)}  {one_line(text)}".rstrip() for name, text in self.lines]
        return "\n".join([self.heading, *rows, *([self.note] if self.note else [])])

    def _repr_html_(self) -> str:
        return listing(self.heading, self.lines, self.note)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], note: str = "") -> str:
    """A table of text."""
    head = "".join(
        f'<th style="{_CELL}"><strong>{inert(one_line(name, MAX_CELL_CHARS))}</strong></th>'
        for name in columns
    )
    body = "".join(
        f'<tr style="{_ROW}">'
        + "".join(f'<td style="{_CELL}">{inert(one_line(cell, MAX_CELL_CHARS))}</td>' for cell in row)
        + "</tr>"
        for row in rows
    )
    return f'<table style="{_TABLE}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{_note(note)}'


def _note(text: str) -> str:
    return f'<div style="{NOTE}">{inert(text)}</div>' if text else ""
