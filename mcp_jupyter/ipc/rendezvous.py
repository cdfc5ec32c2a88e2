# SPDX-License-Identifier: BSD-3-Clause
"""Where a server of this user listens for HTTP, and the token that it asks for: a private file (0600).

Written by a kernel after `%mcp_serve --http`, beside its connection file, and by `jupyter mcp run --http`;
read by `jupyter mcp connect`. Whoever can read the file is the user whose server it is. Opens no connection.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import parse_qs, urlsplit

from pydantic import Field

from .._util.private_files import PrivateJsonFile, read_private
from ..errors import LinkError
from .files import process_runs, put_file, this_machine

__all__ = [
    "CALLBACK_PATH",
    "HttpAddress",
    "announce",
    "announced",
    "callback_under",
    "collect",
    "deliver",
    "expect",
    "forget",
    "forget_http",
    "is_callback_url",
    "read_http",
    "run_key",
    "run_servers",
    "running_servers",
    "withdraw",
    "write_http",
]


MAX_FILE_BYTES: Final = 4096
"""Ours have some two hundred."""

MAX_NAME_CHARS: Final = 200
"""Of a server's name: one line of text."""

_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


@dataclass(frozen=True, slots=True)
class HttpAddress:
    """A port of this machine, and the token that it asks for (never shown by `repr`).

    Attributes
    ----------
    port : int
    token : str
    host : str
        Where it listens.
    name : str
        The server's; empty for a kernel, whose connection file has the name.
    transport : str
        "streamable-http", "sse", or "both".
    """

    port: Annotated[int, Field(gt=0, lt=65536)]
    token: Annotated[str, Field(pattern=r"\A[A-Za-z0-9._~+/-]{1,512}=*\z")]
    host: Annotated[str, Field(pattern=r"\A[A-Za-z0-9._:-]{1,255}\z")] = "127.0.0.1"
    name: Annotated[str, Field(max_length=MAX_NAME_CHARS)] = ""
    transport: Annotated[str, Field(pattern=r"\A(both|streamable-http|sse)\z")] = "both"

    def __repr__(self) -> str:
        return f"HttpAddress(port={self.port})"

    @property
    def url(self) -> str | None:
        """Of Streamable HTTP; None where that is not served."""
        return None if self.transport == "sse" else f"{self._root}/mcp"

    @property
    def sse_url(self) -> str | None:
        """Of HTTP+SSE; None where that is not served."""
        return None if self.transport == "streamable-http" else f"{self._root}/sse"

    @property
    def reach(self) -> str:
        """The host by which this machine reaches it."""
        return _EVERYWHERE.get(self.host, self.host)

    @property
    def _root(self) -> str:
        host = self.reach
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def run_key(port: int) -> str:
    """The key of a server that `jupyter mcp run` serves at `port`.

    One process has a port: a file that a killed one left behind is replaced by the next server there. The
    machine is in it, because several machines and containers may share the directory.
    """
    return f"{_run_prefix()}{port}"


def _run_prefix() -> str:
    here = this_machine()
    return f"run-{hashlib.sha256(f'{here.id} {here.pids}'.encode()).hexdigest()[:12]}-"


def _http_file(key: str, runtime_dir: Path) -> PrivateJsonFile[HttpAddress]:
    path = runtime_dir / f"mcp-{key}.http"
    return PrivateJsonFile(path, HttpAddress, MAX_FILE_BYTES, LinkError, "Start the server again.")


def write_http(address: HttpAddress, key: str, runtime_dir: Path) -> None:
    """Write the file, for this user alone (0600).

    Parameters
    ----------
    key : str
        The kernel's id, or a `run_key`.

    Raises
    ------
    LinkError
        It cannot be written.
    """
    _http_file(key, runtime_dir).write(address)


def read_http(key: str, runtime_dir: Path) -> HttpAddress | None:
    """Read the file; None when there is none.

    Raises
    ------
    LinkError
        It belongs to another user, is open to others, or is damaged.
    """
    return _http_file(key, runtime_dir).read()


def run_servers(runtime_dir: Path) -> list[HttpAddress]:
    """The servers that `jupyter mcp run` serves on this machine, or served until it was killed.

    Files that cannot be trusted are left out.
    """
    found: list[HttpAddress] = []
    for path in sorted(runtime_dir.glob(f"mcp-{_run_prefix()}*.http")):
        with suppress(LinkError):
            address = read_http(path.name.removeprefix("mcp-").removesuffix(".http"), runtime_dir)
            if address is not None:
                found.append(address)
    return found


def forget_http(key: str, runtime_dir: Path) -> None:
    """Remove the file."""
    with suppress(LinkError):
        _http_file(key, runtime_dir).remove()


# -- callback url --------------------------------------------------------------------------------
#
# Where browsers reach a Jupyter Server that takes the answers to sign-ins: in a file, for its kernels.
#
# Owns that file. That it is there means that the server runs with our extension; what it says is the
# address people see, which only the server knows (a proxy or a hub may be in front). Knows no sign-in.

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
    put_file(_callback_path(os.getpid(), runtime_dir), url.encode())


