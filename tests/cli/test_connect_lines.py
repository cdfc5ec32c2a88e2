# SPDX-License-Identifier: BSD-3-Clause
"""The lines that connect hosts: each in its host's own format, whatever the notebook is called."""

from __future__ import annotations

import json
import shlex

import pytest

from mcp_jupyter.cli.connect_lines import connect_lines

TOKEN = "mcpj_abcdefgh_" + "-_x" * 14 + "y"


@pytest.mark.parametrize("name", ["sales", "it's", 'a"b', "a b", "$(id)", "a;b&c|d", "%PATH%"])
def test_every_host_gets_what_it_can_read(name: str) -> None:
    url = "http://127.0.0.1:8888/mcp-jupyter/x"
    lines = {line.host: line.text for line in connect_lines(name, url, TOKEN, "/opt/my env/bin/jupyter-mcp")}
    authorization = f"Bearer {TOKEN}"

    claude = shlex.split(lines["Claude Code"])
    assert claude[:5] == ["claude", "mcp", "add", "--transport", "http"]
    assert claude[5:] == [name, url, "--header", f"Authorization: {authorization}"]

    desktop = json.loads(lines["Claude Desktop"])["mcpServers"][name]
    assert desktop == {"command": "/opt/my env/bin/jupyter-mcp", "args": ["attach", name]}

    code, option, server = shlex.split(lines["VS Code"])
    assert (code, option) == ("code", "--add-mcp")
    headers = {"Authorization": authorization}
    assert json.loads(server) == {"name": name, "type": "http", "url": url, "headers": headers}

    assert json.loads(lines["Cursor"])["mcpServers"][name] == {"url": url, "headers": headers}
