# SPDX-License-Identifier: BSD-3-Clause
"""The command line `jupyter mcp`: a table of commands, each imported when it is used.

Errors of this package are shown as one line, without a traceback. No command needs a running Jupyter Server.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from io import TextIOWrapper
from typing import Final

import click

from .._util.text import safe_block

__all__ = ["main", "reported"]

_COMMANDS: Final = {
    "approve": "approve:command",
    "attach": "attach:command",
    "call": "calls:call",
    "cassette": "cassettes:command",
    "connect": "notebooks:connect",
    "demo": "demo:command",
    "dev": "dev:dev",
    "doctor": "hosts:doctor",
    "export": "dev:export",
    "hosts": "hosts:hosts",
    "inspect": "calls:inspect",
    "install": "install:command",
    "list": "notebooks:list_notebooks",
    "log": "log:command",
    "prompt": "calls:prompt",
    "read": "calls:read",
    "run": "run:command",
    "token": "tokens:command",
}
"""The commands by name: a module of this package, and the function in it."""


class _Commands(click.Group):
    """A group that imports the commands of the table on demand, so that each starts fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command = getattr(import_module(f"{__name__}.{module}"), name)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="jupyter-mcp-engine", message="%(version)s")
def _group() -> None:
    """MCP for notebooks and Python files: serve them, tell hosts such as Claude of them, try them out.

    In a notebook, `%load_ext mcp_jupyter` makes it live. For a Python file, begin with `jupyter mcp run`.
    """


def main() -> None:
    """Run the command line."""
    if isinstance(sys.stdout, TextIOWrapper):  # escape what the terminal or pipe cannot encode
        sys.stdout.reconfigure(errors="backslashreplace")
    _group(prog_name="jupyter mcp")


@contextmanager
def reported() -> Iterator[None]:
    """Show an error of this package as one line, and exit with code 1.

    The traceback of a file or a cell (`account` of `FileFailed` and `CellFailed`) stands before the line.
    """
    from ..errors import McpJupyterError

    try:
        yield
    except McpJupyterError as exc:
        for line in getattr(exc, "account", "").splitlines():
            click.echo(safe_block(line), err=True)
        raise click.ClickException(safe_block(str(exc))) from None  # it may quote a server's text
