# SPDX-License-Identifier: BSD-3-Clause
"""Private files (0600) that processes of one user exchange: HTTP addresses, callback URLs, sign-in answers.

The HTTP address is written by a kernel after `%mcp_serve --http`, beside its connection file, and by
`jupyter mcp run --http`; `jupyter mcp connect` reads it. Only the server's own user can read the file.
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
from ..protocol.limits import MAX_CALLBACK_BYTES, MAX_PRIVATE_FILE_BYTES, MAX_URI_CHARS
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


MAX_SERVED_NAME_CHARS: Final = 200
"""Characters of a server's name, which is one line of text."""

_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


@dataclass(frozen=True, slots=True)
class HttpAddress:
    """A port of this machine and the token it requires, which `repr` leaves out.

    Attributes
    ----------
    port : int
    token : str
    host : str
        The address that it listens on.
    name : str
        The server's name; empty for a kernel, whose connection file has the name.
    transport : str
        "streamable-http", "sse", or "both".
    """

    port: Annotated[int, Field(gt=0, lt=65536)]
    token: Annotated[str, Field(pattern=r"\A[A-Za-z0-9._~+/-]{1,512}=*\z")]
    host: Annotated[str, Field(pattern=r"\A[A-Za-z0-9._:-]{1,255}\z")] = "127.0.0.1"
    name: Annotated[str, Field(max_length=MAX_SERVED_NAME_CHARS)] = ""
    transport: Annotated[str, Field(pattern=r"\A(both|streamable-http|sse)\z")] = "both"

    def __repr__(self) -> str:
        return f"HttpAddress(port={self.port})"

    @property
    def url(self) -> str | None:
        """The URL of Streamable HTTP; None if it is not served."""
        return None if self.transport == "sse" else f"{self._root}/mcp"

    @property
    def sse_url(self) -> str | None:
        """The URL of HTTP+SSE; None if it is not served."""
        return None if self.transport == "streamable-http" else f"{self._root}/sse"

    @property
    def reach(self) -> str:
        """The host name by which this machine connects to it."""
        return _EVERYWHERE.get(self.host, self.host)

    @property
    def _root(self) -> str:
        host = self.reach
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def run_key(port: int) -> str:
    """Return the key of a server that `jupyter mcp run` serves at `port`.

    One process has a port, so the next server there replaces the file of one that was killed. The key
    contains the machine, because several machines and containers may share the directory.
    """
    return f"{_run_prefix()}{port}"


def _run_prefix() -> str:
    here = this_machine()
    return f"run-{hashlib.sha256(f'{here.id} {here.pids}'.encode()).hexdigest()[:12]}-"


def _http_file(key: str, runtime_dir: Path) -> PrivateJsonFile[HttpAddress]:
    path = runtime_dir / f"mcp-{key}.http"
    return PrivateJsonFile(path, HttpAddress, MAX_PRIVATE_FILE_BYTES, LinkError, "Start the server again.")


def write_http(address: HttpAddress, key: str, runtime_dir: Path) -> None:
    """Write the file, readable by this user only (0600).

    Parameters
    ----------
    key : str
        The kernel's id, or a `run_key`.

    Raises
    ------
    LinkError
        The file cannot be written.
    """
    _http_file(key, runtime_dir).write(address)


def read_http(key: str, runtime_dir: Path) -> HttpAddress | None:
    """Read the file; None if it does not exist.

    Raises
    ------
    LinkError
        The file belongs to another user, is open to others, or is damaged.
    """
    return _http_file(key, runtime_dir).read()


def run_servers(runtime_dir: Path) -> list[HttpAddress]:
    """Return the servers that `jupyter mcp run` serves on this machine, or served until it was killed.

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
# A file tells kernels the URL at which browsers bring the answers to sign-ins to a Jupyter Server.
#
# The file exists while the server runs with our extension. Its content is the public address, which only the
# server knows (a proxy or a hub may be in front).

CALLBACK_PATH: Final = "mcp-jupyter/api/oauth/callback"
"""The path below a Jupyter Server's base URL."""

_PREFIX: Final = "mcp-callback-"
_SUFFIX: Final = ".url"


def callback_under(base_url: str) -> str:
    """Return the callback URL of a Jupyter Server with this base URL."""
    return f"{base_url.rstrip('/')}/{CALLBACK_PATH}"


def is_callback_url(url: str) -> bool:
    """Return whether a URL is valid here: http(s), a host, no credential, our path, and nothing after it.

    Source: RFC 6749, 3.1.2.
    """
    if len(url) > MAX_URI_CHARS or not (url.isascii() and url.isprintable()) or set(url) & set(' "<>\\'):
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
    """Publish the callback URL of this process.

    Raises
    ------
    LinkError
        The runtime directory cannot be written.
    """
    put_file(_callback_path(os.getpid(), runtime_dir), url.encode())


