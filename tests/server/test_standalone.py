# SPDX-License-Identifier: BSD-3-Clause
"""User code on the thread of its program: what a function that blocks holds up, and how calls are stopped."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from concurrent.futures import Future

import anyio
import pytest

from mcp_jupyter.errors import ToolError
from mcp_jupyter.server.calls import MAX_CALLS
from mcp_jupyter.server.runner import Invocation, Runner

from .runners import HEARTBEAT, LIMIT_SECONDS, async_thread_of, loop_runner, run, thread_of

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
async def apart(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Runner, int]]:
    async with loop_runner(request.param) as pair:
        yield pair


@pytest.mark.parametrize("function", [thread_of, async_thread_of])
async def test_a_function_runs_on_the_thread_of_the_program(apart, function):
    runner, program = apart
    assert await run(runner, function) == program != threading.get_ident()


async def test_a_function_that_blocks_holds_up_no_concurrent_one(apart):
    runner, _ = apart
    begun, release = threading.Event(), threading.Event()

    def block() -> None:
        begun.set()
        assert release.wait(LIMIT_SECONDS)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run, runner, block)
        await anyio.to_thread.run_sync(begun.wait, LIMIT_SECONDS)
        assert await run(runner, thread_of, concurrent=True)
        assert await run(runner, async_thread_of, concurrent=True)
        release.set()


async def test_a_waiting_call_says_what_it_waits_for_and_a_running_one_that_it_runs(apart):
    runner, _ = apart
    waits, runs, release = threading.Event(), threading.Event(), threading.Event()
    said = []

    def report(text: str) -> None:
        said.append(text)
        waits.set()

    def running(seconds: float, line: str) -> None:
        assert seconds >= HEARTBEAT
        assert line == ""
        runs.set()

    def block() -> None:
        assert release.wait(LIMIT_SECONDS)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(runner.run, Invocation("first", block, running=running))
        await anyio.to_thread.run_sync(runs.wait, LIMIT_SECONDS)
        tasks.start_soon(runner.run, Invocation("second", thread_of, report=report))
        await anyio.to_thread.run_sync(waits.wait, LIMIT_SECONDS)
        release.set()
    assert said[0].startswith("waiting for another call (first), 0 s")


async def test_a_call_that_waits_beyond_its_time_never_runs(apart):
    runner, _ = apart
    begun, release, ran = threading.Event(), threading.Event(), []

    def block() -> None:
        begun.set()
        assert release.wait(LIMIT_SECONDS)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run, runner, block)
        await anyio.to_thread.run_sync(begun.wait, LIMIT_SECONDS)
        late = r"f did not finish within 0\.01 s; it is not running and will not run\. It was waiting for an"
        with pytest.raises(ToolError, match=late):
            await run(runner, lambda: ran.append("late"), timeout=0.01)
        release.set()
    assert await run(runner, lambda: list(ran)) == []


async def test_a_sync_function_beyond_its_time_is_left_and_that_is_said(apart):
    runner, _ = apart
    release = threading.Event()
    try:
        still = r"within 0\.01 s\. It is not async, so it cannot be stopped: it is still running\."
        with pytest.raises(ToolError, match=still):
            await run(runner, lambda: release.wait(LIMIT_SECONDS), timeout=0.01)
    finally:
        release.set()
    assert await run(runner, lambda: 1) == 1


async def test_a_cancelled_call_is_stopped_on_the_thread_of_the_program(apart):
    runner, program = apart
    seen: Future[int] = Future()

    async def wait() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            seen.set_result(threading.get_ident())

    with anyio.move_on_after(0.01) as scope:
        await run(runner, wait)
    assert scope.cancelled_caught
    assert await anyio.to_thread.run_sync(seen.result, LIMIT_SECONDS) == program


async def test_calls_without_end_are_refused(apart):
    runner, _ = apart
    begun, release = threading.Event(), threading.Event()

    def block() -> None:
        begun.set()
        assert release.wait(LIMIT_SECONDS)

    async with anyio.create_task_group() as tasks:
        for _ in range(MAX_CALLS):
            tasks.start_soon(run, runner, block)
        await anyio.wait_all_tasks_blocked()
        refused = f"^{MAX_CALLS} calls are waiting or running in this server; try again later"
        with pytest.raises(ToolError, match=refused):
            await run(runner, thread_of)
        release.set()


async def test_a_runner_whose_program_has_gone_refuses_calls():
    async with loop_runner("asyncio") as (runner, _):
        pass
    with pytest.raises(ToolError, match="f did not run: its server has stopped"):
        await run(runner, thread_of)
