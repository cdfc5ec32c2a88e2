# SPDX-License-Identifier: BSD-3-Clause
"""The name of a notebook in URLs: from any file name to a name that is safe there.

Letters of every script stay (NFC); a URL has them percent-encoded. Which names are taken is known elsewhere.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from .._util.private_files import PrivateJsonFile

__all__ = [
    "RESERVED_NAMES",
    "RememberedNames",
    "candidate_names",
    "changed_name",
    "fits_in_name",
    "is_name",
    "plain_name",
]


MAX_NAME_CHARS: Final = 64
"""A name is part of URLs and the prefix of tool names in the aggregate; longer ones help nobody."""

RESERVED_NAMES: Final = frozenset({"api", "hub", "messages", "sse", "static"})
"""Path segments below the extension's base URL that are, or may become, something else."""

MARK_CHARS: Final = 6
"""Hexadecimal characters that tell notebooks of one name apart: two of a user's hardly ever share them."""

MAX_MARK_CHARS: Final = 32
"""By then the marks of two kernels differ."""

_FALLBACK: Final = "notebook"
_PUNCTUATION: Final = "_.-"

# Invisible letters and marks: two names that look the same must be the same.
_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def is_name(value: str) -> bool:
    """Whether `value` may name a notebook: safe in a URL, no dot, dash or accent first, not reserved."""
    return (
        0 < len(value) <= MAX_NAME_CHARS
        and value not in RESERVED_NAMES
        and all(map(fits_in_name, value))
        and _may_begin(value[0])
        and unicodedata.is_normalized("NFC", value)
    )


def plain_name(wanted: str) -> str:
    """The name that is nearest to `wanted`, a file name without ending or the user's choice.

    Characters that cannot stand in a name become dashes. It may be reserved, and it may be taken.
    """
    text = unicodedata.normalize("NFC", wanted)
    dashed = re.sub("\0+", "-", "".join(char if fits_in_name(char) else "\0" for char in text))
    while dashed and not _may_begin(dashed[0]):
        dashed = dashed[1:]
    return dashed[:MAX_NAME_CHARS].rstrip("-.") or _FALLBACK


def changed_name(wanted: str) -> bool:
    """Whether a notebook cannot have just the name that its user chose."""
    plain = plain_name(wanted)
    return plain in RESERVED_NAMES or plain != unicodedata.normalize("NFC", wanted)


def candidate_names(wanted: str, kernel_id: str, path: str | None) -> Iterator[str]:
    """The names that a notebook takes the first free one of, in this order.

    Parameters
    ----------
    wanted : str
        What it would like to be called.
    kernel_id : str
        Tells two kernels of one notebook apart, and does so again after a restart.
    path : str or None
        The notebook's real path: its name stays the same wherever its kernel is new.
    """
    plain = plain_name(wanted)
    if plain not in RESERVED_NAMES:
        yield plain
    if path is not None:
        yield _marked(plain, _digest(path)[:MARK_CHARS])
    for length in range(MARK_CHARS, MAX_MARK_CHARS + 1):
        yield _marked(plain, _digest(kernel_id)[:length])


def _marked(name: str, mark: str) -> str:
    return f"{name[: MAX_NAME_CHARS - 1 - len(mark)].rstrip('-.')}-{mark}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def fits_in_name(char: str) -> bool:
    """Whether a name may have this character."""
    return char in _PUNCTUATION or (unicodedata.category(char)[0] in "LMN" and not _INVISIBLE.match(char))


def _may_begin(char: str) -> bool:
    return char == "_" or unicodedata.category(char)[0] in "LN"


# -- remembered names ----------------------------------------------------------------------------
#
# The names that notebooks had: a notebook gets its name again, and no other gets it meanwhile.
#
# One small private file for each name, in the Jupyter data directory. It holds the name and the notebook's
# real path. A name whose notebook does not exist any longer is free.
#
# These functions block on the file system, and what they read is checked.

log = logging.getLogger(__name__)

MAX_NAMES: Final = 2000
"""More notebooks than a user has; beyond it the names that were not used for longest are forgotten."""

MAX_FILE_BYTES: Final = 16 * 1024
"""A name and a path."""


class _Remembered(BaseModel):
    """What a file holds: a name, and the real path of its notebook."""

    name: str
    path: str


class RememberedNames:
    """The names of one user's notebooks.

    Parameters
    ----------
    directory : Path, optional
        Where they are kept; below the Jupyter data directory when left out.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory or _default_directory()

    def owner(self, name: str) -> str | None:
        """The path of the existing notebook that a name belongs to."""
        try:
            found = self._file(name).read()
        except OSError:
            return None
        is_there = found is not None and found.name == name and "\0" not in found.path
        return found.path if found is not None and is_there and os.path.exists(found.path) else None

    def remember(self, name: str, path: str) -> None:
        """Let a name be that of the notebook at `path`. A directory that cannot be written is logged only."""
        file = self._file(name)
        try:
            if not file.path.exists():
                self._make_room()
            file.write(_Remembered(name=name, path=path))
        except OSError as exc:
            log.warning("The name of notebook %r is not remembered: %s", name, exc)

    def _make_room(self) -> None:
        files = list(self._directory.glob("*.json"))
        if len(files) < MAX_NAMES:
            return
        for file in sorted(files, key=_last_used)[: len(files) - MAX_NAMES + 1]:
            with suppress(OSError):
                file.unlink()

    def _file(self, name: str) -> PrivateJsonFile[_Remembered]:
        # A file's name may have 255 bytes, and some file systems take two spellings for one.
        path = self._directory / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.json"
        return PrivateJsonFile(path, _Remembered, MAX_FILE_BYTES, is_renewable=True)


def _last_used(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0


def _default_directory() -> Path:
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "mcp_jupyter" / "names"
