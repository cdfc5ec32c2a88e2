# SPDX-License-Identifier: BSD-3-Clause
"""The cards that magics display: what was served, connected or found, as HTML and as text.

A card has no port, id, time, memory address or token, so that a notebook's outputs compare equal from run to
run; `%mcp_status`, which says since when assistants are connected, is the exception. Its HTML needs no
scripts, style sheets or other files. All text in it is escaped, because names, descriptions and lists may
come from other programs.

In an untrusted notebook JupyterLab keeps certain inline styles only, in exactly the notation used here. It
drops `var(...)`, so a colour is given twice: as a plain one, and as that of the theme.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, Final, NamedTuple

from IPython.display import display

from .._util.json_schema import MAX_TYPE_DEPTH, Schema, alternatives, choices, kinds, properties, resolve
from .._util.text import MAX_MESSAGE_CHARS, safe_block, safe_line

__all__ = ["FRAME", "NOTE", "Card", "Row", "arguments_text", "counted", "inert", "show", "type_text"]

FRAME: Final = "border-left:3px solid #f37726;padding:2px 10px;margin:2px 0"
NOTE: Final = "opacity:.75"
_WARNING: Final = (
    "border-left:3px solid #f57c00;border-left-color:var(--jp-warn-color1,#f57c00);padding:0 8px;margin:2px 0"
)
_LARGE: Final = "font-size:120%"
_LINE: Final = "padding:2px 0"

# They undo the stripes, the right alignment and the centring that notebooks give every table.
_TABLE: Final = "margin:0;border-collapse:collapse"
_ROW: Final = "background:transparent"
_CELL: Final = "padding:2px 0;text-align:left;vertical-align:top"
_ROOM: Final = "min-width:12em"
"""The least width of a name and of the text beside it: else the longer one takes all the room."""
_CODE: Final = "background:transparent;padding:0;font-family:inherit;white-space:pre-wrap"


def _colour(name: str, plain: str) -> str:
    return f"font-weight:bold;color:{plain};color:var(--jp-{name}-color1,{plain})"


_TONES: Final = {"reads only": _colour("success", "#388e3c"), "deletes": _colour("error", "#d32f2f")}
"""Styles of marks. Their words say the same without colour."""

# Without `href` it does nothing where the command does not exist: in other front ends, and in untrusted
# notebooks, where JupyterLab drops the attributes. There it does not look like a link either, because the
# theme's variable is missing or dropped.
_PANEL_LINK: Final = (
    'In JupyterLab, <a data-commandlinker-command="mcp-jupyter:open" data-commandlinker-args="{}" '
    'style="cursor:pointer;color:var(--jp-content-link-color);'
    'text-decoration:underline var(--jp-content-link-color)">show the MCP panel</a>.'
)


class Row(NamedTuple):
    """A line of a card's list: a name, a text about it, and marks, which are words such as "reads only"."""

    name: str
    text: str = ""
    marks: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Card:
    """A heading, and what there is to say about it.

    Attributes
    ----------
    heading : str
        The largest text: the name of what the card is about.
    groups : mapping of str to sequence of Row
        Lists by title. The title "" is not shown.
    note : str
        A last sentence, on what the user may want to do next. Commands in it are between backticks.
    kind : str
        A small word before the heading.
    marks : sequence of str
        Words beside the heading. See `Row`.
    about : sequence of str
        Lines below the heading. Only the first line of each text is shown.
    warnings : sequence of str
        Sentences.
    has_panel_link : bool
        Whether the HTML has a link to the panel in JupyterLab.
    """

    heading: str
    groups: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    note: str = ""
    kind: str = ""
    marks: Sequence[str] = ()
    about: Sequence[str] = ()
    warnings: Sequence[str] = ()
    has_panel_link: bool = False

    def __repr__(self) -> str:
        """The card as text."""
        lines = [_joined("  ", f"{self.kind} {_heading(self.heading)}".strip(), _mark_text(self.marks))]
        lines += [f"  {_first_line(text)}" for text in self.about]
        lines += [f"  ⚠ {_first_line(text)}" for text in self.warnings]
        for title, rows in self.groups.items():
            lines += [title] if title else []
            for row in rows:
                texts = [*filter(None, (_first_line(row.text), _mark_text(row.marks)))]
                lines.append(_joined("  ", f"  {_heading(row.name)}", *texts[:1]))
                lines += [f"      {text}" for text in texts[1:]]
        return "\n".join([*lines, *([safe_block(self.note)] if self.note else [])])

    def _repr_html_(self) -> str:
        kind = f'<small style="{NOTE}">{html.escape(self.kind)}</small>' if self.kind else ""
        name = f'<strong style="{_LARGE}">{inert(_heading(self.heading))}</strong>'
        head = _joined(" &nbsp;", _joined(" ", kind, name), _mark_html(self.marks))
        lines = [f'<div style="{_LINE}">{inert(_first_line(text))}</div>' for text in self.about]
        lines += [f'<div style="{_WARNING}">⚠ {inert(_first_line(text))}</div>' for text in self.warnings]
        groups = "".join(_group(title, rows) for title, rows in self.groups.items())
        link = _PANEL_LINK if self.has_panel_link else ""
        last = _joined(" ", _with_commands(self.note), link)
        note = f'<div style="{NOTE}">{last}</div>' if last else ""
        return f'<div style="{FRAME}"><div>{head}</div>{"".join(lines)}{groups}{note}</div>'


