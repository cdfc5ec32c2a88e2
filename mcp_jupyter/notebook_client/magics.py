# SPDX-License-Identifier: BSD-3-Clause
"""The magics that call other servers, such as `%mcp_connect` and `%mcp_call`.

Each parses its line, uses `Connections`, and shows a card or the result. Main thread only.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from keyword import iskeyword
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class
from IPython.core.magic_arguments import MagicArgumentParser
from IPython.display import display
from traitlets import List, Unicode

from .._ipython.arguments import HELP, argument, magic, parse, parse_words, seconds, unknown_name, words_of
from .._ipython.cards import Card, Row, show
from .._ipython.identity import cell_id, identify
from .._ipython.private import flags_of
from .._util.text import MAX_MESSAGE_CHARS, safe_block
from ..errors import CassetteError, McpJupyterError, ToolError
from .connections import Connections
from .tracebacks import ServerFailed, WrongCall

if TYPE_CHECKING:
    from .. import types
    from .completion import Completion
    from .connected_server import ConnectedServer

__all__ = [
    "ALIAS",
    "ALIASES",
    "CALL",
    "CASSETTE",
    "INTO",
    "PROMPT",
    "READ",
    "SERVER",
    "TARGET",
    "CallingMagics",
    "connected_rows",
    "split_target",
]


# -- arguments -----------------------------------------------------------------------------------
#
# The options of the magics that call servers, and the parsing of `%mcp_connect`'s line.
#
# Options after the first word of a command belong to the command: in ``%mcp_connect git --env A=B uvx
# mcp-server-git --repository .`` `--env` is ours and `--repository` the command's. Ours may follow a URL.

ALIAS = argument("alias", nargs="?", metavar="NAME", help="its name in this notebook")

ALIASES = argument("aliases", nargs="*", metavar="NAME", help="connected servers")

SERVER = (
    argument("--config", metavar="FILE", help="a file of servers (mcpServers), in place of a target"),
    argument(
        "--from", dest="host", metavar="HOST",
        help="a server that claude-code, codex, cursor or another host has; without NAME, lists them",
    ),
    argument("--server", metavar="ENTRY", help="which entry of the file (default: NAME)"),
    argument("--trust", action="store_true", help="use the entry of a project's file, which you have read"),
)  # fmt: skip

TARGET = (
    argument("--header", action="append", metavar='"NAME: VALUE"', help="send it to the URL"),
    argument("--oauth", action="store_true", help="sign in in the browser"),
    argument("--callback", metavar="URL", help="where the browser comes back to, behind a proxy"),
    argument("--client-id", metavar="ID", help="for a sign-in service that this client is registered with"),
    argument("--env", action="append", metavar="KEY=VALUE", help="set it for the command"),
    argument("--root", action="append", type=Path, metavar="DIR", help="a folder the server may know of"),
    argument("--sampling", metavar="FUNCTION", help="answers the server's sampling requests"),
    argument("--timeout", type=seconds, metavar="SECONDS", help="for one response (default: 300)"),
)

CASSETTE = (
    argument("--record", action="store_true", help="record the calls of this connection"),
    argument("--replay", action="store_true", help="answer calls from the recording; nothing is connected"),
    argument("--cassette", type=Path, metavar="FILE", help="where (default: beside the notebook)"),
    argument("--redact", action="append", metavar="PATTERN", help="never write what matches"),
    argument("--no-redact", action="append", metavar="NAME", help="write this parameter, whatever its name"),
)

CALL = (
    argument("alias", metavar="NAME", help="a connected server"),
    argument("tool", metavar="TOOL", help="one of its tools"),
    argument(
        "pairs", nargs="*", default=[], metavar="KEY=VALUE", help="arguments, read by the tool's schema"
    ),
    argument("--json", action="store_true", help="show the result as JSON"),
    argument(
        "--timeout", type=seconds, metavar="SECONDS", help="wait no longer (default: as %%mcp_connect says)"
    ),
)

READ = (
    argument("alias", metavar="NAME", help="a connected server"),
    argument("uri", metavar="URI", help="of the resource"),
)

PROMPT = (
    argument("alias", metavar="NAME", help="a connected server"),
    argument("prompt", metavar="PROMPT", help="one of its prompts"),
    argument("pairs", nargs="*", default=[], metavar="KEY=VALUE", help="arguments of the prompt"),
)

INTO = (argument("--into", metavar="VARIABLE", help="put the result there, and show nothing"),)

_URL: Final = ("http://", "https://")


def split_target(parser: MagicArgumentParser, words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split a line into our words and those of the target.

    The target begins with the second word that is not an option, or after ``--``.
    """
    takes_value = {flag for flag, action in flags_of(parser).items() if action.nargs != 0}
    ours: list[str] = []
    target: list[str] = []
    rest = list(words)
    is_named = False
    while rest:
        word = rest.pop(0)
        if word == "--":
            return ours, [*target, *rest]
        if word.startswith("-"):
            ours.append(word)
            if word in takes_value and rest:
                ours.append(rest.pop(0))
        elif not is_named:
            ours.append(word)
            is_named = True
        else:
            target.append(word)
            if not word.startswith(_URL):
                return ours, [*target, *rest]
    return ours, target


