# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp`: one file a command, imported when it is asked for.

Owns the list of commands and how a failure is shown: one clear line, no traceback. No command needs a
running Jupyter Server but the one it starts itself.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from io import TextIOWrapper
from typing import Final

import click

__all__ = ["main", "reported"]

_COMMANDS: Final = (
    "attach",
    "call",
    "cassette",
    "connect",
    "demo",
    "dev",
    "doctor",
    "export",
    "hosts",
    "inspect",
    "install",
    "list",
    "prompt",
    "read",
    "run",
    "token",
)


class _Commands(click.Group):
    """Finds each command in the module of its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*_COMMANDS]  # `list` is one of our modules here

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = import_module(f"{__name__}.{cmd_name}").command
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
    if isinstance(sys.stdout, TextIOWrapper):  # what this terminal or pipe cannot encode is written out
        sys.stdout.reconfigure(errors="backslashreplace")
    _group(prog_name="jupyter mcp")


@contextmanager
def reported() -> Iterator[None]:
    """Show an error of ours as one line; the exit code is 1."""
    from ..errors import McpJupyterError

    try:
        yield
    except McpJupyterError as exc:
        from .output import visible

        raise click.ClickException(visible(str(exc))) from None  # some of it may be a server's
