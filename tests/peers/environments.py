# SPDX-License-Identifier: BSD-3-Clause
"""Where the peers live: Python libraries each in an environment of its own, Node packages in theirs.

All installations begin at once, when the first is asked for.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.npm import NodePackages, npm_installed

__all__ = ["SECONDS_WITH_INSTALLATION", "Environments", "installing"]

HERE = Path(__file__).parent
PROGRAMS = HERE / "programs"
INSTALL_SECONDS = 300
SECONDS_WITH_INSTALLATION = INSTALL_SECONDS + 120  # of a test, for the first one installs

REQUIREMENTS = {
    "mcp1": "mcp==1.*",  # cannot live beside mcp 2
    "fastmcp": "fastmcp",  # brings mcp 2
}


class Environments:
    """The Pythons of the peers, and the Node packages."""

    def __init__(self, pythons: dict[str, Future[str]], node: Future[NodePackages]) -> None:
        self._pythons, self._node = pythons, node

    def python(self, kind: str) -> str:
        """The Python that runs a peer; ours and mcp 2 live in the tests' own."""
        return self._pythons[kind].result(INSTALL_SECONDS) if kind in self._pythons else sys.executable

    def program(self, name: str, kind: str) -> list[str]:
        """The command of one of our programs for a peer. The peers warn of their own deprecations."""
        return [self.python(kind), "-W", "ignore", str(PROGRAMS / name), kind]

    @property
    def node(self) -> NodePackages:
        """What npm installed."""
        return self._node.result(INSTALL_SECONDS)


@contextmanager
def installing(root: Path, requirements: Mapping[str, str] = REQUIREMENTS) -> Iterator[Environments]:
    """Begin all installations below `root`; what they put there is removed at the end."""
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor())
        pythons = {
            kind: pool.submit(_python_with, requirement, root / kind)
            for kind, requirement in requirements.items()
        }
        folder = root / "npm"
        folder.mkdir()
        node = pool.submit(lambda: stack.enter_context(npm_installed(HERE, folder)))
        try:
            yield Environments(pythons, node)
        finally:
            pool.shutdown()
            for kind in requirements:
                shutil.rmtree(root / kind, ignore_errors=True)


def _python_with(requirements: str, folder: Path) -> str:
    venv.create(folder)  # without pip: the tests' own pip installs into it
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    # Most of a library is never imported, so compiling it all would be the longer part of the installation.
    options = ["--quiet", "--disable-pip-version-check", "--no-compile", "--only-binary", ":all:"]
    command: list[Any] = [sys.executable, "-m", "pip", "--python", python, "install", *options]
    command += requirements.split()
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    if done.returncode:
        raise RuntimeError(f"pip could not install {requirements}:\n{done.stderr}")
    return str(python)
