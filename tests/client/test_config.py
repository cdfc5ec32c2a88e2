# SPDX-License-Identifier: BSD-3-Clause
"""Files of servers: the shapes that hosts have, variables, and what is refused."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from mcp_jupyter.client import StdioServerParameters
from mcp_jupyter.client.config.servers_json import HttpServerParameters, load_servers
from mcp_jupyter.errors import ConfigError, McpJupyterError
from mcp_jupyter.protocol.limits import MAX_HOST_FILE_BYTES

CLAUDE_DESKTOP = """
{"mcpServers": {"files": {"command": "npx", "args": ["-y", "server-files", "/data"],
                           "env": {"PATH": "/opt/bin"}}},
 "globalShortcut": ""}
"""
CLAUDE_CODE = """
{"mcpServers": {
  "local": {"type": "stdio", "command": "${HOME}/bin/server", "args": ["--port", "${PORT:-8000}"],
            "env": {"TOKEN": "${TOKEN}"}},
  "remote": {"type": "http", "url": "${BASE:-https://example.com}/mcp",
             "headers": {"Authorization": "Bearer ${TOKEN}"}},
  "old": {"type": "sse", "url": "https://example.com/sse"}}}
"""
CURSOR = """
{"mcpServers": {"there": {"url": "http://localhost:3000/mcp", "headers": {"X-Key": "${env:TOKEN}"}},
                "here": {"command": "python", "args": ["${workspaceFolder}${/}server.py"],
                         "envFile": "${workspaceFolder}/.env", "env": {"TOKEN": "from the entry"}}}}
