# SPDX-License-Identifier: BSD-3-Clause
"""Finding live kernels, with real processes that live, end in order, and are killed."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from mcp_jupyter.engine.connection import Connection
from mcp_jupyter.errors import ConnectionClosed, LinkError, NotebookNotFound
from mcp_jupyter.ipc.connect import dial
from mcp_jupyter.ipc.discovery import ELSEWHERE_SECONDS, Discovery
from mcp_jupyter.ipc.files import (
    ConnectionInfo,
    Machine,
    process_runs,
    read,
    remove,
    scan,
    this_machine,
    write,
)
from mcp_jupyter.ipc.wire import greeting

from ..descriptors import no_descriptors
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


@contextmanager
def silent_kernel(runtime_dir: Path, backlog: int = 0) -> Iterator[tuple[ConnectionInfo, socket.socket]]:
    """A kernel of this process that listens, and accepts nothing unless the test does."""
    runtime_dir.mkdir()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(runtime_dir / "mcp-0123456789abcdef.sock"))
        sock.listen(backlog)
        info = ConnectionInfo(
            name="sales",
            kernel_id="k-1",
            pid=os.getpid(),
            path=None,
            transport="unix",
            address=sock.getsockname(),
            key="0" * 64,
            machine=this_machine(),
        )
        write(info, runtime_dir)
        yield info, sock


@contextmanager
def full_backlog(address: str) -> Iterator[int]:
    """Let so many connections wait at a socket that the system takes no more; how many that are."""
    with ExitStack() as stack:
        for number in itertools.count():
            waiting = stack.enter_context(socket.socket(socket.AF_UNIX))
            waiting.setblocking(False)
            try:
                waiting.connect(address)
            except BlockingIOError:
                yield number
                return


async def test_a_kernel_with_a_full_backlog_is_waited_for_and_really_connected(runtime_dir: Path) -> None:
    """A dial is never given a socket that is not connected (1.5)."""
    with silent_kernel(runtime_dir) as (info, sock), full_backlog(str(info.address)) as waiting:

        async def open_channel() -> None:
            channel = await dial(info, timeout=BOUND)
            channel.close()  # once the greeting is sent
            await channel.wait_closed()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(open_channel)
            await anyio.lowlevel.checkpoint()  # it has tried once
            sock.settimeout(BOUND)
            for _ in range(waiting):
                sock.accept()[0].close()
            connection, _ = await anyio.to_thread.run_sync(sock.accept)
        with connection:
            assert connection.recv(1000) == greeting(info.key)


async def test_a_kernel_that_takes_no_connection_is_not_called_gone(runtime_dir: Path) -> None:
    """A full backlog is not taken for a dead kernel, and costs no file (1.5)."""
    with silent_kernel(runtime_dir) as (info, _), full_backlog(str(info.address)):
        with pytest.raises(
            LinkError, match=r"'sales' cannot be reached: it did not take the connection"
        ) as e:
            await dial(info, timeout=0.05)
        assert not isinstance(e.value, NotebookNotFound)
        assert await Discovery(runtime_dir).live() == [info]
        assert len(os.listdir(runtime_dir)) == 2


async def test_a_refused_connection_is_a_dead_kernel_only_when_its_process_is_dead(
    runtime_dir: Path, start_kernel: Any
) -> None:
    """Where a full backlog refuses connections (macOS), a live kernel keeps its files (1.5)."""
    with silent_kernel(runtime_dir) as (info, sock):
        sock.close()  # what is left refuses connections, as a full backlog does on macOS
        assert await Discovery(runtime_dir).live() == []
        assert len(os.listdir(runtime_dir)) == 2
        with pytest.raises(LinkError, match=r"Connection refused for 0.05 s"):
            await dial(info, timeout=0.05)
        ended = subprocess.Popen(["true"])
        ended.wait(timeout=BOUND)
        write(replace(info, pid=ended.pid), runtime_dir)
        assert await Discovery(runtime_dir).live() == []
        assert os.listdir(runtime_dir) == []


HERE = this_machine()
ELSEWHERE = {
    "machine": replace(HERE, name="node-b", id="another"),
    "boot": replace(HERE, name="node-b", boot="another"),
    "container": replace(HERE, name="node-b", pids="pid:[1]"),
    "unknown": None,
}


@pytest.mark.parametrize("machine", ELSEWHERE.values(), ids=ELSEWHERE)
@pytest.mark.parametrize("transport", ["unix", "tcp"])
async def test_a_kernel_of_another_machine_is_neither_removed_nor_dialled(
    runtime_dir: Path, machine: Machine | None, transport: str
) -> None:
    """What another machine wrote into a shared directory stays, and never gets the key (1.5)."""
    with silent_kernel(runtime_dir) as (info, sock), socket.create_server(("127.0.0.1", 0)) as tcp:
        at = {"transport": "tcp", "address": tcp.getsockname()} if transport == "tcp" else {}
        foreign = replace(info, machine=machine, pid=2**22 + 1, **at)
        write(foreign, runtime_dir)
        discovery = Discovery(runtime_dir)
        assert await discovery.live() == []
        assert await discovery.elsewhere() == [foreign]
        remove(foreign, runtime_dir)
        with pytest.raises(NotebookNotFound, match="'sales' runs on another machine or in another container"):
            await discovery.find("sales")
        with pytest.raises(NotebookNotFound, match="runs on another machine"):
            await discovery.by_kernel("k-1")
        with pytest.raises(LinkError, match="another machine"):
            await dial(foreign)
        for listening in (sock, tcp):
            listening.setblocking(False)
            with pytest.raises(BlockingIOError):
                listening.accept()
        assert len(os.listdir(runtime_dir)) == 2


async def test_a_kernel_of_another_machine_that_is_silent_for_long_is_not_shown(runtime_dir: Path) -> None:
    """What a machine left that has stopped stays on disk, but in no list (1.5)."""
    with silent_kernel(runtime_dir) as (info, _):
        foreign = replace(info, machine=ELSEWHERE["boot"])
        file = write(foreign, runtime_dir)
        discovery = Discovery(runtime_dir)
        assert await discovery.elsewhere() == [foreign]
        long_ago = time.time() - 2 * ELSEWHERE_SECONDS
        os.utime(file, (long_ago, long_ago))
        assert await discovery.elsewhere() == []
        assert file.exists()


def test_a_process_that_has_ended_does_not_run_even_before_its_parent_looks() -> None:
    """A killed kernel whose parent has not waited for it is gone (1.5)."""
    process = subprocess.Popen(["true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert not process_runs(process.pid)
    process.wait(timeout=BOUND)
    assert not process_runs(process.pid)
    assert process_runs(os.getpid())


async def test_a_machine_that_cannot_be_read_is_another_one(runtime_dir: Path) -> None:
    """A file that says where in a way we do not understand is not ours to remove (1.5)."""
    with silent_kernel(runtime_dir) as (info, _):
        file = runtime_dir / "mcp-k-1.json"
        for said in (
            "here",
            {},
            {"id": 5},
            {**HERE.to_json(), "name": "\x1b[2J"},
            {**HERE.to_json(), "id": ""},
        ):
            file.write_text(json.dumps(json.loads(info.to_json()) | {"machine": said}))
            assert read(file).machine is None
            assert await Discovery(runtime_dir).live() == []
        assert file.exists()


async def test_without_descriptors_nothing_is_called_gone(start_kernel: Any, runtime_dir: Path) -> None:
    """A process that can open no file says so, instead of finding no notebook (1.6)."""
    start_kernel("k-1", "sales")
    discovery = Discovery(runtime_dir)
    await discovery.live()  # threads are there
    with no_descriptors():
        for ask in (discovery.live(), discovery.find("sales"), discovery.by_kernel("k-1")):
            with pytest.raises(LinkError, match="Too many open files") as caught:
                await ask
            assert not isinstance(caught.value, NotebookNotFound)
    assert [info.name for info in await discovery.live()] == ["sales"]


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
    with pytest.raises(NotebookNotFound, match="notebook 'sales' is not serving: its process has ended"):
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
