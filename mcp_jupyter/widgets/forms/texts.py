# SPDX-License-Identifier: BSD-3-Clause
"""A server's texts as widgets may show them: inert. Knows what ipywidgets does with a text, and no field.

Front ends set `description`, `placeholder`, `tooltip` and option labels as text; descriptions they then
typeset, if they find LaTeX in them. `HTML` is set as HTML, and not typeset.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ...notebook_client.text import clean, one_line

__all__ = ["MAX_HELP_CHARS", "MAX_LABEL_CHARS", "hint", "label_text", "note_html", "option_text"]

MAX_LABEL_CHARS: Final = 80
"""Of a label: one line of a form."""

MAX_HELP_CHARS: Final = 1_500
"""Of a description: some fifteen lines. Longer ones are written for a model."""

_LATEX: Final = str.maketrans({"$": "＄", "\\": "＼"})  # noqa: RUF001 - look alike and mean nothing


def label_text(text: str) -> str:
    """For `description`: no LaTeX begins in it. A single dollar, as in `$filter`, begins none."""
    line = one_line(text, MAX_LABEL_CHARS)
    return line.translate(_LATEX) if "\\" in line or line.count("$") > 1 else line


def option_text(text: str) -> str:
    """For an option, a placeholder or a tooltip."""
    return one_line(text, MAX_LABEL_CHARS)


def note_html(help_text: str, problems: Sequence[str]) -> str:
    """For `HTML`: what a field is for, and what is wrong with it, in words and not by colour alone."""
    shown = []
    if help_text:
        shown.append(
            '<span style="color: var(--jp-ui-font-color2, #616161); white-space: pre-line">'
            f"{html.escape(clean(help_text, MAX_HELP_CHARS))}</span>"
        )
    shown += [
        '<span role="alert" style="color: var(--jp-error-color1, #b71c1c); font-weight: bold">'
        f"⚠ Problem: {html.escape(one_line(text, 300))}</span>"
        for text in problems
    ]
    return (
        f'<div style="line-height: 1.4; overflow-wrap: anywhere">{"<br>".join(shown)}</div>' if shown else ""
    )


def legend_html(text: str) -> str:
    """For `HTML`: the heading of a group, which a screen reader finds as one."""
    return f'<span role="heading" aria-level="4"><b>{html.escape(option_text(text))}</b></span>'


_HINTS: Final = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "multipleOf": "a multiple of {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "pattern": "pattern {}",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "format": "{}",
    "contentEncoding": "{}",
}
_KINDS: Final = {"integer": "whole number", "number": "number"}


def hint(plain: Mapping[str, Any]) -> str:
    """What fits, in short: "whole number, at least 1, at most 10"."""
    words = [_KINDS[kind] for kind in [plain.get("type")] if isinstance(kind, str) and kind in _KINDS]
    for key, text in _HINTS.items():
        if plain.get(key):
            counted = text.removesuffix("s") if plain[key] == 1 else text
            words.append(one_line(counted.format(plain[key])))
    return ", ".join(words)
