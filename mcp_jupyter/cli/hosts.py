# SPDX-License-Identifier: BSD-3-Clause
"""Where each host keeps its MCP servers, and the shape of an entry there.

Owns what was looked up in the hosts' own documentation (November 2026). Opens no file.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

__all__ = ["HOSTS", "Host"]

MAX_NAME_CHARS: Final = 64
"""Hosts put the name before the name of each tool, and those may not be long either."""

_CLAUDE_CODE_NAME: Final = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Host:
    """A program that starts servers.

    Attributes
    ----------
    key, title : str
        For the command line; for people.
    member : str
        Of the configuration, which holds the entries.
    locate : callable
        Where the configuration is for this user on this platform.
    typed : bool
        Whether an entry says that it is for stdio.
    next_step : str
        What makes the host take it up.
    """

    key: str
    title: str
    member: str
    locate: Callable[[], Path]
    typed: bool
    next_step: str

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


def _application_support(*parts: str) -> Path:
    """Where desktop applications keep what is configured."""
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return base.joinpath(*parts)


def _claude_desktop() -> Path:
    return _application_support("Claude", "claude_desktop_config.json")


def _claude_code() -> Path:
    # The user's own file and not a project's .mcp.json: that one is shared, and this entry names a Python
    # of this machine, and perhaps a token.
    return Path(os.environ.get("CLAUDE_CONFIG_DIR") or Path.home()) / ".claude.json"


def _cursor() -> Path:
    return Path.home() / ".cursor" / "mcp.json"


def _vscode() -> Path:
    return _application_support("Code", "User", "mcp.json")


HOSTS: Final = {
    host.key: host
    for host in (
        Host(
            "claude-desktop",
            "Claude Desktop",
            "mcpServers",
            _claude_desktop,
            False,
            "Restart Claude Desktop.",
        ),
        Host(
            "claude-code",
            "Claude Code",
            "mcpServers",
            _claude_code,
            True,
            "Start a new session of Claude Code.",
        ),
        Host(
            "cursor", "Cursor", "mcpServers", _cursor, False, "Switch it on in Cursor's settings, under MCP."
        ),
        Host("vscode", "VS Code", "servers", _vscode, True, "Start it with `MCP: List Servers` in VS Code."),
    )
}
"""By key. The first is the one when none is named."""
