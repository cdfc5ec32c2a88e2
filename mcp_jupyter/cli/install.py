# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp install`: a server file or a notebook, written into a host's configuration.

Owns what the entry says. Where it goes is the host's (`hosts`), how the file is changed `json_edit`'s and
`config_file`'s.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from . import reported
from .hosts import HOSTS, Host

__all__ = ["command"]

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Launch:
    """What is to be started, and what it is called by itself."""

    name: str
    command: list[str]


@click.command("install", short_help="Let Claude, Cursor or VS Code start a server.")
@click.argument("target", metavar="FILE|NOTEBOOK")
@click.option("--name", help="What the host calls it.  [default: the server's own name]")
@click.option("-v", "--env", "variables", multiple=True, metavar="KEY=VALUE", help="Set it for the server.")
@click.option(
    "-f",
    "--env-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Set what a .env file sets; -v comes first.",
)
@click.option(
    "--with", "packages", multiple=True, metavar="PACKAGE", help="Bring it along, by uv; repeatable."
)
@click.option(
    "--host",
    "key",
    type=click.Choice(list(HOSTS)),
    default=next(iter(HOSTS)),
    show_default=True,
    help="Whose configuration; --print says where that is.",
)
@click.option(
    *("-p", "--parameter", "parameters"),
    multiple=True,
    metavar="NAME=VALUE",
    help="Set a variable of a notebook file, as `jupyter mcp run` does. May be repeated.",
)
@click.option("--kernel", metavar="NAME", help="Run a notebook file in this kernel instead of its own.")
@click.option("--print", "only_print", is_flag=True, help="Show what would be written, and write nothing.")
def command(
    target: str,
    name: str | None,
    variables: tuple[str, ...],
    env_file: Path | None,
    packages: tuple[str, ...],
    key: str,
    parameters: tuple[str, ...],
    kernel: str | None,
    only_print: bool,
) -> None:
    """Write FILE or NOTEBOOK into a host's configuration, so that the host starts it by itself.

    FILE is server.py, server.py:obj, or a notebook, analysis.ipynb. It will be run by the Python that runs
    this command, a notebook in a kernel of its own. NOTEBOOK is the name of a live notebook (see `jupyter
    mcp list`); it has to be live when the host connects.

    What is in the configuration already stays as it is, and a copy of the file is kept beside it. An entry
    of the same name is replaced; variables that it sets, and you do not, are kept.

    \b
    jupyter mcp install server.py --host claude-code -v API_KEY=...
    jupyter mcp install analysis.ipynb -p year=2026   run whenever the host starts it
    jupyter mcp install sales                         the notebook you have open
    """  # noqa: D301 - click reads the backspace
    from .servers import names_file

    host = HOSTS[key]
    env = _environment(variables, env_file)
    if (parameters or kernel) and not target.endswith(".ipynb"):
        raise click.UsageError(f"-p and --kernel are for a notebook file, and {target} is none.")
    if target.endswith(".ipynb"):
        launch = _launch_notebook_file(Path(target), packages, parameters, kernel)
    elif names_file(target):
        launch = _launch_file(target, packages)
    elif packages or env:
        raise click.UsageError(
            "-v, -f and --with are for a FILE: the kernel of a live notebook runs already."
        )
    else:
        launch = _launch_notebook(target)
    try:
        called = host.name(launch.name if name is None else name)
    except ValueError as exc:
        raise click.UsageError(f"{name or launch.name!r} cannot be its name: {exc}. Use --name.") from None
    entry = host.entry(launch.command, env)
    if only_print:
        click.echo(json.dumps({host.member: {called: entry}}, indent=2, ensure_ascii=False))
        click.echo(f"For {host.locate()}, which was not changed.", err=True)
    else:
        with reported():
            _write(host, called, entry)


def _launch_file(target: str, packages: Sequence[str]) -> _Launch:
    from .launch import learn, run_command
    from .servers import ServerFile

    with reported():
        where = ServerFile.parse(target)
    known = learn(where, packages)
    return _Launch(known.name or where.path.stem, run_command(where, known.packages))