# -- magics --------------------------------------------------------------------------------------

CONNECT_USAGE: Final = """%mcp_connect NAME URL [OPTIONS]
%mcp_connect NAME [OPTIONS] COMMAND [ARGUMENT ...]
%mcp_connect NAME NOTEBOOK.ipynb [OPTIONS]
%mcp_connect [NAME] --from HOST | --config FILE [OPTIONS]"""

CONNECT_EXAMPLE: Final = """
%mcp_connect weather https://example.com/mcp --header "Authorization: Bearer $token"
%mcp_connect files npx -y @modelcontextprotocol/server-filesystem .
%mcp_connect git --from claude-desktop"""

CALL_EXAMPLE: Final = """
%mcp_call weather forecast city=Paris days=3

%%mcp_call weather forecast
city: Paris
days: 3
"""


@magics_class
class CallingMagics(Magics):
    """The magics of one shell that call other servers.

    Attributes
    ----------
    connections : Connections
    completion : Completion or None
        The completer; registered at the first connection.
    """

    shell: InteractiveShell

    redact = List(
        Unicode(), help="Regular expressions of what no recording may hold, beside those of --redact."
    ).tag(config=True)

    no_redact = List(
        Unicode(), help="Names of parameters that recordings keep although they are called like a secret."
    ).tag(config=True)

    def __init__(self, shell: InteractiveShell, connections: Connections) -> None:
        super().__init__(shell, parent=shell)
        self.connections = connections
        self.completion: Completion | None = None
        shell.events.register("post_run_cell", self._after_cell)

    def _after_cell(self, _: object) -> None:
        self.connections.save()

    @magic(
        line_magic,
        (ALIAS,),
        SERVER,
        TARGET,
        CASSETTE,
        HELP,
        usage=CONNECT_USAGE,
        example=CONNECT_EXAMPLE,
        expand=True,
    )
    def mcp_connect(self, line: str) -> None:
        """Connect an MCP server and make it a variable of the notebook."""
        __tracebackhide__ = True
        ours, target = split_target(self.mcp_connect.parser, words_of(self.mcp_connect, line))  # type: ignore[attr-defined]
        args = parse_words(self.mcp_connect, ours)
        if args is None:
            return
        from .connect_options import found_card, options_of
        from .functions import card_of

        if args.alias is None and (args.host or args.config):
            with _one_line("%mcp_connect", UsageError):
                display(found_card(args))
            return
        alias = self._alias(args.alias)
        with _one_line("%mcp_connect", UsageError):
            identity = identify(self.shell.user_ns)
            args.redact = [*self.redact, *(args.redact or ())]
            args.no_redact = [*self.no_redact, *(args.no_redact or ())]
            wanted = options_of(alias, args, target, self.shell.user_ns, identity, cell_id(self.shell))
            server = self.connections.connect(alias, wanted)
        self.shell.push({alias: server}, interactive=True)
        for line in server.drift:
            print(f"{alias} is not what was recorded before: {safe_block(line)}", file=sys.stderr)
        self._complete()
        display(card_of(server.definitions, f"Connected: {alias}"))

    @magic(
        line_cell_magic,
        CALL,
        INTO,
        HELP,
        usage="%mcp_call NAME TOOL [KEY=VALUE ...] [OPTIONS]\n%%mcp_call NAME TOOL [OPTIONS]",
        example=CALL_EXAMPLE,
        expand=True,
    )
    def mcp_call(self, line: str, cell: str | None = None) -> Any:
        """Call a tool of a connected server; over a cell, with the cell's JSON or YAML as arguments."""
        __tracebackhide__ = True
        args = parse(self.mcp_call, line)
        if args is None:
            return None
        server = self._server("%mcp_call", args.alias)
        if args.tool not in server.definitions:
            raise WrongCall(f"%mcp_call: {unknown_name('tool', args.tool, server.definitions)}")
        from ..client.pairs import parse_arguments, split_pairs
        from .functions import checked

        with _one_line("%mcp_call"):
            tool = server.definitions[args.tool]
            arguments = parse_arguments(split_pairs(args.pairs), tool.inputSchema)
            if cell is not None:
                arguments = {**_body(cell), **arguments}
            arguments = checked(tool, arguments)
            result = server.call(args.tool, arguments, timeout=args.timeout)
        if args.json and args.into is None:
            print(json.dumps(_wire(result.raw), indent=2, ensure_ascii=False))
            return None
        return self._given("%mcp_call", args, result)

    @magic(
        line_magic,
        READ,
        INTO,
        HELP,
        usage="%mcp_read NAME URI [OPTIONS]",
        example="%mcp_read weather weather://stations",
        expand=True,
    )
    def mcp_read(self, line: str) -> Any:
        """Read a resource of a connected server."""
        __tracebackhide__ = True
        args = parse(self.mcp_read, line)
        if args is None:
            return None
        server = self._server("%mcp_read", args.alias)
        with _one_line("%mcp_read"):
            result = server.read(args.uri)
        return self._given("%mcp_read", args, result)

    @magic(
        line_magic,
        PROMPT,
        INTO,
        HELP,
        usage="%mcp_prompt NAME PROMPT [KEY=VALUE ...] [OPTIONS]",
        example="%mcp_prompt weather pack city=Paris",
        expand=True,
    )
    def mcp_prompt(self, line: str) -> Any:
        """Get a prompt of a connected server, filled in."""
        __tracebackhide__ = True
        args = parse(self.mcp_prompt, line)
        if args is None:
            return None
        server = self._server("%mcp_prompt", args.alias)
        known = [prompt.name for prompt in server.prompts]
        if args.prompt not in known:
            raise WrongCall(f"%mcp_prompt: {unknown_name('prompt', args.prompt, known)}")
        from ..client.pairs import split_pairs

        with _one_line("%mcp_prompt"):
            result = server.prompt(args.prompt, **split_pairs(args.pairs))
        return self._given("%mcp_prompt", args, result)

    @magic(
        line_magic,
        (ALIASES,),
        HELP,
        usage="%mcp_disconnect NAME [NAME ...]",
        example="%mcp_disconnect weather",
    )
    def mcp_disconnect(self, line: str) -> None:
        """Disconnect servers, and take their names out of the notebook."""
        __tracebackhide__ = True
        args = parse(self.mcp_disconnect, line)
        if args is None:
            return
        if not args.aliases:
            raise UsageError("%mcp_disconnect: Say which, as in %mcp_disconnect weather")
        # All names are looked up first, so that a mistyped name disconnects nothing.
        servers = {alias: self._server("%mcp_disconnect", alias) for alias in args.aliases}
        for alias in servers:
            self.connections.disconnect(alias)
        self.shell.drop_by_id(servers)
        show(Card(f"Disconnected: {', '.join(servers)}"))

    # -- what they share -------------------------------------------------------------------------

    def _complete(self) -> None:
        """Register the completer at the first connection."""
        if self.completion is None:
            from .completion import Completion

            options = {f"%{name}": list(flags_of(getattr(self, name).parser)) for name in self.magics["line"]}
            self.completion = Completion(self.shell.user_ns, lambda: self.connections.servers, options)
            self.shell.Completer.custom_matchers.append(self.completion.matcher)

    def close(self) -> None:
        """Disconnect all servers and unregister the completer."""
        self.shell.events.unregister("post_run_cell", self._after_cell)
        if self.completion is not None:
            self.shell.Completer.custom_matchers.remove(self.completion.matcher)
            self.completion = None
        self.connections.close()

    def _alias(self, alias: str | None) -> str:
        if alias is None:
            raise UsageError(
                "%mcp_connect: Give a name and a server, as in %mcp_connect weather https://example.com/mcp"
            )
        if not _is_name(alias):
            raise UsageError(
                f"%mcp_connect: {alias!r} is not a valid variable name, and the server becomes a variable"
            )
        there = self.shell.user_ns.get(alias)
        if there is not None and not _is_server(there):
            kind = type(there).__name__
            raise UsageError(
                f"%mcp_connect: {alias} is a variable already ({kind}); choose another name, or del it"
            )
        return alias

    def _server(self, who: str, alias: str) -> ConnectedServer:
        if alias in self.connections:
            return self.connections[alias]
        if not len(self.connections):
            raise WrongCall(f"{who}: No server is connected yet: %mcp_connect {alias} URL|COMMAND")
        raise WrongCall(f"{who}: {unknown_name('server', alias, self.connections)}")

    def _given(self, who: str, args: argparse.Namespace, result: Any) -> Any:
        if args.into is None:
            return result
        if not _is_name(args.into):
            raise UsageError(f"{who}: --into takes the name of a variable, which {args.into!r} is not")
        self.shell.push({args.into: result}, interactive=True)
        return None


