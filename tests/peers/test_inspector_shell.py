# SPDX-License-Identifier: BSD-3-Clause
"""The Inspector's `mcpdo`, which keeps connections: what our server asks, tells of, and does as a task."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.support import JUPYTER_MCP

from .conftest import Inspector
from .environments import SECONDS_WITH_INSTALLATION

pytestmark = pytest.mark.timeout(SECONDS_WITH_INSTALLATION)

SECONDS = 30
ERAS = {"legacy": "server-request", "modern": "input-required"}
TASKS = """
from mcp_jupyter.server.fastmcp import FastMCP

mcp = FastMCP("tasks")

@mcp.tool(task="required")
async def slowly() -> str:
    return "done"
"""


@dataclass(frozen=True)
class Shell:
    """`mcpdo` with a daemon of its own."""

    command: list[str]
    environ: dict[str, str]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command that goes on until it is stopped."""
        return subprocess.Popen(
            [*self.command, *arguments],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def do(self, *arguments: str) -> Any:
        """What a command answers."""
        with self.start(*arguments) as process:
            try:
                said, _ = process.communicate(timeout=SECONDS)
            finally:
                process.kill()
        assert process.returncode == 0, said
        return json.loads(said)


@pytest.fixture(scope="module")
def shell(inspector: Inspector, target: Callable[[str, str], Any]) -> Iterator[Shell]:
    """The shell, connected to our server as @legacy and @modern."""
    # Not in pytest's directories: the path of the daemon's socket must be short.
    with tempfile.TemporaryDirectory(prefix="do-") as folder:
        program = inspector.packages.script(
            "@modelcontextprotocol/inspector", "clients", "mcpdo", "build", "mcp-bin.js"
        )
        node = str(inspector.packages.node)
        environ = {**inspector.environ, "TMPDIR": folder}
        private = subprocess.run(
            [node, str(program), "private"], env=environ, capture_output=True, text=True, timeout=SECONDS
        )
        environ |= dict(re.findall(r"export (\w+)='(.*)'", private.stdout))
        servers = {era: {"type": "http", "url": target("ours", "http"), "protocolEra": era} for era in ERAS}
        catalog = Path(folder, "catalog.json")
        catalog.write_text(json.dumps({"mcpServers": servers}))
        shell = Shell([node, str(program), "--format", "json", "--catalog", str(catalog)], environ)
        try:
            for era in ERAS:
                assert shell.do("connect", era)["protocolEra"] == era
            yield shell
        finally:
            subprocess.run([*shell.command, "daemon", "stop"], env=environ, timeout=SECONDS, check=True)


@pytest.mark.parametrize("era", ERAS)
def test_what_a_tool_asks_is_answered_by_another_command(shell: Shell, era: str) -> None:
    pending = shell.do(f"@{era}", "tools/call", "ask_name")["elicitationPending"]
    assert (pending["message"], pending["origin"]) == ("Who are you?", ERAS[era])
    result = shell.do("elicitation/respond", pending["elicitationId"], 'name:="Ada"')
    assert result["structuredContent"] == {"result": "Ada"}


@pytest.mark.parametrize("era", ERAS)
def test_a_subscriber_is_told(shell: Shell, era: str) -> None:
    with shell.start(f"@{era}", "resources/subscribe", "note://today") as watching:
        try:
            assert watching.stdout is not None
            lines = iter(watching.stdout.readline, "")
            assert any('"subscribed"' in line for line in lines)
            shell.do(f"@{era}", "tools/call", "touch")
            assert any('"resources/updated"' in line for line in lines)
        finally:
            watching.kill()


@pytest.mark.parametrize(
    ("era", "code"), [("modern", 0), ("legacy", 5)]
)  # tasks are an extension of 2026-07-28
def test_a_call_becomes_a_task(inspector: Inspector, tmp_path: Path, era: str, code: int) -> None:
    (tmp_path / "tasks.py").write_text(TASKS)
    asked = ["--cli", "--protocol-era", era, "--method", "tools/call", "--tool-name", "slowly"]
    done = inspector.run(*asked, "--format", "json", "--", JUPYTER_MCP, "run", str(tmp_path / "tasks.py"))
    assert done.returncode == code, done.stderr
    content = json.loads(done.stdout)["result"]["content"][0]["text"]
    assert content == "done" if era == "modern" else "io.modelcontextprotocol/tasks" in content
