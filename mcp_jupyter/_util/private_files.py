# SPDX-License-Identifier: BSD-3-Clause
"""Files for their owner's eyes only: read when nobody else can have touched them, and replaced whole.

Owns the flags, the modes and the checks. Does not know what is in a file; who does says what to do about one
that is not fit.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = [
    "NotPrivate",
    "is_own",
    "make_private_directory",
    "read_plain",
    "read_private",
    "write_private",
]

_OTHERS_MAY: Final = stat.S_IRWXG | stat.S_IRWXO
_NOFOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
_BINARY: Final = getattr(os, "O_BINARY", 0)

# O_NONBLOCK: a named pipe in a file's place must not make us wait.
_READING: Final = os.O_RDONLY | _NOFOLLOW | getattr(os, "O_NONBLOCK", 0) | _BINARY
_CREATING: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _BINARY


class NotPrivate(OSError):
    """A file that somebody else may have read or written, or that is none; `strerror` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.EPERM, reason)


def is_own(status: os.stat_result) -> bool:
    """Whether a file belongs to the user of this process; on Windows, where owners differ, always."""
    return sys.platform == "win32" or status.st_uid == os.geteuid()


def read_plain(path: Path, limit: int) -> tuple[bytes, os.stat_result]:
    """A plain file of at most `limit` bytes, whoever may read it, and its status.

    Raises
    ------
    NotPrivate
        It is a link, a pipe, or something else than a plain file.
    OSError
        It cannot be read, or has more bytes, which are not read then.
    """
    if not stat.S_ISREG(path.lstat().st_mode):
        raise NotPrivate("it is no plain file (a link, perhaps)")
    with open(os.open(path, _READING), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise NotPrivate("it is no plain file")
        data = file.read(limit + 1) if status.st_size <= limit else b""
    if status.st_size > limit or len(data) > limit:
        raise OSError(errno.EFBIG, f"it has more than {limit} bytes")
    return data, status


def read_private(path: Path, limit: int) -> bytes:
    """A plain file of this user's, of at most `limit` bytes, that nobody else may read or write.

    Raises
    ------
    NotPrivate
        It is no such file.
    OSError
        It cannot be read, or has more bytes.
    """
    data, status = read_plain(path, limit)
    if not is_own(status):
        raise NotPrivate("it belongs to another user")
    if sys.platform != "win32" and status.st_mode & _OTHERS_MAY:
        raise NotPrivate(f"it is open to other users (mode {stat.S_IMODE(status.st_mode):o})")
    return data


def write_private(path: Path, data: bytes) -> os.stat_result:
    """Put a file in its place, at once or not at all, with mode 0600.

    Returns
    -------
    os.stat_result
        Of the new file.

    Raises
    ------
    NotPrivate
        What is in its place is no plain file.
    OSError
        It cannot be written.
    """
    if os.path.lexists(path) and not stat.S_ISREG(path.lstat().st_mode):
        raise NotPrivate("what is in its place is no plain file (a link, perhaps); remove it")
    new = path.with_name(f".mcp-{secrets.token_hex(8)}.tmp")
    try:
        with open(os.open(new, _CREATING, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            status = os.fstat(file.fileno())
        new.replace(path)
        return status
    finally:
        with suppress(OSError):
            new.unlink()


def make_private_directory(directory: Path) -> None:
    """Make a directory, and those above it that are missing, for this user only.

    Raises
    ------
    OSError
        That cannot be done.
    """
    for folder in reversed((directory, *directory.parents)):
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
