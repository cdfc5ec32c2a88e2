# SPDX-License-Identifier: BSD-3-Clause
"""Define and parse the options of the magics. A mistake becomes an error of one line."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from textwrap import indent
from typing import Any, Final, TypeVar, get_args

from IPython.core.error import UsageError
from IPython.core.magic import no_var_expand
from IPython.core.magic_arguments import MagicArgumentParser, kwds, magic_arguments
from IPython.core.magic_arguments import argument as _argument

from ..protocol.rights import Mode
from ..server.oversight import ASKS
from ..types import ToolAnnotations
from .private import flags_of

__all__ = [
    "ASKING",
    "BUDGET",
    "CALLING",
    "CONSTANT_TOOLS",
    "FAILED",
    "HELP",
    "HINTS",
    "HTTP",
    "INSPECT",
    "INSTRUCTIONS",
    "JOURNAL",
    "LAST",
    "MIME_TYPE",
    "NAMES",
    "PATHS",
    "PROMPT",
    "SERVED_NAME",
    "WATCH",
    "WHAT",
    "argument",
    "describing",
    "magic",
    "parse",
    "parse_words",
    "seconds",
    "tool_hints",
    "unknown_name",
    "wants_help",
    "words_of",
]

F = TypeVar("F", bound=Callable[..., Any])


def argument(*flags: str, **said: Any) -> Any:
    """Define one option, with the parameters of `argparse.ArgumentParser.add_argument`."""
    return _argument(*flags, **said)


def _text(*flags: str, help: str, metavar: str = "TEXT") -> Any:
    return argument(*flags, help=help, metavar=metavar)


def seconds(text: str) -> float:
    """Convert an option's text to seconds, more than 0 and at most a day."""
    value = float(text)
    if not 0 < value <= 86400:
        raise argparse.ArgumentTypeError("give seconds, more than 0 and at most 86400")
    return value


def characters(text: str) -> int:
    """Convert an option's text to a number of characters, 1,000 to 50,000,000."""
    value = int(text)
    if not 1000 <= value <= 50_000_000:
        raise argparse.ArgumentTypeError("give characters, 1000 to 50000000")
    return value


def number(text: str) -> int:
    """Convert an option's text to a number, 1 to 1,000."""
    value = int(text)
    if not 1 <= value <= 1000:
        raise argparse.ArgumentTypeError("give a number, 1 to 1000")
    return value


def port(text: str) -> int:
    """Convert an option's text to a port, 0 to 65535."""
    value = int(text)
    if not 0 <= value < 65536:
        raise argparse.ArgumentTypeError("give a port, 0 to 65535")
    return value


HELP = (argument("-h", "--help", action="store_true", help="show this text"),)


def describing(name: str, description: str = "the docstring") -> tuple[Any, ...]:
    """Return the options that describe a tool, resource or prompt; their help texts name the defaults."""
    return (
        _text("--name", help=f"the name that clients see (default: {name})", metavar="NAME"),
        _text("--title", help="a title for people"),
        _text("--description", help=f"what it is for (default: {description})"),
    )


CALLING = (
    argument("--concurrent", action="store_true", help="run at once, also while a cell runs"),
    argument(
        "--executor", metavar="NAME", help="run at once in this executor: a variable, as a pool or Dask"
    ),
    argument("--timeout", type=seconds, metavar="SECONDS", help="stop a call after this many seconds"),
)
HINTS = (
    argument("--read-only", action="store_true", help="it changes nothing"),
    argument("--destructive", action="store_true", help="it may delete or overwrite"),
    argument("--idempotent", action="store_true", help="repeating a call changes nothing more"),
    argument("--open-world", action="store_true", help="it reaches beyond the notebook (web, files, mail)"),
)

ASKING = (
    argument(
        "--ask",
        nargs="?",
        const="always",
        choices=ASKS[::-1],
        help="ask you before a call (default: always); --destructive and --open-world always ask",
    ),
    argument(
        "--preview",
        metavar="NAME",
        help="a function that returns what a call would do, for the question; it must change nothing",
    ),
)

SERVED_NAME = _text(
    "--name", help="the last part of the notebook's URL (default: its file name)", metavar="NAME"
)
WHAT = argument(
    "what", nargs="?", metavar="NAME|URI", help="a variable; or over a cell the URI of its function or value"
)
MIME_TYPE = argument("--mime-type", metavar="TYPE", help="the MIME type (default: follows from the value)")
INSPECT = argument(
    "--inspect",
    action="store_true",
    help="let clients read the names of variables, and the cells that ran",
)
BUDGET = argument(
    "--budget",
    type=characters,
    metavar="CHARACTERS",
    help="of one result (default: 1000000); a larger one is shown in part, with a link",
)
CONSTANT_TOOLS = argument(
    "--constant-tools",
    choices=get_args(Mode),
    help="whether assistants get find_tools, use_tool and read_more (auto: those whose host needs them)",
)
INSTRUCTIONS = argument(
    "--instructions", action="store_true", help="show what assistants are told about the notebook"
)
PATHS = argument(
    "--paths", action="store_true", help="the URI's {variables} are paths: they may be absolute (never ..)"
)
WATCH = argument(
    "--watch", action="store_true", help="tell subscribers after a cell that changed the variable"
)
PROMPT = argument("prompt", nargs="?", metavar="NAME", help="the prompt's name, when the cell is plain text")
NAMES = argument("names", nargs="*", metavar="NAME", help="tools, prompts, resources (also by URI)")


