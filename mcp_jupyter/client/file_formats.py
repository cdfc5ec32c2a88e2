# SPDX-License-Identifier: BSD-3-Clause
"""Configuration files that people edit: read within bounds, and parsed as JSON, TOML or YAML.

Owns what makes a file unreadable, and the words for it. Knows nothing of what is in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic_core import from_json

from ..errors import ConfigError

__all__ = ["MAX_FILE_BYTES", "FileFormat", "parsed", "read_file", "without_comments"]

MAX_FILE_BYTES: Final = 16 * 1024 * 1024
"""A list of servers has a few KiB, but Claude Code keeps its own among all the rest it knows."""

FileFormat = Literal["json", "jsonc", "toml", "yaml"]
"""JSON with comments ("jsonc") where the host reads them."""

# What is left open reaches to the end, so that each character is looked at once.
_COMMENTS: Final = re.compile(r'"(?:\\.|[^"\\])*"?|//[^\n]*|/\*(?:.*?\*/|.*\Z)', re.DOTALL)
_TRAILING: Final = re.compile(r'"(?:\\.|[^"\\])*"?|,(?=\s*[}\]])', re.DOTALL)


def read_file(path: Path, shown: str) -> bytes:
    """The contents of a regular file.

    Parameters
    ----------
    shown : str
        What messages call it.

    Raises
    ------
    ConfigError
        There is none, it cannot be read, or it has more than `MAX_FILE_BYTES`.
    """
    try:
        regular = path.is_file()  # a pipe would keep us waiting
    except ValueError:  # a path that no file system has
        regular = False
    if not regular:
        raise ConfigError(f"{shown}: there is no such file.")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as exc:
        raise ConfigError(f"{shown} cannot be read: {exc.strerror}.") from None
    if len(content) > MAX_FILE_BYTES:
        raise ConfigError(f"{shown} has more than {MAX_FILE_BYTES} bytes.")
    return content


def parsed(content: bytes, shown: str, file_format: FileFormat = "jsonc") -> Any:
    """The value of a file.

    Parameters
    ----------
    shown : str
        What messages call the file.
    file_format : FileFormat
        JSON is read with comments and trailing commas either way.

    Raises
    ------
    ConfigError
        It has another format; the message says at which line and column.
    """
    content = content.removeprefix(b"\xef\xbb\xbf")
    parse, title = _PARSERS[file_format]
    try:
        return parse(content)
    except (ValueError, RecursionError) as exc:
        raise ConfigError(f"{shown} is no {title}: {exc}") from None


def _json(content: bytes) -> Any:
    try:
        return from_json(content, allow_inf_nan=False)
    except ValueError:
        return from_json(without_comments(content.decode()), allow_inf_nan=False)


def _toml(content: bytes) -> Any:
    import tomllib

    return tomllib.loads(content.decode())


def _yaml(content: bytes) -> Any:
    import yaml  # only Continue and Goose have it

    try:
        return yaml.safe_load(content.decode())
    except yaml.YAMLError as exc:
        raise ValueError(" ".join(str(exc).split())) from None


_PARSERS: Final[Mapping[FileFormat, tuple[Callable[[bytes], Any], str]]] = {
    "json": (_json, "JSON"),
    "jsonc": (_json, "JSON"),
    "toml": (_toml, "TOML"),
    "yaml": (_yaml, "YAML"),
}


def without_comments(text: str) -> str:
    """JSON without comments and trailing commas: blanks are in their place, so every position stays."""
    return _TRAILING.sub(_keep_text, _COMMENTS.sub(_keep_text, text))


def _keep_text(match: re.Match[str]) -> str:
    found = match[0]
    return found if found.startswith('"') else re.sub(r"[^\n]", " ", found)
