# SPDX-License-Identifier: BSD-3-Clause
"""Foreign text made fit to be shown: the one place for it. Knows neither results nor displays.

A server's text may hold what a terminal obeys (escape sequences), what reorders a line (bidirectional
controls) and what no eye sees (zero-width and tag characters, which carry instructions to a model past
the person). The first goes, the rest is made visible, as in ⟨U+202E⟩ (SECURITY, T30).
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["MAX_SHOWN_CHARS", "clean", "is_clean", "one_line"]

MAX_SHOWN_CHARS: Final = 50_000
"""Of one text: some 1,000 lines, more than anybody reads in an output. The whole is in `.text`."""

MAX_LINE_CHARS: Final = 160
"""Of what is said on one line."""

# Possessive quantifiers and disjoint classes: each character is looked at a bounded number of times.
_SEQUENCES: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*+[ -/]*+[@-~]?"  # CSI, also one that never ends
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x18\x1a\x1b\x90-\x9f\r\n]*+(?:\x07|\x1b\\|\x9c)"  # OSC, ...
    r"|\x1b[\]PX^_]|[\x90\x98\x9d-\x9f]"  # one of those without an end: its text is text
    r"|\x1b[ -/]*+[0-~]"  # every other escape sequence (ECMA-48)
)

_SEEN: Final = (
    r"\u0600-\u180a\u180f-\u1fff\u2070-\u3163\u3165-\ud7ff\uf900-\ufdff\ufe10-\ufefe\uff00-\uff9f"
    r"\U00010000-\U000dffff"
)
"""Scripts that use joiners (Arabic, those of India) and emoji, without what is invisible itself."""

_JOINED: Final = rf"(?<=[{_SEEN}\ufe0f])[\u200c\u200d](?=[{_SEEN}])"
_STYLED: Final = (
    r"(?<=[\xa9\xae\u203c-\u205f\u2070-\u3163\u3165-\u3299\U0001f000-\U0001faff])[\ufe0e\ufe0f]"
    r"|(?<=[#*0-9])\ufe0f(?=\u20e3)"
)
"""What has two looks, as text and as emoji; after a letter, what chooses between them only carries data."""

_HIDDEN: Final = re.compile(
    rf"{_JOINED}|{_STYLED}|"
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # controls but for \t \n; \r is a line's end by now
    r"\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"  # soft hyphen, joiners, fillers
    r"\u200b-\u200f\u2028-\u202e\u2060-\u206f"  # zero-width, bidirectional, invisible operators
    r"\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"  # fillers, variations, annotations
    r"\ud800-\udfff"  # halves of characters, which no encoding takes
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"  # shorthand, music, tags
)


def clean(text: str, limit: int = MAX_SHOWN_CHARS) -> str:
    r"""Text that shows all it holds and does nothing.

    Escape sequences are taken out. Other controls but for `\n` and `\t`, and invisible characters, are
    shown as ⟨U+XXXX⟩; what joins or styles the emoji and letters of a script that needs it stays.

    Parameters
    ----------
    limit : int
        Characters kept; a last line says how many there were.
    """
    if len(text) <= limit and text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text  # as most is: the patterns take a microsecond a character
    kept = _SEQUENCES.sub("", text[: limit + 1])
    kept = kept.replace("\r\n", "\n").replace("\r", "\n")
    kept = _HIDDEN.sub(_mark, kept)
    if len(text) <= limit and len(kept) <= limit:
        return kept
    return f"{kept[:limit]}\n[cut here: {len(text):,} characters in all]"


def _mark(match: re.Match[str]) -> str:
    char = match[0]
    if char in "\u200c\u200d\ufe0e\ufe0f" and _allowed(match):
        return char
    return f"⟨U+{ord(char):04X}⟩"


def _allowed(match: re.Match[str]) -> bool:
    return _CONTEXT.match(match.string, match.start()) is not None


_CONTEXT: Final = re.compile(f"{_JOINED}|{_STYLED}")


def is_clean(text: str) -> bool:
    """Whether a text shows all it holds as it is, on one line."""
    return one_line(text, len(text) + 1) == text


def one_line(text: str, limit: int = MAX_LINE_CHARS) -> str:
    """A text's beginning as one clean line of at most `limit` characters."""
    line = " ".join(clean(text[: 4 * limit], 4 * limit).split())
    return line if len(text) <= 4 * limit and len(line) <= limit else f"{line[: limit - 1]}…"
