# SPDX-License-Identifier: BSD-3-Clause
"""The parts of what a server answered: text to print, bytes to save.

Owns how each kind of content is shown, and what `--output` writes. Knows no command.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from .. import types
from .target import say
from .terminal import dumped, visible

__all__ = ["Part", "part_of", "present", "structured_part"]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an answer.

    Attributes
    ----------
    text : str
        What is printed for it: itself, or a line about it.
    data : bytes or None
        What it holds, where that is not text.
    """

    text: str
    data: bytes | None = None


def part_of(content: Any) -> Part:
    """A block of content, or contents of a resource.

    Raises
    ------
    click.ClickException
        It is not the base64 it should be.
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
    """Structured output."""
    return Part(dumped(value))


def _binary(what: str, mime_type: str | None, encoded: str) -> Part:
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise click.ClickException(f"The server sent {visible(what)} that is not base64.") from None
    return Part(f"[{what}, {mime_type or 'of an unknown type'}, {len(data):,} bytes]", data)


def present(parts: Iterable[Part], output: Path | None, *, err: bool = False) -> None:
    """Print the parts, and save what is binary (or else the text) in a file.

    Of several binary parts, the second goes into `name-2.png`, and so on.

    Raises
    ------
    click.ClickException
        The file cannot be written.
    """
    shown = list(parts)
    texts = [part.text for part in shown if part.data is None]
    binary = [part for part in shown if part.data is not None]
    if output is None:
        click.echo(visible("\n".join(part.text for part in shown)), err=err)
    elif binary:
        if texts:
            click.echo(visible("\n".join(texts)), err=err)
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
