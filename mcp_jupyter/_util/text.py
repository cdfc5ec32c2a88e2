# SPDX-License-Identifier: BSD-3-Clause
"""Make foreign text safe to show, and define the limits of what is shown.

Foreign text may hold escape sequences, which a terminal obeys, bidirectional controls, which reorder a line,
and invisible characters, which can carry instructions to a model that the user does not see. Escape sequences
are removed. All other such characters are replaced by their number, as in ⟨U+202E⟩.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from itertools import islice
from typing import Final

__all__ = [
    "MAX_BLOCK_CHARS",
    "MAX_LINE_CHARS",
    "MAX_MESSAGE_CHARS",
    "MAX_NAMED",
    "MAX_PAGE_CHARS",
    "is_safe_line",
    "join_names",
    "safe_block",
    "safe_line",
    "shorten",
]

MAX_NAMED: Final = 20
"""Names that a message lists: enough to correct a typing error."""

MAX_LINE_CHARS: Final = 160
"""Characters of a name, a value or a sentence on one line."""

MAX_MESSAGE_CHARS: Final = 500
"""Characters of a path, a URL or some sentences within a message."""

MAX_PAGE_CHARS: Final = 4_000
"""Characters of an error with its details or of a question: more than a user reads."""

MAX_BLOCK_CHARS: Final = 50_000
"""Characters of a text in an output: about 1,000 lines."""

# Possessive quantifiers and disjoint classes keep the time linear.
_SEQUENCES: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*+[ -/]*+[@-~]?"  # CSI, also one that never ends
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x18\x1a\x1b\x90-\x9f\r\n]*+(?:\x07|\x1b\\|\x9c)"  # OSC, ...
    r"|\x1b[\]PX^_]|[\x90\x98\x9d-\x9f]"  # one of those without an end: the text after it stays
    r"|\x1b[ -/]*+[0-~]"  # every other escape sequence (ECMA-48)
)

_HIDDEN: Final = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # controls except \t and \n; \r has become \n
    r"\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"  # soft hyphen, joiners, fillers
    r"\u200b-\u200f\u2028-\u202e\u2060-\u206f"  # zero-width, bidirectional, invisible operators
    r"\u3164\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"  # fillers, variations
    r"\ud800-\udfff\ue000-\uf8ff"  # lone surrogates, private use
    r"\U00013430-\U00013455\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"  # hieroglyphs, shorthand, music
    r"\U00040000-\U0010ffff]"  # unassigned planes, tags, variations, private use
)
"""Characters that a terminal obeys, that are invisible, or whose look differs between systems."""

_SCRIPTS: Final = (
    r"\u0600-\u180a\u180f-\u1fff\u2070-\u3163\u3165-\ud7ff\uf900-\ufdff\ufe10-\ufefe\uff00-\uff9f"
    r"\U00010000-\U000dffff"
)
"""Scripts that use joiners (Arabic and those of India), and emoji."""


def safe_block(text: str, limit: int | None = MAX_BLOCK_CHARS) -> str:
    r"""Return text of several lines without characters that a terminal obeys or a reader does not see.

    Parameters
    ----------
    text : str
        Foreign text.
    limit : int or None
        Characters that are kept; if there are more, a last line says how many. None keeps all.

    Returns
    -------
    str
        The text without escape sequences. `\n` and `\t` stay, and so do joiners and variation selectors where
        a script or an emoji needs them. Other controls and invisible characters are shown as ⟨U+XXXX⟩.
    """
    fits = limit is None or len(text) <= limit
    if fits and text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text  # the usual case: the patterns take up to a microsecond for each character
    kept = _SEQUENCES.sub("", text if limit is None else text[: limit + 1])
    kept = _HIDDEN.sub(_mark, kept.replace("\r\n", "\n").replace("\r", "\n"))
    if limit is None or (fits and len(kept) <= limit):
        return kept
    return f"{kept[:limit]}\n[cut here: {len(text):,} characters in all]"


def _mark(match: re.Match[str]) -> str:
    char = match[0]
    if char in "\u200c\u200d\ufe0e\ufe0f" and _needed().match(match.string, match.start()):
        return char
    return f"⟨U+{ord(char):04X}⟩"


@cache  # it takes 12 ms to compile, and few texts need it
def _needed() -> re.Pattern[str]:
    """Compile a pattern for joiners and variation selectors that change how a letter or an emoji looks.

    Elsewhere they are invisible and may hide data.
    """
    return re.compile(
        rf"(?<=[{_SCRIPTS}\ufe0f])[\u200c\u200d](?=[{_SCRIPTS}])"
        r"|(?<=[\xa9\xae\u203c-\u205f\u2070-\u3163\u3165-\u3299\U0001f000-\U0001faff])[\ufe0e\ufe0f]"
        r"|(?<=[#*0-9])\ufe0f(?=\u20e3)"
    )


def safe_line(text: str, limit: int = MAX_LINE_CHARS) -> str:
    """Return the beginning of a text as one line of at most `limit` characters, safe as in `safe_block`."""
    line = " ".join(safe_block(text[: 4 * limit], 4 * limit).split())
    return line if len(text) <= 4 * limit and len(line) <= limit else f"{line[: limit - 1]}…"


def is_safe_line(text: str) -> bool:
    """Whether `safe_line` with a sufficient limit returns the text unchanged."""
    return safe_line(text, len(text) + 1) == text


def join_names(names: Iterable[str]) -> str:
    """Return the first `MAX_NAMED` names as a list for a sentence, each safe to show: "a, b, ..."."""
    shown = [safe_line(name) for name in islice(names, MAX_NAMED + 1)]
    return ", ".join(shown if len(shown) <= MAX_NAMED else [*shown[:MAX_NAMED], "..."])


def shorten(text: str, limit: int = MAX_LINE_CHARS, end: int = 0) -> str:
    """Shorten a text to `limit` characters, of which the last `end` are those of its end."""
    return text if len(text) <= limit else f"{text[: max(limit - end - 1, 0)]}…{text[len(text) - end :]}"
