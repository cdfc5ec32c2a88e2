# SPDX-License-Identifier: BSD-3-Clause
"""Fixtures of the extension's tests: a Jupyter Server, a notebook that serves, and a client.

The server is the real one, in the test's own process and loop, so that a test can look at its route
table and count its sessions. What stands for the kernel is a `FastMCP` behind a real link.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2
import pytest

from mcp_jupyter.ipc.listener import Listener
from tests.conftest import JupyterDirs

from .support import NAME, Served, open_client, run_server, serve_notebook


@pytest.fixture
async def served(jupyter_dirs: JupyterDirs) -> AsyncIterator[Served]:
    """A Jupyter Server with the extension."""
    async with run_server(jupyter_dirs) as served:
        yield served


@pytest.fixture
async def notebook(jupyter_dirs: JupyterDirs) -> AsyncIterator[Listener]:
    """A live notebook called `NAME`."""
    async with serve_notebook(NAME) as listener:
        yield listener


@pytest.fixture
async def client(served: Served) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the server without any credential."""
    async with open_client(served) as client:
        yield client
