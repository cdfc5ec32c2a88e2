# SPDX-License-Identifier: BSD-3-Clause
"""The cards that magics display: a heading and a table, as HTML and as text.

A card never has a port, an id, a time, a memory address or a token, so that a notebook's outputs compare
equal from run to run. Its HTML needs no scripts, style sheets or other files, so it looks the same in an
untrusted notebook, where JupyterLab keeps only certain inline styles. Colours are those of the theme.
"""

from __future__ import annotations

import html
import inspect
import re
import reprlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, get_args, get_origin

from IPython.display import display

from .._util.text import safe_block, safe_line
from ..server.fastmcp.signatures import signature_of

__all__ = ["FRAME", "NOTE", "Card", "inert", "show", "signature_text", "unhinted"]

# JupyterLab's sanitiser allows each of these styles, in exactly this notation. They undo the stripes, the
# right alignment and the centring that notebooks give every table.
FRAME: Final = "border-left:3px solid #f37726;padding:2px 10px;margin:2px 0"
_TABLE: Final = "margin:0;border-collapse:collapse"
_ROW: Final = "background:transparent"
_NAME: Final = "padding:2px 12px 2px 0;text-align:left;vertical-align:top;white-space:nowrap"
_TEXT: Final = "padding:2px 0;text-align:left;vertical-align:top;opacity:.75"
_CODE: Final = "background:transparent;padding:0;font-family:inherit;white-space:pre-wrap"
NOTE: Final = "opacity:.75"

_COMMAND: Final = re.compile("`([^`]+)`")


@dataclass(frozen=True, slots=True)
class Card:
    """A heading and lines of (name, text).

    Attributes
    ----------
    heading : str
        The heading.
    lines : sequence of (str, str, ...)
        A name and texts about it, each text on a line of its own. Only the first line of a text is shown.
    note : str
        A last sentence, on what the user may want to do next. Commands in it are between backticks.
    """

    heading: str
    lines: Sequence[tuple[str, ...]] = ()
    note: str = ""

    def __repr__(self) -> str:
        """The card as text."""
        rows = []
        for name, *texts in self.lines:
            first, *more = map(_first_line, texts)
            rows += [f"  {name}  {first}".rstrip(), *(f"      {text}" for text in more)]
        return "\n".join([self.heading, *rows, *([self.note] if self.note else [])])

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr style="{_ROW}"><td style="{_NAME}"><code>{html.escape(name)}</code></td>'
            f'<td style="{_TEXT}">{"<br>".join(html.escape(_first_line(text)) for text in texts)}</td></tr>'
            for name, *texts in self.lines
        )
        table = f'<table style="{_TABLE}"><tbody>{rows}</tbody></table>' if rows else ""
        text = _COMMAND.sub(r"<code>\1</code>", html.escape(self.note))
        note = f'<div style="{NOTE}">{text}</div>' if text else ""
        return f'<div style="{FRAME}"><strong>{html.escape(self.heading)}</strong>{table}{note}</div>'


def inert(text: str) -> str:
    """Return foreign text as HTML that shows it as text.

    JupyterLab renders TeX in all HTML except `code`, and TeX can hold links and styles.
    """
    return f'<code style="{_CODE}">{html.escape(safe_block(text))}</code>'


def show(card: Card) -> None:
    """Display a card in the running cell."""
    display(card)


def _first_line(text: str) -> str:
    return safe_line(text.strip().partition("\n")[0])


# -- signatures ----------------------------------------------------------------------------------------


def unhinted(function: Callable[..., Any]) -> list[str]:
    """Return the names of a function's parameters that have no type hint."""
    try:
        parameters = signature_of(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [each.name for each in parameters if each.annotation is inspect.Parameter.empty]


def signature_text(function: Callable[..., Any]) -> str:
    """Return a function's signature as text, with types without their modules and only plain defaults.

    The module of a type differs between versions of its library (`pandas.core.frame`), and the repr of a
    default may have a memory address.
    """
    try:
        signature = signature_of(function)
    except (TypeError, ValueError):
        return "(...)"
    parameters = [
        each.replace(annotation=_annotation(each.annotation), default=_default(each.default))
        for each in signature.parameters.values()
    ]
    returned = _annotation(signature.return_annotation)
    return str(signature.replace(parameters=parameters, return_annotation=returned))


class _Verbatim:
    """Text that `inspect` puts into a signature unquoted."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


_MODULES: Final = re.compile(r"""('[^']*'|"[^"]*")|\b(?:[^\W\d]\w*\.)+(?=[^\W\d])""")
"""Dotted prefixes of names. Quoted text, as in Literal['sales.csv'], is matched too, and kept."""


def _annotation(annotation: Any) -> Any:
    if annotation is inspect.Signature.empty:
        return annotation
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return _Verbatim(_MODULES.sub(lambda match: match[1] or "", text))


def _default(value: Any) -> Any:
    if value is inspect.Parameter.empty:
        return value
    text = reprlib.repr(value)  # bounded in length, and never raises
    plain = isinstance(value, str) or not ("<" in text or "\n" in text)
    return _Verbatim(text if plain else "...")
