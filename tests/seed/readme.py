# SPDX-License-Identifier: BSD-3-Clause
"""Python blocks out of a README whose markup is lost, and under our package's name. Asserts nothing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

__all__ = ["blocks", "renamed"]

_BEGIN = re.compile(r"(#|@|from \w|import \w)")
_PACKAGE = re.compile(
    r"(?<=^from )mcp\b|(?<=^import )mcp\b|\bmcp(?=\.(?:server|client|types)\b)", re.MULTILINE
)


def blocks(text: str) -> list[str]:
    """The longest runs of lines that are Python and do something."""
    lines = text.splitlines()
    return list(_blocks(lines))


def _blocks(lines: list[str]) -> Iterator[str]:
    start = 0
    while start < len(lines):
        end = _end(lines, start) if _BEGIN.match(lines[start]) else start
        if end > start:
            yield "\n".join(lines[start:end]) + "\n"
        start = max(end, start + 1)


def _end(lines: list[str], start: int) -> int:
    """Where the code ends that begins here; `start` when there is none."""
    for end in range(len(lines), start, -1):
        try:
            body = ast.parse("\n".join(lines[start:end])).body
        except SyntaxError:
            continue
        while body and _is_heading(body[-1]):
            end = body.pop().lineno - 1 + start
        return end if body else start
    return start


def _is_heading(statement: ast.stmt) -> bool:
    """A word on a line of its own is Python too."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Name)


def renamed(source: str) -> str:
    """The code with the package `mcp` replaced; a variable of that name stays."""
    return _PACKAGE.sub("mcp_jupyter", source)
