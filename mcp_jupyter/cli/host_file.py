# SPDX-License-Identifier: BSD-3-Clause
"""A server written into the file of a host, or shown as it would be written.

This file decides what of the entry before is kept, and what the user is told. `config_edit` changes the text.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from .._util.private_files import replace_file
from .._util.text import join_names, safe_line
from ..client.config.file_formats import parsed
from ..client.config.hosts import Host
from ..errors import ConfigError, McpJupyterError
from .config_edit import NotEditable, put_json, put_toml, put_yaml

__all__ = [
    "ConfigFile",
    "ConfigRefused",
    "MadeEntry",
    "NotEditable",
    "print_entry",
    "put_entry",
    "write_entry",
]


_FORBIDDEN_TO_OTHERS: Final = 0o077


@dataclass(frozen=True, slots=True)
class MadeEntry:
    """What is to be written.

    Attributes
    ----------
    name : str
        What the host calls it.
    make : callable
        Makes the entry, with more variables: those that only the entry before sets.
    variables : frozenset of str
        The variables that it sets itself.
    private : bool
        There is a token in it.
    """

    name: str
    make: Callable[[dict[str, str]], dict[str, Any]]
    variables: frozenset[str] = frozenset()
    private: bool = False


def print_entry(host: Host, path: Path, entry: MadeEntry) -> None:
    """Show what a new file of the host would hold."""
    text, _ = put_entry(host, "", entry.name, entry.make({}))
    click.echo(text, nl=False)
    click.echo(f"For {path}, which was not changed.", err=True)


def write_entry(host: Host, path: Path, entry: MadeEntry) -> None:
    """Write it, and say what was done.

    Raises
    ------
    click.ClickException
        The host was never started here.
    ConfigRefused
        The file is left as it is.
    """
    if not path.parent.is_dir():
        raise click.ClickException(
            f"{host.title} is not set up here: the folder {path.parent} does not exist. Start {host.title} "
            "once, or use --print and copy the entry yourself."
        )
    file = ConfigFile.read(path)
    if entry.private and file.path != path and _repository(file.path):
        raise ConfigRefused(
            f"{path} leads into the repository {_repository(file.path)}, where others may read a token. "
            "Leave --http out: a program needs none."
        )
    made = entry.make({})
    try:
        text, before = put_entry(host, file.text, entry.name, made)
        if kept := _only_before(host, before, made, entry.variables):
            made = entry.make(kept)
            text, _ = put_entry(host, file.text, entry.name, made)
    except NotEditable as exc:
        raise ConfigRefused(f"{file.path} was left as it is: {exc} Mend it, or use --print.") from None
    if before == made:
        click.echo(f"{host.title} has {safe_line(entry.name)} already, just so. Nothing was changed.")
        return
    backup = file.replace(text, private=entry.private)
    did = "Replaced" if before is not None else "Added"
    click.echo(f"{did} {safe_line(entry.name)} in {file.path}. {host.next_step}")
    if kept:
        click.echo(f"Kept of the entry before: {join_names(kept)}.")
    if entry.private and file.data is not None and file.mode & _FORBIDDEN_TO_OTHERS:
        click.echo("Only you can read the file from now on: there is a token in it.")
    if backup is not None:
        click.echo(f"The file as it was before the first change: {backup}")


def _repository(path: Path) -> str:
    """The root of the repository that a file is in; empty without one."""
    return next((str(folder) for folder in path.parents if os.path.lexists(folder / ".git")), "")


def _only_before(
    host: Host, before: object, made: Mapping[str, Any], variables: frozenset[str]
) -> dict[str, str]:
    """The variables that only the entry before sets: keys that the user would have to look for again."""
    if "url" in host.shape.read(made):
        return {}
    members = host.shape.read(before)
    env = members.get("env") if isinstance(members, dict) else None
    if not isinstance(env, Mapping):
        return {}
    return {key: value for key, value in env.items() if key not in variables and isinstance(value, str)}


# -- config file ---------------------------------------------------------------------------------
#
# A configuration file that belongs to another program: read with care, kept, and replaced in one step.
#
# Knows nothing of what is in it. A copy from before our first change stays beside it; another program that
# writes at the same moment is noticed, not overwritten.

MAX_BYTES: Final = 32 * 1024 * 1024
"""Hosts keep their history in the same file: some megabytes. What is longer is something else."""

BACKUP_SUFFIX: Final = ".before-jupyter-mcp"

NEW_MODE: Final = 0o600
"""Of a file that was not there: people put tokens into these files."""

_BOM: Final = "\ufeff"


class ConfigRefused(McpJupyterError):
    """The file is left as it is; the message says which, and why."""


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A file as it was read.

    Attributes
    ----------
    path : Path
        The file itself, where a link led to it.
    data : bytes or None
        What it held; None when there was none.
    mode : int
        Its permissions, and those of what takes its place.
    """

    path: Path
    data: bytes | None
    mode: int

    @classmethod
    def read(cls, path: Path) -> ConfigFile:
        """Read it.

        Raises
        ------
        ConfigRefused
            The path is not a regular file, the file is too large, or it cannot be read.
        """
        try:
            real = path.resolve()
            if not path.exists():
                if path.is_symlink():
                    raise ConfigRefused(f"{path} is a link to {real}, which is not there.")
                return cls(real, None, NEW_MODE)
            found = real.stat()
            link = f"a link to {real}, which is" if path.is_symlink() else "there, but it is"
            if not stat.S_ISREG(found.st_mode):
                raise ConfigRefused(f"{path} is {link} no regular file.")
            if found.st_size > MAX_BYTES:
                raise ConfigRefused(f"{path} is larger than {MAX_BYTES // 1024**2} MiB: no configuration is.")
            return cls(real, real.read_bytes(), stat.S_IMODE(found.st_mode))
        except (OSError, RuntimeError) as exc:  # RuntimeError: links in a circle
            raise ConfigRefused(f"{path} cannot be read: {exc}.") from None

    @property
    def text(self) -> str:
        """What it says, without a byte order mark; empty when it is new.

        Raises
        ------
        ConfigRefused
            It is not UTF-8.
        """
        try:
            return (self.data or b"").decode().removeprefix(_BOM)
        except UnicodeDecodeError as exc:
            raise ConfigRefused(f"{self.path} is not UTF-8: byte {exc.start} cannot be read.") from None

    def replace(self, text: str, *, private: bool = False) -> Path | None:
        """Put `text` in its place, at once or not at all.

        Parameters
        ----------
        private : bool
            The file holds a token: only its owner may read it from now on.

        Returns
        -------
        Path or None
            Where the file is kept as it was before the first change; None when there was none.

        Raises
        ------
        ConfigRefused
            It was changed since it was read, or cannot be written.
        """
        marked = self.data is not None and self.data.startswith(_BOM.encode())
        backup = self.path.with_name(self.path.name + BACKUP_SUFFIX)
        try:
            if self.data is not None and not os.path.lexists(backup):
                replace_file(backup, self.data, mode=self.mode, is_durable=True)
            if ConfigFile.read(self.path).data != self.data:
                raise ConfigRefused(f"{self.path} was changed by another program meanwhile. Try again.")
            mode = self.mode & NEW_MODE if private else self.mode
            data = ((_BOM if marked else "") + text).encode()
            replace_file(self.path, data, mode=mode, is_durable=True)
        except OSError as exc:
            raise ConfigRefused(f"{self.path} cannot be written: {exc}.") from None
        return backup if os.path.lexists(backup) else None


