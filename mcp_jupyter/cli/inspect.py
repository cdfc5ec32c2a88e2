# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp inspect`: what a server has."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .target import TargetCommand, Where, ask, on_target

if TYPE_CHECKING:
    from ..client.client import Client

__all__ = ["command"]

T = TypeVar("T")


@click.command("inspect", cls=TargetCommand, short_help="Show what a server has.")
@on_target
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with everything the server says.")
def command(where: Where, as_json: bool) -> None:
    """Show the tools, resources and prompts of a server."""
    found = ask(where, _look)
    if as_json:
        from .output import dumped

        click.echo(dumped(_wire(found)))
    else:
        click.echo("\n".join(_text(found)))


async def _look(client: Client) -> dict[str, Any]:
    """All that a server says of itself, as models; only what it says it has is asked for."""
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
    """A list; empty where there is none, such as templates at a server that has resources only."""
    from ..errors import McpError
    from ..protocol.codes import METHOD_NOT_FOUND

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


def _text(found: dict[str, Any]) -> list[str]:
    from .output import heading, listing, prompt_signature, resource_line, tool_signature

    resources = [*found["resources"], *found["resourceTemplates"]]
    lines = [
        *listing("Tools", [(tool_signature(tool), tool) for tool in found["tools"]]),
        *listing("Resources", [(resource_line(resource), resource) for resource in resources]),
        *listing("Prompts", [(prompt_signature(prompt), prompt) for prompt in found["prompts"]]),
    ]
    about = heading(found["serverInfo"], found["protocolVersion"], found["instructions"])
    return about + (lines or ["", "It has no tools, resources or prompts."])
