# SPDX-License-Identifier: BSD-3-Clause
"""Where a kernel serves HTTP by itself, and the token that opens it: a file beside its connection file.

The token is shown nowhere else: whoever may read the file is the user whose kernel it is. Knows no HTTP.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic_core import from_json, to_json

from ..errors import LinkError
from ..private_files import read_private, write_private

__all__ = ["HttpAddress", "forget_http", "read_http", "write_http"]

MAX_FILE_BYTES: Final = 4096
"""Ours have some two hundred."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{32,128}", re.ASCII)


@dataclass(frozen=True, slots=True)
class HttpAddress:
    """A port of this machine, and the token that opens it (never shown by `repr`)."""

    port: int
    token: str

    def __repr__(self) -> str:
        return f"HttpAddress(port={self.port})"

    @property
    def url(self) -> str:
        """Of Streamable HTTP."""
        return f"http://127.0.0.1:{self.port}/mcp"

    @property
    def sse_url(self) -> str:
        """Of HTTP+SSE."""
        return f"http://127.0.0.1:{self.port}/sse"


def _path(kernel_id: str, runtime_dir: Path) -> Path:
    return runtime_dir / f"mcp-{kernel_id}.http"


def write_http(address: HttpAddress, kernel_id: str, runtime_dir: Path) -> None:
    """Write the file, for this user alone (0600).

    Raises
    ------
    LinkError
        It cannot be written.
    """
    path = _path(kernel_id, runtime_dir)
    try:
        write_private(path, to_json({"port": address.port, "token": address.token}))
    except OSError as exc:
        raise LinkError(f"{path} cannot be written: {exc.strerror or exc}.") from None


def read_http(kernel_id: str, runtime_dir: Path) -> HttpAddress | None:
    """What the file says; None when there is none.

    Raises
    ------
    LinkError
        It is somebody else's, open to others, or not ours.
    """
    try:
        data = read_private(_path(kernel_id, runtime_dir), MAX_FILE_BYTES)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise LinkError(
            f"The file with the notebook's HTTP address cannot be read: {exc.strerror}."
        ) from None
    try:
        value = from_json(data)
        port, token = value["port"], value["token"]
    except (ValueError, TypeError, KeyError):
        raise LinkError(
            "The file with the notebook's HTTP address is damaged: run `%mcp_serve --http` anew."
        ) from None
    if type(port) is not int or not 0 < port < 65536 or type(token) is not str or not _TOKEN.fullmatch(token):
        raise LinkError("The file with the notebook's HTTP address is damaged: run `%mcp_serve --http` anew.")
    return HttpAddress(port, token)


def forget_http(kernel_id: str, runtime_dir: Path) -> None:
    """Remove the file."""
    with suppress(OSError):
        _path(kernel_id, runtime_dir).unlink()
