# SPDX-License-Identifier: BSD-3-Clause
"""Format what a server offers and returns as text for a terminal, and save binary results.

The texts of `heading` and `listing` are safe to print, and so is what `table` and `dumped` return.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol

import click

from .. import types
from .._util.json_schema import MAX_TYPE_DEPTH, Schema, alternatives, choices, kinds, properties, resolve
from .._util.text import MAX_LINE_CHARS, MAX_MESSAGE_CHARS, MAX_PAGE_CHARS, safe_block, safe_line
from .target import say

__all__ = [
    "Part",
    "dumped",
    "heading",
    "listing",
    "part_of",
    "present",
    "prompt_signature",
    "resource_line",
    "structured_part",
    "table",
    "tool_signature",
    "write_new",
]


MAX_PARAMETERS: Final = 30
"""Parameters shown in one signature."""

MAX_VALUES: Final = 6
"""Values of an enumeration, or alternatives of a type, shown in a signature."""


class _Described(Protocol):
    @property
    def description(self) -> str | None: ...


def heading(info: types.Implementation | None, version: str, instructions: str | None) -> list[str]:
    """Return lines with the server's name, version and instructions."""
    name = "A server without a name" if info is None else f"{info.title or info.name} {info.version}"
    lines = [safe_line(f"{name} (protocol {version})")]
    if instructions and instructions.strip():
        lines += ["", safe_block(instructions.strip())]
    return lines


def listing(title: str, items: Sequence[tuple[str, _Described]]) -> list[str]:
    """Return the lines of a section: each item's line, and below it the start of its description."""
    if not items:
        return []
    lines = ["", title]
    for line, item in items:
        lines.append(f"  {safe_line(line, MAX_PAGE_CHARS)}")
        description = _first_line(item.description)
        if description:
            lines.append(f"      {description}")
    return lines


def tool_signature(tool: types.Tool) -> str:
    """Return a tool's signature, such as `top_customers(n: integer = 5, region?: string)`."""
    found = properties(tool.inputSchema)
    shown = [
        _parameter(name, part, name in found.required, tool.inputSchema)
        for name, part in islice(found.schemas.items(), MAX_PARAMETERS)
    ]
    if len(found.schemas) > MAX_PARAMETERS:
        shown.append("...")
    return f"{tool.name}({', '.join(shown)})"


def prompt_signature(prompt: types.Prompt) -> str:
    """Return a prompt's signature, such as `summarise(region, style?)`."""
    arguments = prompt.arguments or []
    shown = [each.name if each.required else f"{each.name}?" for each in arguments[:MAX_PARAMETERS]]
    return f"{prompt.name}({', '.join(shown + ['...'] * (len(arguments) > MAX_PARAMETERS))})"


def resource_line(item: types.Resource | types.ResourceTemplate) -> str:
    """Return a resource's line, such as `notebook://variables/sales (text/csv, 1,024 bytes)`."""
    uri = item.uri if isinstance(item, types.Resource) else item.uriTemplate
    size = item.size if isinstance(item, types.Resource) else None
    said = [item.mimeType or "", f"{size:,} bytes" if size is not None else ""]
    shown = ", ".join(word for word in said if word)
    return f"{uri} ({shown})" if shown else uri


def _parameter(name: str, schema: Schema, needed: bool, root: Schema) -> str:
    kind = _kind(schema, root)
    typed = f": {kind}" if kind != "any" else ""
    if needed:
        return f"{name}{typed}"
    if schema.get("default") is not None:
        return f"{name}{typed} = {_json(schema['default'])}"
    return f"{name}?{typed}"


def _kind(schema: Any, root: Schema, depth: int = 0) -> str:
    """Return the type that a JSON Schema describes, in a few words and without null: `"a" | [integer]`."""
    if depth > MAX_TYPE_DEPTH:
        return "any"
    schema = resolve(schema, root)
    if values := choices(schema, root, MAX_VALUES + 1):
        words = [_json(value) for _, value in values]
    elif offered := alternatives(schema):
        words = [_kind(each, root, depth + 1) for each in offered[: MAX_VALUES + 1]]
    else:
        words = [
            f"[{_kind(schema.get('items'), root, depth + 1)}]" if kind == "array" else kind
            for kind in kinds(schema)
        ]
    some = [word for word in dict.fromkeys(words) if word != "null"] or words
    if len(some) > MAX_VALUES:
        some[MAX_VALUES:] = ["..."]
    return " | ".join(some) or "any"


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_LINE_CHARS else "..."


