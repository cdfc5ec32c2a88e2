# SPDX-License-Identifier: BSD-3-Clause
"""What a notebook tells a model about itself: read from its file, and written as instructions.

`read_outline` reads a notebook's file without running it, and treats what it finds there as hostile: the size
is bounded, and no part is evaluated. `instructions` writes the text, with data and tools as they are known to
the caller. Only the title and the first paragraph of the user's own text are taken.

The module is imported before a host has its first answer: it imports nothing but the parser.
"""

from __future__ import annotations

import re
import shlex
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..errors import FrameError
from ..notebook_client.text import clean, one_line
from ..protocol.frames import parse
from .file_tools import ToolCell

__all__ = ["INSTRUCTIONS_CHARS", "Entry", "Outline", "instructions", "read_outline"]

INSTRUCTIONS_CHARS: Final = 2_000
"""A model reads them in each conversation. Claude Code takes 4,096, other hosts pass all on."""

MAX_FILE_BYTES: Final = 16 * 2**20
"""Of a larger file only the name is told: it would hold up the host's first answer."""

MAX_CELLS: Final = 5_000
"""Cells that are looked at."""

MAX_MARKDOWN_CHARS: Final = 4_000
"""Of the first Markdown cell: title and first paragraph stand at its beginning."""

MAX_ENTRIES: Final = 100
"""Tools, and variables, that are looked at: more would not fit into the instructions."""

TITLE_CHARS: Final = 120
NAME_CHARS: Final = 100
ENTRY_CHARS: Final = 300
"""Of one line about a variable or a tool."""

FIRST_LINE_SHARE: Final = 0.7
"""Of all characters, for the first line: of 300, the rest has room for the sentence on paging."""

FIRST_LINE_CHARS: Final = 600

_ABOUT: Final = "{}: a live Jupyter notebook. Its functions are tools, its variables resources."
_PAGING: Final = "A result that is cut ends in a line that says how to read on."

Entry = tuple[str, str]
"""A name, and what is said of it; that may be empty."""


@dataclass(frozen=True, slots=True)
class Outline:
    """What the file of a notebook says.

    Attributes
    ----------
    title, paragraph : str
        The heading and the first paragraph of the first Markdown cell, each as one line; empty where there is
        none.
    own : str or None
        The text of the last `%%mcp_instructions` cell.
    tools, data : tuple of Entry
        The functions of `%%mcp_tool` cells, and the variables of `%mcp_resource` lines.
    tool_cells : tuple of ToolCell
        The `%%mcp_tool` cells themselves.
    """

    title: str = ""
    paragraph: str = ""
    own: str | None = None
    tools: tuple[Entry, ...] = ()
    data: tuple[Entry, ...] = ()
    tool_cells: tuple[ToolCell, ...] = ()


# -- the file --------------------------------------------------------------------------------------------


