# SPDX-License-Identifier: BSD-3-Clause
"""Tools on ipyparallel: a controller and one engine of this machine."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import ipyparallel
import pytest

from mcp_jupyter.errors import ToolError
from mcp_jupyter.server.executors import ExecutorCall
from mcp_jupyter.server.fastmcp import Context, FastMCP

from .fastmcp.speaker import speaking

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.slow,  # its processes take seven seconds to find each other
]


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    directory: Path = tmp_path_factory.mktemp("profile")
    cluster = ipyparallel.Cluster(n=1, profile_dir=str(directory), log_level=40)
    try:
        client = cluster.start_and_connect_sync(activate=False)
        yield client
        client.close()
    finally:
        cluster.stop_cluster_sync()


async def on_engines(engines: Any, function: Any, **arguments: Any) -> Any:
    with anyio.fail_after(20):
        return await ExecutorCall("f", function, engines)(**arguments)


def process() -> int:
    return os.getpid()


def fails() -> None:
    raise LookupError("by hand")


def talks(ctx: Context) -> str:
    ctx.info("text")
    return "said"


async def test_clients_views_and_executors_run_it_on_an_engine(engines):
    view = engines.load_balanced_view()
    for executor in (engines, view, view.executor, engines.executor(), engines[0]):
        assert await on_engines(executor, process) != os.getpid()
    assert len(await on_engines(engines[:], process)) == 1


async def test_what_it_raises_is_raised(engines):
    with pytest.raises(LookupError, match="by hand"):
        await on_engines(engines, fails)


async def test_what_cannot_be_pickled_is_said(engines):
    lock = threading.Lock()
    with pytest.raises(ToolError, match="f cannot be sent to the executor Client"):
        await on_engines(engines, lambda: lock.locked())


async def test_logs_reach_the_caller(engines):
    mcp = FastMCP()
    mcp.add_tool(talks, executor=engines)
    async with speaking(mcp) as client:
        assert await client.text("talks") == "said"
        assert [said.params["data"] for said in client.heard] == ["text"]