"""
VS_CODE = """
{
  // Comments are allowed here,
  "servers": {
    "web": {"type": "http", "url": "https://example.com/mcp?a=//b"}, /* and
    trailing commas */
    "asks": {"command": "server", "args": ["a, ]", "${input:key}",],},
  },
  "inputs": [{"type": "promptString", "id": "key", "password": true}],
}
"""
ENVIRON = {"HOME": "/home/ada", "TOKEN": "secret-token", "EMPTY": ""}


def written(folder: Path, text: str | bytes, name: str = "servers.json") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_claude_desktop(tmp_path: Path) -> None:
    (entry,) = load_servers(written(tmp_path, CLAUDE_DESKTOP)).values()
    assert (entry.name, entry.type) == ("files", "stdio")
    assert entry.server(ENVIRON) == StdioServerParameters(
        command="npx", args=["-y", "server-files", "/data"], env={"PATH": "/opt/bin"}
    )


def test_claude_code(tmp_path: Path) -> None:
    entries = load_servers(written(tmp_path, CLAUDE_CODE, ".mcp.json"))
    assert [(entry.name, entry.type, entry.is_project) for entry in entries.values()] == [
        ("local", "stdio", True),
        ("remote", "http", True),
        ("old", "sse", True),
    ]
    assert entries["local"].server(ENVIRON) == StdioServerParameters(
        command="/home/ada/bin/server", args=["--port", "8000"], env={"TOKEN": "secret-token"}
    )
    assert entries["remote"].server(ENVIRON) == HttpServerParameters(
        "https://example.com/mcp", {"Authorization": "Bearer secret-token"}
    )
    assert entries["old"].server(ENVIRON) == HttpServerParameters("https://example.com/sse", sse=True)


def test_cursor(tmp_path: Path) -> None:
    entries = load_servers(written(tmp_path, CURSOR, ".cursor/mcp.json"))
    assert entries["there"].server(ENVIRON) == HttpServerParameters(
        "http://localhost:3000/mcp", {"X-Key": "secret-token"}
    )
    written(tmp_path, 'TOKEN=from-the-file\nREGION="${HOME}"\nBARE\n', ".env")
    server = entries["here"].server(ENVIRON)
    assert isinstance(server, StdioServerParameters)
    assert server.args == [f"{tmp_path}{os.sep}server.py"]
    assert server.env == {"TOKEN": "from the entry", "REGION": "${HOME}"}


def test_vs_code(tmp_path: Path) -> None:
    path = written(tmp_path, VS_CODE, ".vscode/mcp.json")
    entries = load_servers(path)
    assert entries["web"].server(ENVIRON) == HttpServerParameters("https://example.com/mcp?a=//b")
    assert entries["asks"].members["args"] == ["a, ]", "${input:key}"]
    with pytest.raises(
        ConfigError, match=r"server 'asks': args\[1\] has \$\{input:key\}, for which VS Code asks"
    ):
        entries["asks"].server(ENVIRON)


def test_a_mapping_is_a_file_that_was_read_already() -> None:
    entries = load_servers(json.loads(CLAUDE_DESKTOP))
    assert list(entries) == ["files"]
    assert entries["files"].server().args == ["-y", "server-files", "/data"]  # type: ignore[union-attr]


def test_a_relative_directory_is_one_of_the_project(tmp_path: Path) -> None:
    text = json.dumps(
        {"servers": {"x": {"command": "a", "cwd": "sub"}, "y": {"command": "a", "cwd": "/abs"}}}
    )
    entries = load_servers(written(tmp_path, text, ".vscode/mcp.json"))
    assert entries["x"].server().cwd == tmp_path / "sub"  # type: ignore[union-attr]
    assert entries["y"].server().cwd == Path("/abs")  # type: ignore[union-attr]


# -- variables -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("${TOKEN}", "secret-token"),
        ("a${TOKEN}b${HOME}", "asecret-tokenb/home/ada"),
        ("$TOKEN {TOKEN} $(TOKEN) ${", "$TOKEN {TOKEN} $(TOKEN) ${"),
        ("${UNSET:-}", ""),
        ("${UNSET:-a:-b}", "a:-b"),
        ("${EMPTY:-full}", "full"),
        ("${EMPTY}", ""),
        ("${env:UNSET:-x}", "x"),
        ("${TRICK}", "${TOKEN}"),
    ],
)
def test_variables_are_filled_in_once(text: str, filled: str) -> None:
    entry = load_servers({"mcpServers": {"x": {"command": text or "c", "args": [text]}}})["x"]
    server = entry.server({**ENVIRON, "TRICK": "${TOKEN}"})
    assert isinstance(server, StdioServerParameters)
    assert (server.command, server.args) == (filled, [filled])


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("${UNSET}", "needs the environment variable UNSET, which is not set"),
        ("${env:UNSET}", "needs the environment variable UNSET, which is not set"),
        ("${input:key}", "VS Code asks the user"),
        ("${command:pick}", "means nothing here"),
        ("${}", "means nothing here"),
        ("${a b}", "means nothing here"),
        ("${\x1b[31m" + "x" * 9999 + "}", "means nothing here"),
    ],
)
def test_a_variable_that_cannot_be_filled_in_is_named(reference: str, words: str) -> None:
    servers = {"mcpServers": {"x": {"url": "https://e.com", "headers": {"A": "public " + reference}}}}
    with pytest.raises(ConfigError, match=r"server 'x': headers\.A ") as caught:
        load_servers(servers)["x"].server(ENVIRON)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 300
    assert str(caught.value).isprintable()


# -- what a project may not set ------------------------------------------------------------------------

DANGEROUS = [
    *("LD_PRELOAD", "ld_library_path", "DYLD_INSERT_LIBRARIES", "PYTHONPATH", "Path", "NODE_OPTIONS"),
    *("BASH_FUNC_echo%%", "SHELLOPTS", "npm_config_node_options", "npm_config_script-shell", "PERL5LIB"),
    *(
        "RUBYLIB",
        "_JAVA_OPTIONS",
        "JDK_JAVA_OPTIONS",
        "DOTNET_STARTUP_HOOKS",
        "GCONV_PATH",
        "GIT_SSH_COMMAND",
    ),
    *("HOME", "USERPROFILE", "XDG_CONFIG_HOME", "XDG_DATA_DIRS", "ENV", "VIRTUAL_ENV", "npm_config_registry"),
    *("UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_CONFIG_FILE", "UV_PYTHON", "UV_PROJECT", "UV_ENV_FILE"),
    *("PIP_INDEX_URL", "PIP_CONFIG_FILE", "BUN_CONFIG_REGISTRY", "BUN_INSTALL", "GEM_HOME", "BUNDLE_GEMFILE"),
    *("LUA_INIT", "R_PROFILE_USER", "R_PROFILE", "OPENSSL_CONF", "CARGO_HOME", "RUSTC_WRAPPER", "GOFLAGS"),
    *("HF_ENDPOINT", "R_ENVIRON_USER", "PYTHONUSERBASE", "ALL_PROXY", "SHELL", "EDITOR", "CONDA_CHANNELS"),
    *("DOCKER_HOST", "HTTPS_PROXY", "SSL_CERT_FILE", "PUPPETEER_DOWNLOAD_BASE_URL", "SOMETHING_NEW"),
]


@pytest.mark.parametrize("name", [".mcp.json", ".vscode/mcp.json", ".cursor/mcp.json"])
@pytest.mark.parametrize("variable", DANGEROUS)
def test_a_project_may_not_say_what_else_a_command_runs(tmp_path: Path, name: str, variable: str) -> None:
    """What is not known to be harmless is refused (1.30)."""
    text = json.dumps({"mcpServers": {"x": {"command": "python", "env": {variable: "/tmp/evil"}}}})
    with pytest.raises(ConfigError, match=f"server 'x': a project's file may not set {variable}"):
        load_servers(written(tmp_path, text, name))["x"].server()


def test_a_project_may_not_set_it_by_a_file_either(tmp_path: Path) -> None:
    written(tmp_path, "LD_PRELOAD=/tmp/evil.so", "my.env")
    text = json.dumps({"mcpServers": {"x": {"command": "python", "envFile": "my.env"}}})
    with pytest.raises(ConfigError, match="may not set LD_PRELOAD"):
        load_servers(written(tmp_path, text, ".mcp.json"))["x"].server()


HARMLESS = [
    *("API_KEY", "GITHUB_TOKEN", "github_personal_access_token", "DB_PASSWORD", "AWS_ACCESS_KEY_ID"),
    *("AWS_REGION", "DATABASE_URL", "LOG_LEVEL", "PORT", "TZ", "DEBUG", "OPENAI_MODEL", "SLACK_TEAM_ID"),
    *("PYTHONUNBUFFERED", "npm_config_yes", "npm_config_loglevel", "NODE_ENV"),
]


def test_a_project_may_set_credentials_and_settings(tmp_path: Path) -> None:
    """The list has what servers are configured with (1.30)."""
    env = dict.fromkeys(HARMLESS, "1")
    text = json.dumps({"mcpServers": {"x": {"command": "python", "env": env}}})
    assert load_servers(written(tmp_path, text, ".mcp.json"))["x"].server().env == env  # type: ignore[union-attr]


@pytest.mark.parametrize("variable", DANGEROUS)
def test_a_file_of_the_persons_own_may_set_it(tmp_path: Path, variable: str) -> None:
    servers = {"mcpServers": {"x": {"command": "python", "env": {variable: "/opt/x"}}}}
    path = written(tmp_path, json.dumps(servers), "claude_desktop_config.json")
    for entry in (load_servers(path)["x"], load_servers(servers)["x"]):
        assert entry.server().env == {variable: "/opt/x"}  # type: ignore[union-attr]
    with pytest.raises(ConfigError, match="may not set"):
        load_servers(path, project=True)["x"].server()


@pytest.mark.parametrize("name", [".mcp.json", ".cursor/mcp.json", ".vscode/mcp.json"])
def test_what_lies_in_the_home_directory_is_the_persons_own(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    path = written(tmp_path, json.dumps({"servers": {"x": {"command": "a", "env": {"PATH": "b"}}}}), name)
    assert not load_servers(path)["x"].is_project
    assert load_servers(path, project=True)["x"].is_project


def is_project(path: Path) -> bool:
    return next(iter(load_servers(path).values())).is_project


@pytest.mark.parametrize(
    "name", ["mcp.json", ".roo/mcp.json", ".claude/servers.json", ".claude/deep/er/x.json", ".MCP.json"]
)
def test_other_places_of_projects_count_too(tmp_path: Path, name: str) -> None:
    """Wherever a host looks, the project may have put it there (1.30)."""
    assert is_project(written(tmp_path, CURSOR, name))


def test_a_link_to_a_projects_file_is_the_projects(tmp_path: Path) -> None:
    """What is read counts, not the name by which it was found (1.30)."""
    link = tmp_path / "own.json"
    link.symlink_to(written(tmp_path / "repository", CURSOR, ".mcp.json"))
    assert is_project(link)


@pytest.mark.parametrize("linked", ["servers.json", "sub/servers.json", "sub"])
def test_a_link_that_a_repository_has_is_the_projects(tmp_path: Path, linked: str) -> None:
    """A repository chooses where its links lead (1.30)."""
    repository, elsewhere = tmp_path / "repository", tmp_path / "elsewhere"
    (repository / ".git").mkdir(parents=True)
    path = repository / linked
    path.parent.mkdir(exist_ok=True)
    file = written(elsewhere, CURSOR)
    path.symlink_to(elsewhere if linked == "sub" else file)
    assert is_project(path / "servers.json" if linked == "sub" else path)
    assert not is_project(file)
    assert not is_project(written(repository, CURSOR, "mine.json")), "a plain file that the user names"


def test_a_user_without_a_home_directory_has_files_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container whose user has no entry in the passwd file (1.30)."""

    def missing() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", missing)
    assert not is_project(written(tmp_path, CURSOR))
    assert is_project(written(tmp_path, CURSOR, ".mcp.json"))


