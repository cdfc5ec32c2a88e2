# SPDX-License-Identifier: BSD-3-Clause
"""Where browsers reach a Jupyter Server that takes the answers to sign-ins: in a file, for its kernels.

Owns that file. That it is there means that the server runs with our extension; what it says is the
address people see, which only the server knows (a proxy or a hub may be in front). Knows no sign-in.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from .._util.private_files import make_private_directory, read_private, write_private
from ..errors import LinkError
from .machine import process_runs

__all__ = [
    "CALLBACK_PATH",
    "announce",
    "announced",
    "callback_under",
    "is_callback_url",
    "running_servers",
    "withdraw",
]

CALLBACK_PATH: Final = "mcp-jupyter/api/oauth/callback"
"""Below a Jupyter Server's base URL."""

_PREFIX: Final = "mcp-callback-"
_SUFFIX: Final = ".url"

MAX_URL_CHARS: Final = 2048
"""What every browser and authorization server takes."""


def callback_under(base_url: str) -> str:
    """Where a Jupyter Server at this base URL takes answers."""
    return f"{base_url.rstrip('/')}/{CALLBACK_PATH}"


def is_callback_url(url: str) -> bool:
    """Whether a URL can be one: http(s), a host, no credential, our path, and nothing after it.

    Source: RFC 6749, 3.1.2.
    """
    if len(url) > MAX_URL_CHARS or not (url.isascii() and url.isprintable()) or set(url) & set(' "<>\\'):
        return False
    try:
        parts = urlsplit(url)
        port_is_one = parts.port is None or parts.port > 0
    except ValueError:
        return False
    is_plain = not ("@" in parts.netloc or "?" in url or "#" in url)
    is_ours = parts.path.endswith(f"/{CALLBACK_PATH}")
    return parts.scheme in ("http", "https") and bool(parts.hostname) and port_is_one and is_plain and is_ours


def announce(url: str, runtime_dir: Path) -> None:
    """Say where this process takes answers.

    Raises
    ------
    LinkError
        The runtime directory cannot be written.
    """
    path = _path(os.getpid(), runtime_dir)
    try:
        make_private_directory(runtime_dir)
        write_private(path, url.encode())
    except OSError as exc:
        raise LinkError(f"{path} cannot be written: {exc.strerror}.") from None


def withdraw(runtime_dir: Path) -> None:
    """Take that back."""
    with suppress(OSError):
        _path(os.getpid(), runtime_dir).unlink()


def announced(runtime_dir: Path, environ: Mapping[str, str] | None = None) -> str | None:
    """Where the Jupyter Server that started this kernel takes answers; None when it does not, or none did.

    Parameters
    ----------
    environ : mapping, optional
        This process's environment by default, where Jupyter says who started the kernel.
    """
    environ = os.environ if environ is None else environ
    said = environ.get("JPY_PARENT_PID", "")  # on Windows no process id; there the parent is asked
    starters = [int(said)] if said.isdecimal() and len(said) < 20 else []
    for pid in (*starters, os.getppid()):
        if url := _read(_path(pid, runtime_dir)):
            return url
    return None


def running_servers(runtime_dir: Path) -> dict[int, str]:
    """The Jupyter Servers of this machine that run with our extension: base URLs by process id.

    A base URL ends with a slash, and is the address that users and clients see.
    """
    found = {}
    for path in sorted(runtime_dir.glob(f"{_PREFIX}*{_SUFFIX}")):
        said = path.name.removeprefix(_PREFIX).removesuffix(_SUFFIX)
        pid = int(said) if said.isdecimal() and len(said) < 20 else 0
        url = _read(path) if pid and process_runs(pid) else None
        if url is not None:
            found[pid] = url.removesuffix(CALLBACK_PATH)
    return found


def _read(path: Path) -> str | None:
    with suppress(OSError, UnicodeDecodeError):
        url = read_private(path, MAX_URL_CHARS).decode("ascii")
        if is_callback_url(url):
            return url
    return None


def _path(pid: int, runtime_dir: Path) -> Path:
    return runtime_dir / f"{_PREFIX}{pid}{_SUFFIX}"
