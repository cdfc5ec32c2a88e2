# SPDX-License-Identifier: BSD-3-Clause
"""Connection files: written by a kernel so that other programs can reach it.

This module reads, writes and removes them. It checks that only this user can read a file, and every value in
it, before the content is used. The functions block on the file system.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import logging
import os
import platform
import re
import secrets
import stat
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import psutil

from .._util.private_files import is_own, make_private_directory, read_private, replace_file
from ..errors import FrameError, LinkError
from ..protocol.frames import dumps, parse
from ..protocol.limits import MAX_PATH_CHARS, MAX_PRIVATE_FILE_BYTES
from .names import is_name

__all__ = [
    "NO_RESOURCES",
    "PRIVATE_DIR_PREFIX",
    "Address",
    "ConnectionInfo",
    "Machine",
    "Transport",
    "default_runtime_dir",
    "file_path",
    "process_runs",
    "put_file",
    "read",
    "remove",
    "remove_socket",
    "scan",
    "socket_name",
    "this_machine",
    "write",
]


log = logging.getLogger(__name__)

Transport: TypeAlias = Literal["unix", "tcp"]
Address: TypeAlias = str | tuple[str, int]
"""The path of a Unix socket, or the host and port."""

PRIVATE_DIR_PREFIX: Final = "mcp-jupyter-"
"""A temporary directory made for one socket, and removed with it."""

NO_RESOURCES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""Errors of this process or machine, as opposed to the file or socket that was to be opened."""

_KERNEL_ID: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
_SOCKET: Final = re.compile(r"mcp-[0-9a-f]{16}\.sock", re.ASCII)
_KEY: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1"})


def socket_name() -> str:
    """Return a new name for a socket. It is never reused, so a late clean-up cannot hit a new kernel."""
    return f"mcp-{secrets.token_hex(8)}.sock"


def _is_unix_address(value: Any) -> bool:
    # Stale sockets are removed, so only paths that look like ours are valid here.
    return (
        type(value) is str
        and "\0" not in value
        and os.path.isabs(value)
        and _SOCKET.fullmatch(os.path.basename(value)) is not None
    )


def _is_tcp_address(value: Any) -> bool:
    # The key is sent to this address, so it must be on this machine.
    return (
        type(value) is tuple
        and len(value) == 2
        and type(value[0]) is str
        and value[0] in _LOOPBACK
        and type(value[1]) is int
        and 0 < value[1] < 65536
    )


def _is_path(value: Any) -> bool:
    return value is None or (type(value) is str and 0 < len(value) <= MAX_PATH_CHARS and "\0" not in value)


_IS_ADDRESS: Final[Mapping[Transport, Callable[[Any], bool]]] = {
    "unix": _is_unix_address,
    "tcp": _is_tcp_address,
}


def _matches(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: type(value) is str and pattern.fullmatch(value) is not None


_CHECKS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "name": lambda value: type(value) is str and is_name(value),
    "kernel_id": _matches(_KERNEL_ID),
    "pid": lambda value: type(value) is int and value > 0,
    "path": _is_path,
    "transport": lambda value: type(value) is str and value in _IS_ADDRESS,
    "key": _matches(_KEY),
}


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """The address of one kernel, checked at creation: it is on this machine and looks like ours.

    Parameters
    ----------
    name : str
        The notebook's name in URLs.
    kernel_id : str
        The kernel's id; it stays the same when the kernel restarts.
    pid : int
        The kernel's process id.
    path : str or None
        The notebook's path, if known.
    transport : {"unix", "tcp"}
        The kind of `address`.
    address : str or (str, int)
        The socket's path, or the loopback host and port.
    key : str
        64 hexadecimal characters. Never shown.
    machine : Machine or None
        The machine that the kernel runs on. None, in a file without it, counts as another machine.

    Raises
    ------
    LinkError
        A field is not valid; the message names it, without its value.
    """

    name: str
    kernel_id: str
    pid: int
    path: str | None
    transport: Transport
    address: Address
    key: str = field(repr=False)
    machine: Machine | None = None

    @property
    def is_here(self) -> bool:
        """Whether the kernel runs on this machine; only then can its state be known and its key be sent."""
        return self.machine == this_machine()

    @property
    def place(self) -> str:
        """The name of the kernel's machine."""
        return self.machine.name if self.machine is not None else "unknown"

    def __post_init__(self) -> None:
        for name, is_valid in _CHECKS.items():
            if not is_valid(getattr(self, name)):
                raise LinkError(f"The connection information has no valid {name!r}.")
        if not _IS_ADDRESS[self.transport](self.address):
            raise LinkError("The connection information has no valid 'address'.")

    @classmethod
    def from_json(cls, data: bytes) -> ConnectionInfo:
        """Parse a connection file; unknown fields are ignored.

        Raises
        ------
        LinkError
            The data is not a connection file of this version.
        """
        try:
            value = parse(data)
        except FrameError:
            raise LinkError("The connection file is not JSON.") from None
        if type(value) is not dict or value.get("version") != 1:
            raise LinkError("The connection file is not of version 1.")
        known: dict[str, Any] = {item.name: value.get(item.name) for item in fields(cls)}
        if type(known["address"]) is list:
            known["address"] = tuple(known["address"])
        known["machine"] = Machine.from_json(known["machine"])
        return cls(**known)

    def to_json(self) -> bytes:
        """Return the content of the connection file."""
        machine = None if self.machine is None else self.machine.to_json()
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return dumps({"version": 1, **values, "machine": machine})


