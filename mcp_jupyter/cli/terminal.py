# SPDX-License-Identifier: BSD-3-Clause
"""What others wrote, fit for a terminal: seen as it is, obeyed in nothing.

Knows no protocol and no command.
"""

from __future__ import annotations

import json
import unicodedata
from typing import Any, Final

__all__ = ["dumped", "visible"]

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories that a terminal obeys, or shows as nothing: control characters, changes of direction,
characters without width, half a surrogate pair, line ends that are none elsewhere."""


def visible(text: str) -> str:
    r"""Text with all that is not plainly seen written out, such as `\x1b`; lines and tabs stay."""
    text = text.replace("\r\n", "\n")
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(char) for char in text)


def _shown(char: str) -> str:
    if char in "\n\t" or unicodedata.category(char) not in _HIDDEN:
        return char
    return char.encode("unicode_escape").decode()


def dumped(value: Any, *, indent: int | None = 2) -> str:
    """JSON in ASCII: a program reads it unchanged, a terminal finds nothing to obey."""
    return json.dumps(value, indent=indent).replace("\x7f", "\\u007f")
