# SPDX-License-Identifier: BSD-3-Clause
"""A server written into the file of a host, or shown as it would be written.

Owns what is said about it, and what of the entry before is kept. How text is changed is `entry_edit`'s, how
files are replaced `config_file`'s.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from ..client.config.hosts import Host
from .config_file import ConfigFile, ConfigRefused
from .entry_edit import NotEditable, put_entry
from .table import plain

__all__ = ["MadeEntry", "print_entry", "write_entry"]

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
        click.echo(f"{host.title} has {plain(entry.name)} already, just so. Nothing was changed.")
        return
    backup = file.replace(text, private=entry.private)
    did = "Replaced" if before is not None else "Added"
    click.echo(f"{did} {plain(entry.name)} in {file.path}. {host.next_step}")
    if kept:
        click.echo(f"Kept of the entry before: {plain(', '.join(kept))}.")
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
