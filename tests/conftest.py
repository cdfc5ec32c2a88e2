# SPDX-License-Identifier: BSD-3-Clause
"""What every test may ask for: the event loop, and Jupyter directories of its own. Knows no layer."""

from __future__ import annotations

import gc
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings

# A shell that runs us in the background has SIGINT ignored, and so would every child that a test interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Tests that are not about a notebook's own files must not see the developer's settings or kernels.
_FOREIGN = ("JUPYTER_CONFIG_PATH", "JUPYTER_PATH", "JUPYTER_TOKEN", "JPY_PARENT_PID", "JPY_SESSION_NAME")


# Where tests share the processor, how long an example takes says nothing. pytest-timeout bounds each test.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


# Node, which builds the panel and runs peers, keeps compiled code in /tmp otherwise.
os.environ["NODE_DISABLE_COMPILE_CACHE"] = "1"


# A finaliser that runs while a file is parsed may end the run: CPython until 3.11.8 takes what it parses for
# a fault of the parser (gh-106905). So nothing is finalised while test files are parsed.
def pytest_collection() -> None:
    gc.disable()


def pytest_collection_finish() -> None:
    gc.enable()


def absent(program: str, package: str) -> NoReturn:
    """Leave out what needs a program that is not there; where all has to run, as in CI, fail."""
    left_out(f"There is no {program} on PATH (Debian: apt-get install {package}).")


def left_out(reason: str) -> NoReturn:
    """Skip the test; where all has to run, as in CI, fail."""
    if os.environ.get("MCP_JUPYTER_REQUIRE_ALL"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def anyio_backend() -> str:
    """Run `anyio` tests on asyncio, the loop of kernels and of Jupyter Server."""
    return "asyncio"


@dataclass(frozen=True)
class JupyterDirs:
    """Directories of one isolated Jupyter; ``environ`` points a process at them."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "config"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def runtime(self) -> Path:
        return self.root / "runtime"

    @property
    def notebooks(self) -> Path:
        return self.root / "notebooks"

    @property
    def environ(self) -> dict[str, str]:
        """A whole environment for a child process."""
        inherited = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
        return inherited | self.settings

    @property
    def settings(self) -> dict[str, str]:
        """Only the variables that differ."""
        return {
            "JUPYTER_CONFIG_DIR": str(self.config),
            "JUPYTER_DATA_DIR": str(self.data),
            "JUPYTER_RUNTIME_DIR": str(self.runtime),
            "IPYTHONDIR": str(self.root / "ipython"),
            "JUPYTER_PLATFORM_DIRS": "1",
        }


@contextmanager
def isolated_jupyter() -> Iterator[JupyterDirs]:
    """Make the directories, and remove them at the end."""
    # Not under tmp_path: a Unix socket's path may have 107 bytes, and pytest's directories are long.
    with tempfile.TemporaryDirectory(prefix="jp-") as root:
        dirs = JupyterDirs(Path(root))
        for folder in (dirs.config, dirs.data, dirs.notebooks):
            folder.mkdir()
        dirs.runtime.mkdir(mode=0o700)  # private, as Jupyter itself makes it
        yield dirs


@pytest.fixture
def jupyter_dirs(monkeypatch: pytest.MonkeyPatch) -> Iterator[JupyterDirs]:
    """Directories of this test's own; this process and its children use them."""
    with isolated_jupyter() as dirs:
        for name in _FOREIGN:
            monkeypatch.delenv(name, raising=False)
        for name, value in dirs.settings.items():
            monkeypatch.setenv(name, value)
        yield dirs


@pytest.fixture(scope="module")
def module_jupyter_dirs() -> Iterator[JupyterDirs]:
    """Directories for a server that a module's tests share: start it with ``environ``."""
    with isolated_jupyter() as dirs:
        yield dirs
