# SPDX-License-Identifier: BSD-3-Clause
"""Find the URL at which a running Jupyter Server serves a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from pathlib import Path

    from ..ipc.files import ConnectionInfo

__all__ = ["NO_SERVER", "Endpoint", "endpoint_of"]

NO_SERVER: Final = (
    "No running Jupyter Server says here at which URL it is reached. Start one with this extension "
    "(`jupyter lab`), and run: jupyter mcp connect {} (A hub without a public URL: set "
    "McpJupyterApp.callback_url.)"
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The URLs of a notebook, or of all notebooks, at a Jupyter Server.

    Attributes
    ----------
    name : str
        The server's name in the host.
    url : str
        The URL for Streamable HTTP.
    """

    name: str
    url: str

    @property
    def sse_url(self) -> str:
        """The URL for HTTP+SSE."""
        return f"{self.url.rstrip('/')}/sse"


def endpoint_of(names: Sequence[str], live: Iterable[ConnectionInfo], runtime_dir: Path) -> Endpoint | None:
    """Return the endpoint of one notebook, or of all for several names or a glob; None without a server.

    Parameters
    ----------
    names : sequence of str
        Names and globs of notebooks.
    live : iterable of ConnectionInfo
        The live notebooks. The Jupyter Server that started the kernel of one of the names is preferred.
    runtime_dir : Path
        Jupyter's runtime directory, where running servers leave their addresses.
    """
    base = _base([info.pid for info in live if info.name in names], runtime_dir)
    if base is None:
        return None
    if len(names) > 1 or set(names[0]) & set("*?"):
        return Endpoint("notebooks", f"{base}mcp-jupyter/")
    return Endpoint(names[0], f"{base}mcp-jupyter/{quote(names[0], safe='')}")


def _base(pids: Sequence[int], runtime_dir: Path) -> str | None:
    from ..ipc.rendezvous import running_servers

    servers = running_servers(runtime_dir)
    for pid in pids if len(servers) > 1 else ():
        for ancestor in _ancestors(pid):
            if ancestor in servers:
                return servers[ancestor]
    return next(iter(servers.values()), None)


def _ancestors(pid: int) -> list[int]:
    import psutil

    try:
        return [process.pid for process in psutil.Process(pid).parents()]
    except psutil.Error:
        return []
