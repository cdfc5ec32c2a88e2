# SPDX-License-Identifier: BSD-3-Clause
"""Which server a command talks to: what TARGET may be, the options that all such commands have, and the
conversation.

Owns how TARGET is read and what is said when nobody is reached. What is asked is the command's business.
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
    "TargetCommand",
    "Where",
    "ask",
    "constant_tools",
    "on_target",
    "say",
]


P = ParamSpec("P")
T = TypeVar("T")

TIMEOUT_SECONDS: Final = 60.0
"""For one answer: a person waits at the other end, and a tool may have to wait for a cell."""

_AFTER: Final = "-"
"""What TARGET is when the server is the command line after `--`."""

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
class Where:
    """A server as it was named.

    Attributes
    ----------
    target : str
        TARGET.
    command : list of str
        The words after `--`, in its place.
    server : str or None
        The entry, for a file of servers.
    headers : mapping
        For a URL. They may hold a token.
    timeout : float
        Seconds to wait for one answer.
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


def on_target(function: Callable[Concatenate[Where, P], None]) -> Callable[..., None]:
    """Give a command its TARGET and the options that go with it, as one `Where`."""

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
        where = Where(target, words, server, _headers(headers), timeout, trust)
        function(where, **rest)  # type: ignore[call-arg]

    return command


def _headers(lines: tuple[str, ...]) -> dict[str, str]:
    from ..client.pairs import split_headers

    try:
        return split_headers(lines)
    except ValueError as exc:
        raise click.UsageError(str(exc)) from None


def ask(where: Where, question: Callable[[Client], Awaitable[T]], **options: Any) -> T:
    """Connect, put a question, disconnect.

    Parameters
    ----------
    question : async function
        Gets the client.
    options
        More arguments of `Client`.

    Raises
    ------
    click.ClickException
        Nobody was reached, or the answer was an error.
    """
    import anyio

    with reported():
        try:
            return anyio.run(_ask, where, question, options)
        except OSError as exc:
            program = safe_line(str(exc.filename or where.target), MAX_MESSAGE_CHARS)
            raise click.ClickException(f"{program} cannot be started: {exc.strerror or exc}.") from None


async def _ask(where: Where, question: Callable[[Client], Awaitable[T]], options: Mapping[str, Any]) -> T:
    target, given = await _client_target(where)
    async with _client(target, where, given | dict(options)) as client:
        return await question(client)


def _client(target: Any, where: Where, options: dict[str, Any]) -> Client:
    from ..client.client import Client

    shared: dict[str, Any] = {"name": where.server, "headers": where.headers or None}
    try:
        return Client(target, read_timeout_seconds=where.timeout, **(shared | options))
    except ValueError as exc:  # an option does not fit the target
        raise click.UsageError(_in_words(str(exc))) from None


async def _client_target(where: Where) -> tuple[Any, dict[str, Any]]:
    """What a `Client` is pointed at, and how."""
    target = where.target
    if where.command:
        return where.command, {}
    if "://" in target:
        return target, {}
    if target.endswith(".json"):
        return _server_of_file(Path(target), where), {"name": None}
    from .servers import ServerFile, names_file

    if names_file(target) and not target.endswith(".ipynb"):
        from .servers import run_command

        # The person's own file sees what it would see started by hand.
        return run_command(ServerFile.parse(target)), {"env": dict(os.environ)}
    from ..ipc.attached_notebook import AttachedNotebook
    from ..ipc.discovery import Discovery, find_notebook

    discovery = Discovery()
    return AttachedNotebook(await find_notebook(target, discovery), discovery), {}


def _server_of_file(path: Path, where: Where) -> Any:
    """An entry of a file of servers; one that came with a project needs the user's consent."""
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
    """What a `Client` says of its arguments, in terms of options."""
    for argument, option in (("name=", "--server"), ("headers=", "--header")):
        message = message.replace(argument, option)
    return message


def say(line: str) -> None:
    """Something beside the answer, for people."""
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
"""The command's `constant_tools`: None where it is left out."""
