# SPDX-License-Identifier: BSD-3-Clause
"""Where a server of this user listens for HTTP, and the token that it asks for: a private file (0600).

Written by a kernel after `%mcp_serve --http`, beside its connection file, and by `jupyter mcp run --http`;
read by `jupyter mcp connect`. Whoever can read the file is the user whose server it is. Opens no connection.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from pydantic_core import from_json, to_json

from .._util.private_files import make_private_directory, read_private, write_private
from ..errors import LinkError
from .machine import this_machine

__all__ = ["HttpAddress", "forget_http", "read_http", "run_key", "run_servers", "write_http"]

MAX_FILE_BYTES: Final = 4096
"""Ours have some two hundred."""

MAX_NAME_CHARS: Final = 200
"""Of a server's name: one line of text."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]{1,512}=*", re.ASCII)
_HOST: Final = re.compile(r"[A-Za-z0-9._:-]{1,255}", re.ASCII)
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

    port: int
    token: str
    host: str = "127.0.0.1"
    name: str = ""
    transport: str = "both"

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


_CHECKS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "port": lambda value: type(value) is int and 0 < value < 65536,
    "token": lambda value: type(value) is str and _TOKEN.fullmatch(value) is not None,
    "host": lambda value: type(value) is str and _HOST.fullmatch(value) is not None,
    "name": lambda value: type(value) is str and len(value) <= MAX_NAME_CHARS,
    "transport": lambda value: value in ("both", "streamable-http", "sse"),
}


def run_key(port: int) -> str:
    """The key of a server that `jupyter mcp run` serves at `port`.

    One process has a port: a file that a killed one left behind is replaced by the next server there. The
    machine is in it, because several machines and containers may share the directory.
    """
    return f"{_run_prefix()}{port}"


def _run_prefix() -> str:
    here = this_machine()
    return f"run-{hashlib.sha256(f'{here.id} {here.pids}'.encode()).hexdigest()[:12]}-"


def _path(key: str, runtime_dir: Path) -> Path:
    return runtime_dir / f"mcp-{key}.http"


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
    path = _path(key, runtime_dir)
    try:
        make_private_directory(runtime_dir)
        write_private(path, to_json(asdict(address)))
    except OSError as exc:
        raise LinkError(f"{path} cannot be written: {exc.strerror or exc}.") from None


def read_http(key: str, runtime_dir: Path) -> HttpAddress | None:
    """What the file says; None when there is none.

    Raises
    ------
    LinkError
        It belongs to another user, is open to others, or is damaged.
    """
    path = _path(key, runtime_dir)
    try:
        data = read_private(path, MAX_FILE_BYTES)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise LinkError(f"The HTTP address in {path} cannot be read: {exc.strerror}.") from None
    known = {field.name for field in fields(HttpAddress)}
    try:
        values = {name: value for name, value in from_json(data).items() if name in known}
        address = HttpAddress(**values)
    except (ValueError, TypeError, AttributeError):
        address = None
    if address is None or not all(is_valid(getattr(address, name)) for name, is_valid in _CHECKS.items()):
        raise LinkError(f"The HTTP address in {path} is damaged: start the server again.")
    return address


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
    with suppress(OSError):
        _path(key, runtime_dir).unlink()
