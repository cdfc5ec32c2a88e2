# SPDX-License-Identifier: BSD-3-Clause
"""Parse TARGET and the options that go with it, connect to that server, and run a command's requests.

`calls` and `cassettes` use it for their commands.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar

import click

from .._util.text import MAX_MESSAGE_CHARS, safe_block, safe_line
from . import reported

if TYPE_CHECKING:
    from ..client.client import Client

__all__ = [
    "Target",
    "TargetCommand",
    "allow",
    "ask",
    "constant_tools",
    "on_target",
    "say",
]


P = ParamSpec("P")
T = TypeVar("T")

TIMEOUT_SECONDS: Final = 60.0
"""Seconds for one response: the user waits for it, but a tool may have to wait for a cell."""

_AFTER: Final = "-"
"""The value of TARGET when the command line after `--` replaces it."""

_COMMAND_LINE: Final = "mcp_jupyter.command_line"

_HELP: Final = """\b
TARGET is one of
  https://example.com/mcp      a server's URL
  server.py, server.py:obj     a file with a server; it is started
  sales, sales.ipynb           a live notebook (see `jupyter mcp list`)
  servers.json --server NAME   an entry of a file of servers
  -- COMMAND ARG...            at the end instead: a command that serves stdio
"""


@dataclass(frozen=True, slots=True)
class Target:
    """A server as given on the command line.

    Attributes
    ----------
    target : str
        The argument TARGET.
    command : list of str
        The words after `--`, which replace TARGET.
    server : str or None
        The entry in a file of servers.
    headers : mapping
        Headers for a URL. They may contain a token.
    timeout : float
        Seconds to wait for one response.
    is_trusted : bool
        Whether the user agrees to the entry of a project's file.
    """

    target: str
    command: list[str]
    server: str | None
    headers: Mapping[str, str] = field(repr=False)
    timeout: float
    is_trusted: bool = False


class TargetCommand(click.Command):
    """A command whose TARGET may be a command line after `--`, and whose help says so."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--" in args:
            at = args.index("--")
            ctx.meta[_COMMAND_LINE] = args[at + 1 :]
            args = [_AFTER, *args[:at]]
        return super().parse_args(ctx, args)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_help_text(ctx, formatter)
        with formatter.indentation():
            formatter.write_paragraph()
            formatter.write_text(_HELP)


def on_target(function: Callable[Concatenate[Target, P], None]) -> Callable[..., None]:
    """Add the argument TARGET and its options to a command, which gets them as one `Target`."""

    @click.argument("target", metavar="TARGET")
    @click.option("--server", metavar="NAME", help="Which entry of a file of servers.")
    @click.option("--trust", is_flag=True, help="Use the entry of a project's file, which you have read.")
    @click.option("--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="Send it to a URL.")
    @click.option(
        "--timeout",
        type=click.FloatRange(0, min_open=True),
        default=TIMEOUT_SECONDS,
        metavar="SECONDS",
        help=f"Wait no longer for an answer.  [default: {TIMEOUT_SECONDS:g}]",
    )
    @wraps(function)
    def command(
        target: str, server: str | None, trust: bool, headers: tuple[str, ...], timeout: float, **rest: Any
    ) -> None:
        words = click.get_current_context().meta.get(_COMMAND_LINE, [])
        if target == _AFTER and not words:
            raise click.UsageError("After -- comes the command that starts the server.")
        where = Target(target, words, server, _headers(headers), timeout, trust)
        function(where, **rest)  # type: ignore[call-arg]

    return command


def _headers(lines: tuple[str, ...]) -> dict[str, str]:
    from ..client.pairs import split_headers

    try:
        return split_headers(lines)
    except ValueError as exc:
        raise click.UsageError(str(exc)) from None


def ask(where: Target, question: Callable[[Client], Awaitable[T]], **options: Any) -> T:
    """Connect to a server, run a function with the client, disconnect, and return the function's result.

    Parameters
    ----------
    where : Target
        The server.
    question : async function
        The function; its argument is the client.
    options
        More arguments of `Client`.

    Raises
    ------
    click.ClickException
        The server was not reached, or responded with an error.
    """
    import anyio

    with reported():
        try:
            return anyio.run(_ask, where, question, options)
        except OSError as exc:
            program = safe_line(str(exc.filename or where.target), MAX_MESSAGE_CHARS)
            raise click.ClickException(f"{program} cannot be started: {exc.strerror or exc}.") from None


async def _ask(where: Target, question: Callable[[Client], Awaitable[T]], options: Mapping[str, Any]) -> T:
    target, given = await _client_target(where)
    async with _client(target, where, given | dict(options)) as client:
        return await question(client)


def _client(target: Any, where: Target, options: dict[str, Any]) -> Client:
    from ..client.client import Client

    shared: dict[str, Any] = {"name": where.server, "headers": where.headers or None}
    try:
        return Client(target, read_timeout_seconds=where.timeout, **(shared | options))
    except ValueError as exc:  # an option does not fit the target
        raise click.UsageError(_in_words(str(exc))) from None


async def _client_target(where: Target) -> tuple[Any, dict[str, Any]]:
    """Return the target of a `Client`, and further options for it."""
    target = where.target
    if where.command:
        return where.command, {}
    if "://" in target:
        return target, {}
    if target.endswith(".json"):
        return _server_of_file(Path(target), where), {"name": None}
    from .servers import ServerFile, names_file, run_command

    if names_file(target) and not target.endswith(".ipynb"):
        # The user's own file gets the whole environment, as if the user had started it.
        return run_command(ServerFile.parse(target)), {"env": dict(os.environ)}
    from ..ipc.attached_notebook import AttachedNotebook
    from ..ipc.discovery import Discovery, find_notebook

    discovery = Discovery()
    return AttachedNotebook(await find_notebook(target, discovery), discovery), {}


def _server_of_file(path: Path, where: Target) -> Any:
    """Return the server of an entry in a file; an entry that came with a project needs the user's consent."""
    from ..client.config.servers_json import entry_of
    from ..client.config.trust import require_consent
    from ..errors import ConfigError

    try:
        entry = entry_of(path, where.server)
    except ConfigError as exc:
        raise ConfigError(str(exc).replace("Give name=.", "Give --server NAME.")) from None
    require_consent(entry, is_trusted=where.is_trusted)
    return entry.server()


def _in_words(message: str) -> str:
    """Replace arguments of `Client` in a message by options of the command line."""
    for argument, option in (("name=", "--server"), ("headers=", "--header")):
        message = message.replace(argument, option)
    return message


def say(line: str) -> None:
    """Print a line that is not part of the result to stderr."""
    click.echo(safe_block(line), err=True)
    sys.stderr.flush()


# -- options -------------------------------------------------------------------------------------
#
# Options that several commands have.

constant_tools = click.option(
    "--constant-tools",
    type=click.Choice(["yes", "no", "auto"]),
    metavar="yes|no|auto",
    help="Whether the host gets find_tools, use_tool and read_more, for hosts that never see a later tool or "
    "read no resource. auto: those that it needs.  [default: as the notebook's %mcp_serve says]",
)
"""Adds the parameter `constant_tools` to a command; None when the option is not used."""

allow = click.option(
    "--allow",
    multiple=True,
    metavar="TOOL",
    help="Let this tool run although it needs a user's approval, which nobody can give here; '*' for all "
    "tools. May be repeated.",
)
"""Adds the parameter `allow` to a command: the names of tools."""
