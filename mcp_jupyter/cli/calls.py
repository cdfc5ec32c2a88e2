# SPDX-License-Identifier: BSD-3-Clause
"""The commands that send requests to one server: `jupyter mcp call`, `read`, `prompt` and `inspect`.

`target` finds the server and connects to it; `output` formats the results.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from .._util.text import join_names
from .target import Target, TargetCommand, ask, on_target, say

if TYPE_CHECKING:
    from pydantic import BaseModel

    from .. import types
    from ..client.client import Client
    from ..client.pairs import Pairs

__all__ = ["call", "inspect", "prompt", "read"]

T = TypeVar("T")

TOOL_ERROR: Final = 5
"""The exit code when the tool reported an error: the same as that of the MCP Inspector's command line."""


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
def call(
    where: Target, tool: str, words: tuple[str, ...], given: str | None, output: Path | None, as_json: bool
) -> None:
    """Call TOOL with arguments. What each VALUE means, a number or a text, the tool's schema says.

    The exit code is 5 when the tool reports an error, and 1 when it could not be called.

    \b
    jupyter mcp call sales top_customers n=3 region=north
    jupyter mcp call server.py plot --output plot.png
    """  # noqa: D301 - click reads the backspace
    arguments, pairs = _object(given), _pairs_of(words)

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
        raise click.UsageError(f"--arguments is not valid JSON: {exc}.") from None
    if not isinstance(value, dict):
        raise click.UsageError('--arguments must be a JSON object: {"key": value}.')
    return value


async def _meant(client: Client, tool: str, pairs: Pairs) -> dict[str, Any]:
    """Return the arguments in `pairs`, with the types that the tool's schema requires."""
    from ..client.pairs import parse_arguments
    from ..errors import McpJupyterError

    tools = {each.name: each for each in await client.list_tools()}
    if tool not in tools:
        raise McpJupyterError(f"Unknown tool {tool!r}. Known tools: {join_names(sorted(tools)) or 'none'}.")
    try:
        return parse_arguments(pairs, tools[tool].inputSchema)
    except ValueError as exc:
        raise McpJupyterError(f"{tool}: {exc}") from None


def _pairs_of(words: tuple[str, ...]) -> Pairs:
    from ..client.pairs import split_pairs

    try:
        return split_pairs(words)
    except ValueError as exc:
        raise click.UsageError(str(exc)) from None


def _print_json(result: BaseModel) -> None:
    from .output import dumped

    click.echo(dumped(result.model_dump(mode="json", exclude_none=True)))


async def _progress(progress: float, total: float | None, message: str | None) -> None:
    done = f"{progress:g}" if total is None else f"{progress:g}/{total:g}"
    say(f"[{done}] {message or ''}".rstrip())


async def _logged(params: types.LoggingMessageNotificationParams) -> None:
    said = params.data if isinstance(params.data, str) else json.dumps(params.data)
    say(f"[{params.level}] {said}")


def _present(result: types.CallToolResult, output: Path | None, as_json: bool) -> None:
    from .output import part_of, present, structured_part

    if as_json:
        _print_json(result)
        if output is None:
            return
    parts = [part_of(block) for block in result.content]
    if "structuredContent" in result.model_fields_set and all(part.data is not None for part in parts):
        parts.append(structured_part(result.structuredContent))  # a text has the same data
    present(parts, output, err=bool(result.isError))


# -- jupyter mcp read ------------------------------------------------------------------------------


@click.command("read", cls=TargetCommand, short_help="Read a resource of a server.")
@on_target
@click.argument("uri", metavar="URI")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Save what it holds."
)
@click.option("--json", "as_json", is_flag=True, help="Print the whole result as JSON.")
def read(where: Target, uri: str, output: Path | None, as_json: bool) -> None:
    """Read the resource URI, and print it; bytes are named, and saved with --output.

    \b
    jupyter mcp read sales notebook://variables/sales
    jupyter mcp read server.py file://logo.png --output logo.png
    """  # noqa: D301 - click reads the backspace
    from .output import part_of, present

    async def fetch(client: Client) -> types.ReadResourceResult:
        return await client.read_resource(uri)

    result = ask(where, fetch)
    if as_json:
        _print_json(result)
    if not as_json or output is not None:
        present([part_of(contents) for contents in result.contents], output)


