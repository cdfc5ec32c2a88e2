# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp dev`: what is started, with stand-ins for the programs that are not Python's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mcp_jupyter.cli.dev import INSPECTOR
from tests.conftest import JupyterDirs

from .support import JUPYTER_MCP, SECONDS
from .test_attach import call, modern

SERVER = """
from mcp_jupyter.server.fastmcp import FastMCP

mcp = FastMCP("adder", dependencies=DEPENDENCIES)

@mcp.tool()
def add(a: int, b: int) -> int:
    return a + b
"""

NPX = f"""#!{sys.executable}
import json, subprocess, sys
arguments = sys.argv[1:]
print(json.dumps(arguments), flush=True)
sys.exit(subprocess.call(arguments[arguments.index("--") + 1:]))
"""

UV = f"""#!{sys.executable}
import json, os, sys
arguments = sys.argv[1:]
print(json.dumps(arguments), file=sys.stderr, flush=True)
os.execv(sys.executable, [sys.executable, *arguments[arguments.index("--") + 2:]])
"""


def program(folder: Path, name: str, source: str) -> None:
    path = folder / name
    path.write_text(source)
    path.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder for PATH, with a Node that is new enough and an npx that does what it is told."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program(folder, "node", "#!/bin/sh\necho v22.19.0\n")
    program(folder, "npx", NPX)
    return folder


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my server.py"
    path.write_text(SERVER.replace("DEPENDENCIES", "[]"))
    return path


def dev(dirs: JupyterDirs, programs: Path, *args: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [JUPYTER_MCP, "dev", *map(str, args)],
        env=dirs.environ | {"PATH": str(programs)},
        input=json.dumps(modern(call(1, "add", a=1, b=2))) + "\n",
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )


def test_the_inspector_gets_a_command_that_serves(
    jupyter_dirs: JupyterDirs, programs: Path, file: Path
) -> None:
    ended = dev(jupyter_dirs, programs, file)
    assert ended.returncode == 0, ended.stderr
    started, answer = map(json.loads, ended.stdout.splitlines())
    assert started == ["--yes", INSPECTOR, "--", JUPYTER_MCP, "run", str(file)]
    assert answer["result"]["structuredContent"] == {"result": 3}


def test_packages_come_by_uv(jupyter_dirs: JupyterDirs, programs: Path, file: Path, tmp_path: Path) -> None:
    program(programs, "uv", UV)
    file.write_text(SERVER.replace("DEPENDENCIES", "['polars>=1', 'cowsay']"))
    ended = dev(jupyter_dirs, programs, f"{file}:mcp", "--with", "cowsay", "--with-editable", tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout.splitlines()[-1])["id"] == 1
    brought = json.loads(ended.stderr.splitlines()[0])
    assert brought[: brought.index("--")] == [
        *("run", "--no-project", "--python", sys.executable),
        *("--with", "cowsay", "--with", "polars>=1", "--with-editable", str(tmp_path)),
    ]
    assert brought[-1] == f"{file}:mcp"


def test_what_is_missing_here_may_be_brought_along(
    jupyter_dirs: JupyterDirs, programs: Path, file: Path
) -> None:
    program(programs, "uv", "#!/bin/sh\n")
    file.write_text("import no_such_module_at_all")
    ended = dev(jupyter_dirs, programs, file, "--with", "no-such-module")
    assert ended.returncode == 0
    assert "Not tried out" in ended.stderr
    ended = dev(jupyter_dirs, programs, file)
    assert ended.returncode == 1
    assert f"Error: {file}, line 1: ModuleNotFoundError" in ended.stderr


def test_without_uv_it_says_how_to_get_it(jupyter_dirs: JupyterDirs, programs: Path, file: Path) -> None:
    ended = dev(jupyter_dirs, programs, file, "--with", "cowsay")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "pip install uv" in ended.stderr


def test_dependencies_of_a_file_that_loads_need_no_uv(
    jupyter_dirs: JupyterDirs, programs: Path, file: Path
) -> None:
    file.write_text(SERVER.replace("DEPENDENCIES", "['pandas']"))
    ended = dev(jupyter_dirs, programs, file)
    assert ended.returncode == 0
    assert "without bringing along pandas" in ended.stderr


@pytest.mark.parametrize("package", ["", "-r x", "a\nb"])
def test_what_is_no_package_is_refused(
    jupyter_dirs: JupyterDirs, programs: Path, file: Path, package: str
) -> None:
    program(programs, "uv", UV)
    ended = dev(jupyter_dirs, programs, file, f"--with={package}")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "is not a valid package" in ended.stderr


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ("#!/bin/sh\necho v20.20.2\n", "is 20.20. Get it from"),
        ("#!/bin/sh\necho v22.18.9\n", "is 22.18. Get it from"),
        ("#!/bin/sh\necho nothing\n", "is of an unknown version"),
        (None, "none was found"),
    ],
)
def test_a_node_that_does_not_do_is_told(
    jupyter_dirs: JupyterDirs, programs: Path, file: Path, node: str | None, words: str
) -> None:
    (programs / "node").unlink()
    if node is not None:
        program(programs, "node", node)
    ended = dev(jupyter_dirs, programs, file)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert words in ended.stderr
    assert "22.19 or newer" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_node_without_npx_is_told(jupyter_dirs: JupyterDirs, programs: Path, file: Path) -> None:
    (programs / "npx").unlink()
    assert "npx, which was not found" in dev(jupyter_dirs, programs, file).stderr


def test_a_file_that_fails_starts_nothing(jupyter_dirs: JupyterDirs, programs: Path, file: Path) -> None:
    file.write_text("1 / 0")
    ended = dev(jupyter_dirs, programs, file)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "line 1: ZeroDivisionError" in ended.stderr
