# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp token`: make, list and revoke tokens for MCP clients.

Works on the token file of this user: a running Jupyter Server sees what changed at the next request.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from . import reported

if TYPE_CHECKING:
    from ..extension.store import TokenStore
    from ..extension.tokens import Token

__all__ = ["command"]


@click.group("token", short_help="Make, list and revoke tokens for MCP clients.")
def command() -> None:
    """Tokens for MCP clients that connect over HTTP.

    A token opens the notebooks it names and nothing else. `jupyter mcp attach` needs none.
    """


@command.command("create")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--tool", "tools", multiple=True, metavar="GLOB", help="A tool it may call; repeat for more.")
@click.option("--no-tools", is_flag=True, help="It calls no tool: it lists and reads resources and prompts.")
@click.option("--label", default="", help="What you call it, for the list.")
@click.option("--days", type=click.FloatRange(0, min_open=True), help="How long it is good. [default: 30]")
@click.option("--never-expires", is_flag=True, help="It is good until it is revoked.")
def create(
    names: tuple[str, ...],
    tools: tuple[str, ...],
    no_tools: bool,
    label: str,
    days: float | None,
    never_expires: bool,
) -> None:
    """Make a token for the notebooks NAME... and print it, this one time.

    NAME and GLOB may have * for any characters and ? for one: --tool '*' allows every tool.
    """
    import getpass

    from ..extension.tokens import DEFAULT_DAYS, MAX_DAYS

    if bool(tools) == no_tools:
        raise click.UsageError("Say which tools it may call: --tool NAME, --tool '*' for all, or --no-tools.")
    if days is not None and (never_expires or days > MAX_DAYS):
        raise click.UsageError(f"--days takes {MAX_DAYS} at most, and does not go with --never-expires.")
    lifetime = None if never_expires else days or DEFAULT_DAYS
    with reported():
        try:
            token, text = _store().create(
                label=label or ", ".join(names)[:100],
                servers=names,
                tools=tools,
                issuer=getpass.getuser(),
                days=lifetime,
            )
        except ValueError as exc:
            raise click.UsageError(_explain(exc)) from None
    click.echo(f"Token:  {text}\nHeader: Authorization: Bearer {text}")
    click.echo(f"Shown this once. {_terms(token)} To end it: jupyter mcp token revoke {token.id}", err=True)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array, for programs.")
def list_tokens(as_json: bool) -> None:
    """Show the tokens there are; the secrets are not kept."""
    with reported():
        tokens = _store().tokens()
    if as_json:
        models = [token.model_dump(mode="json", exclude={"digest"}) for token in tokens]
        click.echo(json.dumps(models, indent=2))
    elif not tokens:
        click.echo("There are no tokens. To make one: jupyter mcp token create NAME --tool '*'", err=True)
    else:
        from .table import table

        heads = ("ID", "LABEL", "NOTEBOOKS", "TOOLS", "STATE", "LAST USED")
        click.echo(table(heads, [_row(token) for token in tokens]))


@command.command("revoke")
@click.argument("token_id", metavar="ID")
def revoke(token_id: str) -> None:
    """End the token ID now, and with it all that its bearers have open."""
    with reported():
        token = _store().revoke(token_id)
    click.echo(f"Token {token.id} is revoked.")


def _store() -> TokenStore:
    from ..extension.store import TokenStore

    return TokenStore()


def _explain(error: ValueError) -> str:
    """What is wrong with a wish, by pydantic's account of it."""
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return str(error)
    problem = error.errors(include_url=False)[0]
    if "pattern" in problem["msg"]:
        return f"{problem['input']!r} is no name of a notebook or tool: letters, digits and . _ - / * ? only."
    return f"{problem['loc'][0]}: {problem['msg']}"


def _terms(token: Token) -> str:
    until = "until it is revoked" if token.expires is None else f"until {token.expires:%Y-%m-%d}"
    calls = f"calls {', '.join(token.tools)}" if token.tools else "calls no tool"
    return f"It opens {', '.join(token.servers)}, {calls}, and is good {until}."


def _row(token: Token) -> tuple[str, ...]:
    if token.revoked is not None:
        state = "revoked"
    elif token.ended(datetime.now(UTC)) is not None:
        state = "expired"
    else:
        state = "never expires" if token.expires is None else f"until {token.expires:%Y-%m-%d}"
    used = "never" if token.last_used is None else f"{token.last_used.astimezone():%Y-%m-%d %H:%M}"
    return (token.id, token.label, ", ".join(token.servers), ", ".join(token.tools) or "-", state, used)