# -- jupyter mcp prompt ----------------------------------------------------------------------------


@click.command("prompt", cls=TargetCommand, short_help="Get a prompt of a server, filled in.")
@on_target
@click.argument("name", metavar="NAME")
@click.argument("words", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--json", "as_json", is_flag=True, help="Print the whole result as JSON.")
def prompt(where: Target, name: str, words: tuple[str, ...], as_json: bool) -> None:
    """Get the prompt NAME with arguments, which are texts, and print its messages.

    \b
    jupyter mcp prompt sales summarise region=north
    """  # noqa: D301 - click reads the backspace
    pairs = _pairs_of(words)

    async def fetch(client: Client) -> types.GetPromptResult:
        if pairs:
            await _check_arguments(client, name, pairs)
        return await client.get_prompt(name, pairs or None)

    result = ask(where, fetch)
    if as_json:
        _print_json(result)
    else:
        _print_messages(result)


async def _check_arguments(client: Client, name: str, pairs: Pairs) -> None:
    """Refuse arguments that the prompt does not have, because a server may ignore them silently."""
    from ..client.pairs import parse_arguments
    from ..errors import McpJupyterError

    for prompt in await client.list_prompts():
        if prompt.name == name and prompt.arguments:
            schema = {"properties": {each.name: {"type": "string"} for each in prompt.arguments}}
            try:
                parse_arguments(pairs, schema)
            except ValueError as exc:
                raise McpJupyterError(f"{name}: {exc}") from None


def _print_messages(result: types.GetPromptResult) -> None:
    from .output import part_of, present

    for number, message in enumerate(result.messages):
        click.echo(f"{chr(10) if number else ''}{message.role}:")
        present([part_of(message.content)], None)


# -- jupyter mcp inspect ---------------------------------------------------------------------------


@click.command("inspect", cls=TargetCommand, short_help="Show what a server has.")
@on_target
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with everything the server says.")
def inspect(where: Target, as_json: bool) -> None:
    """Show the tools, resources and prompts of a server."""
    found = ask(where, _look)
    if as_json:
        from .output import dumped

        click.echo(dumped(_wire(found)))
    else:
        click.echo("\n".join(_shown(found)))


async def _look(client: Client) -> dict[str, Any]:
    """Return everything that a server declares, as models; request only lists of declared capabilities."""
    has = client.server_capabilities
    resources = has.resources is not None
    return {
        "protocolVersion": client.protocol_version,
        "serverInfo": client.server_info,
        "instructions": client.instructions,
        "capabilities": has,
        "tools": await _listed(has.tools is not None, client.list_tools),
        "resources": await _listed(resources, client.list_resources),
        "resourceTemplates": await _listed(resources, client.list_resource_templates),
        "prompts": await _listed(has.prompts is not None, client.list_prompts),
    }


async def _listed(has: bool, ask: Callable[[], Awaitable[list[T]]]) -> list[T]:
    """Return a list; empty where the server lacks the method, as some with resources lack templates."""
    from ..errors import METHOD_NOT_FOUND, McpError

    try:
        return await ask() if has else []
    except McpError as exc:
        if exc.code != METHOD_NOT_FOUND:
            raise
        return []


def _wire(found: dict[str, Any]) -> dict[str, Any]:
    from pydantic import BaseModel

    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [plain(item) for item in value]
        return value.model_dump(mode="json", exclude_none=True) if isinstance(value, BaseModel) else value

    return {name: plain(value) for name, value in found.items() if value is not None}


def _shown(found: dict[str, Any]) -> list[str]:
    from .output import heading, listing, prompt_signature, resource_line, tool_signature

    resources = [*found["resources"], *found["resourceTemplates"]]
    lines = [
        *listing("Tools", [(tool_signature(tool), tool) for tool in found["tools"]]),
        *listing("Resources", [(resource_line(resource), resource) for resource in resources]),
        *listing("Prompts", [(prompt_signature(prompt), prompt) for prompt in found["prompts"]]),
    ]
    about = heading(found["serverInfo"], found["protocolVersion"], found["instructions"])
    return about + (lines or ["", "It has no tools, resources or prompts."])