def test_a_link_in_the_home_directory_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many keep their own settings in a repository, and link to them (1.30)."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    own = tmp_path / ".cursor" / "mcp.json"
    own.parent.mkdir()
    own.symlink_to(written(tmp_path / "dotfiles", CURSOR, ".cursor/mcp.json"))
    assert not is_project(own)


# -- files that cannot be used -------------------------------------------------------------------------


def x(**members: Any) -> dict[str, Any]:
    return {"mcpServers": {"x": members}}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([], "must be a JSON object"),
        ("text", "must be a JSON object"),
        ({}, 'either "mcpServers" or "servers"'),
        ({"mcpServers": {}, "servers": {}}, 'either "mcpServers" or "servers"'),
        ({"mcpServers": []}, "mcpServers must be an object"),
        ({"servers": None}, "servers must be an object"),
        ({"mcpServers": {"x": "npx"}}, "server 'x': it must be an object"),
        (x(), "either command or url"),
        (x(command="a", url="http://b"), "either command or url"),
        (x(type="ws", url="wss://a"), "type must be one of stdio, http"),
        (x(type=["stdio"], command="a"), "type must be one of"),
        (x(type="stdio", url="http://a"), "command is missing"),
        (x(type="http", command="a"), "url is missing"),
        (x(command=["npx", "-y"]), "command must be a text"),
        (x(command=""), "command must be a text"),
        (x(command="a\0b"), "command must be a text"),
        (x(command="a", args="--all"), "args must be a list of texts"),
        (x(command="a", args=[1]), "args must be a list of texts"),
        (x(command="a", args=["\0"]), "args must be a list of texts"),
        (x(command="a", env=["A=b"]), "env must be an object of texts"),
        (x(command="a", env={"A": 1}), "env must be an object of texts"),
        (x(command="a", env={"A": None}), "env must be an object of texts"),
        (x(command="a", cwd=7), "cwd must be a text"),
        (x(url=7), "url must be a text"),
        (x(url="http://a", headers=["A: b"]), "headers must be an object of texts"),
    ],
)
def test_a_form_that_cannot_be_used_is_named(tmp_path: Path, content: Any, words: str) -> None:
    path = written(tmp_path, json.dumps(content))
    with pytest.raises(ConfigError) as caught:
        load_servers(path)
    assert words in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert isinstance(caught.value, McpJupyterError | ValueError)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"url": "ftp://a/b"}, "url must begin with http"),
        ({"url": "file:///etc/passwd"}, "url must begin with http"),
        ({"url": "http://a", "headers": {"A B": "c"}}, "headers.A B is not a valid header"),
        ({"url": "http://a", "headers": {"": "c"}}, "is not a valid header"),
        ({"url": "http://a", "headers": {"A": "secret\r\nEvil: 1"}}, "headers.A is not a valid header"),
        ({"url": "http://a", "headers": {"A": "secret é"}}, "headers.A is not a valid header"),
        ({"command": "a", "env": {"A=B": "secret"}}, "env.A=B is not a valid variable name"),
        ({"command": "a", "env": {"": "secret"}}, "is not a valid variable name"),
        ({"command": "a", "envFile": "/no/such/file"}, "envFile: file not found"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_and_not_shown(members: dict[str, Any], words: str) -> None:
    entry = load_servers({"mcpServers": {"x": members}})["x"]
    with pytest.raises(ConfigError, match="server 'x'") as caught:
        entry.server()
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)


