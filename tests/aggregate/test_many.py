# SPDX-License-Identifier: BSD-3-Clause
"""Twenty notebooks in twenty processes behind one aggregate; some die, some do not answer."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from mcp_jupyter.aggregate.aggregate import Aggregate
from mcp_jupyter.aggregate.notebook import LIST_SECONDS
from mcp_jupyter.errors import McpError
from mcp_jupyter.ipc.discovery import Discovery

from .notebooks import Host, host_of

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

ROOT = Path(__file__).parent.parent.parent
NAMES = [f"nb{number:02}" for number in range(20)]
TOOLS = 4
QUICK_SECONDS = 1.0
"""For a list of all: they are asked at once. One after the other, those that hang would cost more."""


@pytest.fixture
def processes(runtime_dir: Path) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    started = {}
    for name in NAMES:
        command = [sys.executable, "-m", "tests.aggregate.process", str(runtime_dir), name]
        started[name] = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        for process in started.values():
            assert process.stdout is not None
            assert process.stdout.readline() == b"serving\n"
        yield started
    finally:
        for process in started.values():
            process.kill()
            process.communicate(timeout=10)


async def timed(host: Host) -> tuple[set[str], float]:
    """The notebooks whose tools are listed, and how long that took."""
    began = time.monotonic()
    names = await host.names()
    took = time.monotonic() - began
    assert names == sorted(names, key=lambda name: name.partition("_")[0])
    return {name.partition("_")[0] for name in names}, took


async def test_twenty_notebooks(runtime_dir: Path, processes: dict[str, subprocess.Popen[bytes]]) -> None:
    aggregate = Aggregate(Discovery(runtime_dir))
    async with aggregate.running(), host_of(aggregate, initialize=True) as host:
        seen, took = await timed(host)
        assert seen == set(NAMES)
        assert took < QUICK_SECONDS + LIST_SECONDS, "the first list: all are dialled and asked"
        seen, took = await timed(host)
        assert seen == set(NAMES)
        assert took < QUICK_SECONDS

        answers = {}

        async def call(name: str) -> None:
            answers[name] = (await host.call(f"{name}_say"))["content"][0]["text"]

        async with anyio.create_task_group() as tasks:
            for name in NAMES:
                tasks.start_soon(call, name)
        assert answers == {name: name for name in NAMES}

        # A process that hangs keeps its old list, and holds up nobody.
        processes["nb03"].send_signal(signal.SIGSTOP)
        try:
            seen, took = await timed(host)
            assert seen == set(NAMES)
            assert took < QUICK_SECONDS
            await call("nb04")
        finally:
            processes["nb03"].send_signal(signal.SIGCONT)
        await call("nb03")

        # A dead kernel's tools disappear, and the host is told; the others stay.
        host.heard.clear()
        for name in ("nb07", "nb11"):
            processes[name].kill()
        gone = {"nb07", "nb11"}
        await host.hear("notifications/tools/list_changed")
        with anyio.fail_after(10):
            while (await timed(host))[0] != set(NAMES) - gone:
                await anyio.sleep(0.01)
        with pytest.raises(McpError, match="No live notebook"):
            await host.call("nb07_say")
        await call("nb08")


async def test_who_does_not_answer_from_the_start_is_left_out(
    runtime_dir: Path, processes: dict[str, subprocess.Popen[bytes]]
) -> None:
    aggregate = Aggregate(Discovery(runtime_dir))
    silent = {"nb05", "nb06"}
    for name in silent:
        processes[name].send_signal(signal.SIGSTOP)
    try:
        async with aggregate.running(), host_of(aggregate, initialize=True) as host:
            seen, took = await timed(host)
            assert seen == set(NAMES) - silent
            assert took < 2 * LIST_SECONDS + QUICK_SECONDS
            seen, took = await timed(host)
            assert took < 2 * LIST_SECONDS + QUICK_SECONDS
            host.heard.clear()
            for name in silent:
                processes[name].send_signal(signal.SIGCONT)
            await host.hear("notifications/tools/list_changed")
            with anyio.fail_after(10):
                while (await timed(host))[0] != set(NAMES):
                    await anyio.sleep(0.01)
    finally:
        for name in silent:
            processes[name].send_signal(signal.SIGCONT)