# -- notebooks -------------------------------------------------------------------------------------


def _launch_notebook_file(
    path: Path, packages: Sequence[str], parameters: Sequence[str], kernel: str | None
) -> _Launch:
    from ..headless.parameters import parse_parameters
    from .launch import run_command

    if not path.is_file():
        raise click.ClickException(f"There is no file {path}.")
    with reported():
        parse_parameters(parameters)
    options = [f"--parameter={parameter}" for parameter in parameters]
    options += [f"--kernel={kernel}"] if kernel else []
    return _Launch(path.stem, run_command(path.absolute(), packages, options=options))


def _launch_notebook(target: str) -> _Launch:
    import anyio

    from ..link.discovery import Discovery
    from .launch import attach_command

    with reported():
        name = anyio.run(Discovery().find, target).name
    return _Launch(name, attach_command(name))


# -- the environment -------------------------------------------------------------------------------


def _environment(variables: Sequence[str], env_file: Path | None) -> dict[str, str]:
    """What -v and -f set."""
    env = {} if env_file is None else _from_file(env_file)
    for variable in variables:
        key, equals, value = variable.partition("=")
        if not equals:
            raise click.UsageError(f"-v {key!r} has no value: write KEY=VALUE.")
        env[key] = value
    for key, value in env.items():
        if _VARIABLE.fullmatch(key) is None:
            raise click.UsageError(f"{key!r} is no name of a variable: letters, digits and _ only.")
        if not _is_plain(value):  # shown nowhere: it may be a secret
            raise click.UsageError(f"The value of {key} has control characters, which no host passes on.")
    return env


def _from_file(path: Path) -> dict[str, str]:
    from dotenv import dotenv_values

    try:
        found = dotenv_values(path)
    except (OSError, UnicodeDecodeError) as exc:
        raise click.ClickException(f"{path} cannot be read: {exc}.") from None
    bare = [key for key, value in found.items() if value is None]
    if bare:
        raise click.ClickException(f"{path} sets no value for {bare[0]!r}: write KEY=VALUE.")
    return {key: value for key, value in found.items() if value is not None}


def _is_plain(value: str) -> bool:
    return not any(char < " " or "\x7f" <= char < "\xa0" or "\ud800" <= char <= "\udfff" for char in value)


# -- writing ---------------------------------------------------------------------------------------


def _write(host: Host, name: str, entry: dict[str, Any]) -> None:
    from .config_file import ConfigFile, ConfigRefused
    from .json_edit import NotEditable, put_entry
    from .table import plain

    path = host.locate()
    if not path.parent.is_dir():
        raise click.ClickException(
            f"{host.title} was not found: there is no folder {path.parent}. Start it once, or use --print."
        )
    file = ConfigFile.read(path)
    try:
        text, before = put_entry(file.text, host.member, name, entry)
        if kept := _only_before(before, entry):
            entry = {**entry, "env": {**kept, **entry.get("env", {})}}
            text, _ = put_entry(file.text, host.member, name, entry)
    except NotEditable as exc:
        raise ConfigRefused(f"{file.path} was left as it is: {exc} Mend it, or use --print.") from None
    if before == entry:
        click.echo(f"{host.title} has {plain(name)} already, just so. Nothing was changed.")
        return
    backup = file.replace(text)
    did = "Replaced" if before is not None else "Added"
    click.echo(f"{did} {plain(name)} in {file.path}. {host.next_step}")
    if kept:
        click.echo(f"Kept of the entry before: {plain(', '.join(kept))}.")
    if backup is not None:
        click.echo(f"The file as it was: {backup}")


def _only_before(before: object, entry: dict[str, Any]) -> dict[str, Any]:
    """The variables that only the entry before sets: keys that somebody would have to look for again."""
    env = before.get("env") if isinstance(before, dict) else None
    now = entry.get("env", {})
    return {key: value for key, value in env.items() if key not in now} if isinstance(env, dict) else {}
