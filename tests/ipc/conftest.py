# SPDX-License-Identifier: BSD-3-Clause
"""A runtime directory of the test's own, and kernels that serve in processes of their own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

EACH_LOOP = [
    pytest.param("asyncio", id="asyncio"),
    pytest.param(
        ("asyncio", {"use_uvloop": True}),
        id="uvloop",
        marks=pytest.mark.skipif(find_spec("uvloop") is None, reason="uvloop does not exist for Windows"),
    ),
]
"""The loop of kernels and of Jupyter Server, and the one that people put in its place."""

ROOT = Path(__file__).parent.parent.parent

StartKernel = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def runtime_dir() -> Iterator[Path]:
    # Not under tmp_path: a Unix socket's path may have 107 bytes, and pytest's directories are long.
    with tempfile.TemporaryDirectory(prefix="jp-") as root:
        yield Path(root) / "runtime"


@pytest.fixture
def start_kernel(runtime_dir: Path) -> Iterator[StartKernel]:
    """Start a process that serves like a kernel; returns when it listens."""
    started: list[subprocess.Popen[bytes]] = []

    def start(kernel_id: str, name: str = "analysis", *options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.ipc.kernel", str(runtime_dir), kernel_id, name, *options]
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"serving\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait(timeout=10)
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            stream.close()