def default_runtime_dir() -> Path:
    """Return Jupyter's runtime directory, where connection files are looked for."""
    from jupyter_core.paths import jupyter_runtime_dir

    return Path(jupyter_runtime_dir())


def file_path(kernel_id: str, runtime_dir: Path) -> Path:
    """Return the path of a kernel's connection file.

    Raises
    ------
    LinkError
        `kernel_id` is not valid as part of a path.
    """
    if not _CHECKS["kernel_id"](kernel_id):
        raise LinkError("This is not a valid kernel id.")
    return runtime_dir / f"mcp-{kernel_id}.json"


def write(info: ConnectionInfo, runtime_dir: Path) -> Path:
    """Write the connection file atomically, readable by this user only.

    Raises
    ------
    LinkError
        It cannot be written, or something other than a plain file is in its place.
    """
    path = file_path(info.kernel_id, runtime_dir)
    put_file(path, info.to_json())
    return path


def put_file(path: Path, data: bytes) -> None:
    """Write a file of the runtime directory atomically, readable by this user only.

    Raises
    ------
    LinkError
        It cannot be written, or something other than a plain file is in its place.
    """
    try:
        make_private_directory(path.parent)
        replace_file(path, data)
    except OSError as exc:
        raise LinkError(f"{path} cannot be written: {exc.strerror}.") from exc


def read(path: Path) -> ConnectionInfo:
    """Read the connection file at `path`.

    Raises
    ------
    LinkError
        It cannot be read, is a link or not a plain file, belongs to another user, can be read by another
        user, or its content is not valid.
    """
    try:
        data = read_private(path, MAX_PRIVATE_FILE_BYTES)
    except OSError as exc:
        raise LinkError(f"The connection file cannot be read: {exc.strerror}.") from exc
    info = ConnectionInfo.from_json(data)
    if path.name != file_path(info.kernel_id, path.parent).name:
        raise LinkError("The connection file is not named for its kernel.")
    return info


def remove(info: ConnectionInfo, runtime_dir: Path) -> None:
    """Remove a kernel's socket and, unless a newer kernel has rewritten it, its connection file.

    Files of a kernel on another machine are never removed, because that kernel may be live.
    """
    if not info.is_here:
        return
    path = file_path(info.kernel_id, runtime_dir)
    with suppress(LinkError, OSError):
        if read(path).key == info.key:
            path.unlink()
    if isinstance(info.address, str):
        remove_socket(Path(info.address))


def remove_socket(path: Path) -> None:
    """Remove a socket of this user's, and the private directory that was made for it."""
    with suppress(OSError):
        status = path.lstat()
        if stat.S_ISSOCK(status.st_mode) and is_own(status):
            path.unlink()
    if path.parent.name.startswith(PRIVATE_DIR_PREFIX):
        with suppress(OSError):  # another user's, or not empty
            path.parent.rmdir()


def _log_ignored(path: Path, error: LinkError) -> None:
    log.warning("Ignoring %a: %s", str(path), error)  # ASCII: any program may have chosen the name


def _connection_files(runtime_dir: Path) -> list[Path]:
    # `Path.glob` hides some errors, which would look like a directory without kernels.
    try:
        names = os.listdir(runtime_dir)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as exc:
        raise LinkError(f"The directory {runtime_dir} cannot be read: {exc.strerror}.") from exc
    return [runtime_dir / name for name in sorted(names) if fnmatchcase(name, "mcp-*.json")]


