# SPDX-License-Identifier: BSD-3-Clause
"""What to type or paste so that a host finds a notebook: Claude Code, Claude Desktop, VS Code, Cursor.

Knows each host's own format (as its documentation had it in November 2026) and how a shell reads words.
A token stands in what it returns: show that to the person who asked, and put it nowhere else.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass

__all__ = ["Connect", "connect_lines"]


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


def connect_lines(name: str, url: str, token: str, command: str = "jupyter-mcp") -> list[Connect]:
    """The lines for every host.

    Parameters
    ----------
    name : str
        The notebook's, and what the host will call it.
    url : str
        Of its Streamable HTTP endpoint.
    token : str
        That opens it.
    command : str
        The console script, best with its whole path: a desktop application has another PATH.
    """
    bearer = f"Bearer {token}"
    claude = ["claude", "mcp", "add", "--transport", "http", name, url]
    claude += ["--header", f"Authorization: {bearer}"]
    code = {"name": name, "type": "http", "url": url, "headers": {"Authorization": bearer}}
    desktop = {"mcpServers": {name: {"command": command, "args": ["attach", name]}}}
    cursor = {"mcpServers": {name: {"url": url, "headers": {"Authorization": bearer}}}}
    return [
        Connect("Claude Code", "in a terminal", shlex.join(claude)),
        Connect("Claude Desktop", "in claude_desktop_config.json, then restart it", _json(desktop)),
        Connect("VS Code", "in a terminal", shlex.join(["code", "--add-mcp", json.dumps(code)])),
        Connect("Cursor", "in ~/.cursor/mcp.json", _json(cursor)),
    ]


def _json(value: object) -> str:
    return json.dumps(value, indent=2)
