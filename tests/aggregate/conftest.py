# SPDX-License-Identifier: BSD-3-Clause
"""A runtime directory of the test's own, notebooks in it, and an aggregate of them."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio
import pytest

from mcp_jupyter.aggregate.aggregate import Aggregate
from mcp_jupyter.ipc.discovery import Discovery

from .notebooks import Notebooks


@pytest.fixture
def runtime_dir() -> Iterator[Path]:
    # Not under tmp_path: a Unix socket's path may have 107 bytes, and pytest's directories are long.
    with tempfile.TemporaryDirectory(prefix="jp-") as root:
        yield Path(root) / "runtime"


@pytest.fixture
async def notebooks(runtime_dir: Path) -> AsyncIterator[Notebooks]:
    async with anyio.create_task_group() as tasks:
        found = Notebooks(runtime_dir, tasks)
        yield found
        found.stop_all()


@pytest.fixture
async def aggregate(runtime_dir: Path) -> AsyncIterator[Aggregate]:
    aggregate = Aggregate(Discovery(runtime_dir))
    async with aggregate.running():
        yield aggregate
