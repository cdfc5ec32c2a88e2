# SPDX-License-Identifier: BSD-3-Clause
"""What a notebook serves, as a card."""

from __future__ import annotations

from ..server.fastmcp import FastMCP
from .cards import Card, signature_text

__all__ = ["status_card"]


def status_card(name: str, server: FastMCP) -> Card:
    """The card of `%mcp_status`."""
    lines = [
        *((tool.name, f"tool {signature_text(tool.function)}") for tool in server.tools.values()),
        *((uri, "resource") for uri in _first_of_name(server)),
        *((prompt.name, f"prompt {signature_text(prompt.function)}") for prompt in server.prompts.values()),
    ]
    note = "" if lines else "Nothing is served yet: put %%mcp_tool over a cell that defines a function."
    return Card(f"MCP server {name}", lines, note)


def _first_of_name(server: FastMCP) -> list[str]:
    """The URIs, without the templates of a variable that is there under its own."""
    seen: dict[str, str] = {}
    for uri, resource in server.resources.items():
        seen.setdefault(resource.definition.name if uri.startswith("notebook://") else uri, uri)
    return list(seen.values())
