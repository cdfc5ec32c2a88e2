# SPDX-License-Identifier: BSD-3-Clause
"""Peers as processes: servers that listen, each started once, and clients that do all they can."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.cli.support import JUPYTER_MCP
from tests.npm import NodePackages

from .environments import PROGRAMS, Environments, installing

CLIENT_SECONDS = 110
PATHS = {"http": "/mcp", "sse": "/sse"}
SERVER = str(PROGRAMS / "server.py")

Outcomes = dict[str, dict[str, Any]]


@pytest.fixture(scope="session")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environments]:
    """What the peers run in; installed with pip and npm."""
    with installing(tmp_path_factory.mktemp("peers")) as made:
        yield made


# -- Python's peers, and ours -------------------------------------------------------------------------


def server_command(environments: Environments, kind: str, transport: str) -> list[str]:
    """How the server of a kind is started."""
    if kind == "typescript":
        # Node looks for packages beside the program.
        program = shutil.copy(PROGRAMS / "server.mjs", environments.node.root)
        return [str(environments.node.node), str(program), transport]
    if kind != "ours":
        return [*environments.program("server.py", kind), transport]
    options = [] if transport == "stdio" else [f"--{transport}", "--port", "0", "--no-token"]
    return [JUPYTER_MCP, "run", SERVER, *options]


@contextmanager
def listening(
    command: list[str], url_of: Callable[[subprocess.Popen[str]], str], environ: dict[str, str] | None = None
) -> Iterator[str]:
    """Run a server over HTTP, and give its URL once it has said where it is."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environ, text=True, **pipes) as process:
        assert process.stderr is not None
        # What it says later is read too: a full pipe would hold it up.
        reader = threading.Thread(target=process.stderr.read, daemon=True)
        try:
            url = url_of(process)
            reader.start()
            yield url
        finally:
            process.kill()
            if reader.is_alive():
                reader.join()


def url_said(process: subprocess.Popen[str]) -> str:
    """Ours says its URL on stderr."""
    assert process.stderr is not None
    line = process.stderr.readline()
    assert line.startswith("Serving "), line + process.stderr.read()
    return line.split()[3]


def port_said(path: str) -> Callable[[subprocess.Popen[str]], str]:
    """The programs of the peers say their port on stdout."""

    def url(process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        assert process.stderr is not None
        port = process.stdout.readline().strip()
        assert port, process.stderr.read()
        return f"http://127.0.0.1:{port}{path}"

    return url


def port_given(port: int, path: str) -> Callable[[subprocess.Popen[str]], str]:
    """The everything-server is told its port, and repeats it on stderr."""

    def url(process: subprocess.Popen[str]) -> str:
        assert process.stderr is not None
        ready = any(str(port) in line for line in iter(process.stderr.readline, ""))
        assert ready, f"it ended with {process.wait()}"
        return f"http://127.0.0.1:{port}{path}"

    return url


@pytest.fixture(scope="session")
def target(environments: Environments) -> Iterator[Callable[[str, str], Any]]:
    """What a client is pointed at: a command, or the URL of a server that is started when first asked for."""
    with ExitStack() as stack:

        @cache
        def target_of(kind: str, transport: str) -> Any:
            command = server_command(environments, kind, transport)
            if transport == "stdio":
                return command
            url_of = url_said if kind == "ours" else port_said(PATHS[transport])
            return stack.enter_context(listening(command, url_of))

        yield target_of


@pytest.fixture(scope="session")
def run_client(environments: Environments) -> Callable[..., Outcomes]:
    """Run a client's process: it does all operations with each of the servers it is told of."""

    def run(kind: str, wishes: dict[str, Any], environ: dict[str, str] | None = None) -> Outcomes:
        done = subprocess.run(
            environments.program("client.py", kind),
            env=environ,
            input=json.dumps(wishes),
            capture_output=True,
            text=True,
            timeout=CLIENT_SECONDS,
        )
        assert done.returncode == 0, done.stderr
        outcomes: Outcomes = json.loads(done.stdout)
        return outcomes

    return run


# -- Node's peers -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Everything:
    """The TypeScript SDK's everything-server."""

    packages: NodePackages

    def command(self, transport: str) -> list[str]:
        script = self.packages.script("@modelcontextprotocol/server-everything", "dist", "index.js")
        return [str(self.packages.node), str(script), transport]


@pytest.fixture(scope="session")
def everything(environments: Environments) -> Everything:
    """Where it is installed."""
    return Everything(environments.node)


@pytest.fixture(scope="session")
def everything_url(everything: Everything) -> Iterator[Callable[[str], str]]:
    """Give the URL of the server over a transport; it is started when first asked for."""
    paths = {"sse": "/sse", "streamableHttp": "/mcp"}
    with ExitStack() as stack:

        @cache
        def url(transport: str) -> str:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port: int = probe.getsockname()[1]
            url_of = port_given(port, paths[transport])
            environ = {**os.environ, "PORT": str(port)}
            return stack.enter_context(listening(everything.command(transport), url_of, environ))

        yield url


@dataclass(frozen=True)
class Inspector:
    """The MCP Inspector's command line."""

    packages: NodePackages
    home: Path

    @property
    def environ(self) -> dict[str, str]:
        """It keeps its files, and secrets not at all, where nobody else's are."""
        return {**self.packages.environ, "HOME": str(self.home), "MCP_INSPECTOR_SECRET_STORE": "memory"}

    def run(self, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        script = self.packages.script(
            "@modelcontextprotocol/inspector", "clients", "launcher", "build", "index.js"
        )
        command = [str(self.packages.node), str(script), *arguments]
        return subprocess.run(
            command, env=self.environ, cwd=self.home, capture_output=True, text=True, timeout=timeout
        )


@pytest.fixture(scope="session")
def inspector(environments: Environments, tmp_path_factory: pytest.TempPathFactory) -> Inspector:
    """Where it is installed; it keeps its files in a directory of the test run's."""
    return Inspector(environments.node, tmp_path_factory.mktemp("inspector"))