@contextmanager
def _one_line(who: str, wrong: type[Exception] = WrongCall) -> Iterator[None]:
    """Turn errors with a server into one line; a tool's own error passes unchanged.

    Parameters
    ----------
    wrong
        The type of the error for a mistake in the line or in arguments.
    """
    __tracebackhide__ = True
    from ..client.config.trust import ConsentNeeded

    try:
        yield
    except (UsageError, ToolError, CassetteError):
        raise
    except ConsentNeeded as exc:
        raise wrong(f"{who}: {exc}") from None  # not shortened: the user must see all they agree to
    except OSError as exc:
        text = f"{exc.filename or 'it'} cannot be started: {exc.strerror or exc}"
        raise ServerFailed(f"{who}: {safe_block(text, MAX_MESSAGE_CHARS)}") from None
    except (ValueError, TypeError) as exc:
        raise wrong(f"{who}: {safe_block(str(exc), MAX_MESSAGE_CHARS)}") from None
    except McpJupyterError as exc:
        raise ServerFailed(f"{who}: {safe_block(str(exc), MAX_MESSAGE_CHARS)}") from None


def _body(cell: str) -> Mapping[str, Any]:
    """Parse the arguments in a cell, JSON or YAML."""
    import yaml

    try:
        said = json.loads(cell) if cell.lstrip().startswith("{") else yaml.safe_load(cell)
    except (ValueError, yaml.YAMLError) as exc:
        raise ValueError(f"The cell is neither JSON nor YAML: {exc}") from None
    if said is None:
        return {}
    if not isinstance(said, dict) or not all(isinstance(key, str) for key in said):
        raise ValueError("The cell must be an object: names and values, as in `city: Paris`")
    return said


def _is_name(text: str) -> bool:
    return text.isidentifier() and not iskeyword(text)


def _wire(result: types.CallToolResult) -> Any:
    return result.model_dump(by_alias=True, exclude_none=True, mode="json")


def _is_server(value: object) -> bool:
    from .connected_server import ConnectedServer

    return isinstance(value, ConnectedServer)


def connected_rows(connections: Connections) -> list[Row]:
    """Return the connected servers for the card of `%mcp_status`."""
    return [Row(alias, connections[alias].summary) for alias in connections]
