# SPDX-License-Identifier: BSD-3-Clause
"""One at a time: whoever reads a cassette to write it anew keeps others from doing the same meanwhile.

Owns the lock, which the operating system takes back from a process that dies. Does not know what is written.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Final

import anyio

from ...errors import CassetteError

__all__ = ["LOCK_SECONDS", "locked", "locked_async"]

LOCK_SECONDS: Final = 5.0
"""To wait for others: the largest file that is allowed is written in less."""

POLL_SECONDS: Final = 0.01


@contextmanager
def locked(path: Path, shown: str) -> Iterator[None]:
    """Keep other processes from writing this file while the body runs.

    Where a file system has no locks the body runs without.

    Parameters
    ----------
    shown : str
        What messages call the file.

    Raises
    ------
    CassetteError
        Another process had the lock for `LOCK_SECONDS`.
    """
    lock = _opened(path)
    try:
        end = time.monotonic() + LOCK_SECONDS
        while lock is not None and not _taken(lock):
            _check_time(end, shown)
            time.sleep(POLL_SECONDS)
        yield
    finally:
        _give_back(lock)


@asynccontextmanager
async def locked_async(path: Path, shown: str) -> AsyncIterator[None]:
    """Do as `locked` does, for code on an event loop: other tasks run while it waits."""
    lock = _opened(path)
    try:
        end = time.monotonic() + LOCK_SECONDS
        while lock is not None and not _taken(lock):
            _check_time(end, shown)
            await anyio.sleep(POLL_SECONDS)
        yield
    finally:
        _give_back(lock)


def _check_time(end: float, shown: str) -> None:
    if time.monotonic() > end:
        raise CassetteError(
            f"{shown} is not written: another process has been writing it for {LOCK_SECONDS:g} s."
        )


def _give_back(lock: int | None) -> None:
    if lock is not None:
        with suppress(OSError):
            os.close(lock)


def _opened(path: Path) -> int | None:
    with suppress(OSError):
        if sys.platform == "win32":  # where folders cannot be locked
            return os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        return os.open(path.parent, os.O_RDONLY)  # the folder itself: nothing is left beside the notebook
    return None


if sys.platform == "win32":
    import msvcrt

    def _taken(lock: int) -> bool:
        try:
            msvcrt.locking(lock, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        except OSError:
            return True
        return True

else:
    import fcntl

    def _taken(lock: int) -> bool:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # none on this file system
            return True
        return True
