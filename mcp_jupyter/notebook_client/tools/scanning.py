# SPDX-License-Identifier: BSD-3-Clause
"""Where in unfinished Python code the cursor stands. Pure text: it evaluates nothing, and never fails.

A parser needs a whole program; this needs to know only brackets, strings and commas.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

__all__ = ["Bracket", "Place", "place_of"]

MAX_LOOK_CHARS: Final = 20_000
"""Before the cursor: completion runs at a key press."""

_TOKEN: Final = re.compile(r"\"{3}|'{3}|[\"'()\[\]{},#\n\\]")
_CLOSES: Final = {")": "(", "]": "[", "}": "{"}


@dataclass(slots=True)
class Bracket:
    """A bracket that is open at the cursor.

    Attributes
    ----------
    kind : {"(", "[", "{"}
    before : int
        Where it stands.
    parts : list of int
        Where each of the parts within it, which commas part, begins.
    """

    kind: str
    before: int
    parts: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the cursor stands.

    Attributes
    ----------
    text : str
        What was looked at; it ends at the cursor.
    bracket : Bracket or None
        The innermost one.
    outer : Bracket or None
        The one around that.
    string : int or None
        Where the string begins that is open at the cursor, at its quotation mark.
    """

    text: str
    bracket: Bracket | None
    string: int | None
    outer: Bracket | None = None


def place_of(text: str) -> Place | None:
    """The place at the end of `text`; None in a comment."""
    text = text[-MAX_LOOK_CHARS:]
    scan = _Scan()
    for match in _TOKEN.finditer(text):
        if match.start() >= scan.skip_to:
            scan.take(match[0], match.start())
    if scan.quote == "#":
        return None
    outer, bracket = [None, None, *scan.open][-2:]
    return Place(text, bracket, scan.begun if scan.quote else None, outer)


class _Scan:
    def __init__(self) -> None:
        self.open: list[Bracket] = []
        self.quote = ""  # of the string that is open; "#" in a comment
        self.begun = 0
        self.skip_to = 0

    def take(self, mark: str, at: int) -> None:
        if self.quote:
            self._within(mark, at)
        elif mark in "([{":
            self.open.append(Bracket(mark, at, [at + 1]))
        elif mark in _CLOSES:
            if self.open and self.open[-1].kind == _CLOSES[mark]:
                self.open.pop()
        elif mark == ",":
            if self.open:
                self.open[-1].parts.append(at + 1)
        elif mark not in "\n\\":
            self.quote, self.begun = mark, at

    def _within(self, mark: str, at: int) -> None:
        if mark == "\\" and self.quote != "#":
            self.skip_to = at + 2
        elif mark == "\n":
            if len(self.quote) == 1:  # a comment's end, or that of a string nobody closed
                self.quote = ""
        elif mark == self.quote != "#":
            self.quote = ""
        elif len(mark) == 3 and mark[0] == self.quote:  # the end of one and an empty one, or its beginning
            self.quote = ""
            self.skip_to = at + 1
