# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp call`: call one tool, and show what it answers."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from .target import TargetCommand, Where, ask, on_target, say

if TYPE_CHECKING:
    from .. import types
    from ..client.client import Client
    from ..client.pairs import Pairs

__all__ = ["command"]

TOOL_ERROR: Final = 5
"""The exit code when the tool reported an error, as the MCP Inspector's command line has it."""

MAX_NAMED: Final = 20
"""Tools that the error for an unknown one lists."""


@click.command("call", cls=TargetCommand, short_help="Call a tool of a server.")
@on_target
@click.argument("tool", metavar="TOOL")
@click.argument("words", nargs=-1, metavar="[KEY=VALUE]...")
@click.option(
    "--arguments", "given", metavar="JSON", help="The arguments as a JSON object; KEY=VALUE adds to it."
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Save the images and other bytes of the result (or else its text).",
)
@click.option("--json", "as_json", is_flag=True, help="Print the whole result as JSON.")
def command(
    where: Where, tool: str, words: tuple[str, ...], given: str | None, output: Path | None, as_json: bool
) -> None:
    """Call TOOL with arguments. What each VALUE means, a number or a text, the tool's schema says.

    The exit code is 5 when the tool reports an error, and 1 when it could not be called.

    \b
    jupyter mcp call sales top_customers n=3 region=north
    jupyter mcp call server.py plot --output plot.png
    """  # noqa: D301 - click reads the backspace
    from ..client.pairs import split_pairs

    arguments = _object(given)
    try:
        pairs = split_pairs(words)
    except ValueError as exc:
        raise click.UsageError(str(exc)) from None

    async def put(client: Client) -> types.CallToolResult:
        if pairs:
            arguments.update(await _meant(client, tool, pairs))
        return await client.call_tool(tool, arguments, progress_callback=_progress)

    result = ask(where, put, logging_callback=_logged)
    _present(result, output, as_json)
    if result.isError:
        sys.exit(TOOL_ERROR)


def _object(given: str | None) -> dict[str, Any]:
    if given is None:
        return {}
    try:
        value = json.loads(given)
    except (ValueError, RecursionError) as exc:
        raise click.UsageError(f"--arguments is no JSON: {exc}.") from None
    if not isinstance(value, dict):
        raise click.UsageError('--arguments must be a JSON object: {"key": value}.')
    return value


async def _meant(client: Client, tool: str, pairs: Pairs) -> dict[str, Any]:
    """The arguments that `pairs` mean to this tool."""
    from ..client.pairs import parse_arguments
    from ..errors import McpJupyterError

    tools = {each.name: each for each in await client.list_tools()}
    if tool not in tools:
        names = ", ".join([*sorted(tools)[:MAX_NAMED], *(["..."] if len(tools) > MAX_NAMED else [])])
        raise McpJupyterError(f"There is no tool {tool!r}. There are: {names or 'none'}.")
    try:
        return parse_arguments(pairs, tools[tool].inputSchema)
    except ValueError as exc:
        raise McpJupyterError(f"{tool}: {exc}") from None


async def _progress(progress: float, total: float | None, message: str | None) -> None:
    done = f"{progress:g}" if total is None else f"{progress:g}/{total:g}"
    say(f"[{done}] {message or ''}".rstrip())


async def _logged(params: types.LoggingMessageNotificationParams) -> None:
    said = params.data if isinstance(params.data, str) else json.dumps(params.data)
    say(f"[{params.level}] {said}")


def _present(result: types.CallToolResult, output: Path | None, as_json: bool) -> None:
    from .output import dumped, part_of, present, structured_part

    if as_json:
        click.echo(dumped(result.model_dump(mode="json", exclude_none=True)))
        if output is None:
            return
    parts = [part_of(block) for block in result.content]
    if "structuredContent" in result.model_fields_set and all(part.data is not None for part in parts):
        parts.append(structured_part(result.structuredContent))  # else the text says the same
    present(parts, output, err=bool(result.isError))