def _first_line(text: str | None) -> str:
    line = next((line.strip() for line in (text or "").splitlines() if line.strip()), "")
    return safe_line(line)


# -- JSON ----------------------------------------------------------------------------------------


def dumped(value: Any, *, indent: int | None = 2) -> str:
    """Return JSON in ASCII, which contains no control characters for a terminal."""
    return json.dumps(value, indent=indent).replace("\x7f", "\\u007f")


# -- files ---------------------------------------------------------------------------------------


def write_new(path: Path, text: str, *, force: bool) -> None:
    """Write a file that the user names, over an old one only with `force` (the option --force).

    Raises
    ------
    click.ClickException
        There is a file already, or it cannot be written.
    """
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise click.ClickException(f"{path} is there already: use --force to write over it.") from None
    except OSError as exc:
        raise click.ClickException(f"{path} cannot be written: {exc.strerror or exc}.") from None
    say(f"Wrote {path}.")


# -- table ---------------------------------------------------------------------------------------


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return aligned columns, two spaces between them. Cells are safe to show; no line ends with a space."""
    lines = [list(heads), *([safe_line(str(cell), MAX_MESSAGE_CHARS) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


# -- parts ---------------------------------------------------------------------------------------
#
# The parts of a result: text to print, or bytes to save with `--output`.


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a result.

    Attributes
    ----------
    text : str
        The text to print: the content itself, or a line that describes binary content.
    data : bytes or None
        Binary content.
    """

    text: str
    data: bytes | None = None


def part_of(content: Any) -> Part:
    """Return the part for a content block, or for contents of a resource.

    Raises
    ------
    click.ClickException
        Binary content is not valid base64.
    """
    match content:
        case types.TextContent() | types.TextResourceContents():
            return Part(content.text)
        case types.ImageContent() | types.AudioContent():
            return _binary(content.type, content.mimeType, content.data)
        case types.BlobResourceContents():
            return _binary(content.uri, content.mimeType, content.blob)
        case types.EmbeddedResource():
            return part_of(content.resource)
        case types.ResourceLink():
            return Part(f"[resource {content.uri}, {content.mimeType or 'of an unknown type'}]")
        case _:
            return Part(dumped(content.model_dump(mode="json", exclude_none=True)))


def structured_part(value: Any) -> Part:
    """Return the part for structured content."""
    return Part(dumped(value))


def _binary(what: str, mime_type: str | None, encoded: str) -> Part:
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise click.ClickException(f"The server sent {safe_line(what)} that is not base64.") from None
    return Part(f"[{what}, {mime_type or 'of an unknown type'}, {len(data):,} bytes]", data)


def present(parts: Iterable[Part], output: Path | None, *, err: bool = False) -> None:
    """Print the parts, and save the binary ones, or else the text, in a file.

    Parameters
    ----------
    parts : iterable of Part
        The parts of a result.
    output : Path or None
        The file for the first binary part. The second one goes into `name-2.png`, and so on.
    err : bool
        Print to stderr.

    Raises
    ------
    click.ClickException
        The file cannot be written.
    """
    shown = list(parts)
    texts = [part.text for part in shown if part.data is None]
    binary = [part for part in shown if part.data is not None]
    if output is None:
        click.echo(safe_block("\n".join(part.text for part in shown), None), err=err)
    elif binary:
        if texts:
            click.echo(safe_block("\n".join(texts), None), err=err)
        _save(binary, output)
    else:
        _save([Part("", "\n".join(texts).encode("utf-8", "replace"))], output)


def _save(parts: Sequence[Part], output: Path) -> None:
    for number, part in enumerate(parts, 1):
        path = output if number == 1 else output.with_stem(f"{output.stem}-{number}")
        assert part.data is not None
        try:
            path.write_bytes(part.data)
        except OSError as exc:
            raise click.ClickException(f"{path} cannot be written: {exc.strerror or exc}.") from None
        say(f"Saved {path}, {len(part.data):,} bytes.")
