# SPDX-License-Identifier: BSD-3-Clause
"""What to type or paste so that a host finds a server: Claude Code, Claude Desktop, VS Code, Cursor.

Each host has its own format (as its documentation had it in November 2026). A token stands in what
`url_lines` returns: show that to the user who asked, and put it nowhere else.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from .hosts import HOSTS

__all__ = ["TOKEN_PLACE", "Connect", "program_lines", "shown", "url_lines"]

TOKEN_PLACE: Final = "TOKEN"  # noqa: S105 - not a secret
"""Stands for a token that is not shown: the user knows it, or only its hash is kept."""


@dataclass(frozen=True, slots=True)
class Connect:
    """How one host is told.

    Attributes
    ----------
    host : str
        The host.
    where : str
        Where the text goes.
    text : str
        What goes there, ready-made. It may hold a token.
    """

    host: str
    where: str
    text: str


def program_lines(name: str, command: Sequence[str]) -> list[Connect]:
    """The lines for hosts that start a program and talk to it on stdio.

    Parameters
    ----------
    name : str
        What the host will call the server.
    command : sequence of str
        The program and its arguments; best with its whole path: a desktop application has another PATH.
    """
    entry = {"command": command[0], "args": list(command[1:])}
    claude = ["claude", "mcp", "add", _claude_name(name), "--", *command]
    return [
        Connect("Claude Code", "in a terminal", shlex.join(claude)),
        Connect("Claude Desktop", "in claude_desktop_config.json, then restart it", _servers(name, entry)),
        Connect("VS Code", "in a terminal", _add_to_code({"name": name, "type": "stdio", **entry})),
        Connect("Cursor", "in ~/.cursor/mcp.json", _servers(name, entry)),
    ]


def url_lines(name: str, url: str, token: str, transport: str = "http") -> list[Connect]:
    """The lines for hosts that open a URL. Claude Desktop does not.

    Parameters
    ----------
    name : str
        What the host will call the server.
    token : str
        What the server asks for.
    transport : str
        "http" for Streamable HTTP, "sse" for HTTP+SSE.
    """
    headers = {"Authorization": f"Bearer {token}"}
    claude = ["claude", "mcp", "add", "--transport", transport, _claude_name(name), url]
    claude += ["--header", f"Authorization: Bearer {token}"]
    code = {"name": name, "type": transport, "url": url, "headers": headers}
    return [
        Connect("Claude Code", "in a terminal", shlex.join(claude)),
        Connect("VS Code", "in a terminal", _add_to_code(code)),
        Connect("Cursor", "in ~/.cursor/mcp.json", _servers(name, {"url": url, "headers": headers})),
    ]


def shown(lines: Sequence[Connect]) -> str:
    """The lines as a terminal shows them: the host, and below it what to type or paste."""
    blocks = []
    for line in lines:
        text = "\n".join(f"  {each}" for each in line.text.splitlines())
        blocks.append(f"\n{line.host}, {line.where}:\n{text}")
    return "\n".join(blocks)


def _claude_name(name: str) -> str:
    try:
        return HOSTS["claude-code"].name(name)
    except ValueError:  # it has no character that Claude Code takes
        return "notebook"


def _add_to_code(server: dict[str, Any]) -> str:
    return shlex.join(["code", "--add-mcp", json.dumps(server)])


def _servers(name: str, entry: dict[str, Any]) -> str:
    return json.dumps({"mcpServers": {name: entry}}, indent=2)
