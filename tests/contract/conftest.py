# SPDX-License-Identifier: BSD-3-Clause
"""Ways to reach the library, and a client for each."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mcp_jupyter import Client
from mcp_jupyter.client import client as client_module
from mcp_jupyter.server.http.app import serve_http
from tests.conftest import JupyterDirs
from tests.live.parts import JupyterServer, jupyter_server

from . import linked
from .books import library

ROOT = Path(__file__).parents[2]
LOAD = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from mcp_jupyter import notebook
from tests.contract.books import offer
offer(notebook)

@notebook.tool()
async def publish() -> str:
    notebook.tool("published")(lambda: 1)
    notebook._engine().server.resource_updated("books://emma")
    return "published"
"""

WAYS = ("memory", "stdio", "link", "http", "sse", "attach", "jupyter", "jupyter-sse")
CASES = [(way, era) for way in WAYS for era in ("legacy", "modern") if "sse" not in way or era == "legacy"]

Connect = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture(scope="module")
def jupyter(module_jupyter_dirs: JupyterDirs) -> Iterator[JupyterServer]:
    """A Jupyter Server with a notebook that offers the library."""
    with jupyter_server(module_jupyter_dirs) as server, server.notebook("library.ipynb", LOAD):
        yield server


@pytest.fixture(params=CASES, ids="-".join)
def connect(request: pytest.FixtureRequest) -> Connect:
    """Opens clients of the library: `async with connect(**callbacks) as client`."""
    way, era = request.param
    jupyter = request.getfixturevalue("jupyter") if way in ("attach", "jupyter", "jupyter-sse") else None
    token = jupyter.token("library") if jupyter else ""
    if way == "link":
        # A `Client` has no name for a link: it takes whatever its transports connect it to.
        request.getfixturevalue("monkeypatch").setattr(client_module, "connected", linked.connected)

    @asynccontextmanager
    async def http(sse: bool) -> AsyncIterator[dict[str, Any]]:
        async with serve_http(library(), port=0) as port:
            base = f"http://127.0.0.1:{port}"
            yield {"type": "sse", "url": f"{base}/sse"} if sse else {"url": f"{base}/mcp"}

    @asynccontextmanager
    async def target() -> AsyncIterator[Any]:
        if way in ("memory", "link"):
            yield library()
        elif way == "stdio":
            yield {"command": sys.executable, "args": ["-m", "tests.contract.books"]}
        elif way == "attach":
            args = ["-m", "mcp_jupyter.cli", "attach", "library"]
            yield {"command": sys.executable, "args": args, "env": jupyter.dirs.settings}
        elif jupyter:
            url = jupyter.endpoint("library")
            entry = {"type": "sse", "url": f"{url}/sse"} if "sse" in way else {"url": url}
            yield {**entry, "headers": {"Authorization": f"Bearer {token}"}}
        else:
            async with http(way == "sse") as entry:
                yield entry

    @asynccontextmanager
    async def connect(**options: Any) -> AsyncIterator[Client]:
        async with target() as entry:
            given = {"mcpServers": {"library": entry}} if isinstance(entry, dict) else entry
            async with Client(given, era=era, **options) as client:
                yield client

    return connect
