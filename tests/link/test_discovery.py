# SPDX-License-Identifier: BSD-3-Clause
"""Finding live kernels, with real processes that live, end in order, and are killed."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import anyio
import pytest

from mcp_jupyter.engine.connection import Connection
from mcp_jupyter.errors import ConnectionClosed, LinkError, NotebookNotFound
from mcp_jupyter.link.dial import dial
from mcp_jupyter.link.discovery import Discovery
from mcp_jupyter.link.files import read, scan

from .echo import Echo

BOUND = 10.0

pytestmark = pytest.mark.anyio


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait(timeout=BOUND)


def end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(timeout=BOUND) == 0


async def test_live_kernels_are_found_by_name_and_by_id(start_kernel: Any, runtime_dir: Path) -> None:
    processes = [start_kernel("k-2", "sales"), start_kernel("k-1", "costs")]
    discovery = Discovery(runtime_dir)
    assert [info.name for info in await discovery.live()] == ["costs", "sales"]
    assert (await discovery.find("sales")).pid == processes[0].pid
    assert (await discovery.by_kernel("k-1")).pid == processes[1].pid


async def test_what_a_killed_kernel_left_is_removed(start_kernel: Any, runtime_dir: Path) -> None:
    start_kernel("k-2", "alive")
    kill(start_kernel("k-1", "dead"))
    assert len(os.listdir(runtime_dir)) == 4
    assert [info.name for info in await Discovery(runtime_dir).live()] == ["alive"]
    assert len(os.listdir(runtime_dir)) == 2


async def test_a_kernel_that_ends_in_order_leaves_nothing(start_kernel: Any, runtime_dir: Path) -> None:
    end(start_kernel("k-1"))
    assert os.listdir(runtime_dir) == []


async def test_a_stopped_kernel_is_not_taken_for_dead(start_kernel: Any, runtime_dir: Path) -> None:
    process = start_kernel("k-1", "busy")
    process.send_signal(signal.SIGSTOP)
    try:
        assert [info.name for info in await Discovery(runtime_dir).live()] == ["busy"]
    finally:
        process.send_signal(signal.SIGCONT)


async def test_a_child_that_outlives_its_kernel_does_not_keep_it_alive(
    start_kernel: Any, runtime_dir: Path
) -> None:
    process = start_kernel("k-1", "analysis", "fork")
    discovery = Discovery(runtime_dir)
    connection = Connection(await dial(await discovery.only()), Echo())
    child = 0
    try:
        with anyio.fail_after(BOUND):
            async with anyio.create_task_group() as tasks:
                await tasks.start(connection.serve)
                assert await connection.request("echo", {"a": 1}) == {"a": 1}
                process.stdin.write(b"\n")
                process.stdin.flush()
                child = int(process.stdout.readline())
                # the child gave up copies, not the sockets
                assert await connection.request("echo", {"a": 2}) == {"a": 2}
                kill(process)
                with pytest.raises(ConnectionClosed):
                    await connection.request("forever", {})
        os.kill(child, 0)
        assert await discovery.live() == []
    finally:
        if child:
            os.kill(child, signal.SIGKILL)


async def test_a_name_that_is_not_there_is_answered_with_those_that_are(
    start_kernel: Any, runtime_dir: Path
) -> None:
    discovery = Discovery(runtime_dir)
    with pytest.raises(NotebookNotFound, match=r"No notebook is serving.*%load_ext mcp_jupyter"):
        await discovery.find("sales")
    start_kernel("k-1", "costs")
    start_kernel("k-2", "plans")
    with pytest.raises(NotebookNotFound, match=r"'sales'.*Live notebooks: costs, plans"):
        await discovery.find("sales")


async def test_only_one_live_notebook_needs_no_name(start_kernel: Any, runtime_dir: Path) -> None:
    discovery = Discovery(runtime_dir)
    with pytest.raises(NotebookNotFound, match="%load_ext mcp_jupyter"):
        await discovery.only()
    start_kernel("k-1", "costs")
    assert (await discovery.only()).name == "costs"
    start_kernel("k-2", "plans")
    with pytest.raises(NotebookNotFound, match=r"Say which notebook.*costs, plans"):
        await discovery.only()


@pytest.mark.parametrize("kernel_id", ["k-9", "../../k-1", "", "a\0b"])
async def test_an_id_that_is_not_there_is_not_found(runtime_dir: Path, kernel_id: str) -> None:
    with pytest.raises(NotebookNotFound, match="%load_ext mcp_jupyter"):
        await Discovery(runtime_dir).by_kernel(kernel_id)


async def test_a_kernel_that_comes_back_is_noticed(start_kernel: Any, runtime_dir: Path) -> None:
    kill(start_kernel("k-1"))
    found = []

    async def wait() -> None:
        found.append(await Discovery(runtime_dir).wait_for("k-1"))

    with anyio.fail_after(BOUND):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            process = await anyio.to_thread.run_sync(start_kernel, "k-1", "renamed")
    assert (found[0].pid, found[0].name) == (process.pid, "renamed")


async def test_a_dead_kernel_is_a_clear_error_to_who_dials(start_kernel: Any, runtime_dir: Path) -> None:
    process = start_kernel("k-1", "sales")
    info = read(runtime_dir / "mcp-k-1.json")
    kill(process)
    with pytest.raises(
        LinkError, match="The kernel of notebook 'sales' cannot be reached: Connection refused"
    ):
        await dial(info)


async def test_a_socket_of_another_user_is_never_dialled(
    start_kernel: Any, runtime_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_kernel("k-1", "sales")
    info = read(runtime_dir / "mcp-k-1.json")
    someone_else = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: someone_else)
    with pytest.raises(LinkError, match="belongs to another user"):
        await dial(info)


async def test_a_bad_file_is_reported_once_however_often_one_looks(
    runtime_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    runtime_dir.mkdir()
    (runtime_dir / "mcp-bad.json").touch(0o600)
    discovery = Discovery(runtime_dir)
    for _ in range(3):
        assert await discovery.live() == []
    assert caplog.text.count("mcp-bad.json") == 1


async def test_the_name_of_a_bad_file_does_nothing_to_the_log(
    runtime_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    runtime_dir.mkdir()
    (runtime_dir / "mcp-\x1b[2J\n[E] forged\udcff.json").touch(0o600)
    assert await Discovery(runtime_dir).live() == []
    assert scan(runtime_dir) == []
    assert len(caplog.messages) == 2
    assert all(line.isprintable() for line in caplog.messages)
