# SPDX-License-Identifier: BSD-3-Clause
"""The lines that connect hosts: each in its host's own format, whatever the notebook is called."""

from __future__ import annotations

import json
import re
import shlex

import pytest

from mcp_jupyter.cli.connect_lines import program_lines, url_lines

TOKEN = "mcpj_abcdefgh_" + "-_x" * 14 + "y"


NAMES = ["sales", "it's", 'a"b', "a b", "$(id)", "a;b&c|d", "%PATH%", "日本"]


@pytest.mark.parametrize("name", NAMES)
def test_hosts_that_open_a_url_get_what_they_can_read(name: str) -> None:
    url = "http://127.0.0.1:8888/mcp-jupyter/x"
    lines = {line.host: line.text for line in url_lines(name, url, TOKEN)}
    authorization = f"Bearer {TOKEN}"
    assert list(lines) == ["Claude Code", "VS Code", "Cursor"]

    claude = shlex.split(lines["Claude Code"])
    assert claude[:5] == ["claude", "mcp", "add", "--transport", "http"]
    assert re.fullmatch("[A-Za-z0-9_-]+", claude[5])  # what Claude Code takes
    assert claude[6:] == [url, "--header", f"Authorization: {authorization}"]

    code, option, server = shlex.split(lines["VS Code"])
    assert (code, option) == ("code", "--add-mcp")
    headers = {"Authorization": authorization}
    assert json.loads(server) == {"name": name, "type": "http", "url": url, "headers": headers}

    assert json.loads(lines["Cursor"])["mcpServers"][name] == {"url": url, "headers": headers}


@pytest.mark.parametrize("name", NAMES)
def test_hosts_that_start_a_program_get_what_they_can_read(name: str) -> None:
    command = ["/opt/my env/bin/python", "-m", "mcp_jupyter.cli", "attach", name]
    entry = {"command": command[0], "args": command[1:]}
    lines = {line.host: line.text for line in program_lines(name, command)}
    assert list(lines) == ["Claude Code", "Claude Desktop", "VS Code", "Cursor"]

    claude = shlex.split(lines["Claude Code"])
    assert claude[:3] == ["claude", "mcp", "add"]
    assert claude[4:] == ["--", *command]
    assert json.loads(lines["Claude Desktop"])["mcpServers"] == {name: entry}
    assert json.loads(lines["Cursor"])["mcpServers"] == {name: entry}
    server = shlex.split(lines["VS Code"])[2]
    assert json.loads(server) == {"name": name, "type": "stdio", **entry}