def read_outline(path: Path) -> Outline:
    """The outline of a notebook's file; empty when it cannot be read, is too large or no notebook."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # to open a pipe would wait for its writer
            return Outline()
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            return Outline()
        return _outline(list(_cells(parse(data))))
    except (OSError, FrameError):
        return Outline()


def _cells(document: Any) -> Iterator[tuple[str, str]]:
    """Kind and source of each cell, of format 4 (earlier ones have worksheets)."""
    cells = document.get("cells") if isinstance(document, Mapping) else None
    for cell in cells[:MAX_CELLS] if isinstance(cells, list) else ():
        if not isinstance(cell, Mapping):
            continue
        kind, source = cell.get("cell_type"), cell.get("source")
        if isinstance(source, list):
            source = "".join(line for line in source if isinstance(line, str))
        if isinstance(kind, str) and isinstance(source, str):
            yield kind, source


def _outline(cells: list[tuple[str, str]]) -> Outline:
    first = next((source for kind, source in cells if kind == "markdown"), "")
    title, paragraph = _title_and_paragraph(first[:MAX_MARKDOWN_CHARS])
    own: str | None = None
    tools: list[Entry] = []
    data: list[Entry] = []
    tool_cells: list[ToolCell] = []
    for kind, source in cells:
        if kind != "code":
            continue
        magic, _, body = source.lstrip().partition("\n")
        words = magic.split(maxsplit=1)
        if words[:1] == ["%%mcp_instructions"]:
            own = body.strip() or None
        elif words[:1] == ["%%mcp_tool"]:
            options = _options(words[1:])
            if options is not None:
                tools += [(name, "") for name in _tools(options, body)]
                tool_cells.append((options, body))
        data += [(name, "") for name in _RESOURCE.findall(source)]
    kept = tuple(tool_cells[:MAX_ENTRIES])
    return Outline(title, paragraph, own, _distinct(tools), _distinct(data), kept)


def _distinct(entries: list[Entry]) -> tuple[Entry, ...]:
    return tuple(dict.fromkeys(entries))[:MAX_ENTRIES]


_FUNCTION: Final = re.compile(r"^(?:async[ \t]+)?def[ \t]+([^\W\d_]\w*)", re.MULTILINE)
_RESOURCE: Final = re.compile(r"^%mcp_resource[ \t]+([^\W\d]\w*)[ \t]*(?:--.*)?$", re.MULTILINE)


def _options(line: list[str]) -> tuple[str, ...] | None:
    """The options of a magic; None where they cannot be read, so that the cell will fail."""
    try:
        return tuple(shlex.split(line[0])) if line else ()
    except ValueError:
        return None


def _tools(options: tuple[str, ...], body: str) -> list[str]:
    """The names of the tools of one `%%mcp_tool` cell."""
    names = _FUNCTION.findall(body)
    if "--name" in options[:-1] and len(names) == 1:
        return [options[options.index("--name") + 1]]
    return names


# -- Markdown --------------------------------------------------------------------------------------------

_HEADING: Final = re.compile(r" {0,3}#{1,6}[ \t]+(.+)")
_UNDERLINE: Final = re.compile(r" {0,3}(?:=+|-+)[ \t]*")
_NO_PROSE: Final = re.compile(
    r"\s*(?:[|<>$#]|!\[|:::|\[!|[-*+][ \t]|\d+[.)][ \t]|(?:[-*_][ \t]*){3,}$)| {4}|\t"
)
_FENCE: Final = re.compile(r" {0,3}(?:```|~~~)")
_LINK: Final = re.compile(r"(!?)\[([^\[\]]*)\](?:\([^()]*\)|\[[^\[\]]*\])")
_MARKUP: Final = re.compile(r"</?[A-Za-z][^<>]*>|\*+|`+")


def _title_and_paragraph(source: str) -> tuple[str, str]:
    """The first heading, and the first paragraph after it (or of all, without a heading), as plain lines."""
    title = ""
    for block in _blocks(_without_comments(source)):
        heading = _HEADING.fullmatch(block[0])
        if heading is None and len(block) == 2 and _UNDERLINE.fullmatch(block[1]):
            title = title or _plain(block[0], TITLE_CHARS)
        elif heading is not None:
            title = title or _plain(heading[1].rstrip("# \t"), TITLE_CHARS)
        elif not _NO_PROSE.match(block[0]) and (text := _plain(" ".join(block), FIRST_LINE_CHARS)):
            return title, text
    return title, ""


def _blocks(source: str) -> Iterator[list[str]]:
    """Lines that belong together; headings by themselves, without code between fences."""
    block: list[str] = []
    fenced = False
    for line in [*source.splitlines(), ""]:
        fence = _FENCE.match(line) is not None
        ends = fence or fenced or not line.strip() or _HEADING.fullmatch(line) is not None
        if ends or (block and _NO_PROSE.match(line)):
            if block:
                yield block
            block = []
        fenced ^= fence
        if not ends:
            block.append(line)
            if len(block) == 2 and _UNDERLINE.fullmatch(line):
                yield block
                block = []
        elif _HEADING.fullmatch(line) and not fenced:
            yield [line]
    if block:
        yield block


def _without_comments(source: str) -> str:
    """Without what HTML comments hide: it is not shown in the notebook either."""
    kept = []
    for number, part in enumerate(source.split("<!--")):
        kept.append(part if number == 0 else part.partition("-->")[2])
    return "".join(kept)


def _plain(text: str, chars: int) -> str:
    text = _LINK.sub(lambda link: "" if link[1] else link[2], text)
    return one_line(_MARKUP.sub("", text), chars)


# -- the text --------------------------------------------------------------------------------------------


def instructions(
    name: str,
    outline: Outline,
    chars: int,
    *,
    data: Iterable[Entry] | None = None,
    tools: Iterable[Entry] | None = None,
) -> str:
    """The instructions of a notebook, for a host that shows so many characters.

    The first line is complete in itself: a host may show only that. The user's own instructions replace all.

    Parameters
    ----------
    data, tools : iterable of Entry, optional
        As they are served now; those of the file when left out.
    """
    chars = min(chars, INSTRUCTIONS_CHARS)
    if outline.own is not None:
        return _fitted(outline.own, chars)
    first = _first_line(name, outline, min(FIRST_LINE_CHARS, int(chars * FIRST_LINE_SHARE)))
    room = chars - len(first) - len(_PAGING) - 2
    lines = [first]
    for heading, entries in (
        ("Data:", outline.data if data is None else data),
        ("Tools:", outline.tools if tools is None else tools),
    ):
        part = _section(heading, entries, room)
        lines += part
        room -= sum(len(line) + 1 for line in part)
    return "\n".join([*lines, _PAGING])


def _first_line(name: str, outline: Outline, chars: int) -> str:
    """The name and what it is; title and paragraph as far as there is room."""
    line = _ABOUT.format(one_line(name, NAME_CHARS))
    for text in (outline.title, outline.paragraph):
        if text and len(line) + 20 < chars:
            line += f" {_cut(text if text[-1] in '.!?:…' else f'{text}.', chars - len(line) - 1)}"
    return line


def _cut(text: str, chars: int) -> str:
    """As much of a line as has room, to the end of a sentence or else of a word."""
    if len(text) <= chars:
        return text
    kept = text[: chars - 1]
    sentence = max(kept.rfind(mark) for mark in (". ", "! ", "? "))
    if sentence > chars // 2:
        return kept[: sentence + 1]
    return f"{kept[: kept.rfind(' ')] if ' ' in kept else kept}…"


def _section(heading: str, entries: Iterable[Entry], room: int) -> list[str]:
    """A heading and a line for each entry; the last line says how many more there are, if any."""
    lines = [one_line(f"- {name}: {text}" if text else f"- {name}", ENTRY_CHARS) for name, text in entries]
    room -= len(heading) + 1
    kept: list[str] = []
    for at, line in enumerate(lines):
        rest = len(lines) - at - 1
        more = f"- and {rest + 1} more"
        if len(line) + 1 + (len(more) + 1 if rest else 0) > room:
            kept += [more] if kept else []
            break
        kept.append(line)
        room -= len(line) + 1
    return [heading, *kept] if kept else []


def _fitted(text: str, chars: int) -> str:
    """A user's own instructions, cut at the end of a line to the characters that a host shows."""
    text = clean(text.strip())
    if len(text) <= chars:
        return text
    whole = text[:chars].rfind("\n")
    return text[:whole].rstrip() if whole > 0 else _cut(text, chars)
