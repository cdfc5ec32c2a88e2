# SPDX-License-Identifier: BSD-3-Clause
"""What a function may ask and say while it runs, from wherever it runs."""

from __future__ import annotations

import threading
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.lowlevel
import numpy as np
import pytest

from mcp_jupyter.errors import McpError
from mcp_jupyter.protocol.limits import MAX_STREAM_BACKLOG
from mcp_jupyter.server.client_requests import RequestSession
from mcp_jupyter.server.context import LOG_LEVELS, RequestContext
from mcp_jupyter.server.fastmcp import Context, FastMCP

from ..memory_client import connected
from .speaker import both_eras, speaking

pytestmark = pytest.mark.anyio


def logged(client: Any) -> list[tuple[str, Any]]:
    return [
        (said.params["level"], said.params["data"])
        for said in client.heard
        if said.method == "notifications/message"
    ]


async def talk_async(ctx: Context) -> str:
    await ctx.debug("d")
    ctx.info("i")
    await ctx.warning("w", logger_name="mine")
    ctx.error("e")
    await ctx.log("critical", "c")
    return "said"


def talk(ctx: Context) -> str:
    ctx.debug("d")
    ctx.info("i")
    ctx.warning("w", logger_name="mine")
    ctx.error("e")
    ctx.log("critical", "c")
    return "said"


@both_eras
@pytest.mark.parametrize("function", [talk, talk_async])
@pytest.mark.parametrize("concurrent", [False, True])
async def test_log_messages_come_in_order_and_before_the_result(era, function, concurrent):
    mcp = FastMCP()
    mcp.add_tool(function, "talk", concurrent=concurrent)
    async with speaking(mcp, era) as client:
        assert await client.text("talk") == "said"
        assert logged(client) == [
            ("debug", "d"),
            ("info", "i"),
            ("warning", "w"),
            ("error", "e"),
            ("critical", "c"),
        ]
        assert [said.params.get("logger") for said in client.heard] == [None, None, "mine", None, None]


@pytest.mark.parametrize(
    ("message", "data"),
    [
        ({"a": np.int64(1)}, {"a": 1}),
        ([1, None], [1, None]),
        (None, None),
        (3.5, 3.5),
        (object, "<class 'object'>"),
        ({"it": object}, {"it": "<class 'object'>"}),
        ("\ud800", "�"),
        (float("nan"), None),
    ],
)
async def test_anything_can_be_logged(message, data):
    mcp = FastMCP()

    @mcp.tool()
    def f(ctx: Context) -> None:
        ctx.info(message)

    async with speaking(mcp) as client:
        assert "isError" not in await client.call("f")
        assert client.heard[0].params == {"level": "info", "data": data}


async def test_an_unknown_level_is_an_error_where_it_is_used():
    mcp = FastMCP()

    @mcp.tool()
    def f(ctx: Context) -> None:
        ctx.log("loud", "x")

    async with speaking(mcp) as client:
        assert f"level must be one of {', '.join(LOG_LEVELS)}, not 'loud'" in await client.error("f")


async def test_a_thread_that_a_tool_started_may_speak():
    mcp = FastMCP()

    @mcp.tool()
    async def f(ctx: Context) -> None:
        thread = threading.Thread(target=ctx.info, args=("from a thread",))
        thread.start()
        await anyio.to_thread.run_sync(thread.join)

    async with speaking(mcp) as client:
        await client.call("f")
        assert logged(client) == [("info", "from a thread")]


async def test_who_speaks_faster_than_is_heard_loses_the_oldest_and_the_result_is_last():
    mcp = FastMCP()
    said = MAX_STREAM_BACKLOG + 50

    def speak(ctx: Context) -> None:
        for n in range(said):
            ctx.info(n)

    @mcp.tool()
    async def f(ctx: Context) -> None:
        thread = threading.Thread(target=speak, args=(ctx,))
        thread.start()
        thread.join()  # holds the loop, so that nothing is heard meanwhile
        await anyio.lowlevel.checkpoint()

    async with speaking(mcp) as client:
        assert "isError" not in await client.call("f")
        assert [data for _, data in logged(client)] == list(range(50, said))


async def test_a_thread_that_speaks_after_all_is_over_meets_no_error():
    mcp, kept = FastMCP(), []

    @mcp.tool()
    def f(ctx: Context) -> None:
        kept.append(ctx)

    async with speaking(mcp) as client:
        await client.call("f")
    await anyio.to_thread.run_sync(kept[0].info, "too late")
    kept[0].info("too late")


def test_speaking_when_the_loop_is_closed_is_no_error():
    kept = []

    async def once() -> None:
        mcp = FastMCP()
        mcp.add_tool(lambda ctx: None, "unused")

        @mcp.tool()
        def f(ctx: Context) -> None:
            kept.append(ctx)

        async with speaking(mcp) as client:
            await client.call("f")

    anyio.run(once)
    thread = threading.Thread(target=kept[0].info, args=("too late",))
    thread.start()
    thread.join()


# -- what it asks and knows -----------------------------------------------------------------------------


