# SPDX-License-Identifier: BSD-3-Clause
"""JSON files that people edit: read within bounds, comments and trailing commas allowed.

Owns what makes a file unreadable, and the words for it. Knows nothing of what is in it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from pydantic_core import from_json

from ..errors import ConfigError

__all__ = ["MAX_FILE_BYTES", "parsed", "read_file"]

MAX_FILE_BYTES: Final = 16 * 1024 * 1024
"""A list of servers has a few KiB, but Claude Code keeps its own among all the rest it knows."""

# What is left open reaches to the end, so that each character is looked at once.
_COMMENTS: Final = re.compile(rb'"(?:\\.|[^"\\])*"?|//[^\n]*|/\*(?:.*?\*/|.*\Z)', re.DOTALL)
_TRAILING: Final = re.compile(rb'"(?:\\.|[^"\\])*"?|,(?=\s*[}\]])', re.DOTALL)


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


def parsed(content: bytes, shown: str) -> Any:
    """The value of JSON, or of JSON as VS Code has it.

    Raises
    ------
    ConfigError
        It is neither; the message says at which line and column.
    """
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        return from_json(content, allow_inf_nan=False)
    except ValueError:
        pass
    plain = _TRAILING.sub(_keep_text, _COMMENTS.sub(_keep_text, content))
    try:
        return from_json(plain, allow_inf_nan=False)
    except ValueError as exc:
        raise ConfigError(f"{shown} is no JSON: {exc}") from None


def _keep_text(match: re.Match[bytes]) -> bytes:
    """Texts stay; what is left out becomes blanks, so that lines and columns are those of the file."""
    found = match[0]
    return found if found.startswith(b'"') else re.sub(rb"[^\n]", b" ", found)
