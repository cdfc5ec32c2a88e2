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

from .runners import HEARTBEAT, LIMIT_SECONDS, Block, async_thread_of, loop_runner, run, thread_of

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
    block = Block()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run, runner, block)
        await block.begun()
        assert await run(runner, thread_of, concurrent=True)
        assert await run(runner, async_thread_of, concurrent=True)
        block.release()


async def test_a_waiting_call_says_what_it_waits_for_and_a_running_one_that_it_runs(apart):
    runner, _ = apart
    block, waits, runs = Block(), threading.Event(), threading.Event()
    said = []

    def report(text: str) -> None:
        said.append(text)
        waits.set()

    def running(seconds: float, line: str) -> None:
        assert seconds >= HEARTBEAT
        assert line == ""
        runs.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(runner.run, Invocation("first", block, running=running))
        assert await anyio.to_thread.run_sync(runs.wait, LIMIT_SECONDS)
        tasks.start_soon(runner.run, Invocation("second", thread_of, report=report))
        assert await anyio.to_thread.run_sync(waits.wait, LIMIT_SECONDS)
        block.release()
    assert said[0].startswith("waiting for another call (first), ")


async def test_a_call_that_waits_beyond_its_time_never_runs(apart):
    runner, _ = apart
    block, ran = Block(), list[str]()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run, runner, block)
        await block.begun()
        late = r"f did not finish within 0\.01 s; it is not running and will not run\. It was waiting for an"
        with pytest.raises(ToolError, match=late):
            await run(runner, lambda: ran.append("late"), timeout=0.01)
        block.release()
    assert await run(runner, lambda: list(ran)) == []


async def test_a_sync_function_beyond_its_time_is_left_and_that_is_said(apart):
    runner, _ = apart
    block = Block()
    try:
        still = r"within 1 s\. It is not async, so it cannot be stopped: it is still running\."
        with pytest.raises(ToolError, match=still):
            await run(runner, block, timeout=1)  # enough for it to begin
    finally:
        block.release()
    assert await run(runner, lambda: 1) == 1


async def test_a_cancelled_call_is_stopped_on_the_thread_of_the_program(apart):
    runner, program = apart
    begun, seen = threading.Event(), Future[int]()

    async def wait() -> None:
        try:
            begun.set()
            await anyio.sleep_forever()
        finally:
            seen.set_result(threading.get_ident())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run, runner, wait)
        assert await anyio.to_thread.run_sync(begun.wait, LIMIT_SECONDS)
        tasks.cancel_scope.cancel()
    assert await anyio.to_thread.run_sync(seen.result, LIMIT_SECONDS) == program


async def test_calls_without_end_are_refused(apart):
    runner, _ = apart
    block = Block()
    async with anyio.create_task_group() as tasks:
        for _ in range(MAX_CALLS):
            tasks.start_soon(run, runner, block)
        await anyio.wait_all_tasks_blocked()
        refused = f"^{MAX_CALLS} calls are waiting or running in this server; try again later"
        with pytest.raises(ToolError, match=refused):
            await run(runner, thread_of)
        block.release()


async def test_a_runner_whose_program_has_gone_refuses_calls():
    async with loop_runner("asyncio") as (runner, _):
        pass
    with pytest.raises(ToolError, match="f did not run: its server has stopped"):
        await run(runner, thread_of)