HOSTILE = {
    "empty": b"",
    "cut off": b'{"mcpServers": {"x": ',
    "deep": b"[" * 1_000_000,
    "deep objects": b'{"mcpServers":' * 200_000,
    "infinite": b'{"mcpServers": {"x": {"command": "a", "timeout": Infinity}}}',
    "not UTF-8": b'{"mcpServers": {"\xff": 1}}',
    "UTF-16": '{"mcpServers": {}}'.encode("utf-16"),
    "open comments": b"/*" * 1_000_000,
    "open text": b'"\\' * 1_000_000,
    "commas": b", " * 1_000_000,
    "blanks": b"," + b" " * 2_000_000,
    "a page": b"<html>",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_no_json_is_refused_in_a_moment(tmp_path: Path, content: bytes) -> None:
    path = written(tmp_path, content)
    began = time.thread_time()
    with pytest.raises(ConfigError, match="is not valid JSON") as caught:
        load_servers(path)
    assert time.thread_time() - began < 5
    assert len(str(caught.value)) < 600


def test_a_mistake_is_named_by_line_even_among_comments(tmp_path: Path) -> None:
    path = written(tmp_path, '{ // one\n /* two\n three */ "servers": {\n "a" 7 }}')
    with pytest.raises(ConfigError, match="line 4"):
        load_servers(path)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    assert list(load_servers(written(tmp_path, "\ufeff" + CLAUDE_DESKTOP))) == ["files"]


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = written(tmp_path, b"")
    with path.open("r+b") as file:
        file.truncate(MAX_HOST_FILE_BYTES + 1)
    with pytest.raises(ConfigError, match=f"more than {MAX_HOST_FILE_BYTES} bytes"):
        load_servers(path)


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "nul"])
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "servers.json"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(ConfigError, match="servers"):
        load_servers("servers\0.json" if kind == "nul" else path)


def test_names_are_made_fit_for_a_message() -> None:
    with pytest.raises(ConfigError) as caught:
        load_servers({"mcpServers": {"\x1b[31m" + "y" * 5000: 7}})
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


def test_an_entry_shows_no_secret() -> None:
    entry = load_servers({"mcpServers": {"x": {"url": "http://a/?t=secret", "headers": {"A": "secret"}}}})[
        "x"
    ]
    assert "secret" not in repr(entry) + repr(entry.server()) + str(entry.server())
