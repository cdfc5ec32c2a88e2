# SPDX-License-Identifier: BSD-3-Clause
"""Make a name for URLs from any file name of a notebook.

Letters of every script are kept (NFC); URLs percent-encode them. `name_claims` knows which names are taken.
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

from .._util.names import MAX_NAME_CHARS
from .._util.private_files import PrivateJsonFile
from ..protocol.limits import MAX_PRIVATE_FILE_BYTES

__all__ = [
    "RESERVED_NAMES",
    "RememberedNames",
    "candidate_names",
    "changed_name",
    "fits_in_name",
    "is_name",
    "names_of_file",
    "plain_name",
]


RESERVED_NAMES: Final = frozenset({"api", "hub", "messages", "sse", "static"})
"""Path segments below the extension's base URL that have, or may get, another meaning."""

MARK_CHARS: Final = 6
"""Hexadecimal characters that tell notebooks of one name apart; a user's notebooks hardly ever share them."""

MAX_MARK_CHARS: Final = 32
"""Hexadecimal characters at which the marks of two kernels certainly differ."""

_FALLBACK: Final = "notebook"
_PUNCTUATION: Final = "_.-"

# Invisible letters and marks are excluded, so that names that look the same are the same.
_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def is_name(value: str) -> bool:
    """Return whether `value` is a valid name: safe in a URL, no dot, dash or accent first, not reserved."""
    return (
        0 < len(value) <= MAX_NAME_CHARS
        and value not in RESERVED_NAMES
        and all(map(fits_in_name, value))
        and _may_begin(value[0])
        and unicodedata.is_normalized("NFC", value)
    )


def plain_name(wanted: str) -> str:
    """Return the nearest name to `wanted`, a file name without its ending or the user's choice.

    Characters that a name cannot have become dashes. The result may be reserved or taken.
    """
    text = unicodedata.normalize("NFC", wanted)
    dashed = re.sub("\0+", "-", "".join(char if fits_in_name(char) else "\0" for char in text))
    while dashed and not _may_begin(dashed[0]):
        dashed = dashed[1:]
    return dashed[:MAX_NAME_CHARS].rstrip("-.") or _FALLBACK


def changed_name(wanted: str) -> bool:
    """Return whether a notebook cannot have exactly the name that its user chose."""
    plain = plain_name(wanted)
    return plain in RESERVED_NAMES or plain != unicodedata.normalize("NFC", wanted)


def candidate_names(wanted: str, kernel_id: str, path: str | None) -> Iterator[str]:
    """Yield the names for a notebook in order of preference; it takes the first free one.

    Parameters
    ----------
    wanted : str
        The name it should have.
    kernel_id : str
        Tells two kernels of one notebook apart, in the same way after a restart.
    path : str or None
        The notebook's real path, which gives the same name to a new kernel.
    """
    yield from names_of_file(wanted, path)
    for length in range(MARK_CHARS, MAX_MARK_CHARS + 1):
        yield _marked(plain_name(wanted), _digest(kernel_id)[:length])


def names_of_file(wanted: str, path: str | None) -> list[str]:
    """Return those of `candidate_names` that do not depend on the kernel."""
    plain = plain_name(wanted)
    names = [] if plain in RESERVED_NAMES else [plain]
    return names if path is None else [*names, _marked(plain, _digest(path)[:MARK_CHARS])]


def _marked(name: str, mark: str) -> str:
    return f"{name[: MAX_NAME_CHARS - 1 - len(mark)].rstrip('-.')}-{mark}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def fits_in_name(char: str) -> bool:
    """Return whether a name may have this character."""
    return char in _PUNCTUATION or (unicodedata.category(char)[0] in "LMN" and not _INVISIBLE.match(char))


def _may_begin(char: str) -> bool:
    return char == "_" or unicodedata.category(char)[0] in "LN"


# -- remembered names ----------------------------------------------------------------------------
#
# The names that notebooks had. A notebook gets its name again, and no other notebook gets it meanwhile.
#
# Each name has a small private file in the Jupyter data directory, with the name and the notebook's real
# path. A name is free once its notebook no longer exists.
#
# These functions block on the file system and check what they read.

log = logging.getLogger(__name__)

MAX_NAMES: Final = 2000
"""More names than a user has notebooks; beyond it, the least recently used names are forgotten."""


class _Remembered(BaseModel):
    """The content of a file: a name, and the real path of its notebook."""

    name: str
    path: str


class RememberedNames:
    """The names of one user's notebooks.

    Parameters
    ----------
    directory : Path, optional
        The directory of the files; by default below the Jupyter data directory.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory or _default_directory()

    def owner(self, name: str) -> str | None:
        """Return the path of the existing notebook that has a name, or None."""
        try:
            found = self._file(name).read()
        except OSError:
            return None
        is_there = found is not None and found.name == name and "\0" not in found.path
        return found.path if found is not None and is_there and os.path.exists(found.path) else None

    def remember(self, name: str, path: str) -> None:
        """Record the name of the notebook at `path`. A failure to write is only logged."""
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
        # A digest, because file names are limited to 255 bytes and some file systems ignore case.
        path = self._directory / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.json"
        return PrivateJsonFile(path, _Remembered, MAX_PRIVATE_FILE_BYTES, is_renewable=True)


def _last_used(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0


def _default_directory() -> Path:
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "mcp_jupyter" / "names"
