# SPDX-License-Identifier: BSD-3-Clause
"""The client people use, against real servers: ours in memory, the official SDK's over each transport."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mcp_jupyter import Client, types
from mcp_jupyter.client import StdioServerParameters
from mcp_jupyter.errors import McpError
from mcp_jupyter.server.fastmcp import Context, FastMCP

from .conftest import nothing_left

pytestmark = pytest.mark.anyio


@pytest.fixture
def mcp() -> FastMCP:
    """Make a server of ours with one of each."""
    server = FastMCP("ours", instructions="For tests.")

    @server.tool()
    async def add(a: int, b: int, ctx: Context) -> int:
        await ctx.report_progress(1, 2)
        return a + b

    @server.resource("note://today", mime_type="text/plain")
    def today() -> str:
        return "sunny"

    @server.resource("note://{day}")
    def note(day: str) -> str:
        return day

    @server.prompt()
    def greet(name: str) -> str:
        return f"Say hello to {name}."

    return server


@pytest.mark.parametrize(("era", "version"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])
async def test_a_server_object_is_served_in_memory(mcp: FastMCP, era: Any, version: str) -> None:
    steps: list[Any] = []

    async def progress(*step: Any) -> None:
        steps.append(step)

    async with nothing_left(), Client(mcp, era=era) as client:
        assert client.protocol_version == version
        assert client.server_info is not None
        assert (client.server_info.name, client.instructions) == ("ours", "For tests.")
        assert client.server_capabilities.tools is not None
        assert [tool.name for tool in await client.list_tools()] == ["add"]
        assert [resource.uri for resource in await client.list_resources()] == ["note://today"]
        templates = await client.list_resource_templates()
        assert [template.uriTemplate for template in templates] == ["note://{day}"]
        assert [prompt.name for prompt in await client.list_prompts()] == ["greet"]
        result = await client.call_tool("add", {"a": 1, "b": 2}, progress_callback=progress)
        assert (result.structuredContent, steps) == ({"result": 3}, [(1, 2, None)])
        content, mime_type = await client.read_resource("note://today")
        assert (content, mime_type) == ("sunny", "text/plain")
        prompt = await client.get_prompt("greet", {"name": "Ada"})
        assert prompt.messages[0].content == types.TextContent(text="Say hello to Ada.")
        await client.ping()


KINDS = [("http", "2026-07-28"), ("http-json", "2026-07-28"), ("sse", "2025-11-25"), ("stdio", "2026-07-28")]


@pytest.mark.parametrize(("kind", "version"), KINDS)
async def test_transport_and_era_of_the_official_server_are_found(
    kind: str, version: str, official_url: Callable[[str], str], official_command: StdioServerParameters
) -> None:
    target = official_command if kind == "stdio" else official_url(kind)
    async with nothing_left(), Client(target) as client:
        assert client.protocol_version == version
        assert client.server_info is not None
        assert client.server_info.name == "official"
        assert client.instructions == "A peer for tests."
        result = await client.call_tool("add", {"a": 1, "b": 2})
        assert result.structuredContent == {"result": 3}
        found = await client.complete(types.PromptReference(name="greet"), {"name": "name", "value": "A"})
        assert found.completion.values == ["Ada", "Alan"]
        await client.ping()


@pytest.mark.parametrize("kind", ["http", "sse", "stdio"])
async def test_the_era_can_be_forced(
    kind: str, official_url: Callable[[str], str], official_command: StdioServerParameters
) -> None:
    target = official_command if kind == "stdio" else official_url(kind)
    async with nothing_left(), Client(target, era="legacy") as client:
        assert client.protocol_version == "2025-11-25"
    if kind == "sse":
        with pytest.raises(McpError):
            async with nothing_left(), Client(target, era="modern"):
                pytest.fail("HTTP+SSE has no modern version")
    else:
        async with nothing_left(), Client(target, era="modern") as client:
            assert client.protocol_version == "2026-07-28"


async def test_a_client_that_is_not_open_says_so(mcp: FastMCP) -> None:
    client = Client(mcp)
    with pytest.raises(RuntimeError, match="async with"):
        await client.list_tools()
    async with client:
        with pytest.raises(RuntimeError, match="open already"):
            await client.__aenter__()
        await client.list_tools()
    with pytest.raises(RuntimeError, match="async with"):
        _ = client.protocol_version


async def test_a_client_can_be_opened_again(mcp: FastMCP) -> None:
    client = Client(mcp)
    for _ in range(2):
        async with nothing_left(), client:
            assert (await client.call_tool("add", {"a": 1, "b": 2})).structuredContent == {"result": 3}


async def test_what_the_body_raises_arrives_as_it_is(mcp: FastMCP) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with nothing_left(), Client(mcp):
            raise KeyError("mine")


async def test_an_unknown_era_is_refused(mcp: FastMCP) -> None:
    with pytest.raises(ValueError, match="auto, legacy, modern"):
        Client(mcp, era="2026-07-28")  # type: ignore[arg-type]
