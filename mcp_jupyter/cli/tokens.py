# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp token`: make, list, move and revoke tokens for MCP clients.

The commands change this user's token file; a running Jupyter Server reads it at the next request.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from . import reported
from .new_token import ANY_NAME, make_token, not_there, real_path, token_days, token_store

if TYPE_CHECKING:
    from ..extension.tokens import Token

__all__ = ["command", "scope_options", "show_new", "terms"]


def scope_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say what a new token may use."""
    for option in reversed(
        (
            click.option(
                "--tool", "tools", multiple=True, metavar="GLOB", help="A tool it may call; repeat for more."
            ),
            click.option(
                "--resource",
                "resources",
                multiple=True,
                metavar="GLOB",
                help="A resource it may read, by its URI; repeat for more.",
            ),
            click.option(
                "--prompt",
                "prompts",
                multiple=True,
                metavar="GLOB",
                help="A prompt it may get; repeat for more.",
            ),
        )
    ):
        command = option(command)
    return command


@click.group("token", short_help="Make, list, move and revoke tokens for MCP clients.")
def command() -> None:
    """Tokens for MCP clients that connect over HTTP.

    A token opens the notebooks it names and nothing else. `jupyter mcp attach` needs none.
    """


@command.command("create")
@click.argument("words", nargs=-1, required=True, metavar="NOTEBOOK...")
@click.option(
    ANY_NAME, "any_name", is_flag=True, help="NOTEBOOK is a name; it opens any notebook that is called so."
)
@scope_options
@click.option("--label", default="", help="What you call it, for the list.")
@click.option(
    "--days",
    type=click.FloatRange(0, min_open=True),
    help="How long it is good. [default: McpJupyterApp.token_days of Jupyter's configuration, else 30]",
)
@click.option("--never-expires", is_flag=True, help="It is good until it is revoked.")
def create(
    words: tuple[str, ...],
    any_name: bool,
    tools: tuple[str, ...],
    resources: tuple[str, ...],
    prompts: tuple[str, ...],
    label: str,
    days: float | None,
    never_expires: bool,
) -> None:
    """Make a token for the notebooks NOTEBOOK... and print it once, with the lines that connect hosts.

    NOTEBOOK is the name of a live notebook, or a path. The token opens that notebook, also after it was
    renamed in Jupyter, and no other of the same name. It may also be a pattern of names.

    A pattern and GLOB may have * for any characters and ? for one: --tool '*' allows every tool. Of a kind
    that is left out (--tool, --resource, --prompt) it allows nothing.

    \b
    jupyter mcp token create sales --tool '*' --resource '*' --prompt '*'   all of one notebook
    jupyter mcp token create sales --tool 'top_*' --resource 'notebook://variables/sales*'
    """  # noqa: D301 - click reads the backspace
    from ..extension.tokens import MAX_DAYS

    if days is not None and (never_expires or days > MAX_DAYS):
        raise click.UsageError(f"--days takes {MAX_DAYS} at most, and does not go with --never-expires.")
    with reported():
        lifetime = None if never_expires else days or token_days()
        scopes = {"tools": tools, "resources": resources, "prompts": prompts}
        show_new(words, any_name=any_name, label=label, days=lifetime, **scopes)


def show_new(words: Sequence[str], *, any_name: bool = False, label: str = "", **wishes: Any) -> None:
    """Make a token and print it with the lines that connect hosts, and note names that do not exist now.

    The parameters are those of `make_token`.
    """
    import anyio

    from ..client.config.connect_lines import beside, program_lines, shown, url_lines
    from ..ipc.discovery import Discovery
    from .endpoint import NO_SERVER
    from .servers import attach_command, jupyter_directories

    new = make_token(words, any_name=any_name, label=label, **wishes)
    token, endpoint = new.token, new.endpoint
    click.echo(f"Token:  {new.text}\nHeader: Authorization: Bearer {new.text}")
    if endpoint is not None:
        click.echo(f"URL:    {endpoint.url}")
        urls = url_lines(endpoint.name, endpoint.url, new.text)
        click.echo(shown(urls))
        if new.names == [endpoint.name]:
            click.echo("\nHosts that start a program need no token:")
            programs = program_lines(endpoint.name, attach_command(endpoint.name), jupyter_directories())
            click.echo(shown(beside(urls, programs)))
    click.echo(f"\nShown this once. {terms(token)} To end it: jupyter mcp token revoke {token.id}", err=True)
    if endpoint is None:
        click.echo(NO_SERVER.format(new.names[0]), err=True)
    for line in anyio.run(not_there, token, Discovery()):
        click.echo(f"Note: {line}", err=True)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array, for programs.")
def list_tokens(as_json: bool) -> None:
    """Show the tokens there are; the secrets are not kept."""
    with reported():
        tokens = token_store().tokens()
    if as_json:
        models = [token.model_dump(mode="json", exclude={"digest"}) for token in tokens]
        click.echo(json.dumps(models, indent=2))
    elif not tokens:
        click.echo("There are no tokens. To make one: jupyter mcp token create NAME --tool '*'", err=True)
    else:
        from .output import table

        heads = ("ID", "LABEL", "NOTEBOOKS", "TOOLS", "RESOURCES", "PROMPTS", "STATE", "LAST USED")
        click.echo(table(heads, [_row(token) for token in tokens]))


@command.command("revoke")
@click.argument("token_id", metavar="ID")
def revoke(token_id: str) -> None:
    """End the token ID now, and with it all that its bearers have open."""
    with reported():
        token = token_store().revoke(token_id)
    click.echo(f"Token {token.id} is revoked.")


@command.command("move")
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
def move(old: str, new: str) -> None:
    """Let the tokens of the notebook OLD open it at NEW.

    OLD and NEW are paths. This is for a notebook, or a folder with notebooks, that was renamed outside of
    Jupyter: with `mv`, in a file manager, by git. A rename in Jupyter moves the tokens by itself.
    """
    with reported():
        moved = token_store().move(os.path.realpath(old), real_path(new))
    if not moved:
        raise click.ClickException(f"No token names a notebook at {old}. To see them: jupyter mcp token list")
    for token in moved:
        click.echo(f"Token {token.id} opens {', '.join(token.opened)}.")


def terms(token: Token) -> str:
    """Return what a token opens, and for how long, as a sentence."""
    until = "until it is revoked" if token.expires is None else f"until {token.expires:%Y-%m-%d}"
    return (
        f"It opens {', '.join(token.opened)}, calls {_some('tool', token.tools)}, reads "
        f"{_some('resource', token.resources)}, gets {_some('prompt', token.prompts)}, and is good {until}."
    )


def _some(kind: str, globs: tuple[str, ...]) -> str:
    """Return the tools, resources or prompts that a token allows, in words."""
    if "*" in globs:
        return f"all {kind}s"
    return f"{kind}s {', '.join(globs)}" if globs else f"no {kind}s"


def _row(token: Token) -> tuple[str, ...]:
    if token.revoked is not None:
        state = "revoked"
    elif token.ended(datetime.now(UTC)) is not None:
        state = "expired"
    else:
        state = "never expires" if token.expires is None else f"until {token.expires:%Y-%m-%d}"
    used = "never" if token.last_used is None else f"{token.last_used.astimezone():%Y-%m-%d %H:%M}"
    scopes = (", ".join(globs) or "-" for globs in (token.tools, token.resources, token.prompts))
    return (token.id, token.label, ", ".join(token.opened), *scopes, state, used)
