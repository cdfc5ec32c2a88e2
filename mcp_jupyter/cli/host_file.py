# SPDX-License-Identifier: BSD-3-Clause
"""Write a server into the file of a host, or show what would be written.

This module decides which parts of an existing entry are kept, and what the user is told. `entry_edit`
changes the text.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from .._util.private_files import replace_file
from .._util.text import join_names, safe_line
from ..client.config.config_edit import NotEditable
from ..client.config.entry_edit import put_entry
from ..client.config.hosts import Host
from ..errors import McpJupyterError
from ..protocol.limits import MAX_HOST_FILE_BYTES

__all__ = [
    "ConfigFile",
    "ConfigRefused",
    "MadeEntry",
    "print_entry",
    "write_entry",
]


_FORBIDDEN_TO_OTHERS: Final = 0o077


@dataclass(frozen=True, slots=True)
class MadeEntry:
    """An entry to be written.

    Attributes
    ----------
    name : str
        The server's name in the host.
    make : callable
        Makes the entry. Its argument holds further variables, which only the existing entry sets.
    variables : frozenset of str
        The variables that the new entry sets itself.
    private : bool
        Whether the entry contains a token.
    """

    name: str
    make: Callable[[dict[str, str]], dict[str, Any]]
    variables: frozenset[str] = frozenset()
    private: bool = False


def print_entry(host: Host, path: Path, entry: MadeEntry) -> None:
    """Print the contents of a new file of the host with only this entry."""
    text, _ = put_entry(host, "", entry.name, entry.make({}))
    click.echo(text, nl=False)
    click.echo(f"For {path}, which was not changed.", err=True)


def write_entry(host: Host, path: Path, entry: MadeEntry) -> None:
    """Write an entry into the host's file, and print what was done.

    Raises
    ------
    click.ClickException
        The host's folder does not exist, because the host was never started here.
    ConfigRefused
        The file cannot be changed safely, and is left as it is.
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
    # The first edit finds the existing entry. If it sets further variables, the second edit keeps them.
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
    """Return the root of the repository that contains a file, or an empty text outside of repositories."""
    return next((str(folder) for folder in path.parents if os.path.lexists(folder / ".git")), "")


def _only_before(
    host: Host, before: object, made: Mapping[str, Any], variables: frozenset[str]
) -> dict[str, str]:
    """Return the variables that only the existing entry sets, such as keys that the user would miss."""
    if "url" in host.shape.read(made):
        return {}
    members = host.shape.read(before)
    env = members.get("env") if isinstance(members, dict) else None
    if not isinstance(env, Mapping):
        return {}
    return {key: value for key, value in env.items() if key not in variables and isinstance(value, str)}


# -- config file ---------------------------------------------------------------------------------
#
# A configuration file that belongs to another program. It is replaced atomically, a copy from before our
# first change stays beside it, and a change by another program in the meantime is detected, not overwritten.

BACKUP_SUFFIX: Final = ".before-jupyter-mcp"

NEW_MODE: Final = 0o600
"""Permissions of a new file: users put tokens into these files."""

_BOM: Final = "\ufeff"


class ConfigRefused(McpJupyterError):
    """The file is not changed; the message says which file, and why."""


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A configuration file as it was read.

    Attributes
    ----------
    path : Path
        The file itself, with links resolved.
    data : bytes or None
        Its contents; None when the file did not exist.
    mode : int
        Its permissions, which its replacement gets too.
    """

    path: Path
    data: bytes | None
    mode: int

    @classmethod
    def read(cls, path: Path) -> ConfigFile:
        """Read a file.

        Raises
        ------
        ConfigRefused
            The path is not a regular file, the file is too large, or it cannot be read.
        """
        try:
            real = path.resolve()
            if not path.exists():
                if path.is_symlink():
                    raise ConfigRefused(f"{path} is a link to {real}, which does not exist.")
                return cls(real, None, NEW_MODE)
            found = real.stat()
            link = f"a link to {real}, which is" if path.is_symlink() else "there, but it is"
            if not stat.S_ISREG(found.st_mode):
                raise ConfigRefused(f"{path} is {link} not a regular file.")
            if found.st_size > MAX_HOST_FILE_BYTES:
                raise ConfigRefused(
                    f"{path} is larger than {MAX_HOST_FILE_BYTES // 1024**2} MiB: no configuration is."
                )
            return cls(real, real.read_bytes(), stat.S_IMODE(found.st_mode))
        except (OSError, RuntimeError) as exc:  # RuntimeError: links in a circle
            raise ConfigRefused(f"{path} cannot be read: {exc}.") from None

    @property
    def text(self) -> str:
        """The contents as text, without a byte order mark; empty for a new file.

        Raises
        ------
        ConfigRefused
            The file is not UTF-8.
        """
        try:
            return (self.data or b"").decode().removeprefix(_BOM)
        except UnicodeDecodeError as exc:
            raise ConfigRefused(f"{self.path} is not UTF-8: byte {exc.start} cannot be read.") from None

    def replace(self, text: str, *, private: bool = False) -> Path | None:
        """Replace the contents by `text` atomically.

        Parameters
        ----------
        text : str
            The new contents, without a byte order mark.
        private : bool
            The file contains a token, so only its owner may read it from now on.

        Returns
        -------
        Path or None
            The copy of the file from before the first change; None when there was no file then.

        Raises
        ------
        ConfigRefused
            The file was changed since it was read, or cannot be written.
        """
        marked = self.data is not None and self.data.startswith(_BOM.encode())
        backup = self.path.with_name(self.path.name + BACKUP_SUFFIX)
        try:
            if self.data is not None and not os.path.lexists(backup):
                replace_file(backup, self.data, mode=self.mode, is_durable=True)
            # Read again as late as possible, to notice a change by another program.
            if ConfigFile.read(self.path).data != self.data:
                raise ConfigRefused(f"{self.path} was changed by another program meanwhile. Try again.")
            mode = self.mode & NEW_MODE if private else self.mode
            data = ((_BOM if marked else "") + text).encode()
            replace_file(self.path, data, mode=mode, is_durable=True)
        except OSError as exc:
            raise ConfigRefused(f"{self.path} cannot be written: {exc}.") from None
        return backup if os.path.lexists(backup) else None
