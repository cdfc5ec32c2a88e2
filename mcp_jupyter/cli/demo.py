# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp demo`: serve the quickstart notebook, call it once as a client, and keep it running.

This module orders the steps and prints them; `demo_steps` implements them.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from . import reported

if TYPE_CHECKING:
    from .demo_steps import JupyterProcess

__all__ = ["command"]

NOTEBOOK: Final = "quickstart.ipynb"

TOKEN_DAYS: Final = 1
"""Days until the demo's token expires, unless it is deleted before, with the demo's data directory."""

POLL_SECONDS: Final = 0.5
"""Seconds between two checks whether the Jupyter Server still runs."""


@click.command("demo", short_help="Serve the quickstart notebook, call it, and show how to connect.")
@click.option("--once", is_flag=True, help="End after the round instead of serving until Ctrl-C.")
def command(once: bool) -> None:
    """Show what this is, from end to end.

    Starts a Jupyter Server on a free port, runs the quickstart notebook in it, calls the notebook's tools
    over HTTP+SSE and over Streamable HTTP, and prints the lines that connect Claude Code, Claude Desktop,
    VS Code and Cursor. Your Jupyter configuration is neither read nor changed.
    """
    with reported(), _stopped_by_signals():
        from .demo_steps import run_jupyter

        say("Starting a Jupyter Server ...")
        with run_jupyter() as jupyter:
            _show(jupyter)
            if not once:
                _serve(jupyter)


def say(text: str = "") -> None:
    """Print a line and flush, so that it is visible while the next step runs."""
    click.echo(text)
    sys.stdout.flush()


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Make SIGTERM end the demo as Ctrl-C does, with its clean-up."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _show(jupyter: JupyterProcess) -> None:
    from .demo_steps import play

    say(f"Jupyter Server      {jupyter.url}")
    kernel_id = jupyter.run_notebook(_find_notebook())
    server = _server_of(jupyter, kernel_id)
    counts = ", ".join(_count(server[f"{kind}s"], kind) for kind in ("tool", "resource", "prompt"))
    say(f"Notebook            {NOTEBOOK} has run; {server['name']!r} is live: {counts}")
    scopes = {"tools": ["*"], "resources": ["*"], "prompts": ["*"]}
    wish = {"label": "demo", "servers": [server["name"]], **scopes, "days": TOKEN_DAYS}
    token = jupyter.request("POST", "mcp-jupyter/api/tokens", wish)["token"]
    say(f"Token               opens {server['name']!r} and nothing else, for a day\n")
    play(server["urls"], token, say)
    _show_how_to_connect(jupyter, server, token)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _find_notebook() -> Path:
    """Return the quickstart notebook: in the installed package, or one folder up in a checkout."""
    from .demo_steps import StepFailed

    package = Path(__file__).parent.parent
    for folder in (package / "notebooks", package.parent / "notebooks"):
        if (folder / NOTEBOOK).is_file():
            return folder / NOTEBOOK
    raise StepFailed(f"{NOTEBOOK} is missing from this installation of jupyter-mcp-engine; install it anew.")


def _server_of(jupyter: JupyterProcess, kernel_id: str) -> dict[str, Any]:
    from .demo_steps import StepFailed

    for server in jupyter.request("GET", "mcp-jupyter/api/servers")["servers"]:
        if server["kernel_id"] == kernel_id:
            found: dict[str, Any] = server
            return found
    raise StepFailed(f"{NOTEBOOK} ran, but the Jupyter Server does not find it among the live notebooks.")


def _show_how_to_connect(jupyter: JupyterProcess, server: dict[str, Any], token: str) -> None:
    from ..client.config.connect_lines import beside, program_lines, shown, url_lines
    from .servers import attach_command, jupyter_directories

    name = server["name"]
    say("To connect a host:")
    urls = url_lines(name, server["urls"]["http"], token)
    say(shown([*urls, *beside(urls, program_lines(name, attach_command(name), jupyter_directories()))]))
    if jupyter.has_lab:
        say(f"\n  You, in a browser:\n    {jupyter.notebook_url(NOTEBOOK)}")


def _serve(jupyter: JupyterProcess) -> None:
    """Wait for Ctrl-C, or until the server ends."""
    from .demo_steps import StepFailed

    say("\nServing until Ctrl-C.")
    try:
        while jupyter.process.poll() is None:
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        say("\nStopping ...")
        return
    raise StepFailed(f"The Jupyter Server ended by itself (exit code {jupyter.process.returncode}).")
