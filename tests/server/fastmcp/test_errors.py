# SPDX-License-Identifier: BSD-3-Clause
"""Whatever a tool does, its caller gets one answer, and the next call is served."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from mcp_jupyter import types
from mcp_jupyter.errors import ConnectionClosed, McpError, RequestTimeout, ToolError
from mcp_jupyter.server.fastmcp import FastMCP
from mcp_jupyter.server.fastmcp.tools import explain

from .speaker import both_eras, speaking

pytestmark = pytest.mark.anyio


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError


class Bare(BaseException):
    pass


def deep() -> None:
    deep()


def exhaust() -> None:
    raise MemoryError


def group() -> None:
    raise ExceptionGroup("tasks", [ValueError("a"), ExceptionGroup("inner", [KeyError("b")])])


def raising(error: Callable[[], BaseException]) -> Callable[[], None]:
    def function() -> None:
        raise error()

    return function


WAYS: dict[str, tuple[Callable[[], Any], str]] = {
    "value": (raising(lambda: ValueError("why")), "Error in f: ValueError: why"),
    "no message": (raising(lambda: ValueError()), "Error in f: ValueError"),
    "key": (lambda: {}["k"], "Error in f: KeyError: 'k'"),
    "zero": (lambda: 1 / 0, "Error in f: ZeroDivisionError: division by zero"),
    "assertion": (raising(AssertionError), "Error in f: AssertionError"),
    "tool error": (raising(lambda: ToolError("Ask again with a city.")), "Ask again with a city."),
    "mcp error": (raising(lambda: McpError(-32603, "The other server failed.")), "The other server failed."),
    "closed": (raising(lambda: ConnectionClosed("It left.")), "It left."),
    "request time-out": (raising(lambda: RequestTimeout("No answer.")), "No answer."),
    "time-out": (raising(TimeoutError), "Error in f: TimeoutError"),
    "unspeakable": (
        raising(Unspeakable),
        "Error in f: Unspeakable: <Unspeakable whose text cannot be shown: ",
    ),
    "surrogate": (raising(lambda: ValueError("\ud800")), "Error in f: ValueError: �"),
    "not found": (lambda: open("/there/is/none"), "Error in f: FileNotFoundError: [Errno 2] No such"),  # noqa: SIM115
    "recursion": (deep, "Error in f: RecursionError: maximum recursion depth exceeded"),
    "memory": (exhaust, "Error in f: MemoryError"),
    "group": (group, "Error in f: ValueError: a; KeyError: 'b'"),
    "many": (
        raising(lambda: ExceptionGroup("g", [ValueError(n) for n in range(9)])),
        "Error in f: ValueError: 0; ValueError: 1; ValueError: 2; ValueError: 3; ValueError: 4; ...",
    ),
    "stop": (raising(StopIteration), "Error in f: RuntimeError: "),
    "exit": (
        lambda: sys.exit("bye"),
        "f ended with SystemExit, which is not an error a tool can report; the",
    ),
    "quit": (raising(lambda: SystemExit(0)), "f ended with SystemExit"),
    "interrupt": (raising(KeyboardInterrupt), "f ended with KeyboardInterrupt"),
    "generator": (raising(GeneratorExit), "f ended with GeneratorExit"),
    "cancelled": (raising(asyncio.CancelledError), "f ended with CancelledError"),
    "bare": (raising(Bare), "f ended with Bare"),
    "bare group": (
        raising(lambda: BaseExceptionGroup("g", [KeyboardInterrupt(), ValueError()])),
        "f ended with BaseExceptionGroup",
    ),
}


def as_sync(function: Callable[[], Any]) -> Callable[[], Any]:
    return function


def as_async(function: Callable[[], Any]) -> Callable[[], Any]:
    async def f() -> Any:
        return function()

    return f


def as_async_later(function: Callable[[], Any]) -> Callable[[], Any]:
    async def f() -> Any:
        await anyio.lowlevel.checkpoint()
        return function()

    return f


def as_generator(function: Callable[[], Any]) -> Callable[[], Any]:
    def f() -> Any:
        yield 1
        function()

    return f


def as_conversion(function: Callable[[], Any]) -> Callable[[], Any]:
    class Value(types.CallToolResult):
        def model_copy(self, **options: Any) -> Any:  # what is done with a value where it was made
            return function()

    return lambda: Value(content=[])


FORMS = {
    "sync": (as_sync, False),
    "thread": (as_sync, True),
    "async": (as_async, False),
    "async later": (as_async_later, False),
    "async concurrent": (as_async, True),
    "yielding": (as_generator, False),
    "in conversion": (as_conversion, False),
    "in conversion on a thread": (as_conversion, True),
}


@both_eras
@pytest.mark.parametrize("form", FORMS)
async def test_whatever_a_tool_raises_there_is_one_answer_and_the_server_lives(era, form):
    wrap, concurrent = FORMS[form]
    for way, (function, said) in WAYS.items():
        mcp = FastMCP()
        mcp.add_tool(wrap(function), "f", concurrent=concurrent)
        mcp.add_tool(lambda: "alive", "g")
        async with speaking(mcp, era) as client:
            text = await client.error("f")
            if way == "stop":  # it cannot leave a coroutine or a generator (PEP 479)
                assert "StopIteration" in text
            else:
                assert text.startswith(said), way
            assert await client.text("g") == "alive"


async def test_an_error_costs_only_its_own_call():
    mcp = FastMCP()
    started, release = anyio.Event(), anyio.Event()

    @mcp.tool()
    async def slow() -> str:
        started.set()
        await release.wait()
        return "done"

    @mcp.tool()
    def end() -> None:
        raise SystemExit

    async with speaking(mcp) as client, anyio.create_task_group() as tasks:
        got = []

        async def call() -> None:
            got.append(await client.text("slow"))

        tasks.start_soon(call)
        await started.wait()
        await client.error("end")
        release.set()
    assert got == ["done"]


@pytest.mark.parametrize("concurrent", [False, True])
async def test_a_call_that_is_cancelled_gets_no_answer_and_the_server_lives(concurrent):
    mcp = FastMCP()
    ended = anyio.Event()

    async def wait() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()

    mcp.add_tool(wait, concurrent=concurrent)
    mcp.add_tool(lambda: "alive", "g")
    async with speaking(mcp) as client:
        with anyio.move_on_after(0.05):
            await client.call("wait")
        with anyio.fail_after(5):
            await ended.wait()
        assert await client.text("g") == "alive"


async def test_a_tool_that_hangs_in_a_thread_holds_up_nobody():
    mcp = FastMCP()

    @mcp.tool(concurrent=True, timeout=0.05)
    def hang() -> None:
        time.sleep(0.3)

    mcp.add_tool(lambda: "alive", "g")
    async with speaking(mcp) as client, anyio.create_task_group() as tasks:

        async def call() -> None:
            said = "hang did not finish within 0.05 s; if it has begun, its thread goes on."
            assert await client.error("hang") == said

        for _ in range(5):
            tasks.start_soon(call)
        with anyio.fail_after(0.25):
            assert await client.text("g") == "alive"


async def test_the_text_of_an_error_is_bounded():
    """Its beginning and its end stay (1.32)."""
    mcp = FastMCP()

    @mcp.tool()
    def fail(kind: str, size: int) -> None:
        text = "begins " + "x" * size + " ends"
        raise ToolError(text) if kind == "ours" else ValueError(text)

    async with speaking(mcp) as client:
        for kind in ("ours", "theirs"):
            assert len(await client.error("fail", kind=kind, size=7900)) < 8000
            text = (await client.call("fail", kind=kind, size=100_000))["content"][0]["text"]
            assert len(text) == 8000
            assert text[:40].count("begins") == 1
            assert text.endswith("xxx ends")
            assert "characters; those between are left out" in text


def test_an_error_is_explained_in_words():
    assert explain("f", ToolError("words")) == "words"
    assert explain("f", ValueError("x")) == "Error in f: ValueError: x"
