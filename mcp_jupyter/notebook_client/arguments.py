# SPDX-License-Identifier: BSD-3-Clause
"""The options of the magics that call servers, and the reading of `%mcp_connect`'s line.

Where the target begins, its own words begin: ``%mcp_connect git --env A=B uvx mcp-server-git --repository .``
gives `--env` to us and `--repository` to the command. After a URL our options may follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from IPython.core.magic_arguments import MagicArgumentParser

from ..kernel.arguments import argument, seconds

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
    "split_target",
]

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
    """The words that are ours, and those of the target.

    The target begins with the second word that is no option, or after ``--``.
    """
    takes_value = {
        flag for action in parser._actions for flag in action.option_strings if _takes_value(action)
    }
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


def _takes_value(action: Any) -> bool:
    return bool(action.option_strings) and action.nargs != 0
