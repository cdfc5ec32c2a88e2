# SPDX-License-Identifier: BSD-3-Clause
"""What a notebook asks reaches the host through the aggregate, and the answer goes back to that notebook."""

from __future__ import annotations

import anyio
import pytest

from mcp_jupyter import ClientSession, types
from mcp_jupyter.aggregate.aggregate import Aggregate
from mcp_jupyter.engine.channel import halves, memory_pair
from mcp_jupyter.errors import McpError
from mcp_jupyter.server.fastmcp import Context, FastMCP

from .notebooks import BOUND, Notebooks, host_of

pytestmark = pytest.mark.anyio


def consulting(word: str) -> FastMCP:
    mcp = FastMCP(word)

    @mcp.tool()
    async def consult(ctx: Context) -> str:
        said = await ctx.sample(f"{word}?")
        roots = await ctx.list_roots()
        return f"{word}: {said.content.text}, {roots[0].uri}"

    return mcp


async def model(params: types.CreateMessageRequestParams) -> types.CreateMessageResult:
    content = types.TextContent(text=f"to {params.messages[0].content.text}")
    return types.CreateMessageResult(role="assistant", content=content, model="m")


async def roots() -> types.ListRootsResult:
    return types.ListRootsResult(roots=[types.Root(uri="file:///data")])


@pytest.mark.parametrize("modern", [False, True], ids=["legacy", "modern"])
async def test_sampling_and_roots_pass(aggregate: Aggregate, notebooks: Notebooks, modern: bool) -> None:
    for name in "ab":
        await notebooks.start(name, consulting(name))
    near, far = memory_pair()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(aggregate.serve, far)
        async with ClientSession(
            *halves(near), sampling_callback=model, list_roots_callback=roots
        ) as session:
            await (session.discover() if modern else session.initialize())
            with anyio.fail_after(10):
                while {tool.name for tool in (await session.list_tools()).tools} != {
                    "a_consult",
                    "b_consult",
                }:
                    await anyio.sleep(0.01)
            for name in "ab":
                result = await session.call_tool(f"{name}_consult")
                assert result.content[0].text == f"{name}: to {name}?, file:///data"
        tasks.cancel_scope.cancel()


async def test_a_question_of_a_notebook_that_goes_is_cancelled_at_the_host(
    aggregate: Aggregate, notebooks: Notebooks
) -> None:
    """The host's form closes, and nothing it says later reaches the restarted notebook (1.3)."""
    await notebooks.start("a")
    async with host_of(aggregate, initialize=True) as host:
        await host.names()
        host.answer = None  # the user takes their time
        async with anyio.create_task_group() as tasks:

            async def call() -> None:
                with pytest.raises(McpError, match="went away while this request was running"):
                    await host.call("a_ask")

            tasks.start_soon(call)
            await host.until(lambda: len(host.asked) == 1)
            await notebooks.stop("a")
            await host.until(lambda: host.cancelled == 1)
        host.answer = {"action": "accept", "content": {"sure": True}}
        await notebooks.start("a")
        await host.hear("notifications/tools/list_changed")
        with anyio.fail_after(BOUND):
            while "a_ask" not in await host.names():
                await anyio.sleep(0.01)
        assert (await host.call("a_ask"))["content"][0]["text"] == "a: accept {'sure': True}"
        assert len({call.id for call in host.asked}) == 2
