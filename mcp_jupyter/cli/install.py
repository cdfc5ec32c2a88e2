# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp install`: write a server file or a notebook into a host's configuration.

This module builds the entry. `client.config.hosts` has its form and the file's place; `host_file` changes the
file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ..client.config.hosts import HOSTS, Host
from . import reported
from .new_token import make_token, token_days
from .target import allow
from .tokens import scope_options, terms

if TYPE_CHECKING:
    from .host_file import MadeEntry

__all__ = ["command"]

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Launch:
    """A command to start, and the default name of its server."""

    name: str
    command: list[str]


@dataclass(frozen=True, slots=True)
class _Options:
    """The options of the command line, without the target."""

    host: Host
    name: str | None
    env: dict[str, str]
    packages: tuple[str, ...]
    parameters: tuple[str, ...]
    kernel: str | None
    allow: tuple[str, ...]
    project: bool

    def check(self, target: str) -> None:
        """Refuse options that do not fit the target or the host."""
        from .servers import names_file

        if (self.parameters or self.kernel or self.allow) and not target.endswith(".ipynb"):
            raise click.UsageError(
                f"-p, --kernel and --allow are for notebook files only, and {target} is not one."
            )
        if (self.packages or self.env) and not names_file(target):
            raise click.UsageError(
                "-v, -f and --with are for a FILE: the kernel of a live notebook runs already."
            )
        if self.project and self.host.project_file is None:
            raise click.UsageError(f"{self.host.title} reads no file of a project. Leave --project out.")
        if self.project and (self.env or self.packages):
            raise click.UsageError("A project's file is shared: -v, -f and --with do not go with --project.")

    def called(self, by_itself: str) -> str:
        """Return the server's name in the host."""
        wanted = by_itself if self.name is None else self.name
        try:
            return self.host.name(wanted)
        except ValueError as exc:
            raise click.UsageError(f"{wanted!r} cannot be its name: {exc}. Use --name.") from None


@click.command("install", short_help="Let Claude, Codex, Cursor and other hosts start a server.")
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
@allow
@click.option("--project", is_flag=True, help="Write into the host's file of this folder, which is shared.")
@click.option(
    "--http", is_flag=True, help="Write the URL of a live NOTEBOOK and a new token, for --tool and so on."
)
@scope_options
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
    allow: tuple[str, ...],
    project: bool,
    http: bool,
    only_print: bool,
    **scopes: Any,
) -> None:
    """Write FILE or NOTEBOOK into a host's configuration, so that the host starts it by itself.

    FILE is server.py, server.py:obj, or a notebook, analysis.ipynb. It will be run by the Python that runs
    this command, a notebook in a kernel of its own. NOTEBOOK is the name of a live notebook (see `jupyter
    mcp list`); it has to be live when the host connects.

    What is in the configuration already stays as it is, and a copy of the file from before the first change
    is kept beside it. An entry of the same name is replaced; variables that it sets, and you do not, are
    kept.

    With --http the host opens the notebook's URL instead. The file gets a new token, which --tool,
    --resource and
    --prompt describe as for `jupyter mcp token create`, and only you can read the file from then on.

    \b
    jupyter mcp install server.py --host claude-code -v API_KEY=...
    jupyter mcp install analysis.ipynb -p year=2026   run whenever the host starts it
    jupyter mcp install sales --host codex            the notebook you have open
    jupyter mcp install sales --host gemini --http --tool '*' --resource '*' --prompt '*'
    """  # noqa: D301 - click reads the backspace
    options = _Options(
        HOSTS[key], name, _environment(variables, env_file), packages, parameters, kernel, allow, project
    )
    options.check(target)
    if http:
        _install_url(target, options, only_print, scopes)
        return
    if any(scopes.values()):
        raise click.UsageError("--tool, --resource and --prompt are for the token of --http.")
    _deliver(options, _program_entry(target, options), only_print)


def _program_entry(target: str, options: _Options) -> MadeEntry:
    from .host_file import MadeEntry
    from .servers import jupyter_directories, names_file, shared_command

    if target.endswith(".ipynb"):
        launch = _launch_notebook_file(Path(target), options)
    elif names_file(target):
        launch = _launch_file(target, options.packages)
    else:
        launch = _launch_notebook(target)
    called = options.called(launch.name)
    started = shared_command(launch.command) if options.project else launch.command
    env = {} if options.project else {**jupyter_directories(), **options.env}

    def make(kept: dict[str, str]) -> dict[str, object]:
        return options.host.shape.write_command(called, started, {**kept, **env})

    return MadeEntry(called, make, frozenset(env))


