# SPDX-License-Identifier: BSD-3-Clause
"""Read, lock and atomically replace files that only their owner may open, mainly JSON files.

A file is read only if its mode and owner keep other users from reading and writing it. A new file is written
beside the old one and then moved to its place, so a reader never sees half of it. `PrivateJsonFile` adds a
model for the JSON and an exception class.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Final, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

__all__ = [
    "FileLock",
    "NotPrivate",
    "PrivateJsonFile",
    "is_own",
    "make_private_directory",
    "open_private_append",
    "read_plain",
    "read_private",
    "replace_file",
]

T = TypeVar("T")

LOCK_SECONDS: Final = 5.0
"""How long to wait for a lock. The largest file is written in less, so a process that takes longer hangs."""

LOCK_POLL_SECONDS: Final = 0.01
"""Between two attempts. Operating systems offer no bounded wait for a file lock."""

_OTHERS_MAY: Final = stat.S_IRWXG | stat.S_IRWXO
_NOFOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
_BINARY: Final = getattr(os, "O_BINARY", 0)

# O_NONBLOCK: opening a named pipe in the file's place must not block.
_READING: Final = os.O_RDONLY | _NOFOLLOW | getattr(os, "O_NONBLOCK", 0) | _BINARY
_CREATING: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _BINARY
_APPENDING: Final = (
    os.O_WRONLY | os.O_CREAT | os.O_APPEND | _NOFOLLOW | getattr(os, "O_NONBLOCK", 0) | _BINARY
)
_LOCKING: Final = os.O_RDWR | os.O_CREAT | _NOFOLLOW | _BINARY


class NotPrivate(OSError):
    """Another user may have read or written the file, or it is not a plain file; `strerror` says which."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.EPERM, reason)


def is_own(status: os.stat_result) -> bool:
    """Whether a file belongs to the user of this process; always true on Windows, which has no user ids."""
    return sys.platform == "win32" or status.st_uid == os.geteuid()