# -- entry edit ----------------------------------------------------------------------------------
#
# One server put into the text of a host's file, whatever the file's format; everything else stays.
#
# The result is parsed again: it must say what the text said before, with the entry. Knows no file.


def put_entry(host: Host, text: str, name: str, entry: Mapping[str, Any]) -> tuple[str, Any]:
    """Set a server in the text of a host's file.

    Parameters
    ----------
    text : str
        What the file says; empty for a file that is new.
    name, entry
        What the host calls it; the entry as the host has it. It replaces an entry of that name whole.

    Returns
    -------
    text : str
        The new text.
    before : Any
        The entry that was replaced; None when there was none.

    Raises
    ------
    NotEditable
        The text has another format, or the place is taken by something else.
    """
    if not text.strip() and host.new_file:
        text = "".join(f"{key}: {json.dumps(value)}\n" for key, value in host.new_file.items())
    new = _edited(host, text, name, entry)
    before, expected = _with_entry(host, _value(host, text), name, entry)
    if _value(host, new) != expected:
        raise NotEditable("its form is too unusual to be changed safely.")
    return new, before


def _edited(host: Host, text: str, name: str, entry: Mapping[str, Any]) -> str:
    if host.file_format == "toml":
        return put_toml(text, host.member, name, entry)
    if host.file_format == "yaml":
        return put_yaml(text, host.member, name, entry, listed=host.listed)
    comments = host.file_format == "jsonc"
    return put_json(text, host.member, name, entry, listed=host.listed, comments=comments)


def _value(host: Host, text: str) -> dict[str, Any]:
    try:
        value = parsed(text.encode(), "it", host.file_format) if text.strip() else {}
    except ConfigError as exc:
        raise NotEditable(str(exc)) from None
    return value if isinstance(value, dict) else {}


def _with_entry(
    host: Host, value: dict[str, Any], name: str, entry: Mapping[str, Any]
) -> tuple[Any, dict[str, Any]]:
    """The entry before, and what the file should say."""
    servers = value.get(host.member)
    if not host.listed:
        known = servers or {}
        return known.get(name), {**value, host.member: {**known, name: entry}}
    items = list(servers or [])
    places = [at for at, item in enumerate(items) if isinstance(item, dict) and item.get("name") == name]
    if not places:
        return None, {**value, host.member: [*items, entry]}
    before, items[places[0]] = items[places[0]], entry
    return before, {**value, host.member: items}
