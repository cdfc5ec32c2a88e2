# SPDX-License-Identifier: BSD-3-Clause
"""What a notebook serves, as a card."""

from __future__ import annotations

from typing import Final

from ..server.fastmcp import FastMCP
from .cards import Card, signature_text
from .inspection import STATUS_URI

__all__ = ["CANNOT_SERVE", "loaded_card", "shown_resources", "status_card"]

CANNOT_SERVE: Final = "Plain IPython cannot serve tools. Start `jupyter console`, or use FastMCP in a script."


def loaded_card(name: str | None = None, name_note: str = "") -> Card:
    """The card of `%load_ext`: always the same for one name, so that a stored output compares equal.

    Parameters
    ----------
    name : str or None
        The name under which the notebook is served; None in plain IPython.
    name_note : str
        Why that is not the name that the user would expect; empty when it is.
    """
    if name is None:
        return Card("MCP client", note=f"{CANNOT_SERVE} `%mcp_connect` works here too.")
    return Card(
        f"MCP server {name}",
        note=_sentences(
            name_note, f"To connect an assistant, run `jupyter mcp connect {name}` in a terminal."
        ),
    )


def status_card(name: str, name_note: str, server: FastMCP) -> Card:
    """The card of `%mcp_status`; parameters as of `loaded_card`."""
    lines = [
        *((tool.name, f"tool {signature_text(tool.function)}") for tool in server.tools.values()),
        *((uri, "resource") for uri in shown_resources(server)),
        *((prompt.name, f"prompt {signature_text(prompt.function)}") for prompt in server.prompts.values()),
    ]
    note = "" if lines else "Nothing is served yet: put %%mcp_tool over a cell that defines a function."
    return Card(f"MCP server {name}", lines, _sentences(name_note, note))


def _sentences(*sentences: str) -> str:
    return " ".join(filter(None, sentences))


def shown_resources(server: FastMCP) -> list[str]:
    """The URIs that say what is served: without what every notebook has, and the templates of a variable
    that is there under its own.
    """
    seen: dict[str, str] = {}
    for uri, resource in server.resources.items():
        if uri == STATUS_URI:
            continue
        seen.setdefault(resource.definition.name if uri.startswith("notebook://") else uri, uri)
    return list(seen.values())