def scan(
    runtime_dir: Path, ignored: Callable[[Path, LinkError], None] = _log_ignored
) -> list[ConnectionInfo]:
    """Read all connection files, sorted by file name.

    Parameters
    ----------
    ignored : callable
        Called with each file that cannot be trusted, and the reason; logs it by default.

    Raises
    ------
    LinkError
        The directory cannot be read: no descriptors are left, or the file system fails.
    """
    found = []
    for path in _connection_files(runtime_dir):
        try:
            found.append(read(path))
        except LinkError as exc:
            if isinstance(exc.__cause__, OSError) and exc.__cause__.errno in NO_RESOURCES:
                raise  # the file is not at fault, and the list would be incomplete without it
            if os.path.lexists(path):  # otherwise its kernel ended meanwhile
                ignored(path, exc)
    return found


# -- machine -------------------------------------------------------------------------------------
#
# Tell machines apart, so that a process id and a socket are looked for in the right place.
#
# Machines (a home directory on NFS) and containers may share a runtime directory. A file written by another
# one cannot be judged from here: its sockets refuse connections, and its process ids mean other processes.

_ID_FILES: Final = ("/etc/machine-id", "/var/lib/dbus/machine-id")
_BOOT_FILE: Final = "/proc/sys/kernel/random/boot_id"
_PIDS_LINK: Final = "/proc/self/ns/pid"

_NAMES: Final = ("name", "id", "boot", "pids")
_FIELD: Final = re.compile(r"[A-Za-z0-9._:\[\]-]{0,128}", re.ASCII)
"""Allowed characters of a field, which is shown in a terminal."""


@dataclass(frozen=True, slots=True)
class Machine:
    """The place of a process. Two are equal when processes of one can reach processes of the other.

    Parameters
    ----------
    name : str
        The machine's name, for messages; it is not compared.
    id : str
        A digest of the machine's id, or its name if it has no id.
    boot : str
        Identifies this boot of the machine; empty if the platform does not tell.
    pids : str
        The process-id namespace (Linux), which differs between containers on one machine; otherwise empty.
    """

    name: str = field(compare=False)
    id: str
    boot: str
    pids: str

    @classmethod
    def from_json(cls, value: Any) -> Machine | None:
        """Parse the value from a file; None when it is not valid."""
        if not isinstance(value, Mapping):
            return None
        said = [text for name in _NAMES if type(text := value.get(name)) is str and _FIELD.fullmatch(text)]
        return cls(*said) if len(said) == len(_NAMES) and said[1] else None

    def to_json(self) -> dict[str, str]:
        """Return the object that `from_json` parses."""
        return {"name": self.name, "id": self.id, "boot": self.boot, "pids": self.pids}


@cache
def this_machine() -> Machine:
    """Return the machine, boot and namespace of this process."""
    name = re.sub(r"[^A-Za-z0-9._-]", "-", platform.node())[:128] or "unnamed"
    if sys.platform == "darwin":  # the host name changes with the network there
        boot = _darwin_boot()
        return Machine(name, boot or name, boot, "")
    ids = [text for path in _ID_FILES if (text := _read(path))]
    # The id is confidential (man machine-id): only a digest of it leaves the machine.
    id_ = hashlib.sha256(b"mcp_jupyter " + ids[0].encode()).hexdigest()[:32] if ids else name
    pids = ""
    with suppress(OSError):
        pids = os.readlink(_PIDS_LINK)
    return Machine(name, id_, _read(_BOOT_FILE), pids)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()[:128]
    except (OSError, UnicodeError):
        return ""


def _darwin_boot() -> str:
    """Return the UUID that macOS gives to each boot (`sysctl kern.bootsessionuuid`)."""
    size = ctypes.c_size_t(128)
    buffer = ctypes.create_string_buffer(size.value)
    with suppress(OSError, AttributeError):
        call = ctypes.CDLL(None).sysctlbyname
        if call(b"kern.bootsessionuuid", buffer, ctypes.byref(size), None, ctypes.c_size_t(0)) == 0:
            return buffer.value.decode("ascii", "replace")
    return ""


def process_runs(pid: int) -> bool:
    """Return whether a process of this machine runs. A zombie does not."""
    try:
        return bool(psutil.Process(pid).status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD))
    except psutil.NoSuchProcess:
        return False
    except (psutil.Error, OSError):  # access is denied, or there are no descriptors left
        return True
