# SPDX-License-Identifier: BSD-3-Clause
"""Read the servers that a host would use in a folder from the host's files.

When two entries have the same name, the one that the host would use wins. `hosts` says where the files are,
`servers_json` what an entry means.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..._util.text import MAX_MESSAGE_CHARS, safe_line
from ...errors import ConfigError
from .file_formats import parsed, read_file
from .hosts import Host, files_of, folders, host_of
from .servers_json import ServerEntry, checked, is_project_file

__all__ = ["Entries", "entries_of_host"]


@dataclass(frozen=True, slots=True)
class _Found:
    """An entry as read from a file, not yet checked."""

    members: Any
    shown: str
    root: Path
    is_project: bool


class Entries(Mapping[str, ServerEntry]):
    """A host's servers by name. An entry is checked on access, so an invalid one does not affect others."""

    def __init__(self, found: Mapping[str, _Found]) -> None:
        self._found = found

    def __getitem__(self, name: str) -> ServerEntry:
        """Return the entry with this name, checked.

        Raises
        ------
        KeyError
            The host has no such entry.
        ConfigError
            The entry is not valid.
        """
        found = self._found[name]
        return checked(name, found.members, found.shown, found.root, found.is_project)

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def entries_of_host(host: str, folder: Path) -> Entries:
    """Return the servers that a host uses when it works in a folder.

    Where several files have an entry of the same name, the host's own precedence decides.

    Raises
    ------
    ConfigError
        The host is unknown, none of its files exists, or one of them cannot be read.
    """
    known = host_of(host)
    files = [path for path in files_of(host, folder) if path.is_file()]
    if not files:
        places = ", ".join(map(_shown, files_of(host, folder)))
        raise ConfigError(f"{known.title} has no file of servers. Looked for: {places}.")
    found: dict[str, _Found] = {}
    for shown, root, entries, is_project in _tables(known, files, folder):
        for name, entry in _by_name(known, entries, shown):
            found.setdefault(name, _Found(known.shape.read(entry), shown, root, is_project))
    return Entries(found)


def _by_name(host: Host, entries: Any, shown: str) -> Iterator[tuple[str, Any]]:
    """Yield the entries of a file with their names. List items without a name are skipped."""
    if host.listed and isinstance(entries, list):
        for entry in entries:
            if isinstance(entry, Mapping) and isinstance(entry.get("name"), str):
                yield entry["name"], entry
    elif isinstance(entries, Mapping) and not host.listed:
        for name, entry in entries.items():
            yield str(name), entry
    else:
        form = "a list of entries" if host.listed else "an object of entries by name"
        raise ConfigError(f"{shown}: {host.member} must be {form}.")


def _tables(host: Host, files: Sequence[Path], folder: Path) -> Iterator[tuple[str, Path, Any, bool]]:
    """Yield (file, root, entries, is_project) for each table in a host's files, highest precedence first."""
    own = host.locate()
    # Claude Code's user file has entries for single folders: they precede those of project files.
    if host.by_folder and own in files:
        projects = _object(host, own).get("projects")
        for above in folders(folder):
            for settings in _of_folder(projects, above):
                yield _shown(own), above, settings.get(host.member, {}), False
    for path in files:
        root = folder if path == own else path.parents[_depth(host)]
        # Hosts keep other settings in these files too, so the member may be missing.
        entries = _object(host, path).get(host.member)
        if entries is None:
            entries = [] if host.listed else {}
        yield _shown(path), root, entries, path != own and is_project_file(path)


def _of_folder(projects: Any, folder: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the settings for a folder from the `projects` object of Claude Code's file."""
    if isinstance(projects, Mapping):
        for key, settings in projects.items():
            if isinstance(settings, Mapping) and "\0" not in key and Path(key) == folder:
                yield settings


def _object(host: Host, path: Path) -> Mapping[str, Any]:
    value = parsed(read_file(path, _shown(path)), _shown(path), host.file_format)
    if value is None and host.file_format == "yaml":  # an empty file, or only comments
        return {}
    if not isinstance(value, Mapping):
        raise ConfigError(f"{_shown(path)} must be an object.")
    return value


def _depth(host: Host) -> int:
    """Return how many folders a host's project file is below the project's root."""
    return len(Path(host.project_file or "").parts) - 1


def _shown(path: Path) -> str:
    return safe_line(os.fspath(path), MAX_MESSAGE_CHARS)
