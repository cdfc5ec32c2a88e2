# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp prompt`: get one prompt, filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .target import TargetCommand, Where, ask, on_target

if TYPE_CHECKING:
    from .. import types
    from ..client.client import Client
    from ..client.pairs import Pairs

__all__ = ["command"]


@click.command("prompt", cls=TargetCommand, short_help="Get a prompt of a server, filled in.")
@on_target
@click.argument("name", metavar="NAME")
@click.argument("words", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--json", "as_json", is_flag=True, help="Print the whole result as JSON.")
def command(where: Where, name: str, words: tuple[str, ...], as_json: bool) -> None:
    """Get the prompt NAME with arguments, which are texts, and print its messages.

    \b
    jupyter mcp prompt sales summarise region=north
    """  # noqa: D301 - click reads the backspace
    from ..client.pairs import split_pairs
    from .output import dumped

    try:
        pairs = split_pairs(words)
    except ValueError as exc:
        raise click.UsageError(str(exc)) from None

    async def fetch(client: Client) -> types.GetPromptResult:
        if pairs:
            await _check(client, name, pairs)
        return await client.get_prompt(name, pairs or None)

    result = ask(where, fetch)
    if as_json:
        click.echo(dumped(result.model_dump(mode="json", exclude_none=True)))
    else:
        _print(result)


async def _check(client: Client, name: str, pairs: Pairs) -> None:
    """Refuse arguments that the prompt does not have: a server ignores them."""
    from ..client.pairs import parse_arguments
    from ..errors import McpJupyterError

    for prompt in await client.list_prompts():
        if prompt.name == name and prompt.arguments:
            schema = {"properties": {each.name: {"type": "string"} for each in prompt.arguments}}
            try:
                parse_arguments(pairs, schema)
            except ValueError as exc:
                raise McpJupyterError(f"{name}: {exc}") from None


def _print(result: types.GetPromptResult) -> None:
    from .output import part_of, present

    for number, message in enumerate(result.messages):
        click.echo(f"{chr(10) if number else ''}{message.role}:")
        present([part_of(message.content)], None)
