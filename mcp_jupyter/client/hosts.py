# SPDX-License-Identifier: BSD-3-Clause
"""Where each host keeps its MCP servers, and the entries that it would use in a folder.

Owns what was looked up in the hosts' own documentation (November 2026): the places, on each platform, and
which entry counts when two have one name. What an entry means is `config`'s; writing one, the command line's.

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
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..errors import ConfigError
from .config import ServerEntry, checked, is_project_file
from .json_files import parsed, read_file
from .streams import printable

__all__ = ["HOSTS", "Entries", "Host", "entries_of_host", "files_of"]

MAX_SHOWN_CHARS: Final = 240
"""Of a path in a message."""

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


@dataclass(frozen=True, slots=True)
class _Found:
    """An entry as it stands in a file."""

    members: Any
    shown: str
    root: Path
    is_project: bool


class Entries(Mapping[str, ServerEntry]):
    """A host's servers by name. An entry is checked when it is taken: one that is wrong spoils no other."""

    def __init__(self, found: Mapping[str, _Found]) -> None:
        self._found = found

    def __getitem__(self, name: str) -> ServerEntry:
        """The entry of that name.

        Raises
        ------
        KeyError
            There is none.
        ConfigError
            It has no form that can be used.
        """
        found = self._found[name]
        return checked(name, found.members, found.shown, found.root, found.is_project)

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def files_of(host: str, folder: Path) -> list[Path]:
    """Where a host looks for its servers when it works in a folder; what counts most comes first.

    Raises
    ------
    ConfigError
        There is no such host.
    """
    known = _host(host)
    own = known.locate()
    if known.project_file is None:
        return [own]
    projects = [above / known.project_file for above in _folders(folder)]
    return [*(path for path in projects if path != own), own]


def entries_of_host(host: str, folder: Path) -> Entries:
    """The servers that a host has when it works in a folder; of those with one name, the one it would use.

    Raises
    ------
    ConfigError
        There is no such host, none of its files is there, or one of them cannot be read.
    """
    known = _host(host)
    files = [path for path in files_of(host, folder) if path.is_file()]
    if not files:
        places = ", ".join(map(_shown, files_of(host, folder)))
        raise ConfigError(f"{known.title} has no file of servers. Looked for: {places}.")
    found: dict[str, _Found] = {}
    for shown, root, entries, is_project in _tables(known, files, folder):
        if not isinstance(entries, Mapping):
            raise ConfigError(f"{shown}: {known.member} must be an object of entries by name.")
        for name, members in entries.items():
            found.setdefault(str(name), _Found(members, shown, root, is_project))
    return Entries(found)


def _tables(host: Host, files: Sequence[Path], folder: Path) -> Iterator[tuple[str, Path, Any, bool]]:
    """What is in a host's files, what counts most first: (file, root, entries, is_project)."""
    own = host.locate()
    if host.by_folder and own in files:
        projects = _object(own).get("projects")
        for above in _folders(folder):
            for settings in _of_folder(projects, above):
                yield _shown(own), above, settings.get(host.member, {}), False
    for path in files:
        root = folder if path == own else path.parents[_depth(host)]
        # A file without the member has none: hosts keep other settings there too.
        yield _shown(path), root, _object(path).get(host.member, {}), path != own and is_project_file(path)


def _of_folder(projects: Any, folder: Path) -> Iterator[Mapping[str, Any]]:
    """The settings for a folder, in what Claude Code knows of folders."""
    if isinstance(projects, Mapping):
        for key, settings in projects.items():
            if isinstance(settings, Mapping) and "\0" not in key and Path(key) == folder:
                yield settings


def _object(path: Path) -> Mapping[str, Any]:
    value = parsed(read_file(path, _shown(path)), _shown(path))
    if not isinstance(value, Mapping):
        raise ConfigError(f"{_shown(path)} must be a JSON object.")
    return value


def _folders(folder: Path) -> list[Path]:
    """A folder and those above it up to the root of its repository; without one, only itself."""
    folder = folder.absolute()
    above = [folder, *folder.parents][:MAX_FOLDERS]
    roots = [number for number, each in enumerate(above) if os.path.lexists(each / ".git")]
    return above[: roots[0] + 1] if roots else [folder]


def _depth(host: Host) -> int:
    """How far below a project's folder its file is."""
    return len(Path(host.project_file or "").parts) - 1


def _shown(path: Path) -> str:
    return printable(os.fspath(path), MAX_SHOWN_CHARS)


def _host(key: str) -> Host:
    if key not in HOSTS:
        raise ConfigError(f"There is no host {printable(key, 80)!r}. There are: {', '.join(HOSTS)}.")
    return HOSTS[key]
