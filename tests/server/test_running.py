# SPDX-License-Identifier: BSD-3-Clause
"""The runners of servers outside of kernels: where functions run, what may leave them, and when they end.

`InlineRunner` runs functions on the loop of the server, `LoopRunner` on that of another thread, asyncio's or
trio's. What is tested with `runner` holds for all.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import itertools
import math
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from mcp_jupyter.errors import ToolError
from mcp_jupyter.server.runner import MAX_WORKERS, InlineRunner, Runner, converted, is_async

from .runners import async_thread_of, loop_runner, run, thread_of

pytestmark = pytest.mark.anyio


@pytest.fixture
async def inline() -> AsyncIterator[InlineRunner]:
    with InlineRunner() as runner:
        yield runner


@pytest.fixture(params=["inline", "asyncio", "trio"])
async def runner(request: pytest.FixtureRequest) -> AsyncIterator[Runner]:
    if request.param == "inline":
        with InlineRunner() as runner:
            yield runner
    else:
        async with loop_runner(request.param) as (runner, _):
            yield runner


# -- where it runs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [thread_of, async_thread_of])
async def test_a_function_runs_on_the_thread_of_the_loop(inline, function):
    assert await run(inline, function) == threading.get_ident()


async def test_a_concurrent_sync_function_runs_on_another_thread(runner):
    threads = {threading.get_ident(), await run(runner, thread_of)}
    assert await run(runner, thread_of, concurrent=True) not in threads


async def test_a_concurrent_async_function_runs_on_the_loop_of_the_server(runner):
    assert await run(runner, async_thread_of, concurrent=True) == threading.get_ident()


async def test_concurrent_functions_run_beside_each_other(runner):
    meeting = threading.Barrier(3, timeout=10)

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(functools.partial(run, runner, meeting.wait, concurrent=True))


async def test_context_variables_reach_a_worker_thread(runner):
    variable = contextvars.ContextVar("variable", default="unset")
    variable.set("set")
    assert await run(runner, variable.get, concurrent=True) == "set"


async def test_arguments_are_passed_by_name(runner):
    assert await run(runner, lambda a, b: (b, a), arguments={"a": 1, "b": 2}) == (2, 1)


async def test_threads_are_reused(runner):
    threads = {await run(runner, thread_of, concurrent=True) for _ in range(20)}
    assert len(threads) < 10  # one may not have become idle when the next was asked for


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_on_trio_too(inline):
    assert await run(inline, thread_of, concurrent=True) != threading.get_ident()
    with pytest.raises(ToolError, match=r"within 0\.01 s"):
        await run(inline, anyio.sleep_forever, timeout=0.01)


# -- what may leave it -----------------------------------------------------------------------------------


class Bare(BaseException):
    pass


def _raise(error: BaseException) -> Any:
    raise error


async def _raise_async(error: BaseException) -> Any:
    raise error


async def _raise_after_a_step(error: BaseException) -> Any:
    await anyio.lowlevel.checkpoint()
    raise error


WAYS = {
    "sync": (_raise, False),
    "thread": (_raise, True),
    "async": (_raise_async, False),
    "async, later": (_raise_after_a_step, False),
    "async, concurrent": (_raise_async, True),
    "wrapped": (lambda error: _raise_async(error), False),
}
WALLED = {
    "exit": lambda: SystemExit(3),
    "interrupt": KeyboardInterrupt,
    "generator": GeneratorExit,
    "cancelled": asyncio.CancelledError,
    "bare": Bare,
    "group": lambda: BaseExceptionGroup("group", [SystemExit(), ValueError()]),
}
PASSED = {
    "value": lambda: ValueError("v"),
    "timeout": TimeoutError,
    "memory": MemoryError,
    "recursion": RecursionError,
    "os": lambda: OSError(2, "gone"),
    "tool": lambda: ToolError("words"),
    "group of exceptions": lambda: ExceptionGroup("group", [ValueError()]),
    "stop async": StopAsyncIteration,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("error", WALLED)
async def test_what_is_no_exception_becomes_an_error_of_the_tool(runner, way, error):
    function, concurrent = WAYS[way]
    raised = WALLED[error]()
    with pytest.raises(ToolError, match=rf"^f ended with {type(raised).__name__}, ") as caught:
        await run(runner, function, arguments={"error": raised}, concurrent=concurrent)
    assert type(caught.value.__cause__) is type(raised)
    assert await run(runner, lambda: 1) == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("error", PASSED)
async def test_an_exception_passes_as_it_is(runner, way, error):
    function, concurrent = WAYS[way]
    raised = PASSED[error]()
    for timeout in (None, 5):
        with pytest.raises(type(raised)) as caught:
            await run(runner, function, arguments={"error": raised}, concurrent=concurrent, timeout=timeout)
        assert caught.value is raised


@pytest.mark.parametrize("way", WAYS)
async def test_a_stop_iteration_does_not_look_like_a_value(runner, way):
    function, concurrent = WAYS[way]
    with pytest.raises((RuntimeError, ToolError), match="StopIteration"):
        await run(runner, function, arguments={"error": StopIteration(5)}, concurrent=concurrent)


async def test_a_future_that_was_cancelled_elsewhere_is_an_error_of_the_tool(inline):
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    with pytest.raises(ToolError, match="CancelledError"):
        await run(inline, lambda: future)


# -- when it is given up ---------------------------------------------------------------------------------


async def test_an_async_function_over_its_time_is_stopped(runner):
    seen = []

    async def wait() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            seen.append("stopped")

    with pytest.raises(ToolError, match=r"f did not finish within 1 s; it is not running and will not"):
        await run(runner, wait, timeout=1)  # enough for it to begin
    assert seen == ["stopped"]


async def test_a_thread_over_its_time_is_left_and_that_is_said(runner):
    release = threading.Event()
    try:
        with pytest.raises(ToolError, match=r"within 1 s.*(its thread goes on|it is still running)\."):
            await run(runner, release.wait, concurrent=True, timeout=1)
    finally:
        release.set()


async def test_a_function_in_time_is_not_disturbed(runner):
    assert await run(runner, lambda: 5, timeout=10) == 5
    assert await run(runner, thread_of, timeout=10, concurrent=True)


async def test_a_cancelled_call_stays_cancelled(runner):
    with anyio.CancelScope() as scope:
        scope.cancel()
        await run(runner, anyio.sleep_forever)
    assert scope.cancelled_caught


async def test_a_cancelled_call_that_waits_for_a_thread_never_runs(runner):
    release, ran = threading.Event(), []
    async with anyio.create_task_group() as tasks:
        for _ in range(MAX_WORKERS):
            tasks.start_soon(functools.partial(run, runner, release.wait, concurrent=True))
        await anyio.wait_all_tasks_blocked()
        with anyio.move_on_after(0.01) as scope:
            await run(runner, lambda: ran.append("late"), concurrent=True)
        assert scope.cancelled_caught
        release.set()
    assert await run(runner, lambda: list(ran), concurrent=True) == []


async def test_threads_end_with_the_runner():
    before = set(threading.enumerate())
    with InlineRunner() as runner:
        await run(runner, thread_of, concurrent=True)
        (worker,) = set(threading.enumerate()) - before
        assert worker.daemon
    await anyio.to_thread.run_sync(worker.join, 5)
    assert not worker.is_alive()


# -- values, converted where they were made ---------------------------------------------------------------


class CallableObject:
    async def __call__(self) -> int:
        return 3


def _three() -> int:
    return 3


async def _async_three() -> int:
    return 3


def _wrapper(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return call


def _yields() -> Iterator[int]:
    yield 1
    yield 2


async def _yields_async() -> AsyncIterator[int]:
    yield 1
    yield 2


async def _returns_generator() -> Iterator[int]:
    return _yields()


@pytest.mark.parametrize(
    ("function", "value"),
    [
        (_three, 3),
        (_async_three, 3),
        (functools.partial(_async_three), 3),
        (CallableObject(), 3),
        (staticmethod(_async_three), 3),
        (lambda: _async_three(), 3),
        (_wrapper(_async_three), 3),
        (_yields, [1, 2]),
        (_yields_async, [1, 2]),
        (_returns_generator, [1, 2]),
        (lambda: (n for n in (1, 2)), [1, 2]),
        (lambda: map(int, "12"), [1, 2]),
        (lambda: iter(()), []),
    ],
)
@pytest.mark.parametrize("concurrent", [False, True])
async def test_a_call_has_one_value_and_it_is_converted(runner, function, value, concurrent):
    assert await run(runner, converted(function, repr), concurrent=concurrent) == repr(value)


async def _endless() -> AsyncIterator[int]:
    try:
        while True:
            yield 1
    finally:
        _closed.append(True)


_closed: list[bool] = []


@pytest.mark.parametrize("function", [itertools.count, lambda: itertools.cycle("a"), _endless])
async def test_a_call_that_yields_without_end_ends(runner, function):
    with pytest.raises(ToolError, match="more than 100000 values"):
        await run(runner, converted(function, repr))
    assert _closed or function is not _endless


async def test_conversion_happens_on_the_thread_of_the_function(runner):
    where = converted(_three, lambda _: threading.get_ident())
    thread = await run(runner, thread_of)
    assert await run(runner, where) == thread
    assert await run(runner, where, concurrent=True) != thread


async def test_what_conversion_raises_is_raised(runner):
    for function in (_three, _async_three, lambda: _async_three()):
        with pytest.raises(ZeroDivisionError):
            await run(runner, converted(function, lambda _: 1 / 0))


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (_three, False),
        (_async_three, True),
        (functools.partial(_async_three), True),
        (functools.partial(functools.partial(_async_three)), True),
        (CallableObject(), True),
        (CallableObject().__call__, True),
        (functools.partial(CallableObject()), True),
        (math.sqrt, False),
        (int, False),
    ],
)
def test_is_async_sees_through_what_stands_before_a_function(function, expected):
    assert is_async(function) is expected
    if expected:
        assert is_async(converted(function, repr))
