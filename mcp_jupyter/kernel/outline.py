# SPDX-License-Identifier: BSD-3-Clause
"""Read a notebook's file for what a model should know about it, and write this as instructions.

`read_outline` reads the file without running it and treats it as hostile: its size is bounded, and nothing in
it is evaluated. It takes the title and the first paragraph of the first Markdown cell. `instructions` writes
the text; the caller may pass the data and tools that are served now. `file_tools` reads the definitions of
tools.

This module is imported before a host has its first answer, so it imports little.
"""

from __future__ import annotations

import ast
import inspect
import re
import shlex
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from .. import types
from .._util.text import safe_block, safe_line
from ..errors import FrameError
from ..protocol.frames import parse

__all__ = [
    "INSTRUCTIONS_CHARS",
    "Entry",
    "Outline",
    "ToolCell",
    "file_tools",
    "instructions",
    "read_outline",
]


INSTRUCTIONS_CHARS: Final = 2_000
"""Characters at most: a model reads them in each chat. Claude Code passes on 4,096, other hosts all."""

MAX_OUTLINE_BYTES: Final = 16 * 2**20
"""A larger file counts as empty, because parsing it would delay the host's first answer."""

MAX_CELLS: Final = 5_000
"""Cells that are read."""

MAX_MARKDOWN_CHARS: Final = 4_000
"""Characters of the first Markdown cell that are read: title and first paragraph are at its beginning."""

MAX_ENTRIES: Final = 100
"""Tools, and variables, that are kept: more would not fit into the instructions."""

TITLE_CHARS: Final = 120
NAME_CHARS: Final = 100
ENTRY_CHARS: Final = 300
"""Characters of one line about a variable or a tool."""

FIRST_LINE_SHARE: Final = 0.7
"""The first line's share of all characters: of 300, the rest has room for the sentence on paging."""

FIRST_LINE_CHARS: Final = 600

_ABOUT: Final = "{}: a live Jupyter notebook. Its functions are tools, its variables resources."
_PAGING: Final = "A result that is cut ends in a line that says how to read on."

Entry = tuple[str, str]
"""A name and its description, which may be empty."""


@dataclass(frozen=True, slots=True)
class Outline:
    """The parts of a notebook's file that instructions and definitions of tools are made of.

    Attributes
    ----------
    title, paragraph : str
        The heading and the first paragraph of the first Markdown cell, each as one line, or empty.
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
    """Return the outline of a notebook's file; empty if the file is unreadable, too large or invalid."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for its writer
            return Outline()
        with path.open("rb") as file:
            data = file.read(MAX_OUTLINE_BYTES + 1)
        if len(data) > MAX_OUTLINE_BYTES:
            return Outline()
        return _outline(list(_cells(parse(data))))
    except (OSError, FrameError):
        return Outline()


def _cells(document: Any) -> Iterator[tuple[str, str]]:
    """Yield type and source of each cell, in notebook format 4 (earlier formats have worksheets)."""
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
    """Return the options of a magic; None if they cannot be parsed, so that the cell would fail."""
    try:
        return tuple(shlex.split(line[0])) if line else ()
    except ValueError:
        return None


def _tools(options: tuple[str, ...], body: str) -> list[str]:
    """Return the names of the tools of one `%%mcp_tool` cell."""
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
    """Return the first heading and the first paragraph after it, without markup.

    The title is empty when the first paragraph comes before any heading.
    """
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
    """Yield lines that form a block. A heading is a block of its own, and fenced code is left out."""
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
    """Remove HTML comments, which the notebook does not show either."""
    kept = []
    for number, part in enumerate(source.split("<!--")):
        kept.append(part if number == 0 else part.partition("-->")[2])
    return "".join(kept)


def _plain(text: str, chars: int) -> str:
    text = _LINK.sub(lambda link: "" if link[1] else link[2], text)
    return safe_line(_MARKUP.sub("", text), chars)


# -- the text --------------------------------------------------------------------------------------------


def instructions(
    name: str,
    outline: Outline,
    chars: int,
    *,
    data: Iterable[Entry] | None = None,
    tools: Iterable[Entry] | None = None,
) -> str:
    """Write the instructions of a notebook.

    The first line is complete in itself, because a host may show only that. The user's own instructions
    replace everything else.

    Parameters
    ----------
    name : str
        The notebook's name.
    outline : Outline
        The outline of its file.
    chars : int
        Characters that the host shows.
    data, tools : iterable of Entry, optional
        The data and tools that are served now. By default those of the file.

    Returns
    -------
    str
        At most `chars` characters, and at most `INSTRUCTIONS_CHARS`.
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
    """Return the name and what it stands for, and as much of title and paragraph as fits."""
    line = _ABOUT.format(safe_line(name, NAME_CHARS))
    for text in (outline.title, outline.paragraph):
        if text and len(line) + 20 < chars:
            line += f" {_cut(text if text[-1] in '.!?:…' else f'{text}.', chars - len(line) - 1)}"
    return line


def _cut(text: str, chars: int) -> str:
    """Cut a line to `chars` characters, at the end of a sentence or else of a word."""
    if len(text) <= chars:
        return text
    kept = text[: chars - 1]
    sentence = max(kept.rfind(mark) for mark in (". ", "! ", "? "))
    if sentence > chars // 2:
        return kept[: sentence + 1]
    return f"{kept[: kept.rfind(' ')] if ' ' in kept else kept}…"


def _section(heading: str, entries: Iterable[Entry], room: int) -> list[str]:
    """Return a heading and a line for each entry that fits; a last line says how many more there are."""
    lines = [safe_line(f"- {name}: {text}" if text else f"- {name}", ENTRY_CHARS) for name, text in entries]
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
    """Cut the user's own instructions to the characters that a host shows, at the end of a line."""
    text = safe_block(text.strip())
    if len(text) <= chars:
        return text
    whole = text[:chars].rfind("\n")
    return text[:whole].rstrip() if whole > 0 else _cut(text, chars)