def _deliver(options: _Options, entry: MadeEntry, only_print: bool) -> None:
    from .host_file import print_entry, write_entry

    path = _path(options)
    if only_print:
        print_entry(options.host, path, entry)
        return
    with reported():
        if options.project:
            path.parent.mkdir(exist_ok=True)
        write_entry(options.host, path, entry)


def _path(options: _Options) -> Path:
    if options.project:
        assert options.host.project_file is not None
        return Path.cwd() / options.host.project_file
    return options.host.locate()


# -- a URL -----------------------------------------------------------------------------------------


def _install_url(target: str, options: _Options, only_print: bool, scopes: dict[str, Any]) -> None:
    from ..client.config.connect_lines import TOKEN_PLACE
    from .servers import names_file

    if names_file(target):
        raise click.UsageError(f"--http is for a live NOTEBOOK, and {target} is a file.")
    if options.project:
        raise click.UsageError("A project's file is shared and gets no token: leave --project or --http out.")
    if not options.host.opens_urls:
        raise click.UsageError(f"{options.host.title} opens no URL from its file. Leave --http out.")
    with reported():
        place = _url_of(target)
        known = TOKEN_PLACE if only_print else place.token
        if known:
            _deliver(options, _url_entry(options, place, known), only_print)
            return
        new = make_token((target,), days=token_days(), **scopes)
        try:
            _deliver(options, _url_entry(options, place, new.text), only_print)
        except BaseException:
            new.revoke()  # the user did not get it
            raise
    click.echo(
        f"A new token is in that file. {terms(new.token)} To end it: jupyter mcp token revoke {new.token.id}"
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a live notebook is reached over HTTP.

    Attributes
    ----------
    name : str
        The notebook's name.
    url : str
        Its URL for Streamable HTTP.
    token : str
        The notebook's own token, where it serves HTTP by itself; else empty.
    """

    name: str
    url: str
    token: str = field(default="", repr=False)


def _url_of(target: str) -> _Place:
    """Return the notebook's URL at a Jupyter Server, which takes our tokens; else that of its own kernel."""
    import anyio

    from ..ipc.discovery import Discovery
    from ..ipc.rendezvous import read_http
    from .endpoint import NO_SERVER, endpoint_of

    discovery = Discovery()
    info = anyio.run(discovery.find, target)
    endpoint = endpoint_of((info.name,), [info], discovery.runtime_dir)
    if endpoint is not None:
        return _Place(info.name, endpoint.url)
    address = read_http(info.kernel_id, discovery.runtime_dir)
    if address is None or address.url is None:
        raise click.ClickException(NO_SERVER.format(info.name))
    return _Place(info.name, address.url, address.token)


def _url_entry(options: _Options, place: _Place, token: str) -> MadeEntry:
    from .host_file import MadeEntry

    called = options.called(place.name)
    headers = {"Authorization": f"Bearer {token}"}
    return MadeEntry(called, lambda _: options.host.shape.write_url(called, place.url, headers), private=True)


# -- files -----------------------------------------------------------------------------------------


def _launch_file(target: str, packages: Sequence[str]) -> _Launch:
    from .servers import ServerFile, load_info, run_command

    with reported():
        where = ServerFile.parse(target)
    known = load_info(where, packages)
    return _Launch(known.name or where.path.stem, run_command(where, known.packages))


# -- notebooks -------------------------------------------------------------------------------------


def _launch_notebook_file(path: Path, chosen: _Options) -> _Launch:
    from ..headless.run import parse_parameters
    from .servers import run_command

    if not path.is_file():
        raise click.ClickException(f"File not found: {path}.")
    with reported():
        parse_parameters(chosen.parameters)
    options = [f"--parameter={parameter}" for parameter in chosen.parameters]
    options += [f"--kernel={chosen.kernel}"] if chosen.kernel else []
    options += [f"--allow={tool}" for tool in chosen.allow]
    return _Launch(path.stem, run_command(Path(os.path.abspath(path)), chosen.packages, options=options))


def _launch_notebook(target: str) -> _Launch:
    import anyio

    from ..ipc.discovery import Discovery
    from .servers import attach_command

    with reported():
        name = anyio.run(Discovery().find, target).name
    return _Launch(name, attach_command(name))


# -- the environment -------------------------------------------------------------------------------


def _environment(variables: Sequence[str], env_file: Path | None) -> dict[str, str]:
    """Return the variables that -v and -f set, checked."""
    env = {} if env_file is None else _from_file(env_file)
    for variable in variables:
        key, equals, value = variable.partition("=")
        if not equals:
            raise click.UsageError(f"-v {key!r} has no value: write KEY=VALUE.")
        env[key] = value
    for key, value in env.items():
        if _VARIABLE.fullmatch(key) is None:
            raise click.UsageError(f"{key!r} is not a valid variable name: letters, digits and _ only.")
        if not _is_plain(value):  # the message leaves it out: it may be a secret
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