@both_eras
async def test_a_resource_is_read_and_unpacked(era):
    mcp = FastMCP()
    mcp.resource("data://{name}", mime_type="text/x-own")(lambda name: name.upper())
    mcp.resource("bytes://x")(lambda: b"\xff")

    @mcp.tool()
    async def read(uri: str, ctx: Context) -> str:
        data, mime_type = await ctx.read_resource(uri)
        found = await ctx.read_resource(uri)
        assert (found.content, found.mime_type) == (data, mime_type)
        return repr((data, mime_type))

    async with speaking(mcp, era) as client:
        assert await client.text("read", uri="data://abc") == "('ABC', 'text/x-own')"
        assert await client.text("read", uri="bytes://x") == r"(b'\xff', 'application/octet-stream')"
        assert await client.error("read", uri="data://a/b") == "Unknown resource 'data://a/b'."


async def test_what_a_context_knows():
    mcp = FastMCP("Named")
    seen: list[Any] = []

    @mcp.tool()
    def f(ctx: Context) -> None:
        seen.append(ctx)

    async with connected(mcp) as client:
        await client.ask("tools/call", {"name": "f", "_meta": {"client_id": "c", "own": 1}})
        (ctx,) = seen
        assert ctx.request_id == "2"
        assert ctx.client_id == "c"
        assert ctx.meta["own"] == 1
        assert ctx.fastmcp is mcp
        assert isinstance(ctx.session, RequestSession)
        assert isinstance(ctx.request_context, RequestContext)
        assert ctx.request_context.method == "tools/call"
        assert ctx.session.client_params.clientInfo.name == "mcp_jupyter"


@pytest.mark.parametrize("concurrent", [False, True])
async def test_two_calls_at_once_have_each_their_own(concurrent):
    mcp = FastMCP()
    both = threading.Barrier(2, timeout=10) if concurrent else None
    meet = anyio.Event()

    if concurrent:

        @mcp.tool(concurrent=True)
        def f(name: str, ctx: Context) -> str:
            both.wait()
            ctx.info(name)
            return ctx.request_id

    else:

        @mcp.tool()
        async def f(name: str, ctx: Context) -> str:
            if name == "a":
                await meet.wait()
            meet.set()
            ctx.info(name)
            return ctx.request_id

    async with speaking(mcp) as client, anyio.create_task_group() as tasks:
        got = {}

        async def call(name: str) -> None:
            got[name] = await client.text("f", name=name)

        tasks.start_soon(call, "a")
        tasks.start_soon(call, "b")
    assert sorted(got.values()) == ["2", "3"]
    assert sorted(data for _, data in logged(client)) == ["a", "b"]


# -- lifespan -------------------------------------------------------------------------------------------


def with_lifespan(events: list[str], fail_at: str = "") -> FastMCP:
    @asynccontextmanager
    async def lifespan(server: FastMCP):
        events.append(f"start {server.name}")
        if fail_at == "start":
            raise RuntimeError("no database")
        try:
            yield {"db": "connected"}
        finally:
            events.append("stop")
            if fail_at == "stop":
                raise RuntimeError("still busy")

    mcp = FastMCP("S", lifespan=lifespan)

    @mcp.tool()
    def query(ctx: Context) -> str:
        events.append("query")
        return ctx.request_context.lifespan_context["db"]

    return mcp


async def test_a_lifespan_surrounds_all_connections_and_tools_find_what_it_yields():
    events: list[str] = []
    mcp = with_lifespan(events)
    assert events == []
    for _ in range(2):  # a server may run again
        async with speaking(mcp) as client:
            assert await client.text("query") == "connected"
        assert events == ["start S", "query", "stop"]
        events.clear()


async def test_a_lifespan_that_fails_to_start_fails_the_server():
    mcp = with_lifespan([], "start")
    with pytest.raises(RuntimeError, match="no database"):
        async with mcp.running():
            pytest.fail("it runs")


async def test_a_lifespan_that_fails_to_stop_is_heard_of():
    mcp = with_lifespan([], "stop")
    with pytest.raises(RuntimeError, match="still busy"):
        async with mcp.running():
            pass


async def test_a_lifespan_stops_when_serving_is_cancelled():
    events: list[str] = []
    with anyio.CancelScope() as scope:
        async with with_lifespan(events).running():
            scope.cancel()
            await anyio.sleep_forever()
    assert events == ["start S", "stop"]


async def test_without_a_lifespan_the_context_is_an_empty_mapping():
    mcp = FastMCP()

    @mcp.tool()
    def f(ctx: Context) -> dict:
        return ctx.request_context.lifespan_context

    async with speaking(mcp) as client:
        assert (await client.call("f"))["structuredContent"] == {}


async def test_calls_under_way_end_before_the_lifespan_does():
    events: list[str] = []
    mcp = with_lifespan(events)
    started = anyio.Event()

    @mcp.tool()
    async def wait() -> None:
        started.set()
        try:
            await anyio.sleep_forever()
        finally:
            events.append("call ended")

    async def call(client: Any) -> None:
        with pytest.raises((McpError, Exception)):
            await client.call("wait")

    async with anyio.create_task_group() as tasks, speaking(mcp) as client:
        tasks.start_soon(call, client)
        await started.wait()
    assert events == ["start S", "call ended", "stop"]


# -- trio -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("anyio_backend", ["trio"])
@pytest.mark.parametrize("function", [talk, talk_async])
@pytest.mark.parametrize("concurrent", [False, True])
async def test_on_trio_too(function, concurrent):
    mcp = FastMCP()
    mcp.add_tool(function, "talk", concurrent=concurrent)
    async with speaking(mcp) as client:
        assert await client.text("talk") == "said"
        assert [level for level, _ in logged(client)] == ["debug", "info", "warning", "error", "critical"]
