# SPDX-License-Identifier: BSD-3-Clause
"""The servers that hosts have already: where they are looked for, and which of two with one name counts."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from mcp_jupyter.cli import hosts as writing
from mcp_jupyter.client.host_entries import entries_of_host
from mcp_jupyter.client.hosts import HOSTS, files_of
from mcp_jupyter.client.stdio import StdioServerParameters
from mcp_jupyter.errors import ConfigError

OWN = {
    "claude-desktop": "config/Claude/claude_desktop_config.json",
    "claude-code": ".claude.json",
    "cursor": ".cursor/mcp.json",
    "vscode": "config/Code/User/mcp.json",
}
PROJECT = {"claude-code": ".mcp.json", "cursor": ".cursor/mcp.json", "vscode": ".vscode/mcp.json"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("APPDATA", str(home / "config"))
    monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
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
    put(path, {HOSTS[host].member: {name: {"command": command} for name, command in servers.items()}})


def put(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def commands(host: str, folder: Path) -> dict[str, str]:
    return {name: entry.members["command"] for name, entry in entries_of_host(host, folder).items()}


@pytest.mark.parametrize("host", HOSTS)
def test_a_persons_own_servers_are_found(host: str, home: Path, project: Path) -> None:
    write(home / OWN[host], host, git="uvx")
    (entry,) = entries_of_host(host, project).values()
    assert (entry.name, entry.is_project, entry.root) == ("git", False, project)
    server = entry.server()
    assert isinstance(server, StdioServerParameters)
    assert server.command == "uvx"
    assert str(home / OWN[host]) in entry.place


@pytest.mark.parametrize("host", HOSTS)
def test_what_is_written_is_found(host: str, home: Path, project: Path) -> None:
    assert files_of(host, project)[-1] == writing.HOSTS[host].locate()


def test_each_host_can_be_written_and_read() -> None:
    assert writing.HOSTS.keys() == HOSTS.keys()


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
    ],
)
def test_places_on_each_platform(
    home: Path, monkeypatch: pytest.MonkeyPatch, platform: str, host: str, place: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert files_of(host, home)[-1] == home / place


def test_claude_code_says_itself_where_it_is_configured(
    home: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(home / "elsewhere"))
    write(home / "elsewhere" / ".claude.json", "claude-code", git="uvx")
    assert commands("claude-code", project) == {"git": "uvx"}


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
    with pytest.raises(ConfigError, match=r"no host 'emacs'.* claude-desktop, claude-code, cursor, vscode"):
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
