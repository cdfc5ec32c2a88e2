# SPDX-License-Identifier: BSD-3-Clause
"""The lines that connect hosts: each in its host's own format, whatever the notebook is called."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Sequence
from urllib.parse import parse_qs, unquote

import pytest

from mcp_jupyter.client.config.connect_lines import IN_TERMINAL, Connect, beside, program_lines, url_lines

TOKEN = "mcpj_abcdefgh_" + "-_x" * 14 + "y"


NAMES = ["sales", "it's", 'a"b', "a b", "$(id)", "a;b&c|d", "%PATH%", "日本"]


URL = "http://127.0.0.1:8888/mcp-jupyter/x"
PROGRAM = ["/opt/my env/bin/jupyter-mcp", "attach"]
ENV = {"JUPYTER_RUNTIME_DIR": "/run/a b"}
PAIR = "JUPYTER_RUNTIME_DIR=/run/a b"


def typed(lines: Sequence[Connect]) -> dict[str, list[str]]:
    """The words of what is typed into a terminal, by host."""
    return {line.host: shlex.split(line.text) for line in lines if line.where == IN_TERMINAL}


def others(lines: Sequence[Connect]) -> dict[str, str]:
    """What is opened or pasted, by host."""
    return {line.host: line.text for line in lines if line.where != IN_TERMINAL}


def test_what_needs_no_token_is_shown_beside_it() -> None:
    """Links, files, and hosts whose command takes no token (2: installing)."""
    urls, programs = url_lines("sales", URL, TOKEN), program_lines("sales", [*PROGRAM, "sales"], ENV)
    found = beside(urls, programs)
    assert list(typed(found)) == ["Codex"]
    assert list(others(found)) == ["Claude Desktop", "Cursor", "VS Code", "LM Studio"]


@pytest.mark.parametrize("name", NAMES)
def test_hosts_that_open_a_url_get_what_they_can_read(name: str) -> None:
    """Each command in its own form, with the token in a header (2: installing)."""
    header = f"Authorization: Bearer {TOKEN}"
    lines = url_lines(name, URL, TOKEN)
    words = typed(lines)
    called = words["Claude Code"][5]
    assert re.fullmatch("[A-Za-z0-9_-]+", called)  # what Claude Code takes
    assert words["Claude Code"][:5] == ["claude", "mcp", "add", "--transport", "http"]
    assert words["Claude Code"][6:] == [URL, "--header", header]
    assert words["Gemini CLI"][:8] == ["gemini", "mcp", "add", "-s", "user", "-t", "http", "--header"]
    assert words["Qwen Code"] == ["qwen", *words["Gemini CLI"][1:9], called, URL]
    assert words["Gemini CLI"][8] == header
    copilot = ["copilot", "mcp", "add", "--transport", "http", "--header", header, called, URL]
    assert words["Copilot CLI"] == copilot
    assert words["opencode"][3:6] == [called, "--url", URL]
    assert words["opencode"][6:] == ["--header", f"Authorization=Bearer {TOKEN}"]
    code, option, server = words["VS Code"]
    assert (code, option) == ("code", "--add-mcp")
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert json.loads(server) == {"name": name, "type": "http", "url": URL, "headers": headers}
    assert "Codex" not in words  # its command takes no token
    assert json.loads(others(lines)["Cursor"])["mcpServers"][name] == {"url": URL, "headers": headers}


@pytest.mark.parametrize("name", NAMES)
def test_hosts_that_start_a_program_get_what_they_can_read(name: str) -> None:
    """Each command with the variables that its program needs (2: installing)."""
    command = [*PROGRAM, name]
    lines = program_lines(name, command, ENV)
    words = typed(lines)
    called = words["Claude Code"][3]
    assert words["Claude Code"] == ["claude", "mcp", "add", called, "--env", PAIR, "--", *command]
    assert words["Codex"] == ["codex", "mcp", "add", "--env", PAIR, called, "--", *command]
    assert words["Gemini CLI"][:7] == ["gemini", "mcp", "add", "-s", "user", "--env", PAIR]
    assert words["Gemini CLI"][8:] == command
    assert words["Copilot CLI"] == ["copilot", "mcp", "add", "--env", PAIR, called, "--", *command]
    assert words["opencode"] == ["opencode", "mcp", "add", called, "--env", PAIR, "--", *command]
    entry = {"command": command[0], "args": command[1:], "env": ENV}
    assert json.loads(words["VS Code"][2]) == {"name": name, "type": "stdio", **entry}
    assert json.loads(others(lines)["Claude Desktop"])["mcpServers"] == {name: entry}


@pytest.mark.parametrize("name", NAMES)
def test_links_open_editors_and_hold_no_token(name: str) -> None:
    """Links are for programs only: addresses end up in histories (2: installing)."""
    command = [*PROGRAM, name]
    entry = {"command": command[0], "args": command[1:], "env": ENV}
    links = others(program_lines(name, command, ENV))
    scheme, _, query = links["VS Code"].partition("?")
    assert scheme == "vscode:mcp/install"
    assert json.loads(unquote(query)) == {"name": name, "type": "stdio", **entry}
    for host, scheme in (
        ("Cursor", "cursor://anysphere.cursor-deeplink/mcp/install"),
        ("LM Studio", "lmstudio://add_mcp"),
    ):
        found, _, query = links[host].partition("?")
        assert found == scheme
        said = parse_qs(query, strict_parsing=True)
        assert said["name"] == [name]
        assert json.loads(base64.b64decode(said["config"][0])) == entry
    assert not any("link" in line.where for line in url_lines(name, URL, TOKEN))
