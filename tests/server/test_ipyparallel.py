# SPDX-License-Identifier: BSD-3-Clause
"""Tools on ipyparallel: a controller and engines of this machine, of which some are killed in mid-call."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
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

SECONDS = 20


@contextmanager
def started(directory: Path, n: int) -> Iterator[tuple[Any, Any]]:
    """A cluster of `n` engines, and a client of it."""
    cluster = ipyparallel.Cluster(n=n, profile_dir=str(directory), log_level=40)
    try:
        client = cluster.start_and_connect_sync(activate=False)
        yield cluster, client
        client.close()
    finally:
        cluster.stop_cluster_sync()


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with started(tmp_path_factory.mktemp("profile"), 1) as (_, client):
        yield client


async def on_engines(engines: Any, function: Any, **arguments: Any) -> Any:
    with anyio.fail_after(SECONDS):
        return await ExecutorCall("f", function, engines)(**arguments)


def process() -> int:
    return os.getpid()


def fails() -> None:
    raise LookupError("by hand")


def holds(path: str) -> None:
    """Say which process this is, and never end."""
    Path(path).write_text(str(os.getpid()))
    signal.pause()


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


# -- engines that are killed -----------------------------------------------------------------------------


async def begun(path: Path) -> int:
    """Wait for a call of `holds`; the process it is in."""
    with anyio.fail_after(SECONDS):
        while not (path.exists() and path.read_text()):
            await anyio.sleep(0.01)
    return int(path.read_text())


async def refused(said: str, engines: Any, function: Any = process, **arguments: Any) -> None:
    with pytest.raises(ToolError, match=said):
        await on_engines(engines, function, **arguments)


ENDED = r"A worker of the executor \w+ ended .* in the middle of f .*EngineError"
GONE = r"does not take the call of f: its engine \d is gone. Make a new view, as in client\[:\]"
NONE_LEFT = r"it has no engine left .*Start one, as in cluster.start_engines_sync\(1\), and call again\."
NOT_TAKEN = f"The executor \\w+ does not take the call of f: {NONE_LEFT}"
STRANDED = f"The call of f does not end in the executor Client: {NONE_LEFT}"


async def test_a_call_on_an_engine_that_is_killed_says_so_and_the_next_runs_on_another(tmp_path):
    with started(tmp_path / "profile", 3) as (cluster, client):
        pids = set(await on_engines(client[:], process))
        old_view = client[:]
        for number, make in enumerate((lambda: client, lambda: client[client.ids[0]])):
            path = tmp_path / str(number)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(partial(refused, ENDED, make(), holds, path=str(path)))
                killed = await begun(path)
                os.kill(killed, signal.SIGKILL)
            pids.remove(killed)
            assert await on_engines(client, process) in pids
            assert set(await on_engines(client[:], process)) == pids
            await refused(GONE, old_view)

        path = tmp_path / "last"
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(refused, ENDED, client, holds, path=str(path)))
            killed = await begun(path)
            # This one waits in the scheduler for an engine, and there will be none.
            tasks.start_soon(partial(refused, STRANDED, client))
            with anyio.fail_after(SECONDS):
                while len(client.outstanding) < 2:
                    await anyio.sleep(0.01)
            os.kill(killed, signal.SIGKILL)
        await refused(NOT_TAKEN, client)
        await refused(NOT_TAKEN, old_view)

        await anyio.to_thread.run_sync(cluster.start_engines_sync, 1)
        with anyio.fail_after(SECONDS):
            while not client.ids:
                await anyio.sleep(0.01)
        assert await on_engines(client, process) not in {os.getpid(), killed}
