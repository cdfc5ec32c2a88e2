# SPDX-License-Identifier: BSD-3-Clause
"""What a client may be pointed at."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from mcp_jupyter import Client
from mcp_jupyter.client import StdioServerParameters
from mcp_jupyter.client.config.servers_json import HttpServerParameters
from mcp_jupyter.client.config.targets import server_of
from mcp_jupyter.errors import ConfigError
from mcp_jupyter.server.fastmcp import FastMCP

TWO = {"mcpServers": {"a": {"command": "one", "env": {"A": "1", "B": "1"}}, "b": {"url": "http://b/mcp"}}}


@pytest.mark.parametrize(
    "url", ["http://localhost:8000/mcp", "https://example.com/a b.json", "HTTP://EXAMPLE.COM"]
)
def test_a_url(url: str) -> None:
    assert server_of(url) == HttpServerParameters(url)
    assert server_of(url, headers={"A": "b"}) == HttpServerParameters(url, {"A": "b"})


@pytest.mark.parametrize("url", ["ws://a/b", "file:///etc/passwd", "stdio://x"])
def test_a_url_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="http:// or https://"):
        server_of(url)


@pytest.mark.skipif(sys.platform == "win32", reason="paths have backslashes there")
def test_a_command_as_one_text_is_split_like_a_shells_and_no_shell_reads_it() -> None:
    assert server_of("npx -y 'my server' a\\ b $HOME ; rm *") == StdioServerParameters(
        command="npx", args=["-y", "my server", "a b", "$HOME", ";", "rm", "*"]
    )


@pytest.mark.parametrize("words", [["uvx", "a server"], ("uvx", "a server")])
def test_a_command_as_a_list(words: Any) -> None:
    assert server_of(words) == StdioServerParameters(command="uvx", args=["a server"])


@pytest.mark.parametrize("target", ["", "  ", [], [""], "it's"])
def test_a_command_that_is_none(target: Any) -> None:
    with pytest.raises(ValueError, match="command"):
        server_of(target)


def test_a_python_file_is_no_command_and_the_error_says_what_is(tmp_path: Path) -> None:
    file = tmp_path / "server.py"
    file.touch()
    with pytest.raises(ValueError, match=r"server.py is a file, not a command; give .*\['python', "):
        server_of(str(file))


def test_parameters_keep_what_they_say_unless_told_otherwise() -> None:
    given = StdioServerParameters(command="a", args=["b"], env={"A": "1", "B": "1"}, cwd="/x")
    assert server_of(given) == given
    changed = server_of(given, env={"B": "2"}, cwd=Path("/y"))
    assert changed == StdioServerParameters(command="a", args=["b"], env={"A": "1", "B": "2"}, cwd="/y")
    assert given.env == {"A": "1", "B": "1"}


def test_a_server_object() -> None:
    mcp = FastMCP("x")
    assert server_of(mcp) is mcp


@pytest.mark.parametrize("target", [7, None, b"npx", object(), [1, 2], {"command"}])
def test_anything_else_is_refused(target: Any) -> None:
    with pytest.raises(ValueError, match="give a URL, a command"):
        server_of(target)


def test_a_file_of_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "with blanks"
    folder.mkdir()
    path = folder / "servers.json"
    path.write_text(json.dumps(TWO))
    monkeypatch.chdir(folder)
    for target in (path, str(path), "servers.json", TWO):
        assert server_of(target, name="b") == HttpServerParameters("http://b/mcp")
    assert server_of(path, name="b", headers={"A": "b"}) == HttpServerParameters("http://b/mcp", {"A": "b"})
    started = server_of(path, name="a", env={"B": "2"}, cwd="/y")
    assert started == StdioServerParameters(command="one", env={"A": "1", "B": "2"}, cwd="/y")


def test_what_the_person_gives_is_never_refused(tmp_path: Path) -> None:
    path = tmp_path / ".mcp.json"
    path.write_text(json.dumps({"mcpServers": {"a": {"command": "one"}}}))
    assert server_of(path, env={"PATH": "/opt"}).env == {"PATH": "/opt"}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("servers", "name", "words"),
    [
        (TWO, None, r"Which server\? Give name=\. Known servers: a, b\."),
        (TWO, "c", r"Unknown server 'c'\. Known servers: a, b\."),
        ({"mcpServers": {}}, None, r"Known servers: none\."),
        ({"servers": {str(n): {"command": "x"} for n in range(100)}}, None, r"18, 19, \.\.\.\.$"),
    ],
)
def test_the_entry_must_be_told(servers: Any, name: str | None, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        server_of(servers, name=name)


@pytest.mark.parametrize(
    ("target", "options", "words"),
    [
        ("http://a", {"env": {}}, "env= is for a command; the target is a URL"),
        ("http://a", {"cwd": "/"}, "cwd= is for a command; the target is a URL"),
        ("http://a", {"name": "x"}, "name= is for an entry of a JSON file of servers; the target is a URL"),
        ("npx", {"headers": {}}, "headers= is for a URL; the target is a command"),
        (["npx"], {"name": "x"}, "name= is for an entry"),
        (FastMCP("x"), {"headers": {}}, "the target is a server in memory"),
        (FastMCP("x"), {"env": {}}, "the target is a server in memory"),
    ],
    ids=lambda value: "server object" if isinstance(value, FastMCP) else repr(value),
)
def test_an_option_that_does_not_fit_is_refused(target: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Client(target, **options)


@pytest.mark.parametrize("target", ["npx", FastMCP("x")], ids=["command", "memory"])
def test_credentials_are_for_a_url(target: Any) -> None:
    with pytest.raises(ValueError, match="auth= is for a URL"):
        Client(target, auth=object())  # type: ignore[arg-type]
