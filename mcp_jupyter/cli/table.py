# SPDX-License-Identifier: BSD-3-Clause
"""Rows as aligned text, with nothing in them that a terminal would obey. Knows no command."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["plain", "table"]


def plain(value: object) -> str:
    """A value as one line of printable text: what others named may hold control characters."""
    return "".join(char if char.isprintable() else "?" for char in str(value))


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns as wide as they must be, two spaces between them, no space at the end of a line."""
    lines = [list(heads), *([plain(cell) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
