# SPDX-License-Identifier: BSD-3-Clause
"""Open a listening socket for a kernel: a Unix socket that only this user can open, else loopback TCP.

This module chooses the place, sets its permissions and removes it, and closes a kernel's sockets in forked
children, which would otherwise keep them open after the kernel's death.
"""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from .._util.private_files import is_own
from ..errors import LinkError
from .files import PRIVATE_DIR_PREFIX, Address, Transport, remove_socket, socket_name

__all__ = ["forget_after_fork", "listen_again", "listening_socket"]

BACKLOG: Final = 1024
"""Connections that may wait while a long call holds the kernel's interpreter: more than the listener's
`MAX_CONNECTIONS`, so that a burst fits. The system may allow fewer (Linux: `net.core.somaxconn`)."""


@contextmanager
def listening_socket(
    directory: Path, transport: Transport | None = None
) -> Iterator[tuple[socket.socket, Transport, Address]]:
    """Open a listening socket, yield it with its address, and close and remove it at the end.

    It is a Unix socket in `directory`. If that fails (the path is too long, the file system has no sockets),
    it is in a private temporary directory; if that fails too, it is loopback TCP on a free port.

    Parameters
    ----------
    transport : {"unix", "tcp"}, optional
        Use only this one.

    Raises
    ------
    LinkError
        No address is available.
    """
    sock, kind, address = _bind(directory, transport)
    try:
        yield sock, kind, address
    finally:
        sock.close()
        if isinstance(address, str):
            remove_socket(Path(address))


def _bind(directory: Path, transport: Transport | None) -> tuple[socket.socket, Transport, Address]:
    if transport != "tcp":
        unix = _bind_unix(directory) or _bind_unix_in_private_directory()
        if unix is not None:
            return unix[0], "unix", unix[1]
    if transport != "unix":
        sock, address = _bind_tcp()
        return sock, "tcp", address
    raise LinkError("This machine cannot open a Unix socket to listen on.")


def listen_again(address: str) -> socket.socket | None:
    """Open a new listening socket in place of one whose file was removed.

    Return None if that fails, or if the directory belongs to another user.
    """
    path = Path(address)
    with suppress(OSError):
        path.parent.mkdir(mode=0o700)
    try:
        if not is_own(path.parent.lstat()):
            return None
    except OSError:
        return None
    bound = _bind_unix_at(path)
    return None if bound is None else bound[0]


def _bind_unix(directory: Path) -> tuple[socket.socket, Address] | None:
    return _bind_unix_at(directory / socket_name())


def _bind_unix_at(path: Path) -> tuple[socket.socket, Address] | None:
    if sys.platform == "win32" or not hasattr(socket, "AF_UNIX"):
        return None
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(str(path))
        # Clients cannot connect before `listen`, so the mode applies from the first connection on.
        path.chmod(0o600)
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        with suppress(OSError):
            path.unlink()
        return None
    return sock, str(path)


def _bind_unix_in_private_directory() -> tuple[socket.socket, Address] | None:
    if sys.platform == "win32":
        return None
    try:
        directory = tempfile.mkdtemp(prefix=PRIVATE_DIR_PREFIX)  # mode 0700
    except OSError:
        return None
    bound = _bind_unix(Path(directory))
    if bound is None:
        os.rmdir(directory)
    return bound


def _bind_tcp() -> tuple[socket.socket, Address]:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":
            # Otherwise another process may bind the same port and take our connections.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        sock.bind(("127.0.0.1", 0))
        sock.listen(BACKLOG)
    except OSError as exc:
        sock.close()
        raise LinkError(f"This machine cannot open a loopback port to listen on: {exc.strerror}.") from exc
    host, port = sock.getsockname()
    return sock, (host, port)


def forget_after_fork(descriptors: Callable[[], Iterable[int]]) -> None:
    """Make forked children close the descriptors that the bound method `descriptors` returns.

    A worker of a process pool outlives a kernel that is killed. Copies of the kernel's sockets in it would
    make the kernel look live. (A child that starts another program closes them by itself: PEP 446.) Only a
    weak reference to the method's object is kept.
    """
    if not hasattr(os, "register_at_fork"):
        return
    reference = weakref.WeakMethod(descriptors)

    def forget() -> None:
        if (method := reference()) is None:
            return
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in method():
            # The number must stay in use: objects copied into the child may close it once more.
            os.dup2(null, descriptor, inheritable=False)
        os.close(null)

    os.register_at_fork(after_in_child=forget)
