# SPDX-License-Identifier: BSD-3-Clause
"""Tools on a real Dask cluster: one scheduler and one worker process of this machine."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import dask
import pytest
from distributed import Client, Event, LocalCluster

from mcp_jupyter.errors import ToolError
from mcp_jupyter.server.executors import ExecutorCall
from mcp_jupyter.server.fastmcp import Context, FastMCP

from .fastmcp.speaker import both_eras, speaking

pytestmark = pytest.mark.anyio

SETTINGS = {
    "distributed.scheduler.allowed-failures": 0,  # Dask would call what kills a worker three times more
    "distributed.worker.daemon": True,
}


@pytest.fixture(scope="module")
def dask_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    scratch = {"temporary-directory": str(tmp_path_factory.mktemp("dask"))}
    with (
        dask.config.set({**SETTINGS, **scratch}),
        LocalCluster(1, threads_per_worker=2, dashboard_address="127.0.0.1:0", silence_logs=50) as cluster,
        Client(cluster) as client,
    ):
        yield client


async def on_dask(client: Any, function: Any, /, timeout: float | None = None, **arguments: Any) -> Any:
    with anyio.fail_after(20):
        return await ExecutorCall("f", function, client, timeout=timeout)(**arguments)


def process() -> int:
    return os.getpid()


def number_in(path: str) -> int:
    """A new number each time."""
    with Path(path).open("a") as file:
        file.write("x")
        return file.tell()


def fails() -> None:
    raise LookupError("by hand")


def dies() -> None:
    os._exit(3)


def waits(begun: str, release: str) -> None:
    Event(begun).set()
    Event(release).wait(20)


def talks(ctx: Context) -> str:
    for number in range(10):
        ctx.report_progress(number + 1, 10)
    ctx.info("text")
    return "said"


async def test_a_client_and_its_executor_run_it_on_a_worker(dask_client):
    for executor in (dask_client, dask_client.get_executor()):
        assert await on_dask(executor, process) != os.getpid()


async def test_each_call_runs_though_it_is_like_the_one_before(dask_client, tmp_path):
    calls = [partial(number_in, str(tmp_path / "calls"))] * 3
    assert [await on_dask(dask_client, call) for call in calls] == [1, 2, 3]


async def test_what_it_raises_is_raised(dask_client):
    with pytest.raises(LookupError, match="by hand"):
        await on_dask(dask_client, fails)


@both_eras
async def test_progress_and_logs_reach_the_caller(era, dask_client):
    mcp = FastMCP()
    mcp.add_tool(talks, executor=dask_client)
    progress: list[Any] = []

    async def keep(*said: Any) -> None:
        progress.append(said)

    async with speaking(mcp, era) as client:
        result = await client.ask("tools/call", keep, name="talks", arguments={})
        assert result["content"][0]["text"] == "said"
        assert [said.params["data"] for said in client.heard if "data" in said.params] == ["text"]
    assert progress == [(number + 1, 10, None) for number in range(10)]


@pytest.mark.parametrize("way", ["time-out", "cancelled"])
async def test_a_call_that_is_given_up_is_cancelled_on_the_cluster(dask_client, way):
    begun, release = Event(f"begun-{way}", dask_client), Event(f"release-{way}", dask_client)
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:

            async def call() -> None:
                names = {"begun": begun.name, "release": release.name}
                if way == "cancelled":
                    await on_dask(dask_client, waits, **names)
                with pytest.raises(ToolError, match=r"told to drop it; if it has begun there, it may still"):
                    await on_dask(dask_client, waits, timeout=1, **names)

            tasks.start_soon(call)
            assert await anyio.to_thread.run_sync(partial(begun.wait, timeout=10))
            if way == "cancelled":
                scope.cancel()
    with anyio.fail_after(10):
        while any((await anyio.to_thread.run_sync(dask_client.processing)).values()):
            await anyio.lowlevel.checkpoint()
    await anyio.to_thread.run_sync(release.set)


async def test_what_cannot_be_pickled_is_said(dask_client):
    lock = threading.Lock()
    with pytest.raises(ToolError, match=r"f cannot be sent to the executor Client .*pickle"):
        await on_dask(dask_client, lambda: lock.locked())
    with pytest.raises(ToolError, match="f returned a lock that cannot be sent back"):
        await on_dask(dask_client, threading.Lock)


async def test_a_worker_that_dies_is_said_and_the_next_call_runs_on_another(dask_client):
    with pytest.raises(ToolError, match=r"A worker of the executor Client ended .* in the middle of f"):
        await on_dask(dask_client, dies)
    assert await on_dask(dask_client, process) != os.getpid()


async def test_a_client_that_is_closed_is_said(dask_client):
    with Client(dask_client.scheduler.address, set_as_default=False) as client:
        assert await on_dask(client, process) != os.getpid()
    with pytest.raises(ToolError, match="The executor Client does not take the call of f"):
        await on_dask(client, process)
