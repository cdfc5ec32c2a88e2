# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp install`: what a host's configuration holds afterwards, and that what it says works."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mcp_jupyter.cli.config_file import BACKUP_SUFFIX
from mcp_jupyter.cli.hosts import HOSTS
from tests.conftest import JupyterDirs
from tests.extension.support import NAME, serve_notebook

from .support import JUPYTER_MCP, SECONDS, run
from .test_attach import call, modern
from .test_dev import SERVER, UV, program

Install = Callable[..., "subprocess.CompletedProcess[str]"]

PLACES = {
    "claude-desktop": ("config/Claude/claude_desktop_config.json", "mcpServers"),
    "claude-code": (".claude.json", "mcpServers"),
    "cursor": (".cursor/mcp.json", "mcpServers"),
    "vscode": ("config/Code/User/mcp.json", "servers"),
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home where every host has been started once."""
    home = tmp_path / "home"
    for place, _ in PLACES.values():
        (home / place).parent.mkdir(parents=True, exist_ok=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("APPDATA", str(home / "config"))
    monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
    return home


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
def test_each_host_starts_what_is_written(install: Install, home: Path, file: Path, host: str) -> None:
    ended = install(file, "--host", host, "-v", "KEY=a=b ü")
    assert ended.returncode == 0, ended.stderr
    place, member = PLACES[host]
    path = home / place
    assert f"Added adder in {path}." in ended.stdout
    assert path.stat().st_mode & 0o777 == 0o600
    written = json.loads(path.read_text())
    entry = written[member]["adder"]
    assert written == {member: {"adder": entry}}
    assert entry.pop("type", "stdio") == "stdio"
    assert entry.pop("env") == {"KEY": "a=b ü"}
    assert entry == {"command": sys.executable, "args": ["-P", "-m", "mcp_jupyter.cli", "run", str(file)]}
    assert start(entry) == 3
    assert [each for each in home.rglob("*") if each.is_file()] == [path]


def test_the_folder_it_is_started_in_does_not_matter(
    install: Install, home: Path, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = json.loads(install(file, "--print").stdout)["mcpServers"]["adder"]
    project = tmp_path / "project"
    project.mkdir()
    for name in ("click", "anyio", "mcp_jupyter"):
        (project / f"{name}.py").write_text("raise SystemExit('not ours')")
    assert start(entry, project) == 3


def test_what_others_wrote_stays(install: Install, home: Path, file: Path) -> None:
    path = home / PLACES["claude-desktop"][0]
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


def test_again_replaces_and_says_so(install: Install, home: Path, file: Path) -> None:
    path = home / PLACES["cursor"][0]
    install(file, "--host", "cursor", "--name", "adder", "-v", "KEY=1", "-v", "OTHER=1")
    ended = install(file, "--host", "cursor", "-v", "OTHER=2")
    assert "Replaced adder in" in ended.stdout
    assert "Kept of the entry before: KEY." in ended.stdout
    (entry,) = json.loads(path.read_text())["mcpServers"].values()
    assert entry["env"] == {"KEY": "1", "OTHER": "2"}
    held = path.stat()
    ended = install(file, "--host", "cursor")
    assert "Nothing was changed" in ended.stdout
    assert path.stat() == held


def test_print_writes_nothing(install: Install, home: Path, file: Path) -> None:
    file.write_text(f"print('no JSON')\n{SERVER.replace('DEPENDENCIES', '[]')}")
    ended = install(file, "--host", "vscode", "--print")
    assert json.loads(ended.stdout)["servers"]["adder"]["type"] == "stdio"
    assert str(home / PLACES["vscode"][0]) in ended.stderr
    assert [each for each in home.rglob("*") if each.is_file()] == []


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
    path = home / PLACES["claude-desktop"][0]
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
    assert "Cursor was not found" in ended.stderr
    assert not (home / ".cursor").exists()


def test_the_environment_comes_from_a_file_too(install: Install, home: Path, file: Path) -> None:
    env = file.with_name("keys.env")
    env.write_text("# keys\nexport A='one'\nB=\"two words\"\n")
    ended = install(file, "-f", env, "-v", "B=2", "--print")
    assert json.loads(ended.stdout)["mcpServers"]["adder"]["env"] == {"A": "one", "B": "2"}


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("-v", "KEY"), "has no value"),
        (("-v", "A B=1"), "'A B' is no name of a variable"),
        (("-v", "KEY=canary\x1b[31m"), "The value of KEY has control characters"),
        (("-v", "KEY=canary\nX=1"), "The value of KEY has control characters"),
        (("-f", "nowhere.env"), "nowhere.env"),
        (("--name", ""), "--name"),
        (("--name", "a\nb"), "--name"),
        (("--host", "emacs"), "claude-desktop"),
        (("--with", "cowsay"), "uv"),
    ],
)
def test_a_bad_wish_is_told(
    install: Install, home: Path, file: Path, args: tuple[str, ...], words: str
) -> None:
    ended = install(file, *args, PATH="/nowhere")
    assert ended.returncode in (1, 2)
    assert words in ended.stderr
    assert "canary" not in ended.stderr
    assert "Traceback" not in ended.stderr
    assert [each for each in home.rglob("*") if each.is_file()] == []


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
    args = ["-P", "-m", "mcp_jupyter.cli", "run", str(path)]
    assert servers == {"Q3 Übersicht": {"command": sys.executable, "args": args, "env": {"YEAR": "2026"}}}


def test_a_notebook_file_is_run_with_parameters_and_in_a_kernel(install: Install, tmp_path: Path) -> None:
    path = tmp_path / "analysis.ipynb"
    path.write_text("{}")
    ended = install(path, "-p", "year=2026", "-p", "label=-x", "--kernel", "other", "--print")
    entry = json.loads(ended.stdout)["mcpServers"]["analysis"]
    assert entry["args"][4:] == [str(path), "--parameter=year=2026", "--parameter=label=-x", "--kernel=other"]


@pytest.mark.anyio
async def test_a_live_notebook_is_attached_to(jupyter_dirs: JupyterDirs, home: Path) -> None:
    async with serve_notebook(path="team/report.ipynb"):
        ended = await run(jupyter_dirs, "install", NAME, "--host", "claude-code")
    assert (ended.returncode, ended.stderr) == (0, b"")
    entry = json.loads((home / ".claude.json").read_text())["mcpServers"][NAME]
    assert entry["args"] == ["-P", "-m", "mcp_jupyter.cli", "attach", NAME]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("nothing-live",), "No live notebook is named 'nothing-live'"),
        (("nowhere.ipynb",), "There is no file nowhere.ipynb"),
        (("nowhere.py",), "There is no file nowhere.py"),
        (("nothing-live", "-v", "A=1"), "-v, -f and --with are for a FILE"),
        (("nothing-live", "-p", "a=1"), "-p and --kernel are for a notebook file"),
    ],
)
def test_what_is_not_there_is_told(install: Install, args: tuple[str, ...], words: str) -> None:
    ended = install(*args)
    assert ended.returncode in (1, 2)
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
