# SPDX-License-Identifier: BSD-3-Clause
"""Runs the real `jupyter-mcp` in a process of its own. Asserts nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from tests.conftest import JupyterDirs

JUPYTER_MCP = str(Path(sys.executable).with_name("jupyter-mcp"))
SECONDS = 30  # for a command that does one thing, on a busy machine


async def run(dirs: JupyterDirs, *args: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end."""
    with anyio.fail_after(SECONDS):
        return await anyio.run_process([JUPYTER_MCP, *args], input=stdin, env=dirs.environ, check=False)


class Attached:
    """A command that serves stdio as a host sees it: lines in, lines out."""

    def __init__(self, process: Process) -> None:
        assert process.stdout is not None
        self.process = process
        self._lines = BufferedByteReceiveStream(process.stdout)

    async def send(self, *messages: Mapping[str, Any] | bytes) -> None:
        assert self.process.stdin is not None
        lines = [item if isinstance(item, bytes) else json.dumps(item).encode() for item in messages]
        await self.process.stdin.send(b"".join(line + b"\n" for line in lines))

    async def receive(self) -> Any:
        """The next line, which must be JSON."""
        with anyio.fail_after(SECONDS):
            return json.loads(await self._lines.receive_until(b"\n", 2**20))

    async def answer(self, id: int | str) -> Any:
        """The answer to a request; notifications before it are dropped."""
        while (message := await self.receive()).get("id") != id:
            assert "method" in message
        return message

    async def close_stdin(self) -> int:
        """What a host does when it is done; the exit code."""
        assert self.process.stdin is not None
        await self.process.stdin.aclose()
        with anyio.fail_after(SECONDS):
            return await self.process.wait()


@asynccontextmanager
async def attach(dirs: JupyterDirs, *args: str, command: str = "attach") -> AsyncIterator[Attached]:
    """Start a command that serves stdio, and talk to it."""
    process = await anyio.open_process([JUPYTER_MCP, command, *args], env=dirs.environ)
    try:
        yield Attached(process)
    finally:
        if process.returncode is None:
            process.kill()
        with anyio.CancelScope(shield=True):
            await process.aclose()


def files(home: Path, dirs: JupyterDirs) -> list[Path]:
    """What was written into a home and the Jupyter configuration."""
    return [each for folder in (home, dirs.config) for each in folder.rglob("*") if each.is_file()]
