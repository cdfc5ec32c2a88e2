# SPDX-License-Identifier: BSD-3-Clause
"""Private files (0600) that processes of one user exchange: HTTP addresses, callback URLs, sign-in answers.

The HTTP address is written by a kernel after `%mcp_serve --http`, beside its connection file, and by
`jupyter mcp run --http`; `jupyter mcp connect` reads it. Only the server's own user can read the file.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, get_args
from urllib.parse import parse_qs, urlsplit

from pydantic import Field

from .._util.private_files import PrivateJsonFile, read_private
from ..errors import LinkError
from ..protocol.limits import MAX_CALLBACK_BYTES, MAX_PRIVATE_FILE_BYTES, MAX_URI_CHARS
from ..protocol.rights import Floor
from .files import process_runs, put_file, this_machine
from .questions import Questions

__all__ = [
    "CALLBACK_PATH",
    "SIGN_INS",
    "HttpAddress",
    "announce",
    "announced",
    "approval_floor",
    "callback_under",
    "deliver",
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
# The file exists while the server runs with our extension. It has the public address, which only the server
# knows (a proxy or a hub may be in front), and the administrator's word on approvals.

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


def announce(url: str, runtime_dir: Path, approve: Floor = "marked") -> None:
    """Publish the callback URL of this process, and for which tools its users are asked in any case.

    Parameters
    ----------
    url : str
        Empty where browsers have no way to this server.

    Raises
    ------
    LinkError
        The runtime directory cannot be written.
    """
    put_file(_callback_path(os.getpid(), runtime_dir), f"{url}\n{approve}".encode())


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
    return _announced(runtime_dir, environ)[0] or None


def approval_floor(runtime_dir: Path, environ: Mapping[str, str] | None = None) -> Floor:
    """Return for which tools the user is asked in any case, as that Jupyter Server says."""
    return _announced(runtime_dir, environ)[1]


def _announced(runtime_dir: Path, environ: Mapping[str, str] | None) -> tuple[str, Floor]:
    environ = os.environ if environ is None else environ
    said = environ.get("JPY_PARENT_PID", "")  # a handle on Windows, where the parent process is used
    starters = [int(said)] if said.isdecimal() and len(said) < 20 else []
    for pid in (*starters, os.getppid()):
        if found := _read(_callback_path(pid, runtime_dir)):
            return found
    return "", "marked"


def running_servers(runtime_dir: Path) -> dict[int, str]:
    """Return the Jupyter Servers of this machine that run with our extension: base URLs by process id.

    A base URL ends with a slash, and is the address that users and clients use.
    """
    found = {}
    for path in sorted(runtime_dir.glob(f"{_PREFIX}*{_SUFFIX}")):
        said = path.name.removeprefix(_PREFIX).removesuffix(_SUFFIX)
        pid = int(said) if said.isdecimal() and len(said) < 20 else 0
        said_by = _read(path) if pid and process_runs(pid) else None
        if said_by is not None and said_by[0]:
            found[pid] = said_by[0].removesuffix(CALLBACK_PATH)
    return found


def _read(path: Path) -> tuple[str, Floor] | None:
    """Return the callback URL, which may be empty, and the floor; None for a file that cannot be trusted."""
    with suppress(OSError, UnicodeDecodeError):
        url, line_break, floor = read_private(path, MAX_URI_CHARS).decode("ascii").partition("\n")
        known = {each: each for each in get_args(Floor)}
        if (is_callback_url(url) or not url) and (floor in known if line_break else url):
            return url, known.get(floor, "marked")
    return None


def _callback_path(pid: int, runtime_dir: Path) -> Path:
    return runtime_dir / f"{_PREFIX}{pid}{_SUFFIX}"


# -- sign in -------------------------------------------------------------------------------------
#
# The answer to a sign-in goes from a browser through the Jupyter Server to the kernel that waits for it. Only
# the OAuth parameter `state`, which is the question's secret, is read; the answer is passed on unchanged. An
# answer is useless without the PKCE verifier, which never leaves the kernel.

MAX_PARAMETERS: Final = 32
"""Parameters of an answer; five have a meaning."""

SIGN_INS: Final = Questions("sign-in", MAX_CALLBACK_BYTES)


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
    id_ = hashlib.sha256(state.encode("utf-8", "replace")).hexdigest()
    return SIGN_INS.answer(id_, query.encode(), runtime_dir)


def _state_of(query: str) -> str | None:
    """Return the `state` of a well-formed answer, or None."""
    if len(query) > MAX_CALLBACK_BYTES or not query.isascii():
        return None
    try:
        states = parse_qs(query, max_num_fields=MAX_PARAMETERS).get("state", [])
    except ValueError:
        return None
    return states[0] if len(states) == 1 else None
