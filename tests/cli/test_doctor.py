# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp doctor`: each line is ok, or says what to do."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from mcp_jupyter.client.config.hosts import HOSTS
from mcp_jupyter.kernel.http import serve_kernel_http
from tests.conftest import JupyterDirs
from tests.extension.support import KERNEL_ID, NAME, make_notebook, serve_notebook

from .support import run

pytestmark = pytest.mark.anyio


async def doctor(dirs: JupyterDirs, *args: str) -> tuple[int, list[str]]:
    ended = await run(dirs, "doctor", *args)
    assert b"Traceback" not in ended.stderr, ended.stderr
    return ended.returncode, ended.stdout.decode().splitlines()


def to_do(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith("!!")]


def put(host: str, entry: dict[str, object]) -> None:
    HOSTS[host].locate().write_text(json.dumps({HOSTS[host].member: {NAME: entry}}))


async def test_without_a_live_notebook_it_says_how_to_begin(jupyter_dirs: JupyterDirs, home: Path) -> None:
    """Also for a name that is not live (2: doctor)."""
    for args in ((), ("nosuch",)):
        code, lines = await doctor(jupyter_dirs, *args)
        assert code == 1
        assert to_do(lines)[0].count("%load_ext mcp_jupyter") == 1


async def test_a_host_that_does_not_know_the_notebook_gets_a_command(
    jupyter_dirs: JupyterDirs, home: Path
) -> None:
    """The command that writes its file (2: doctor)."""
    async with serve_notebook():
        code, lines = await doctor(jupyter_dirs, NAME, "--host", "codex")
        assert code == 1
        assert lines[0].startswith(f"ok  The notebook {NAME} is live")
        assert to_do(lines)[0].endswith(f"Run: jupyter mcp install {NAME} --host codex")
        code, lines = await doctor(jupyter_dirs)
        assert (code, to_do(lines)) == (
            1,
            [f"!!  No host's file names the notebook. Run: jupyter mcp install {NAME} --host HOST"],
        )


@pytest.mark.parametrize("host", ["codex", "cline", "goose", "jupyter-ai"])
async def test_what_install_wrote_is_ok(jupyter_dirs: JupyterDirs, home: Path, host: str) -> None:
    """From a bare environment, with the sizes that this host gets (2: doctor)."""
    async with serve_notebook():
        await run(jupyter_dirs, "install", NAME, "--host", host)
        code, lines = await doctor(jupyter_dirs, NAME)
    assert (code, to_do(lines)) == (0, [])
    said = "\n".join(lines)
    assert HOSTS[host].title in lines
    assert f"Its file names the notebook: {HOSTS[host].locate()}" in said
    assert "Its command starts from a bare environment. The newest protocol it speaks is 2026-07-28." in said
    assert "Instructions: " in said
    assert "Definitions of " in said
    assert "tools that are added later" in said


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"command": "/nowhere/jupyter-mcp", "args": ["attach", NAME]}, "does not start from a bare"),
        ({"command": sys.executable, "args": ["-c", "raise SystemExit(3)"]}, "does not start from a bare"),
        ({"command": 1}, "cannot use its entry"),
        ({"url": "http://127.0.0.1:9/mcp-jupyter/sales"}, "Its URL does not open"),
        ({"url": "http://${NOT_SET}/x"}, "needs the environment variable NOT_SET"),
    ],
)
async def test_what_does_not_connect_is_told(
    jupyter_dirs: JupyterDirs, home: Path, entry: dict[str, object], words: str
) -> None:
    """With the command that mends it (2: doctor)."""
    put("cursor", entry)
    async with serve_notebook():
        code, lines = await doctor(jupyter_dirs, NAME, "--host", "cursor")
    assert code == 1
    assert words in to_do(lines)[0]


async def test_a_token_that_is_refused_is_told_with_the_command_for_a_new_one(
    jupyter_dirs: JupyterDirs, home: Path
) -> None:
    """And the right one opens (2: doctor)."""
    server = make_notebook()
    async with (
        serve_notebook(server=server),
        serve_kernel_http(server, KERNEL_ID, 0, jupyter_dirs.runtime) as address,
    ):
        for token, expected in (("wrong", 1), (address.token, 0)):
            put("cursor", {"url": address.url, "headers": {"Authorization": f"Bearer {token}"}})
            code, lines = await doctor(jupyter_dirs, NAME, "--host", "cursor")
            assert code == expected, lines
            if expected:
                assert "Run `jupyter mcp connect NAME`" in to_do(lines)[0]
            else:
                assert any(
                    "Its URL opens, with its token. The newest protocol it speaks is 2026-07-28." in line
                    for line in lines
                )
            assert address.token not in "\n".join(lines)


async def test_a_file_that_a_host_cannot_read_is_told(jupyter_dirs: JupyterDirs, home: Path) -> None:
    """With its place (2: doctor)."""
    HOSTS["codex"].locate().write_text("no = [toml")
    async with serve_notebook():
        code, lines = await doctor(jupyter_dirs, NAME)
    assert code == 1
    assert f"Codex cannot read its file: {HOSTS['codex'].locate()} is not valid TOML" in to_do(lines)[0]