def withdraw(runtime_dir: Path) -> None:
    """Take that back."""
    with suppress(OSError):
        _callback_path(os.getpid(), runtime_dir).unlink()


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
        if url := _read(_callback_path(pid, runtime_dir)):
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


def _callback_path(pid: int, runtime_dir: Path) -> Path:
    return runtime_dir / f"{_PREFIX}{pid}{_SUFFIX}"


# -- sign in -------------------------------------------------------------------------------------
#
# How the answer to a sign-in gets from a browser, through the Jupyter Server, to the kernel that waits.
#
# Owns the two files by which that happens, who may read them, and that each answer is taken once and in
# time. Knows no OAuth but the parameter `state`: the answer is handed on as it came.
#
# The browser may be on another machine than the kernel, so the authorization server sends it back to the
# Jupyter Server. That one and the kernel are processes of one user with one runtime directory, and there
# they meet: the kernel leaves a file that says what it waits for, the Jupyter Server puts the answer beside
# it. The kernel's socket would do too, but it is there only when the notebook serves, and a method on it
# would be one more that others could call. A person signs in now and then, in seconds: looking for a file
# four times a second is enough.
#
# What is waited for is named by the SHA-256 of its `state`, 256 random bits that no file holds. Who could
# list the directory could not answer; and an answer is of no use without the PKCE verifier, which never
# leaves the kernel.

MAX_QUERY_CHARS: Final = 16384
"""Of an answer: codes have some hundred characters, and a browser's whole request has no more than this."""

MAX_PARAMETERS: Final = 32
"""Of an answer; five have a meaning."""

MAX_SECONDS: Final = 3600.0
"""A file older than this was left behind by a kernel that was killed."""

_STATE: Final = re.compile(r"[A-Za-z0-9_-]{43,128}", re.ASCII)
"""At least 256 bits in base64url."""

_MAX_MARK_BYTES: Final = 64
_WAITING: Final = ".waiting"
_ANSWER: Final = ".answer"


def expect(state: str, seconds: float, runtime_dir: Path) -> None:
    """Begin to wait for the answer with this `state`, for so long.

    Raises
    ------
    ValueError
        The state is too short to be a secret.
    LinkError
        The runtime directory cannot be written.
    """
    for path in _left_behind(runtime_dir):
        path.unlink(missing_ok=True)
    put_file(_sign_in_path(state, _WAITING, runtime_dir), str(time.time() + seconds).encode())


def deliver(query: str, runtime_dir: Path) -> bool:
    """Hand an answer to the kernel that waits for it.

    Parameters
    ----------
    query : str
        What followed the question mark in the URL that the browser was sent to.

    Returns
    -------
    bool
        Whether one waits: False for an answer that is none, that nobody waits for, or that comes again.

    Raises
    ------
    LinkError
        The runtime directory cannot be written.
    """
    state = _state_of(query)
    if state is None:
        return False
    waiting, answer = (_sign_in_path(state, kind, runtime_dir) for kind in (_WAITING, _ANSWER))
    try:
        ends = float(read_private(waiting, _MAX_MARK_BYTES))
        waiting.unlink()  # of two that come at the same moment one finds it
    except (OSError, LinkError, ValueError):
        return False
    if not time.time() < ends:
        return False
    put_file(answer, query.encode())
    return True


def collect(state: str, runtime_dir: Path) -> str | None:
    """The answer with this `state`, as `deliver` was given it; None while there is none. It is there once.

    Raises
    ------
    LinkError
        The file is not what the Jupyter Server writes.
    """
    path = _sign_in_path(state, _ANSWER, runtime_dir)
    try:
        data = read_private(path, MAX_QUERY_CHARS)
        path.unlink()
        return data.decode("ascii")
    except FileNotFoundError:
        return None
    except (OSError, LinkError, UnicodeDecodeError):
        raise LinkError("The answer to the sign-in cannot be read.") from None


def forget(state: str, runtime_dir: Path) -> None:
    """Wait no longer."""
    for kind in (_WAITING, _ANSWER):
        with suppress(OSError):
            _sign_in_path(state, kind, runtime_dir).unlink()


def _state_of(query: str) -> str | None:
    """The `state` of an answer that can be one."""
    if len(query) > MAX_QUERY_CHARS or not query.isascii():
        return None
    try:
        states = parse_qs(query, max_num_fields=MAX_PARAMETERS).get("state", [])
    except ValueError:
        return None
    return states[0] if len(states) == 1 and _STATE.fullmatch(states[0]) else None


def _sign_in_path(state: str, kind: str, runtime_dir: Path) -> Path:
    if not _STATE.fullmatch(state):
        raise ValueError("A state has at least 256 bits, in base64url.")
    return runtime_dir / f"mcp-sign-in-{hashlib.sha256(state.encode()).hexdigest()}{kind}"


def _left_behind(runtime_dir: Path) -> Iterator[Path]:
    oldest = time.time() - MAX_SECONDS
    for path in runtime_dir.glob("mcp-sign-in-*"):
        with suppress(OSError):
            if path.lstat().st_mtime < oldest:
                yield path
