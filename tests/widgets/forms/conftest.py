# SPDX-License-Identifier: BSD-3-Clause
"""Public servers, installed for the tests, and what is left of widgets."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from ipywidgets.widgets import widget as widget_module

from mcp_jupyter.widgets.forms import SchemaForm
from tests.peers.environments import Environments, installing

PYTHON_SERVERS = ("fetch", "git", "time")
NODE_SERVERS = ("everything", "filesystem", "memory", "sequential-thinking")


@dataclass(frozen=True)
class PublicServers:
    """The servers of the protocol's own collection, and a repository for those that want one."""

    environments: Environments
    folder: Path

    def command(self, name: str) -> list[str]:
        """How a server is started."""
        if name in PYTHON_SERVERS:
            return [self.environments.python("servers"), "-W", "ignore", "-m", f"mcp_server_{name}"]
        packages = self.environments.node
        script = packages.script(f"@modelcontextprotocol/server-{name}", "dist", "index.js")
        options = {"everything": ["stdio"], "filesystem": [str(self.folder)]}
        return [str(packages.node), str(script), *options.get(name, [])]

    def environ(self) -> dict[str, str]:
        """Where they keep what they keep."""
        return {"MEMORY_FILE_PATH": str(self.folder / "memory.jsonl")}


@pytest.fixture(scope="session")
def public_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PublicServers]:
    """Where they are installed."""
    folder = tmp_path_factory.mktemp("served").resolve()
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    packages = " ".join(f"mcp-server-{name}" for name in PYTHON_SERVERS)
    with installing(tmp_path_factory.mktemp("servers"), {"servers": packages}) as environments:
        yield PublicServers(environments, folder)


@pytest.fixture
def made() -> Iterator[list[SchemaForm]]:
    """Forms that a test made: they are closed, and then no widget is left of them."""
    before = set(widget_module._instances)
    forms: list[SchemaForm] = []
    yield forms
    for form in forms:
        form.close()
    assert set(widget_module._instances) - before == set()
