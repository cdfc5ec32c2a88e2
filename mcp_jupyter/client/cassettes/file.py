# SPDX-License-Identifier: BSD-3-Clause
"""A cassette on disk: read within bounds, replaced whole, for its owner's eyes only.

Owns what makes a file unfit to be read or replaced, and when another process has changed it. Does not know
what is in it.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from ..._util.private_files import read_plain, write_private
from ...errors import CassetteError
from ..streams import printable

__all__ = ["MAX_FILE_BYTES", "CassetteFile"]

MAX_FILE_BYTES: Final = 64 * 1024 * 1024
"""A run with a few plots has one or two MiB; more than this no repository should hold."""

MAX_SHOWN_CHARS: Final = 300
"""Of a path in a message."""

_State = tuple[int, int, int]


class CassetteFile:
    """A path, and what was last seen there.

    Parameters
    ----------
    path : Path
        Its folder must exist.

    Attributes
    ----------
    shown : str
        What messages call it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.shown = printable(os.fspath(path), MAX_SHOWN_CHARS)
        self._seen: _State | None = None

    @property
    def is_changed(self) -> bool:
        """Whether somebody else has written it since it was last read or written here."""
        try:
            return _state(self.path.lstat()) != self._seen
        except FileNotFoundError:
            return self._seen is not None
        except (OSError, ValueError):
            return True

    def read(self) -> bytes | None:
        """Its contents; None when there is no such file.

        Raises
        ------
        CassetteError
            It cannot be read, is a link or no plain file, or has more than `MAX_FILE_BYTES`.
        """
        try:
            content, status = read_plain(self.path, MAX_FILE_BYTES)
        except FileNotFoundError:
            self._seen = None
            return None
        except (OSError, ValueError) as exc:
            raise CassetteError(f"{self.shown} is not read: {_why(exc)}.") from None
        self._seen = _state(status)
        return content

    def check_writable(self) -> None:
        """Refuse what would be written for nothing.

        Raises
        ------
        CassetteError
            There is no such folder, or the file is marked as not to be written. To replace it takes no right
            to write it, but whoever marked it meant that.
        """
        if not self.path.parent.is_dir():
            raise CassetteError(f"{self.shown} cannot be written: there is no such folder.")
        with suppress(OSError, ValueError):
            if not self.path.lstat().st_mode & stat.S_IWUSR:
                raise CassetteError(
                    f"{self.shown} is read-only: nothing is recorded in it. Make it writable, or replay it."
                )

    def write(self, content: bytes) -> None:
        """Put `content` in its place, at once or not at all, with mode 0600.

        Raises
        ------
        CassetteError
            It cannot be written, or is a link or no plain file.
        """
        self.check_writable()
        if len(content) > MAX_FILE_BYTES:
            raise CassetteError(
                f"{self.shown} would have more than {MAX_FILE_BYTES} bytes; it is not written."
            )
        try:
            self._seen = _state(write_private(self.path, content))
        except (OSError, ValueError) as exc:
            raise CassetteError(f"{self.shown} is not written: {_why(exc)}.") from None


def _state(status: os.stat_result) -> _State:
    return status.st_ino, status.st_mtime_ns, status.st_size


def _why(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
