# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp install`: what a host's configuration holds afterwards, and that what it says works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from mcp_jupyter.cli.host_file import BACKUP_SUFFIX
from mcp_jupyter.client.config.host_entries import entries_of_host
from mcp_jupyter.client.config.hosts import HOSTS
from mcp_jupyter.client.stdio import StdioServerParameters
from tests.conftest import JupyterDirs
from tests.extension.support import NAME, serve_notebook

from .support import JUPYTER_MCP, SECONDS, files, run
from .test_attach import call, modern
from .test_dev import SERVER, UV, program

Install = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my server.py"
    path.write_text(SERVER.replace("DEPENDENCIES", "[]"))
    return path


@pytest.fixture
def install(jupyter_dirs: JupyterDirs, home: Path) -> Install:
    def install(*args: object, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [JUPYTER_MCP, "install", *map(str, args)],
            env=jupyter_dirs.environ | environ,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )

    return install


def directories(dirs: JupyterDirs) -> dict[str, str]:
    """What every entry says of Jupyter's own directories here."""
    return {name: value for name, value in dirs.settings.items() if name.startswith("JUPYTER_")}


def start(entry: dict[str, Any], folder: Path = Path("/")) -> Any:
    """Start what an entry says as a host does, from elsewhere, and call it once."""
    ended = subprocess.run(
        [entry["command"], *entry["args"]],
        input=json.dumps(modern(call(1, "add", a=1, b=2))) + "\n",
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    return json.loads(ended.stdout)["result"]["structuredContent"]["result"]


@pytest.mark.parametrize("host", HOSTS)
def test_each_host_has_what_is_written(
    install: Install, home: Path, file: Path, host: str, jupyter_dirs: JupyterDirs
) -> None:
    """Written in the host's form, and read as a host's entry again (2: installing)."""
    ended = install(file, "--host", host, "-v", "KEY=a=b ü")
    assert ended.returncode == 0, ended.stderr
    path = HOSTS[host].locate()
    assert f"Added adder in {path}." in ended.stdout
    assert path.stat().st_mode & 0o777 == 0o600
    (entry,) = entries_of_host(host, home).values()
    assert entry.name == "adder"
    server = entry.server()
    assert isinstance(server, StdioServerParameters)
    assert (server.command, server.args) == (JUPYTER_MCP, ["run", str(file)])
    assert server.env == {**directories(jupyter_dirs), "KEY": "a=b ü"}
    assert files(home, jupyter_dirs) == [path]
    before = path.read_bytes()
    assert "Nothing was changed" in install(file, "--host", host, "-v", "KEY=a=b ü").stdout
    assert path.read_bytes() == before


COMMAND = {"command": JUPYTER_MCP, "args": ["run", "FILE"]}
WRITTEN = {
    "claude-code": {"mcpServers": {"adder": {"type": "stdio", **COMMAND}}},
    "vscode": {"servers": {"adder": {"type": "stdio", **COMMAND}}},
    "cursor": {"mcpServers": {"adder": COMMAND}},
    "gemini": {"mcpServers": {"adder": COMMAND}},
    "copilot": {"mcpServers": {"adder": {"type": "local", "tools": ["*"], **COMMAND}}},
    "zed": {"context_servers": {"adder": COMMAND}},
}


@pytest.mark.parametrize("host", WRITTEN)
def test_an_entry_has_the_hosts_own_form(install: Install, file: Path, host: str) -> None:
    """What hosts' documentation has for a program (2: installing)."""
    held = json.loads(install(file, "--host", host, "--print").stdout.replace(str(file), "FILE"))
    (entry,) = next(iter(held.values())).values()
    entry.pop("env")
    assert held == WRITTEN[host]


def test_codex_waits_for_our_tools(install: Install, file: Path, jupyter_dirs: JupyterDirs) -> None:
    """Without `required` its first turn has none of them (2: installing)."""
    held = tomllib.loads(install(file, "--host", "codex", "--print").stdout)
    assert held["mcp_servers"]["adder"] == {
        "required": True,
        "startup_timeout_sec": 60,
        "command": JUPYTER_MCP,
        "args": ["run", str(file)],
        "env": directories(jupyter_dirs),
    }


def test_opencode_has_one_list_and_time_for_the_kernel(install: Install, file: Path) -> None:
    """Its limit for the list of tools is 5 s (2: installing)."""
    (entry,) = json.loads(install(file, "--host", "opencode", "--print").stdout)["mcp"].values()
    assert (entry["type"], entry["command"]) == ("local", [JUPYTER_MCP, "run", str(file)])
    assert (entry["enabled"], entry["timeout"]) == (True, 60_000)


def test_goose_and_continue_get_yaml(install: Install, file: Path) -> None:
    """By name in Goose, a list in Continue, whose file has three members of its own (2: installing)."""
    goose = yaml.safe_load(install(file, "--host", "goose", "--print").stdout)["extensions"]["adder"]
    assert (goose["type"], goose["name"], goose["cmd"], goose["args"][0], goose["enabled"]) == (
        *("stdio", "adder", JUPYTER_MCP, "run"),
        True,
    )
    held = yaml.safe_load(install(file, "--host", "continue", "--print").stdout)
    assert (held["name"], held["version"], held["schema"]) == ("Main Config", "1.0.0", "v1")
    assert (held["mcpServers"][0]["name"], held["mcpServers"][0]["command"]) == ("adder", JUPYTER_MCP)


def test_jupyter_ai_gets_lists_of_pairs(install: Install, file: Path, jupyter_dirs: JupyterDirs) -> None:
    """Its file is a list of servers, with variables by name and value (2: installing)."""
    ((entry,),) = json.loads(install(file, "--host", "jupyter-ai", "--print").stdout).values()
    assert (entry["name"], entry["command"]) == ("adder", JUPYTER_MCP)
    assert {pair["name"]: pair["value"] for pair in entry["env"]} == directories(jupyter_dirs)


def test_the_folder_it_is_started_in_does_not_matter(
    install: Install, home: Path, file: Path, tmp_path: Path
) -> None:
    """A project's `click.py` is not imported (2: installing)."""
    entry = json.loads(install(file, "--print").stdout)["mcpServers"]["adder"]
    project = tmp_path / "project"
    project.mkdir()
    for name in ("click", "anyio", "mcp_jupyter"):
        (project / f"{name}.py").write_text("raise SystemExit('not ours')")
    assert start(entry, project) == 3


def test_paths_are_whole_and_plain(
    install: Install, file: Path, jupyter_dirs: JupyterDirs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a `..` nor a relative path is written: a host starts elsewhere (2: installing)."""
    monkeypatch.chdir(file.parent)
    runtime = os.path.relpath(jupyter_dirs.runtime)
    ended = install(f"./home/../{file.name}", "--print", JUPYTER_RUNTIME_DIR=runtime)
    (entry,) = json.loads(ended.stdout)["mcpServers"].values()
    assert entry["args"] == ["run", str(file)]
    assert entry["env"]["JUPYTER_RUNTIME_DIR"] == str(jupyter_dirs.runtime)


def test_what_others_wrote_stays(install: Install, home: Path, file: Path) -> None:
    path = HOSTS["claude-desktop"].locate()
    before = (
        '{\n    "theme": "dark",\n    "mcpServers": {\n        "b": {"c": "x"},\n        "a": {}\n    }\n}\n'
    )
    path.write_text(before)
    path.chmod(0o640)
    ended = install(file, "--name", "mine")
    assert ended.returncode == 0, ended.stderr
    written = json.loads(path.read_text())
    assert [*written["mcpServers"]] == ["b", "a", "mine"]
    assert written["theme"] == "dark"
    backup = path.with_name(path.name + BACKUP_SUFFIX)
    assert str(backup) in ended.stdout
    assert (backup.read_text(), backup.stat().st_mode & 0o777) == (before, 0o640)
    assert path.stat().st_mode & 0o777 == 0o640
    install(file, "--name", "another")
    assert backup.read_text() == before


def test_again_replaces_and_says_so(install: Install, home: Path, file: Path) -> None:
    path = HOSTS["cursor"].locate()
    install(file, "--host", "cursor", "--name", "adder", "-v", "KEY=1", "-v", "OTHER=1")
    ended = install(file, "--host", "cursor", "-v", "OTHER=2")
    assert "Replaced adder in" in ended.stdout
    assert "Kept of the entry before: KEY." in ended.stdout
    (entry,) = json.loads(path.read_text())["mcpServers"].values()
    assert (entry["env"]["KEY"], entry["env"]["OTHER"]) == ("1", "2")
    held = path.stat()
    ended = install(file, "--host", "cursor")
    assert "Nothing was changed" in ended.stdout
    assert path.stat() == held


@pytest.mark.parametrize("host", ["continue", "jupyter-ai", "codex"])
def test_variables_are_kept_whatever_their_form(install: Install, home: Path, file: Path, host: str) -> None:
    """Those that only the entry before sets, in lists and tables too (2: installing)."""
    install(file, "--host", host, "-v", "KEY=1")
    assert "Kept of the entry before: KEY." in install(file, "--host", host, "-v", "OTHER=2").stdout
    server = entries_of_host(host, home)["adder"].server()
    assert isinstance(server, StdioServerParameters)
    assert server.env is not None
    assert (server.env["KEY"], server.env["OTHER"]) == ("1", "2")


def test_print_writes_nothing(install: Install, home: Path, file: Path, jupyter_dirs: JupyterDirs) -> None:
    file.write_text(f"print('no JSON')\n{SERVER.replace('DEPENDENCIES', '[]')}")
    ended = install(file, "--host", "vscode", "--print")
    assert json.loads(ended.stdout)["servers"]["adder"]["type"] == "stdio"
    assert str(HOSTS["vscode"].locate()) in ended.stderr
    assert files(home, jupyter_dirs) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{\n  "mcpServers": {},\n  // mine\n}', "line 3, column 3"),
        ('{"mcpServers": []}', 'line 1, column 16: "mcpServers" should hold an object'),
        ("[]", "line 1, column 1"),
    ],
)
def test_a_file_that_cannot_be_read_is_left(
    install: Install, home: Path, file: Path, content: str, words: str
) -> None:
    path = HOSTS["claude-desktop"].locate()
    path.write_text(content)
    ended = install(file)
    assert ended.returncode == 1
    assert words in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert path.read_text() == content
    assert list(path.parent.iterdir()) == [path]


def test_a_host_that_is_not_there_is_told(install: Install, home: Path, file: Path) -> None:
    (home / ".cursor").rmdir()
    ended = install(file, "--host", "cursor")
    assert ended.returncode == 1
    assert "Cursor is not set up here: the folder " in ended.stderr
    assert not (home / ".cursor").exists()


def test_the_environment_comes_from_a_file_too(install: Install, home: Path, file: Path) -> None:
    env = file.with_name("keys.env")
    env.write_text("# keys\nexport A='one'\nB=\"two words\"\n")
    ended = install(file, "-f", env, "-v", "B=2", "--print")
    env = json.loads(ended.stdout)["mcpServers"]["adder"]["env"]
    assert (env["A"], env["B"]) == ("one", "2")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("-v", "KEY"), "has no value"),
        (("-v", "A B=1"), "'A B' is not a valid variable name"),
        (("-v", "KEY=canary\x1b[31m"), "The value of KEY has control characters"),
        (("-v", "KEY=canary\nX=1"), "The value of KEY has control characters"),
        (("-f", "nowhere.env"), "nowhere.env"),
        (("--name", ""), "--name"),
        (("--name", "a\nb"), "--name"),
        (("--host", "emacs"), "claude-desktop"),
        (("--with", "cowsay"), "uv"),
        (("--http",), "--http is for a live NOTEBOOK"),
        (("--tool", "*"), "for the token of --http"),
        (("--project",), "Claude Desktop reads no file of a project"),
        (("--project", "--host", "cursor", "-v", "A=1"), "do not go with --project"),
    ],
)
def test_a_bad_wish_is_told(
    install: Install, home: Path, file: Path, jupyter_dirs: JupyterDirs, args: tuple[str, ...], words: str
) -> None:
    ended = install(file, *args, PATH="/nowhere")
    assert ended.returncode in (1, 2)
    assert words in ended.stderr
    assert "canary" not in ended.stderr
    assert "Traceback" not in ended.stderr
    assert files(home, jupyter_dirs) == []


def test_packages_come_by_uv(install: Install, file: Path, tmp_path: Path) -> None:
    program(tmp_path, "uv", UV)
    file.write_text(SERVER.replace("DEPENDENCIES", "['polars']"))
    ended = install(file, "--with", "cowsay", "--print", PATH=str(tmp_path))
    entry = json.loads(ended.stdout)["mcpServers"]["adder"]
    assert entry["command"] == str(tmp_path / "uv")
    packages = ["--with", "cowsay", "--with", "polars"]
    assert entry["args"][:8] == ["run", "--no-project", "--python", sys.executable, *packages]
    assert start(entry) == 3


def test_a_file_without_a_server_is_not_installed(install: Install, home: Path, file: Path) -> None:
    file.write_text("x = 1")
    ended = install(file)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "has no server" in ended.stderr


def test_claude_code_takes_plain_names_only(install: Install, file: Path) -> None:
    file.write_text("from mcp_jupyter.server.fastmcp import FastMCP\nmcp = FastMCP('My (first) server')")
    ended = install(file, "--host", "claude-code", "--print")
    assert [*json.loads(ended.stdout)["mcpServers"]] == ["My-first-server"]


# -- notebooks -------------------------------------------------------------------------------------


def test_a_notebook_file_is_run_by_the_host(install: Install, tmp_path: Path) -> None:
    path = tmp_path / "Q3 Übersicht.ipynb"
    path.write_text("{}")
    ended = install(path, "-v", "YEAR=2026", "--print")
    servers = json.loads(ended.stdout)["mcpServers"]
    entry = servers["Q3 Übersicht"]
    assert (entry["command"], entry["args"], entry["env"]["YEAR"]) == (
        JUPYTER_MCP,
        ["run", str(path)],
        "2026",
    )


def test_a_notebook_file_is_run_with_parameters_and_in_a_kernel(install: Install, tmp_path: Path) -> None:
    path = tmp_path / "analysis.ipynb"
    path.write_text("{}")
    ended = install(
        path, "-p", "year=2026", "-p", "label=-x", "--kernel", "other", "--allow", "wipe", "--print"
    )
    entry = json.loads(ended.stdout)["mcpServers"]["analysis"]
    assert entry["args"][1:] == [
        str(path),
        "--parameter=year=2026",
        "--parameter=label=-x",
        "--kernel=other",
        "--allow=wipe",
    ]


@pytest.mark.anyio
async def test_a_live_notebook_is_attached_to(jupyter_dirs: JupyterDirs, home: Path) -> None:
    async with serve_notebook(path="team/report.ipynb"):
        ended = await run(jupyter_dirs, "install", NAME, "--host", "claude-code")
    assert (ended.returncode, ended.stderr) == (0, b"")
    entry = json.loads((home / ".claude.json").read_text())["mcpServers"][NAME]
    assert (entry["command"], entry["args"]) == (JUPYTER_MCP, ["attach", NAME])


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("nothing-live",), "No live notebook is named 'nothing-live'"),
        (("nowhere.ipynb",), "File not found: nowhere.ipynb"),
        (("nowhere.py",), "File not found: nowhere.py"),
        (("nothing-live", "-v", "A=1"), "-v, -f and --with are for a FILE"),
        (("nothing-live", "-p", "a=1"), "-p, --kernel and --allow are for notebook files only"),
    ],
)
def test_what_is_not_there_is_told(install: Install, args: tuple[str, ...], words: str) -> None:
    ended = install(*args)
    assert ended.returncode in (1, 2)
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
