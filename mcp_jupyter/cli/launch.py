# SPDX-License-Identifier: BSD-3-Clause
"""The command line that starts a server file from anywhere: by this Python, whatever PATH says.

Owns how packages are brought along (`uv run --with`). Knows no host and no Inspector.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from .run import file_reported
from .servers import ModuleMissing, ServerFile

__all__ = ["Known", "attach_command", "jupyter_directories", "learn", "run_command", "shared_command"]

PROGRAM: Final = "jupyter-mcp"

_MODULE: Final = ("-P", "-m", "mcp_jupyter.cli")
"""Without the folder it is started in on the path: a host starts it in a project, whose `click.py` is not
the one we mean."""

_DIRECTORIES: Final = (
    *("JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "XDG_DATA_HOME"),
    *("JUPYTER_PATH", "JUPYTER_CONFIG_PATH"),
)
"""Variables that say where Jupyter keeps its files: paths. Hosts such as Codex pass none of them on."""

_SETTINGS: Final = ("JUPYTER_PLATFORM_DIRS",)
"""Other variables that decide where that is."""

_NO_UV: Final = (
    "uv brings packages along, and it was not found. Install it with `pip install uv` "
    "(more ways: https://docs.astral.sh/uv/), or install the packages here and leave --with out."
)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a server file.

    Attributes
    ----------
    name : str or None
        The server's; None when the file could not be loaded here.
    packages : tuple of str
        What it is to be started with, beyond this environment.
    """

    name: str | None
    packages: tuple[str, ...]


def learn(where: ServerFile, packages: Sequence[str] = (), editables: Sequence[Path] = ()) -> Known:
    """Load a file, to see that it has a server and what this server needs.

    A file that imports what is not installed here passes when something is brought along. The server's own
    `dependencies` join the packages where there is uv; without it they are there, as the file was loaded.

    Raises
    ------
    click.ClickException
        The file has no server, or raised.
    """
    with file_reported(), redirect_stdout(sys.stderr):
        try:
            server = where.load()
        except ModuleMissing as exc:
            if not packages and not editables:
                raise
            click.echo(f"Not tried out, as it needs what is not installed here: {exc}", err=True)
            return Known(None, tuple(packages))
    own = [package for package in getattr(server, "dependencies", ()) if package not in packages]
    if own and not packages and not editables and _uv() is None:
        click.echo(f"As uv was not found, it starts without bringing along {', '.join(own)}.", err=True)
        own = []
    return Known(server.name, (*packages, *own))


def run_command(
    where: ServerFile | Path,
    packages: Sequence[str] = (),
    editables: Sequence[Path] = (),
    options: Sequence[str] = (),
) -> list[str]:
    """The command line that serves a file, or a notebook, on stdio.

    With packages, uv lays a temporary environment with them over this one. The options are those of
    `jupyter mcp run`.

    Raises
    ------
    click.ClickException
        There is no uv, or a package is none.
    """
    serve = ["run", str(where), *options]
    if not packages and not editables:
        return [*_program(), *serve]
    uv = _uv()
    if uv is None:
        raise click.ClickException(_NO_UV)
    brought: list[str] = []
    for package in packages:
        if not package.strip() or package.startswith("-") or not package.isprintable():
            raise click.ClickException(f"{package!r} is no package to bring along.")
        brought += ["--with", package]
    for folder in editables:
        brought += ["--with-editable", os.path.abspath(folder)]
    return [uv, "run", "--no-project", "--python", sys.executable, *brought, "--", "python", *_MODULE, *serve]


def attach_command(name: str) -> list[str]:
    """The command line that connects stdio to a live notebook."""
    return [*_program(), "attach", name]


def shared_command(command: Sequence[str]) -> list[str]:
    """A command line of the above for a file that others read too.

    The program is looked up on PATH, and a file below this folder is named from here.
    """
    here = Path.cwd()
    words = [os.path.relpath(word, here) if Path(word).is_relative_to(here) else word for word in command[1:]]
    return [PROGRAM if Path(command[0]).stem == PROGRAM else command[0], *words]


def jupyter_directories() -> dict[str, str]:
    """The variables of this environment that say where Jupyter's files are, with absolute paths."""
    found = {name: os.environ[name] for name in (*_DIRECTORIES, *_SETTINGS) if os.environ.get(name)}
    for name in _DIRECTORIES:
        if name in found:
            found[name] = os.pathsep.join(map(os.path.abspath, found[name].split(os.pathsep)))
    return found


def _program() -> list[str]:
    """Our program with its whole path, because a desktop application has another PATH; else our module."""
    scripts = (
        sysconfig.get_path("scripts"),
        sysconfig.get_path("scripts", sysconfig.get_preferred_scheme("user")),
    )
    found = next(filter(None, (shutil.which(PROGRAM, path=folder) for folder in scripts)), None)
    return [os.path.abspath(found)] if found else [sys.executable, *_MODULE]


def _uv() -> str | None:
    """Where uv is, with its whole path: a desktop application has another PATH."""
    beside = shutil.which("uv", path=str(Path(sys.executable).parent))
    found = beside or shutil.which("uv")
    return None if found is None else os.path.abspath(found)