def _check_plain(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = "a symbolic link, " if stat.S_ISLNK(status.st_mode) else ""
        raise NotPrivate(f"it is {kind}not a plain file")


def read_plain(path: Path, limit: int) -> tuple[bytes, os.stat_result]:
    """Read a plain file of at most `limit` bytes, whatever its mode; return its content and its status.

    Raises
    ------
    NotPrivate
        It is a link, a pipe, or another kind of file.
    OSError
        It cannot be read, or is larger.
    """
    _check_plain(path.lstat())
    with open(os.open(path, _READING), "rb") as file:
        status = os.fstat(file.fileno())
        _check_plain(status)
        data = file.read(limit + 1) if status.st_size <= limit else b""
    if status.st_size > limit or len(data) > limit:
        raise OSError(errno.EFBIG, f"it has more than {limit} bytes")
    return data, status


def read_private(path: Path, limit: int) -> bytes:
    """Read a plain file of at most `limit` bytes that only this user may read and write.

    Raises
    ------
    NotPrivate
        It is another kind of file, belongs to another user, or is open to others.
    OSError
        It cannot be read, or is larger.
    """
    data, status = read_plain(path, limit)
    _check_private(status)
    return data


def _check_private(status: os.stat_result) -> None:
    _check_plain(status)
    if not is_own(status):
        raise NotPrivate("it belongs to another user")
    if sys.platform != "win32" and status.st_mode & _OTHERS_MAY:
        raise NotPrivate(f"it is open to other users (mode {stat.S_IMODE(status.st_mode):o})")


def replace_file(path: Path, data: bytes, *, mode: int = 0o600, is_durable: bool = False) -> os.stat_result:
    """Replace the file at `path` atomically, or create it.

    Parameters
    ----------
    path : Path
        The file.
    data : bytes
        Its new content.
    mode : int
        Its permissions.
    is_durable : bool
        Whether to wait until the disk has the content, so that it survives a loss of power.

    Returns
    -------
    os.stat_result
        The status of the new file, before a change of its mode.

    Raises
    ------
    NotPrivate
        The path exists and is not a plain file.
    OSError
        The file cannot be written.
    """
    with suppress(FileNotFoundError):
        _check_plain(path.lstat())
    new = path.with_name(f".mcp-{secrets.token_hex(8)}.tmp")
    try:
        with open(os.open(new, _CREATING, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            if is_durable:
                os.fsync(file.fileno())
            status = os.fstat(file.fileno())
        if mode != 0o600:
            new.chmod(mode)
        new.replace(path)
        return status
    finally:
        with suppress(OSError):
            new.unlink()


def open_private_append(path: Path) -> BinaryIO:
    """Open a file that only this user may read and write, to append to it; make it if there is none.

    Raises
    ------
    NotPrivate
        It is another kind of file, belongs to another user, or is open to others.
    OSError
        It cannot be opened.
    """
    descriptor = os.open(path, _APPENDING, 0o600)
    try:
        _check_private(os.fstat(descriptor))
        return os.fdopen(descriptor, "ab")
    except BaseException:
        os.close(descriptor)
        raise


def make_private_directory(directory: Path) -> None:
    """Create a directory and its missing parents, for this user only.

    Raises
    ------
    OSError
        One of them cannot be created.
    """
    for folder in reversed((directory, *directory.parents)):
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)


class FileLock:
    """Excludes other writers of a file: `with FileLock(path):`, on an event loop `async with`.

    Other processes and other threads wait while the body runs. The system releases the lock of a process that
    dies. On a file system without locks the body runs without one.

    Parameters
    ----------
    path : Path
        The file that is written. The lock is a file beside it, which is removed with the lock.

    Raises
    ------
    TimeoutError
        On entering: another process has had the lock for `LOCK_SECONDS`.
    OSError
        On entering: the directory cannot be written.
    """

    def __init__(self, path: Path) -> None:
        # The digest keeps the name short enough for every file system.
        name = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]
        self._path = path.with_name(f".mcp-{name}.lock")
        self._descriptor = -1

    def __enter__(self) -> None:
        for _ in self._attempts():
            time.sleep(LOCK_POLL_SECONDS)

    def __exit__(self, *exc_info: object) -> None:
        self._release()

    async def __aenter__(self) -> None:
        from anyio import sleep  # here: most programs that write files do not use anyio

        for _ in self._attempts():
            await sleep(LOCK_POLL_SECONDS)

    async def __aexit__(self, *exc_info: object) -> None:
        self._release()

    def _attempts(self) -> Iterator[None]:
        """Attempt to take the lock; yield after each failure, until it succeeds."""
        end = time.monotonic() + LOCK_SECONDS
        while not self._take():
            if time.monotonic() > end:
                reason = f"another process has been writing it for {LOCK_SECONDS:g} s"
                raise TimeoutError(errno.ETIMEDOUT, reason)
            yield

    def _take(self) -> bool:
        descriptor = os.open(self._path, _LOCKING, 0o600)
        if _lock(descriptor) and self._is_in_place(descriptor):
            self._descriptor = descriptor
            return True
        os.close(descriptor)
        return False

    def _is_in_place(self, descriptor: int) -> bool:
        # The previous holder removes the lock file: a file opened before that locks nothing for others.
        try:
            return os.path.samestat(os.fstat(descriptor), self._path.lstat())
        except FileNotFoundError:
            return False

    def _release(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if sys.platform == "win32":  # an open file cannot be removed there, so close first; it may remain
            os.close(descriptor)
        with suppress(OSError):
            self._path.unlink()
        if sys.platform != "win32":  # after the removal, so that no other process locks the removed file
            os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> bool:
        """Try to lock an open file; return False when another process or thread has the lock."""
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        except OSError:  # the file system has no locks
            return True
        return True

else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        """Try to lock an open file; return False when another process or thread has the lock."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # the file system has no locks
            return True
        return True


_adapter: Final[Callable[[Any], TypeAdapter[Any]]] = cache(TypeAdapter)


@dataclass(frozen=True, slots=True)
class PrivateJsonFile(Generic[T]):
    """A private file with one JSON value.

    Every method blocks on the file system, and `locked` for up to `LOCK_SECONDS` on other processes. Async
    code calls them on a worker thread.

    Parameters
    ----------
    path : Path
        The file. Its directory is created, for this user only, when the file is first written.
    model : type
        The type of the value: anything that `pydantic.TypeAdapter` accepts. Values are validated strictly.
    max_bytes : int
        The size in bytes above which a file is refused.
    error : exception class
        The exception that every method raises. Its message names the file and the problem.
    remedy : str
        The end of that message for a file that cannot be read: a sentence that says what to do.
    is_renewable : bool
        Whether the content can be made anew when it is lost. A damaged file then counts as missing, and a
        write does not wait for the disk.
    """

    path: Path
    model: type[T]
    max_bytes: int
    error: Callable[[str], Exception] = OSError
    remedy: str = "Remove it."
    is_renewable: bool = False

    def read(self) -> T | None:
        """Read the value; return None when the file does not exist."""
        try:
            data = read_private(self.path, self.max_bytes)
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise self.error(f"{self.path} cannot be read: {exc.strerror}. {self.remedy}") from None
        try:
            value: T = _adapter(self.model).validate_json(data, strict=True)
        except ValidationError as exc:
            if self.is_renewable:
                return None
            # Without the input, which may hold secrets that must not get into logs.
            first = exc.errors(include_url=False, include_input=False, include_context=False)[0]
            where = ".".join(map(str, first["loc"])) or "content"
            raise self.error(
                f"{self.path} is damaged or was written by another version ({where}: {first['msg']}). "
                f"{self.remedy}"
            ) from None
        return value

    def write(self, value: T) -> None:
        """Replace the value."""
        with self._reporting():
            make_private_directory(self.path.parent)
            replace_file(self.path, _adapter(self.model).dump_json(value), is_durable=not self.is_renewable)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Exclude other writers while the body reads the value and writes the changed one."""
        lock = FileLock(self.path)
        with self._reporting():
            make_private_directory(self.path.parent)
            lock.__enter__()
        try:
            yield
        finally:
            lock.__exit__()

    def remove(self) -> None:
        """Remove the file if it exists."""
        with self._reporting():
            self.path.unlink(missing_ok=True)

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            raise self.error(f"{self.path} cannot be written: {exc.strerror}.") from None
        except ValueError:  # a file name that is not valid Unicode
            raise self.error(f"{self.path} cannot be written: a value has no JSON form.") from None
