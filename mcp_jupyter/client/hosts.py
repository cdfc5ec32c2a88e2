# SPDX-License-Identifier: BSD-3-Clause
"""Where each host keeps its MCP servers.

Owns what was looked up in the hosts' own documentation (November 2026): the places, on each platform, and
which counts most. Opens no file: what is in them is `host_entries`'s; writing, the command line's.

| host | for a project | for the person |
|---|---|---|
| Claude Desktop | | `claude_desktop_config.json` where applications are configured |
| Claude Code | under the folder in the person's file, then `.mcp.json` | `~/.claude.json` |
| Cursor | `.cursor/mcp.json` | `~/.cursor/mcp.json` |
| VS Code | `.vscode/mcp.json` | `Code/User/mcp.json` where applications are configured |

What is nearer to the folder comes first: the folder itself, those above it up to the root of its repository,
then the person's own. So it is in the hosts, but that they look at one folder, where the person opened them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..errors import ConfigError

__all__ = ["HOSTS", "Host", "files_of", "folders", "host_of"]

MAX_NAME_CHARS: Final = 80
"""Of a name in a message."""

MAX_FOLDERS: Final = 32
"""Above a folder: no repository is deeper."""


@dataclass(frozen=True, slots=True)
class Host:
    """A program that starts servers, and where it is configured.

    Attributes
    ----------
    key, title : str
        For the command line; for people.
    member : str
        Of the configuration, which holds the entries.
    locate : callable
        Where the person's own configuration is on this platform.
    project_file : str or None
        Where a project's is, from its folder.
    by_folder : bool
        Whether the person's own has entries for single folders too.
    """

    key: str
    title: str
    member: str
    locate: Callable[[], Path]
    project_file: str | None = None
    by_folder: bool = False


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
    return Path(os.environ.get("CLAUDE_CONFIG_DIR") or Path.home()) / ".claude.json"


def _cursor() -> Path:
    return Path.home() / ".cursor" / "mcp.json"


def _vscode() -> Path:
    return _application_support("Code", "User", "mcp.json")


HOSTS: Final = {
    host.key: host
    for host in (
        Host("claude-desktop", "Claude Desktop", "mcpServers", _claude_desktop),
        Host("claude-code", "Claude Code", "mcpServers", _claude_code, ".mcp.json", by_folder=True),
        Host("cursor", "Cursor", "mcpServers", _cursor, ".cursor/mcp.json"),
        Host("vscode", "VS Code", "servers", _vscode, ".vscode/mcp.json"),
    )
}
"""By key."""


def files_of(host: str, folder: Path) -> list[Path]:
    """Where a host looks for its servers when it works in a folder; what counts most comes first.

    Raises
    ------
    ConfigError
        There is no such host.
    """
    known = host_of(host)
    own = known.locate()
    if known.project_file is None:
        return [own]
    projects = [above / known.project_file for above in folders(folder)]
    return [*(path for path in projects if path != own), own]


def folders(folder: Path) -> list[Path]:
    """A folder and those above it up to the root of its repository; without one, only itself."""
    folder = folder.absolute()
    above = [folder, *folder.parents][:MAX_FOLDERS]
    roots = [number for number, each in enumerate(above) if os.path.lexists(each / ".git")]
    return above[: roots[0] + 1] if roots else [folder]


def host_of(key: str) -> Host:
    """The host of that key.

    Raises
    ------
    ConfigError
        There is none.
    """
    if key not in HOSTS:
        raise ConfigError(f"There is no host {key[:MAX_NAME_CHARS]!r}. There are: {', '.join(HOSTS)}.")
    return HOSTS[key]
