# SPDX-License-Identifier: BSD-3-Clause
"""Constant tools of the aggregate: one set for all notebooks, in its names and URIs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mcp_jupyter.aggregate.aggregate import Aggregate
from mcp_jupyter.errors import McpError
from mcp_jupyter.ipc.discovery import Discovery
from mcp_jupyter.protocol.eras import CLIENT_INFO
from mcp_jupyter.server.fastmcp import FastMCP

from .notebooks import MODERN, Host, Notebooks, host_of, make_notebook

pytestmark = pytest.mark.anyio

ERAS = pytest.mark.parametrize("modern", [False, True], ids=["legacy", "modern"])
CONSTANT = ["find_tools", "use_tool", "read_more"]


@pytest.fixture
async def aggregate(runtime_dir: Path) -> AsyncIterator[Aggregate]:
    aggregate = Aggregate(Discovery(runtime_dir), constant_tools="auto")
    async with aggregate.running():
        yield aggregate


def served(word: str) -> FastMCP:
    """A notebook with constant tools of its own, as each has."""
    mcp = make_notebook(word)
    mcp.constant_tools.mode = "yes"
    return mcp


async def call(host: Host, modern: bool, name: str, /, **arguments: Any) -> Any:
    params: dict[str, Any] = {"name": name, "arguments": arguments}
    return await host.ask("tools/call", {**params, "_meta": MODERN} if modern else params)


async def said(host: Host, modern: bool, name: str, /, **arguments: Any) -> str:
    text: str = (await call(host, modern, name, **arguments))["content"][0]["text"]
    return text


@ERAS
async def test_there_is_one_set_for_all_notebooks(
    aggregate: Aggregate, notebooks: Notebooks, modern: bool
) -> None:
    """Not one a notebook, and none behind a notebook's name (2: constant tools)."""
    await notebooks.start("a", served("a"))
    await notebooks.start("b", served("b"))
    async with host_of(aggregate, initialize=not modern) as host:
        listed = await host.ask("tools/list", {"_meta": MODERN} if modern else {})
        names = [tool["name"] for tool in listed["tools"]]
        assert names[-3:] == CONSTANT
        assert not any(name.endswith(f"_{tool}") for name in names for tool in CONSTANT)
        with pytest.raises(McpError, match="This token may not call that tool"):
            await call(host, modern, "a_use_tool", name="say")


@ERAS
async def test_it_finds_and_calls_tools_of_every_notebook(
    aggregate: Aggregate, notebooks: Notebooks, modern: bool
) -> None:
    """By the aggregate's names, with progress and errors of the inner tool (2: constant tools)."""
    await notebooks.start("a", served("a"))
    late = await notebooks.start("b", served("b"))
    async with host_of(aggregate, initialize=not modern) as host:
        await host.names()
        late.add_tool(lambda: "late", name="late_tool", description="Comes late.")
        await host.until(
            lambda: "b_late_tool" in str(aggregate.catalog.index.listed("tools/list", aggregate.scope_of("")))
        )
        assert "b_late_tool" in await said(host, modern, "find_tools", query="late")
        assert await said(host, modern, "use_tool", name="b_late_tool") == "late"
        assert await said(host, modern, "use_tool", name="a_say", arguments='{"times": 2}') == "a a"
        wrong = await call(host, modern, "use_tool", name="a_say", arguments={"times": "many"})
        assert wrong == await call(host, modern, "a_say", times="many")
        assert "'arguments' must be an object" in await said(
            host, modern, "use_tool", name="a_say", arguments=3
        )
        with pytest.raises(McpError, match=r"Unknown tool 'a_sey'\. Known tools: a_ask"):
            await call(host, modern, "use_tool", name="a_sey")
        with pytest.raises(McpError, match="No live notebook has a tool 'c_say'"):
            await call(host, modern, "use_tool", name="c_say")