def withdraw(runtime_dir: Path) -> None:
    """Remove this process's callback URL."""
    with suppress(OSError):
        _callback_path(os.getpid(), runtime_dir).unlink()


def announced(runtime_dir: Path, environ: Mapping[str, str] | None = None) -> str | None:
    """Return the callback URL of the Jupyter Server that started this kernel, or None.

    Parameters
    ----------
    environ : mapping, optional
        By default this process's environment, in which Jupyter sets the process id of the starter.
    """
    environ = os.environ if environ is None else environ
    said = environ.get("JPY_PARENT_PID", "")  # a handle on Windows, where the parent process is used
    starters = [int(said)] if said.isdecimal() and len(said) < 20 else []
    for pid in (*starters, os.getppid()):
        if url := _read(_callback_path(pid, runtime_dir)):
            return url
    return None


def running_servers(runtime_dir: Path) -> dict[int, str]:
    """Return the Jupyter Servers of this machine that run with our extension: base URLs by process id.

    A base URL ends with a slash, and is the address that users and clients use.
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
        url = read_private(path, MAX_URI_CHARS).decode("ascii")
        if is_callback_url(url):
            return url
    return None


def _callback_path(pid: int, runtime_dir: Path) -> Path:
    return runtime_dir / f"{_PREFIX}{pid}{_SUFFIX}"


# -- sign in -------------------------------------------------------------------------------------
#
# The answer to a sign-in goes from a browser through the Jupyter Server to the kernel that waits for it.
#
# It travels in two files, which only this user can read. Each answer is accepted once and within a time
# limit. Only the OAuth parameter `state` is read; the answer is passed on unchanged.
#
# The browser may run on another machine than the kernel, so the authorization server sends it back to the
# Jupyter Server. That server and the kernel are processes of one user with one runtime directory: the kernel
# writes a file that says what it waits for, and the Jupyter Server puts the answer beside it. The kernel's
# socket would do too, but it exists only while the notebook serves, and a method on it would be one more that
# others could call. Sign-ins are rare and take seconds, so looking for a file four times a second is enough.
#
# The file's name is the SHA-256 of `state`, 256 random bits that are in no file. A program that can list the
# directory therefore cannot answer, and an answer is useless without the PKCE verifier, which never leaves
# the kernel.

MAX_PARAMETERS: Final = 32
"""Parameters of an answer; five have a meaning."""

MAX_SECONDS: Final = 3600.0
"""Seconds. An older file was left behind by a kernel that was killed."""

_STATE: Final = re.compile(r"[A-Za-z0-9_-]{43,128}", re.ASCII)
"""At least 256 bits, in base64url."""

_MAX_MARK_BYTES: Final = 64
_WAITING: Final = ".waiting"
_ANSWER: Final = ".answer"


def expect(state: str, seconds: float, runtime_dir: Path) -> None:
    """Start waiting for the answer with this `state`, for `seconds`.

    Raises
    ------
    ValueError
        The state is too short for a secret.
    LinkError
        The runtime directory cannot be written.
    """
    for path in _left_behind(runtime_dir):
        path.unlink(missing_ok=True)
    put_file(_sign_in_path(state, _WAITING, runtime_dir), str(time.time() + seconds).encode())


def deliver(query: str, runtime_dir: Path) -> bool:
    """Pass an answer to the kernel that waits for it.

    Parameters
    ----------
    query : str
        The query of the URL that the browser was sent to.

    Returns
    -------
    bool
        Whether a kernel waited: False for an answer that is malformed, unexpected or repeated.

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
        waiting.unlink()  # of two answers at the same moment, only one succeeds here
    except (OSError, LinkError, ValueError):
        return False
    if not time.time() < ends:
        return False
    put_file(answer, query.encode())
    return True


def collect(state: str, runtime_dir: Path) -> str | None:
    """Return the query that `deliver` got with this `state`, only once; None while there is no answer.

    Raises
    ------
    LinkError
        The file was not written by the Jupyter Server.
    """
    path = _sign_in_path(state, _ANSWER, runtime_dir)
    try:
        data = read_private(path, MAX_CALLBACK_BYTES)
        path.unlink()
        return data.decode("ascii")
    except FileNotFoundError:
        return None
    except (OSError, LinkError, UnicodeDecodeError):
        raise LinkError("The answer to the sign-in cannot be read.") from None


def forget(state: str, runtime_dir: Path) -> None:
    """Stop waiting."""
    for kind in (_WAITING, _ANSWER):
        with suppress(OSError):
            _sign_in_path(state, kind, runtime_dir).unlink()


def _state_of(query: str) -> str | None:
    """Return the `state` of a well-formed answer, or None."""
    if len(query) > MAX_CALLBACK_BYTES or not query.isascii():
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
