# SPDX-License-Identifier: BSD-3-Clause
"""The official conformance suite, installed at one version. Knows no scenario."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.npm import NodePackages, npm_installed

HERE = Path(__file__).parent
RUN_SECONDS = 60


class Suite(NodePackages):
    """The suite's command and the Node it runs on."""

    def run(self, *arguments: str, timeout: float = RUN_SECONDS) -> subprocess.CompletedProcess[str]:
        """Run the suite's command to its end; whatever it started ends with it.

        Raises
        ------
        subprocess.TimeoutExpired
            It took longer than `timeout` seconds. The suite itself waits for ever for a client that hangs.
        """
        program = self.script("@modelcontextprotocol/conformance", "dist", "index.js")
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
    with npm_installed(HERE, tmp_path_factory.mktemp("conformance")) as installed:
        yield Suite(installed.root)