# -- file tools ----------------------------------------------------------------------------------
#
# The definitions of a notebook's tools, read from its file without running it.
#
# They are for hosts that list tools only once, before the kernel has started. A definition has the function's
# name, docstring and parameters, and the types of parameters where these are plain. Nothing is evaluated.

ToolCell: TypeAlias = tuple[tuple[str, ...], str]
"""The options of a `%%mcp_tool` cell, and the code below it."""

MAX_DESCRIPTION_CHARS: Final = 10_000
"""Characters of one tool's description: the longest that hosts were seen to pass on whole."""

MAX_DEPTH: Final = 8
"""Levels of types within types that are read."""

_PLAIN: Final = {
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "str": {"type": "string"},
    "bool": {"type": "boolean"},
    "list": {"type": "array"},
    "dict": {"type": "object"},
}

_HINTS: Final = {
    "--read-only": "readOnlyHint",
    "--destructive": "destructiveHint",
    "--idempotent": "idempotentHint",
    "--open-world": "openWorldHint",
}

_INJECTED: Final = "Context"

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


def file_tools(cells: Iterable[ToolCell]) -> list[types.Tool]:
    """Return the definitions of the tools in `%%mcp_tool` cells; the last one of each name."""
    tools = {tool.name: tool for options, source in cells for tool in _tools_in(options, source)}
    return list(tools.values())


def _tools_in(options: tuple[str, ...], source: str) -> Iterator[types.Tool]:
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # magics, or code that the kernel refuses
        return
    functions = [each for each in body if isinstance(each, Function) and not each.name.startswith("_")]
    named = options[options.index("--name") + 1 : options.index("--name") + 2] if "--name" in options else ()
    said = {hint: True for option, hint in _HINTS.items() if option in options}
    for function in functions:
        if function.args.vararg or function.args.kwarg or function.args.posonlyargs:
            continue  # the kernel refuses to make a tool of it
        description = inspect.cleandoc(ast.get_docstring(function) or "")[:MAX_DESCRIPTION_CHARS]
        yield types.Tool(
            name=named[0] if named and len(functions) == 1 else function.name,
            description=description or None,
            inputSchema=_schema(function),
            annotations=types.ToolAnnotations.model_validate(said) if said else None,
        )


def _schema(function: Function) -> dict[str, Any]:
    arguments = function.args
    padding: list[ast.expr | None] = [None] * (len(arguments.args) - len(arguments.defaults))
    defaults = [*padding, *arguments.defaults, *arguments.kw_defaults]
    properties: dict[str, Any] = {}
    required: list[str] = []
    for argument, default in zip([*arguments.args, *arguments.kwonlyargs], defaults, strict=True):
        if argument.annotation is not None and _is_injected(argument.annotation):
            continue
        properties[argument.arg] = _type(argument.annotation)
        if default is None:
            required.append(argument.arg)
        elif isinstance(default, ast.Constant) and isinstance(default.value, str | int | float | bool):
            said = {"default": default.value, "description": f"(default {default.value!r})"}
            properties[argument.arg] = {**properties[argument.arg], **said}
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    return {**schema, "required": required} if required else schema


def _is_injected(annotation: ast.expr) -> bool:
    """Whether a parameter is the `Context`, which the server passes."""
    return any(
        (isinstance(node, ast.Name) and node.id == _INJECTED)
        or (isinstance(node, ast.Attribute) and node.attr == _INJECTED)
        for node in ast.walk(annotation)
    )


def _type(annotation: ast.expr | None, depth: int = 0) -> dict[str, Any]:
    """Return the schema of a plain type; for all others an empty one, which accepts any value."""
    if depth > MAX_DEPTH:
        return {}
    match annotation:
        case ast.Constant(value=None):
            return {"type": "null"}
        case ast.Name(id=name):
            return dict(_PLAIN.get(name, {}))
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _any_of(_type(left, depth + 1), _type(right, depth + 1))
        case ast.Subscript(value=ast.Name(id="list"), slice=inner):
            return {"type": "array", "items": _type(inner, depth + 1)}
        case ast.Subscript(value=ast.Name(id="dict"), slice=ast.Tuple(elts=[_, inner])):
            return {"type": "object", "additionalProperties": _type(inner, depth + 1) or True}
        case ast.Subscript(value=ast.Name(id="Optional"), slice=inner):
            return _any_of(_type(inner, depth + 1), {"type": "null"})
        case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[inner, *_])):
            return _type(inner, depth + 1)
        case ast.Subscript(value=ast.Name(id="Literal"), slice=inner):
            choices = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            values = [each.value for each in choices if isinstance(each, ast.Constant)]
            plain = [value for value in values if isinstance(value, str | int | bool)]
            return {"enum": plain} if len(plain) == len(choices) else {}
    return {}


def _any_of(*schemas: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a union, which accepts any value if one of its parts does."""
    if not all(schemas):
        return {}
    return {"anyOf": [part for schema in schemas for part in schema.get("anyOf", [schema])]}