def _group(title: str, rows: Sequence[Row]) -> str:
    head = f'<div style="{_LINE}"><strong>{inert(title)}</strong></div>' if title else ""
    body = "".join(map(_row, rows))
    return head + (f'<table style="{_TABLE}"><tbody>{body}</tbody></table>' if body else "")


def _row(row: Row) -> str:
    name = f'<code style="overflow-wrap:anywhere">{html.escape(_heading(row.name))}</code>'
    text = inert(_first_line(row.text)) if row.text else ""
    said = _joined("<br>", text, _mark_html(row.marks))
    room = f";{_ROOM}" if said else ""
    return (
        f'<tr style="{_ROW}"><td style="{_CELL};{_ROOM}">{name}</td>'
        f'<td style="{_CELL};padding:2px 12px{room}">{said}</td></tr>'
    )


def _mark_html(marks: Iterable[str]) -> str:
    shown = (
        f'<span style="{_TONES[mark]}">{mark}</span>'
        if mark in _TONES
        else f'<span style="{NOTE}">{inert(_first_line(mark))}</span>'
        for mark in marks
    )
    return " · ".join(shown)


def _mark_text(marks: Iterable[str]) -> str:
    return " · ".join(map(_first_line, marks))


def _with_commands(text: str) -> str:
    """Return a note as HTML, with what is between backticks as code."""
    parts = zip(text.split("`"), cycle((False, True)), strict=False)
    return "".join(
        f"<code>{html.escape(safe_block(part))}</code>" if is_command else inert(part)
        for part, is_command in parts
        if part
    )


def inert(text: str) -> str:
    """Return foreign text as HTML that shows it as text.

    JupyterLab renders TeX in all HTML except `code`, and TeX can hold links and styles.
    """
    return f'<code style="{_CODE}">{html.escape(safe_block(text))}</code>'


def show(card: Card) -> None:
    """Display a card in the running cell."""
    display(card)


def counted(number: int, noun: str) -> str:
    """Return "1 tool", "2 tools"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _heading(text: str) -> str:
    return safe_line(text, MAX_MESSAGE_CHARS)


def _first_line(text: str) -> str:
    return safe_line(text.strip().partition("\n")[0], MAX_MESSAGE_CHARS)


def _joined(separator: str, *texts: str) -> str:
    return separator.join(filter(None, texts))


# -- signatures ----------------------------------------------------------------------------------
#
# A tool's arguments as an assistant gets them: from the JSON Schema, in plain words.

_WORDS: Final = {
    "string": "text", "integer": "integer", "number": "number", "boolean": "true or false", "array": "list",
    "object": "object", "null": "nothing",
}  # fmt: skip

_INFINITIES: Final = ("Infinity", "-Infinity")
"""An alternative to a number in the results of our tools, which is of no interest here."""

MAX_CHOICES_SHOWN: Final = 6
"""Values of an enumeration that are written out; completion and the panel offer all."""

MAX_VALUE_CHARS: Final = 40
"""Characters of a default, or of one value of an enumeration."""


def arguments_text(schema: Schema) -> str:
    """Return arguments in plain words, as `n: integer = 5 · region: text, optional`."""
    arguments = properties(schema)
    texts = [
        f"{safe_line(name)}: {type_text(each, schema)}{_default(each, name in arguments.required)}"
        for name, each in arguments.schemas.items()
    ]
    return " · ".join(texts) or "no arguments"


def _default(schema: Schema, is_required: bool) -> str:
    if is_required:
        return ""
    default = schema.get("default")
    return ", optional" if default is None else f" = {_value(default)}"


def type_text(schema: Any, root: Schema) -> str:
    """Return a schema's type in plain words, as `list of text` or `"c" or "f"`.

    Parameters
    ----------
    schema : mapping or Any
        The schema of a value.
    root : mapping
        The whole schema, in which references are looked up.
    """
    return " or ".join(_types(schema, root, 0)) or "anything"


def _types(schema: Any, root: Schema, depth: int) -> list[str]:
    """Return the alternatives of a type, without null: an argument that may be null is optional."""
    schema = resolve(schema, root)
    if depth > MAX_TYPE_DEPTH:
        return []
    values = [value for _, value in choices(schema, root, MAX_CHOICES_SHOWN + 1) if value is not None]
    if values and all(value in _INFINITIES for value in values):
        return []
    if 0 < len(values) <= MAX_CHOICES_SHOWN:
        return [*map(_value, values)]
    if offered := alternatives(schema):
        found = [text for each in offered for text in _types(each, root, depth + 1)]
        return [*dict.fromkeys(found)]
    items = _types(schema["items"], root, depth + 1) if "items" in schema else []
    inner = f"list of {' or '.join(items)}" if items else "list"
    return [inner if kind == "array" else _WORDS[kind] for kind in kinds(schema) if kind != "null"]


def _value(value: Any) -> str:
    return safe_line(json.dumps(value, ensure_ascii=False, default=str), MAX_VALUE_CHARS)
