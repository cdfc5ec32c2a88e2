# SPDX-License-Identifier: BSD-3-Clause
"""The servers that hosts have already: where they are looked for, and which of two with one name counts."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from mcp_jupyter.client.config.host_entries import entries_of_host
from mcp_jupyter.client.config.hosts import HOSTS, files_of
from mcp_jupyter.client.config.servers_json import HttpServerParameters
from mcp_jupyter.client.stdio import StdioServerParameters
from mcp_jupyter.errors import ConfigError

OWN = {
    "claude-desktop": "config/Claude/claude_desktop_config.json",
    "claude-code": ".claude.json",
    "cursor": ".cursor/mcp.json",
    "vscode": "config/Code/User/mcp.json",
    "codex": ".codex/config.toml",
    "gemini": ".gemini/settings.json",
    "qwen": ".qwen/settings.json",
    "copilot": ".copilot/mcp-config.json",
    "opencode": "config/opencode/opencode.json",
    "windsurf": ".codeium/windsurf/mcp_config.json",
    "cline": ".cline/data/settings/cline_mcp_settings.json",
    "continue": ".continue/config.yaml",
    "zed": "config/zed/settings.json",
    "goose": "config/goose/config.yaml",
    "lm-studio": ".lmstudio/mcp.json",
    "jupyter-ai": ".jupyter/mcp_settings.json",
}
PROJECT = {"claude-code": ".mcp.json", "cursor": ".cursor/mcp.json", "vscode": ".vscode/mcp.json"}
MEMBERS = {"vscode": "servers"}
VARIABLES = (
    *("CLAUDE_CONFIG_DIR", "CODEX_HOME", "GEMINI_CLI_HOME", "QWEN_HOME", "COPILOT_HOME"),
    *("CLINE_MCP_SETTINGS_PATH", "CONTINUE_GLOBAL_DIR", "JUPYTER_CONFIG_DIR"),
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("APPDATA", str(home / "config"))
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    return home


@pytest.fixture
def project(home: Path) -> Path:
    """A folder of a repository, two below its root."""
    folder = home / "work" / "repository" / "notebooks" / "sales"
    folder.mkdir(parents=True)
    (home / "work" / "repository" / ".git").mkdir()
    return folder


def write(path: Path, host: str, **servers: str) -> None:
    """A file with servers of these commands."""
    entries = {name: {"command": command} for name, command in servers.items()}
    put(path, {MEMBERS.get(host, "mcpServers"): entries})


def put(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def commands(host: str, folder: Path) -> dict[str, str]:
    return {name: entry.members["command"] for name, entry in entries_of_host(host, folder).items()}


# What the documentation of each host has for a program and for a URL, November 2026.
JSON_COMMAND = '{"command": "uvx", "args": ["git", "-v"], "env": {"A": "b"}}'
DOCUMENTED = {
    "claude-desktop": f'{{"mcpServers": {{"git": {JSON_COMMAND}}}}}',
    "claude-code": f"""{{"numStartups": 3, "mcpServers": {{"git": {{"type": "stdio", {JSON_COMMAND[1:]},
        "web": {{"type": "http", "url": "https://x/mcp", "headers": {{"K": "v"}}}}}}}}""",
    "cursor": f"""{{"mcpServers": {{"git": {JSON_COMMAND},
        "web": {{"url": "https://x/mcp", "headers": {{"K": "v"}}}}}}}}""",
    "vscode": f"""{{"servers": {{ // mine
        "git": {{"type": "stdio", {JSON_COMMAND[1:]},
        "web": {{"type": "http", "url": "https://x/mcp", "headers": {{"K": "v"}}}},}}}}""",
    "codex": """
model = "gpt"  # mine
[mcp_servers.git]
command = "uvx"
args = ["git", "-v"]
startup_timeout_sec = 20
[mcp_servers.git.env]
A = "b"
[mcp_servers.web]
url = "https://x/mcp"
http_headers = { K = "v" }
""",
    "gemini": f"""{{"theme": "x", "mcpServers": {{"git": {JSON_COMMAND}, // mine
        "web": {{"httpUrl": "https://x/mcp", "headers": {{"K": "v"}}}}}}}}""",
    "qwen": f"""{{"mcpServers": {{"git": {JSON_COMMAND},
        "web": {{"httpUrl": "https://x/mcp", "headers": {{"K": "v"}}}}}}}}""",
    "copilot": f"""{{"mcpServers": {{"git": {{"type": "local", "tools": ["*"], {JSON_COMMAND[1:]},
        "web": {{"type": "http", "tools": ["*"], "url": "https://x/mcp", "headers": {{"K": "v"}}}}}}}}""",
    "opencode": """{"$schema": "https://opencode.ai/config.json", "mcp": {
        "git": {"type": "local", "command": ["uvx", "git", "-v"], "enabled": true, "environment": {"A": "b"}},
        "web": {"type": "remote", "url": "https://x/mcp", "headers": {"K": "v"}}}}""",
    "windsurf": f"""{{"mcpServers": {{"git": {JSON_COMMAND},
        "web": {{"serverUrl": "https://x/mcp", "headers": {{"K": "v"}}}}}}}}""",
    "cline": f"""{{"mcpServers": {{"git": {{"disabled": false, "autoApprove": [], {JSON_COMMAND[1:]},
        "web": {{"transport": {{"type": "streamableHttp", "url": "https://x/mcp", "headers": {{"K":
        "v"}}}}}}}}}}""",
    "continue": """
name: Main Config  # mine
version: 1.0.0
schema: v1
mcpServers:
  - name: git
    command: uvx
    args: [git, -v]
    env:
      A: b
  - name: web
    type: streamable-http
    url: https://x/mcp
    requestOptions:
      headers:
        K: v
""",
    "zed": f"""// Zed settings
    {{"theme": "One", "context_servers": {{"git": {JSON_COMMAND},
        "web": {{"url": "https://x/mcp", "headers": {{"K": "v"}}}}}}, }}""",
    "goose": """
GOOSE_MODEL: claude  # mine
extensions:
  git:
    enabled: true
    type: stdio
    name: git
    cmd: uvx
    args: ["git", "-v"]
    envs: {A: b}
    env_keys: []
    timeout: 300
  web:
    enabled: true
    type: streamable_http
    name: web
    uri: https://x/mcp
    headers: {K: v}
""",
    "lm-studio": f"""{{"mcpServers": {{"git": {JSON_COMMAND},
        "web": {{"url": "https://x/mcp", "headers": {{"K": "v"}}}}}}}}""",
    "jupyter-ai": """{"mcp_servers": [
        {"name": "git", "command": "uvx", "args": ["git", "-v"], "env": [{"name": "A", "value": "b"}]},
        {"name": "web", "type": "http", "url": "https://x/mcp", "headers": [{"name": "K", "value":
        "v"}]}]}""",
}


def document(home: Path, host: str, text: str) -> None:
    path = home / OWN[host]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize("host", HOSTS)
def test_a_persons_own_servers_are_found(host: str, home: Path, project: Path) -> None:
    """A program in the user's own file, as the host's documentation writes it (2: installing)."""
    document(home, host, DOCUMENTED[host])
    entry = entries_of_host(host, project)["git"]
    assert (entry.name, entry.is_project, entry.root) == ("git", False, project)
    assert str(home / OWN[host]) in entry.place
    server = entry.server()
    assert isinstance(server, StdioServerParameters)
    assert (server.command, server.args, server.env) == ("uvx", ["git", "-v"], {"A": "b"})


@pytest.mark.parametrize("host", [host.key for host in HOSTS.values() if host.opens_urls])
def test_a_persons_own_urls_are_found(host: str, home: Path, project: Path) -> None:
    """A URL with headers in the user's own file (2: installing)."""
    document(home, host, DOCUMENTED[host])
    server = entries_of_host(host, project)["web"].server()
    assert isinstance(server, HttpServerParameters)
    assert (server.url, server.headers, server.sse) == ("https://x/mcp", {"K": "v"}, False)


def test_variables_that_codex_names_are_filled_in(
    home: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bearer token and headers that Codex takes from the environment (2: installing)."""
    document(
        home,
        "codex",
        '[mcp_servers.web]\nurl = "https://x"\nbearer_token_env_var = "T"\nenv_http_headers = {K = "V"}\n',
    )
    monkeypatch.setenv("T", "secret")
    monkeypatch.setenv("V", "value")
    server = entries_of_host("codex", project)["web"].server()
    assert isinstance(server, HttpServerParameters)
    assert server.headers == {"Authorization": "Bearer secret", "K": "value"}


def test_variables_that_opencode_names_are_filled_in(
    home: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those in opencode's own form, `{env:NAME}` (2: installing)."""
    document(
        home,
        "opencode",
        '{"mcp": {"web": {"type": "remote", "url": "https://x/mcp", "headers": {"K": "a {env:T}"}}}}',
    )
    monkeypatch.setenv("T", "secret")
    server = entries_of_host("opencode", project)["web"].server()
    assert isinstance(server, HttpServerParameters)
    assert server.headers == {"K": "a secret"}


@pytest.mark.parametrize("host", HOSTS)
def test_the_users_own_file_counts_last(host: str, home: Path, project: Path) -> None:
    """Files of the project come before it (2: installing)."""
    assert files_of(host, project)[-1] == home / OWN[host]


@pytest.mark.parametrize(
    ("host", "variable", "place"),
    [
        ("claude-code", "CLAUDE_CONFIG_DIR", ".claude.json"),
        ("codex", "CODEX_HOME", "config.toml"),
        ("gemini", "GEMINI_CLI_HOME", ".gemini/settings.json"),
        ("qwen", "QWEN_HOME", "settings.json"),
        ("copilot", "COPILOT_HOME", "mcp-config.json"),
        ("cline", "CLINE_MCP_SETTINGS_PATH", ""),
        ("continue", "CONTINUE_GLOBAL_DIR", "config.yaml"),
        ("jupyter-ai", "JUPYTER_CONFIG_DIR", "mcp_settings.json"),
    ],
)
def test_a_host_says_itself_where_it_is_configured(
    host: str, variable: str, place: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable that moves the host's own folder moves our place too (2: installing)."""
    monkeypatch.chdir(home)
    monkeypatch.setenv(variable, "x/../elsewhere")
    assert files_of(host, home)[-1] == home / "elsewhere" / place


def test_opencode_is_read_where_it_writes(home: Path, project: Path) -> None:
    """`opencode mcp add` makes the file with comments (2: installing)."""
    put(home / "config/opencode/opencode.jsonc", {"mcp": {}})
    assert files_of("opencode", project)[-1] == home / "config/opencode/opencode.jsonc"


@pytest.mark.parametrize(
    ("platform", "host", "place"),
    [
        ("linux", "claude-desktop", "config/Claude/claude_desktop_config.json"),
        ("darwin", "claude-desktop", "Library/Application Support/Claude/claude_desktop_config.json"),
        ("win32", "claude-desktop", "config/Claude/claude_desktop_config.json"),
        ("linux", "vscode", "config/Code/User/mcp.json"),
        ("darwin", "vscode", "Library/Application Support/Code/User/mcp.json"),
        ("win32", "vscode", "config/Code/User/mcp.json"),
        ("darwin", "cursor", ".cursor/mcp.json"),
        ("win32", "claude-code", ".claude.json"),
        ("darwin", "zed", "config/zed/settings.json"),
        ("win32", "zed", "config/Zed/settings.json"),
        ("darwin", "goose", "config/goose/config.yaml"),
        ("win32", "goose", "config/Block/goose/config/config.yaml"),
    ],
)
def test_places_on_each_platform(
    home: Path, monkeypatch: pytest.MonkeyPatch, platform: str, host: str, place: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert files_of(host, home)[-1] == home / place


# -- projects --------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", PROJECT)
def test_the_nearest_counts_and_nothing_is_lost(host: str, home: Path, project: Path) -> None:
    write(home / OWN[host], host, a="own", b="own", c="own")
    write(project.parent.parent / PROJECT[host], host, a="root", b="root")
    write(project / PROJECT[host], host, a="here", d="here")
    assert commands(host, project) == {"a": "here", "d": "here", "b": "root", "c": "own"}
    entries = entries_of_host(host, project)
    assert [entries[name].is_project for name in "abcd"] == [True, True, False, True]
    assert entries["a"].root == project
    assert entries["b"].root == project.parent.parent


@pytest.mark.parametrize("host", PROJECT)
def test_what_is_above_the_repository_is_no_project_of_it(host: str, home: Path, project: Path) -> None:
    write(home / "work" / PROJECT[host], host, a="above")
    with pytest.raises(ConfigError, match="no file of servers"):
        entries_of_host(host, project)


@pytest.mark.parametrize("host", PROJECT)
def test_outside_a_repository_only_the_folder_counts(host: str, home: Path) -> None:
    folder = home / "plain" / "sub"
    folder.mkdir(parents=True)
    write(folder.parent / PROJECT[host], host, a="above")
    write(folder / PROJECT[host], host, b="here")
    assert commands(host, folder) == {"b": "here"}


@pytest.mark.parametrize("host", PROJECT)
def test_in_the_home_directory_everything_is_the_persons_own(host: str, home: Path) -> None:
    write(home / PROJECT[host], host, a="home")
    assert not entries_of_host(host, home)["a"].is_project
    assert len(files_of(host, home)) == len(set(files_of(host, home)))


def test_the_rules_for_project_files_hold(home: Path, project: Path) -> None:
    entry = {"command": "server", "env": {"LD_PRELOAD": "evil.so"}}
    put(project / ".mcp.json", {"mcpServers": {"git": entry}})
    put(home / ".claude.json", {"mcpServers": {"own": entry}})
    entries = entries_of_host("claude-code", project)
    with pytest.raises(ConfigError, match="may not set LD_PRELOAD"):
        entries["git"].server()
    entries["own"].server()


def test_what_claude_code_knows_of_a_folder_comes_before_the_projects_file(home: Path, project: Path) -> None:
    root = project.parent.parent
    servers = {"a": {"command": "local"}, "b": {"command": "local"}}
    projects = {str(root): {"mcpServers": servers}, str(home): {"mcpServers": {"x": {"command": "x"}}}}
    put(home / ".claude.json", {"projects": projects, "mcpServers": {"a": {"command": "own"}}})
    write(project / ".mcp.json", "claude-code", a="project", c="project")
    assert commands("claude-code", project) == {"a": "local", "b": "local", "c": "project"}
    entry = entries_of_host("claude-code", project)["a"]
    assert (entry.is_project, entry.root) == (False, root)


# -- what is wrong ---------------------------------------------------------------------------------


def test_without_a_file_it_is_said_where_one_was_looked_for(home: Path, project: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        entries_of_host("cursor", project)
    assert "Cursor has no file of servers" in str(caught.value)
    for path in files_of("cursor", project):
        assert str(path) in str(caught.value)


def test_a_host_that_is_not_known_is_named_with_those_that_are(home: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"Unknown host 'emacs'.* claude-desktop, claude-code, cursor, vscode"
    ):
        files_of("emacs", home)


@pytest.mark.parametrize("content", [{}, {"globalShortcut": ""}, {"projects": {}}, {"projects": []}])
def test_a_file_with_other_settings_alone_has_no_servers(content: Any, home: Path, project: Path) -> None:
    put(home / ".claude.json", content)
    assert len(entries_of_host("claude-code", project)) == 0


@pytest.mark.parametrize("content", [[], "x", {"mcpServers": []}, {"projects": {}, "mcpServers": "x"}])
def test_a_file_that_is_something_else_is_refused(content: Any, home: Path, project: Path) -> None:
    put(home / ".claude.json", content)
    with pytest.raises(ConfigError, match=r"\.claude\.json"):
        entries_of_host("claude-code", project)


@pytest.mark.parametrize("projects", [{"\0": {}}, {"": 1}, {"x" * 5000: {"mcpServers": 1}}, [1], 7])
def test_what_is_known_of_other_folders_does_not_matter(projects: Any, home: Path, project: Path) -> None:
    put(home / ".claude.json", {"projects": projects, "mcpServers": {"git": {"command": "uvx"}}})
    assert commands("claude-code", project) == {"git": "uvx"}


def test_a_wrong_entry_spoils_no_other(home: Path, project: Path) -> None:
    servers = {"new": {"type": "ws", "url": "wss://example.com"}, "git": {"command": "uvx"}}
    put(home / ".claude.json", {"mcpServers": servers})
    entries = entries_of_host("claude-code", project)
    assert [*entries] == ["new", "git"]
    assert entries["git"].members["command"] == "uvx"
    with pytest.raises(ConfigError, match="server 'new': type must be"):
        entries["new"]


def test_comments_are_allowed_as_in_vs_code(home: Path, project: Path) -> None:
    path = project / ".vscode" / "mcp.json"
    path.parent.mkdir()
    path.write_text('{"servers": {"git": {"command": "uvx"},}, // mine\n"inputs": []}')
    assert commands("vscode", project) == {"git": "uvx"}