async def test_a_suspended_call_goes_on(aggregate: Aggregate, notebooks: Notebooks) -> None:
    """A question of the inner tool, in either era (2: constant tools)."""
    await notebooks.start("a", served("a"))
    async with host_of(aggregate) as host:
        params = {"name": "use_tool", "arguments": {"name": "a_ask"}}
        first = await host.modern("tools/call", params)
        assert first["resultType"] == "input_required"
        ((key, _),) = first["inputRequests"].items()
        answers = {key: {"action": "accept", "content": {"sure": True}}}
        again = {**params, "requestState": first["requestState"], "inputResponses": answers}
        assert "a: accept" in (await host.modern("tools/call", again))["content"][0]["text"]
    async with host_of(aggregate, initialize=True) as host:
        assert "a: accept" in await said(host, False, "use_tool", name="a_ask")


@ERAS
async def test_it_reads_resources_of_every_notebook(
    aggregate: Aggregate, notebooks: Notebooks, modern: bool
) -> None:
    """By the aggregate's URIs; a bad one says which there are (2: constant tools)."""
    await notebooks.start("a", served("a"))
    await notebooks.start("b", served("b"))
    async with host_of(aggregate, initialize=not modern) as host:
        assert await said(host, modern, "read_more", uri="hub://b/data://figures") == "b 1,2,3"
        assert await said(host, modern, "read_more", uri="hub://a/data://rows/7") == "a row 7"
        wrong = await call(host, modern, "read_more", uri="data://figures")
        assert wrong["isError"] is True
        assert "hub://a/data://figures" in wrong["content"][0]["text"]


@ERAS
@pytest.mark.parametrize("method", ["read_more", "resources/read"])
async def test_a_result_is_found_without_its_notebooks_name(
    aggregate: Aggregate, notebooks: Notebooks, modern: bool, method: str
) -> None:
    """The last line of a long result names it as its notebook does (2: constant tools)."""
    long = FastMCP("long", result_budget=1000)
    long.add_tool(lambda: "x" * 5000, name="text")
    await notebooks.start("a", served("a"))
    await notebooks.start("b", long)
    async with host_of(aggregate, initialize=not modern) as host:
        content = (await call(host, modern, "b_text"))["content"]
        (uri,) = (block["uri"] for block in content if block["type"] == "resource_link")
        own = uri.removeprefix("hub://b/")
        assert own.startswith("result://")
        for each in (uri, own):
            if method == "read_more":
                assert await said(host, modern, "read_more", uri=each) == "x" * 5000
            else:
                read = await host.ask(method, {"uri": each, **({"_meta": MODERN} if modern else {})})
                assert read["contents"][0]["text"] == "x" * 5000
        with pytest.raises(McpError):
            await host.modern("resources/read", {"uri": f"result://{'0' * 32}"})


@ERAS
@pytest.mark.parametrize(
    ("client", "listed"),
    [("claude-code", []), ("codex-mcp-client", CONSTANT[:2]), ("gemini-cli-mcp-client", CONSTANT[2:])],
)
async def test_a_host_gets_those_that_it_needs(
    aggregate: Aggregate, notebooks: Notebooks, modern: bool, client: str, listed: list[str]
) -> None:
    """By its own name, and not by that of the aggregate (2: constant tools)."""
    await notebooks.start("a", served("a"))
    who = {"name": client, "version": "1"}
    async with host_of(aggregate) as host:
        if modern:
            found = await host.ask("tools/list", {"_meta": {**MODERN, CLIENT_INFO: who}})
        else:
            params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": who}
            await host.ask("initialize", params)
            found = await host.ask("tools/list")
        assert [tool["name"] for tool in found["tools"] if tool["name"] in CONSTANT] == listed


async def test_a_notebooks_tool_of_that_name_wins(aggregate: Aggregate, notebooks: Notebooks) -> None:
    """The tool `tool` of a notebook `use` is called `use_tool` here (2: constant tools)."""
    mcp = served("use")
    mcp.add_tool(lambda name: f"hit {name}", name="tool")
    await notebooks.start("use", mcp)
    async with host_of(aggregate, initialize=True) as host:
        assert (await host.names()).count("use_tool") == 1
        assert await said(host, False, "use_tool", name="a nail") == "hit a nail"
