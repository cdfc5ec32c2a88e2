# SPDX-License-Identifier: BSD-3-Clause
"""How each host is told of a server: the shape of an entry, and what its name may be.

Owns what only writing needs. Where the hosts keep their servers is `client.hosts`'s. Opens no file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..client import hosts as places

__all__ = ["HOSTS", "Host"]

MAX_NAME_CHARS: Final = 64
"""Hosts put the name before the name of each tool, and those may not be long either."""

_CLAUDE_CODE_NAME: Final = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Host:
    """A program that starts servers.

    Attributes
    ----------
    place : mcp_jupyter.client.hosts.Host
        What it is called, and where it is configured.
    typed : bool
        Whether an entry says that it is for stdio.
    next_step : str
        What makes the host take it up.
    """

    place: places.Host
    typed: bool
    next_step: str

    @property
    def key(self) -> str:
        """For the command line."""
        return self.place.key

    @property
    def title(self) -> str:
        """For people."""
        return self.place.title

    @property
    def member(self) -> str:
        """Of the configuration, which holds the entries."""
        return self.place.member

    def locate(self) -> Path:
        """Where an entry is written: into the person's own file.

        Not into a project's, which is shared: the entry names a Python of this machine, and perhaps a token.
        """
        return self.place.locate()

    def entry(self, command: Sequence[str], env: Mapping[str, str]) -> dict[str, Any]:
        """How this host is told to start a server."""
        said: dict[str, Any] = {"type": "stdio"} if self.typed else {}
        said |= {"command": command[0], "args": list(command[1:])}
        return said | ({"env": dict(env)} if env else {})

    def name(self, wanted: str) -> str:
        """`wanted` as this host takes it.

        Raises
        ------
        ValueError
            Nothing of it is left, or it is too long.
        """
        name = wanted.strip()
        if self.key == "claude-code":  # letters, digits, - and _ only
            name = _CLAUDE_CODE_NAME.sub("-", name).strip("-")
        if not 0 < len(name) <= MAX_NAME_CHARS or not name.isprintable():
            raise ValueError(f"a name has 1 to {MAX_NAME_CHARS} printable characters")
        return name


HOSTS: Final = {
    host.key: host
    for host in (
        Host(places.HOSTS["claude-desktop"], False, "Restart Claude Desktop."),
        Host(places.HOSTS["claude-code"], True, "Start a new session of Claude Code."),
        Host(places.HOSTS["cursor"], False, "Switch it on in Cursor's settings, under MCP."),
        Host(places.HOSTS["vscode"], True, "Start it with `MCP: List Servers` in VS Code."),
    )
}
"""By key. The first is the one when none is named."""
