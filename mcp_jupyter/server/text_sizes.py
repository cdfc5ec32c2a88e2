# SPDX-License-Identifier: BSD-3-Clause
"""How long a text is where hosts count: as JSON, and in lines; and the beginning of one that is too long."""

from __future__ import annotations

from ..protocol.frames import dumps

__all__ = ["beginning", "first_lines", "json_size"]


def json_size(text: str) -> int:
    """Bytes of a text as JSON, without its quotes."""
    return len(dumps(text)) - 2


def beginning(text: str, size: int) -> str:
    """The longest beginning, or nearly so, that has at most `size` bytes as JSON."""
    text = text[:size]
    while text and (has := json_size(text)) > size:
        text = text[: min(len(text) * size // has, len(text) - 1)]
    return text


def first_lines(text: str, most: int) -> str:
    """At most so many lines of a text, which ends at the end of one where it is near."""
    lines = text.split("\n", most)
    if len(lines) > most:
        return "\n".join(lines[:most])
    at = text.rfind("\n")
    return text[: at + 1] if at > len(text) // 2 else text