FAILED = argument("--failed", action="store_true", help="only those that did not end well")
LAST = argument(
    "--last", type=number, default=20, metavar="N", help="how many at most (default: %(default)s)"
)
JOURNAL = argument(
    "--journal", metavar="FILE", help="append each finished call to this file, as a line of JSON"
)


HTTP = (
    argument("--http", action="store_true", help="serve HTTP from the kernel too (no Jupyter Server)"),
    argument("--port", type=port, metavar="PORT", help="where --http listens (default: a free port)"),
)


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Writes plain text. IPython's writes reStructuredText, and one percent sign for every magic."""

    def add_usage(self, usage: str | None, actions: Any, groups: Any, prefix: str | None = None) -> None:
        super().add_usage(usage, actions, groups, "Usage: " if prefix is None else prefix)


CLOSE: Final = 0.75
"""How similar a suggested name is (see `difflib`): `sales` for `slaes`, but not `nohints` for `nothing`."""


def magic(
    kind: Any, *groups: Iterable[Any], usage: str, example: str, expand: bool = False
) -> Callable[[F], F]:
    """Make a method a magic with options.

    Parameters
    ----------
    kind : callable
        IPython's `line_magic`, `cell_magic` or `line_cell_magic`.
    *groups
        The options, in the order of the help text.
    usage : str
        The usage text, of one line or several. Its first word is the magic's name in messages.
    example : str
        One or more complete lines or cells.
    expand : bool
        Whether IPython replaces `$name` and `{expression}` in the magic's line. False where a line may have a
        URI template: data://{name} must not become data://1.

    Returns
    -------
    callable
        The decorator of the method.
    """
    lines = usage.splitlines()
    shown = f"\n{' ' * len('Usage: ')}".join(lines).replace("%", "%%")  # argparse fills in %(prog)s
    said = {
        "usage": shown,
        "epilog": f"Example:\n\n{indent(example.strip(), '    ')}",
        "formatter_class": _HelpFormatter,
    }

    def decorate(method: F) -> F:
        found = kwds(**said)(kind(method))
        # Decorators apply from the inside out; argparse shows them from the outside in.
        for option in reversed([option for group in groups for option in group]):
            found = option(found)
        complete: F = magic_arguments(lines[0].partition(" ")[0])(found)
        return complete if expand else no_var_expand(complete)

    return decorate


def parse(magic: Callable[..., Any], line: str) -> argparse.Namespace | None:
    """Parse a magic's line. If it asks for help, print the help and return None.

    Raises
    ------
    UsageError
        The options are wrong. The message is one line.
    """
    return parse_words(magic, words_of(magic, line))


def words_of(magic: Callable[..., Any], line: str) -> list[str]:
    """Split a magic's line into words, as a shell would.

    Raises
    ------
    UsageError
        A quotation mark is not closed.
    """
    try:
        return shlex.split(line)
    except ValueError as exc:
        # The line is not repeated: it may hold a token.
        name = magic.parser.prog  # type: ignore[attr-defined]
        raise UsageError(f"{name}: {exc} in the line.") from None


def wants_help(words: Iterable[str]) -> bool:
    """Whether a magic's words ask for help."""
    return not {"-h", "--help"}.isdisjoint(words)


def parse_words(magic: Callable[..., Any], words: list[str]) -> argparse.Namespace | None:
    """Parse a magic's line that is already split into words (see `parse`)."""
    parser: MagicArgumentParser = magic.parser  # type: ignore[attr-defined]
    if wants_help(words):
        print(parser.format_help())
        return None
    try:
        found: argparse.Namespace = parser.parse_args(words)
    except UsageError as exc:
        refused = [word for word in words if word.startswith("-") and word in str(exc)]
        hint = _similar(refused, flags_of(parser))
        said = f"{str(exc)[:1].upper()}{str(exc)[1:]}"
        raise UsageError(f"{parser.prog}: {said}.{hint} See {parser.prog} --help.") from None
    return found


def tool_hints(args: argparse.Namespace) -> ToolAnnotations | None:
    """Return the hints that were given; None without any. Clients treat an absent hint as "unknown".

    Raises
    ------
    UsageError
        The hints contradict each other.
    """
    if args.read_only and args.destructive:
        raise UsageError("%%mcp_tool: A tool cannot be both --read-only and --destructive.")
    said = {
        "readOnlyHint": args.read_only,
        "destructiveHint": args.destructive,
        "idempotentHint": args.idempotent,
        "openWorldHint": args.open_world,
    }
    given: dict[str, Any] = {hint: True for hint, is_given in said.items() if is_given}
    return ToolAnnotations(**given) if given else None


def unknown_name(what: str, name: str, known: Iterable[str]) -> str:
    """Return the message for an unknown name. It suggests similar names."""
    return f"Unknown {what} {name!r}.{_similar([name], known)}"


def _similar(names: Iterable[str], known: Iterable[str]) -> str:
    """Return a sentence that suggests known names, led by a space; empty when none is similar."""
    known = sorted(known)
    close = [each for name in names for each in get_close_matches(name, known, n=3, cutoff=CLOSE)]
    return f" Did you mean {', '.join(close)}?" if close else ""
