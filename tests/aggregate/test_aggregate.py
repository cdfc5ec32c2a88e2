# SPDX-License-Identifier: BSD-3-Clause
"""Several notebooks as one server, in both eras."""

from __future__ import annotations

import anyio
import pytest
from pydantic import BaseModel

from mcp_jupyter.aggregate.aggregate import Aggregate
from mcp_jupyter.errors import McpError
from mcp_jupyter.ipc.discovery import Discovery
from mcp_jupyter.protocol.eras import CLIENT_INFO
from mcp_jupyter.server.fastmcp import FastMCP
from mcp_jupyter.server.runner import InlineRunner

from ..descriptors import no_descriptors
from .notebooks import BOUND, MODERN, VERSION, Notebooks, host_of

pytestmark = pytest.mark.anyio

TOOLS = ["say", "count", "ask", "link"]
ERAS = pytest.mark.parametrize("modern", [False, True], ids=["legacy", "modern"])


def era(params: dict[str, object], modern: bool) -> dict[str, object]:
    return {**params, "_meta": MODERN} if modern else params


@ERAS
async def test_lists_are_merged_by_name(aggregate: Aggregate, notebooks: Notebooks, modern: bool) -> None:
    await notebooks.start("b")
    await notebooks.start("a")
    async with host_of(aggregate, initialize=not modern) as host:
        listed = await host.ask("tools/list", era({}, modern))
        assert [tool["name"] for tool in listed["tools"]] == [f"{nb}_{tool}" for nb in "ab" for tool in TOOLS]
        assert ("ttlMs" in listed) is modern
        listed = await host.ask("prompts/list", era({}, modern))
        assert [prompt["name"] for prompt in listed["prompts"]] == ["a_summarise", "b_summarise"]
        listed = await host.ask("resources/list", era({}, modern))
        assert [item["uri"] for item in listed["resources"]] == [
            "hub://a/data://figures",
            "hub://b/data://figures",
        ]
        listed = await host.ask("resources/templates/list", era({}, modern))
        uris = [item["uriTemplate"] for item in listed["resourceTemplates"]]
        assert uris == ["hub://a/data://rows/{n}", "hub://b/data://rows/{n}"]


async def test_a_look_that_fails_costs_no_list(aggregate: Aggregate, notebooks: Notebooks) -> None:
    """Where the runtime directory cannot be read, what is known of the notebooks stands (1.6)."""
    await notebooks.start("a")
    async with host_of(aggregate, initialize=True) as host:
        names = await host.names()
        aggregate.catalog._seen = None  # it looks before it answers
        with no_descriptors():
            assert await host.names() == names
        await notebooks.start("b")
        assert await host.names() == [f"{nb}_{tool}" for nb in "ab" for tool in TOOLS]


@ERAS
async def test_requests_reach_their_notebook(
    aggregate: Aggregate, notebooks: Notebooks, modern: bool
) -> None:
    await notebooks.start("a")
    await notebooks.start("b")
    async with host_of(aggregate, initialize=not modern) as host:
        await host.ask("tools/list", era({}, modern))
        for name in "ab":
            params = {"name": f"{name}_say", "arguments": {"times": 2}}
            result = await host.ask("tools/call", era(params, modern))
            assert result["content"][0]["text"] == f"{name} {name}"
            for uri, text in (("data://figures", "1,2,3"), ("data://rows/7", "row 7")):
                result = await host.ask("resources/read", era({"uri": f"hub://{name}/{uri}"}, modern))
                assert result["contents"][0]["uri"] == f"hub://{name}/{uri}"
                assert result["contents"][0]["text"] == f"{name} {text}"
            params = {"name": f"{name}_summarise", "arguments": {"what": "it"}}
            result = await host.ask("prompts/get", era(params, modern))
            assert result["messages"][0]["content"]["text"] == f"{name}: summarise it."
            for argument, ref in (
                ("what", {"type": "ref/prompt", "name": f"{name}_summarise"}),
                ("n", {"type": "ref/resource", "uri": f"hub://{name}/data://rows/{{n}}"}),
            ):
                params = {"ref": ref, "argument": {"name": argument, "value": "x"}}
                result = await host.ask("completion/complete", era(params, modern))
                assert result["completion"]["values"] == []


@ERAS
async def test_links_in_a_result_lead_back_through_the_aggregate(
    aggregate: Aggregate, notebooks: Notebooks, modern: bool
) -> None:
    await notebooks.start("a")
    async with host_of(aggregate, initialize=not modern) as host:
        await host.ask("tools/list", era({}, modern))
        result = await host.ask("tools/call", era({"name": "a_link"}, modern))
        link, embedded = result["content"]
        assert link["uri"] == embedded["resource"]["uri"] == "hub://a/data://figures"
        read = await host.ask("resources/read", era({"uri": link["uri"]}, modern))
        assert read["contents"][0]["text"] == "a 1,2,3"


@ERAS
async def test_what_is_nowhere_is_said_so(aggregate: Aggregate, notebooks: Notebooks, modern: bool) -> None:
    await notebooks.start("a")
    async with host_of(aggregate, initialize=not modern) as host:
        await host.ask("tools/list", era({}, modern))
        for method, params in (
            ("tools/call", {"name": "b_say"}),
            ("tools/call", {"name": 1}),
            ("prompts/get", {"name": "say"}),
            ("resources/read", {"uri": "data://figures"}),
            ("resources/read", {"uri": "hub://b/data://figures"}),
            ("completion/complete", {"ref": {"type": "ref/resource", "uri": "x"}}),
            ("completion/complete", {}),
            ("tools/list", {"cursor": "1"}),
            ("no/such", {}),
        ):
            with pytest.raises(McpError) as caught:
                await host.ask(method, era(params, modern))
            assert caught.value.code in (-32602, -32002, -32601)


async def test_it_introduces_itself_in_both_eras(aggregate: Aggregate) -> None:
    async with host_of(aggregate) as host:
        with pytest.raises(McpError, match="initialize"):
            await host.ask("tools/list")
        assert await host.names() == []
        said = await host.modern("server/discover")
        assert said["supportedVersions"] == ["2026-07-28"]
        assert said["capabilities"]["tools"] == {"listChanged": True}
        said = await host.initialize()
        assert said["protocolVersion"] == "2025-11-25"
        assert said["serverInfo"]["name"] == "mcp-jupyter-hub"
        assert await host.ask("ping") == {}
        assert (await host.initialize())["protocolVersion"] == "2025-11-25"  # nothing was asked yet
        await host.ask("tools/list")
        with pytest.raises(McpError, match="initialized already"):
            await host.initialize()


async def test_its_instructions_fit_every_host(aggregate: Aggregate) -> None:
    """Codex takes 300 characters, and its code mode shows the first line only (2: instructions)."""
    async with host_of(aggregate) as host:
        told = (await host.modern("server/discover"))["instructions"]
    assert len(told) <= 300
    first, last = told.splitlines()
    assert first.startswith("The live Jupyter notebooks of this user.")
    assert last == "A result that is cut ends in a line that says how to read on."


async def test_a_call_that_comes_first_waits_for_the_first_look(runtime_dir, notebooks: Notebooks) -> None:
    await notebooks.start("a")
    aggregate = Aggregate(Discovery(runtime_dir))
    async with aggregate.running(), host_of(aggregate) as host:
        assert (await host.modern("tools/call", {"name": "a_say"}))["content"][0]["text"] == "a"


async def test_notebooks_come_and_go(aggregate: Aggregate, notebooks: Notebooks) -> None:
    async with host_of(aggregate, initialize=True) as host:
        assert (await host.ask("tools/list"))["tools"] == []
        for _ in range(2):  # a kernel may come back
            await notebooks.start("a")
            for kind in ("tools", "resources", "prompts"):
                await host.hear(f"notifications/{kind}/list_changed")
            assert await host.names() == [f"a_{tool}" for tool in TOOLS]
            assert (await host.call("a_say"))["content"][0]["text"] == "a"
            host.heard.clear()
            await notebooks.stop("a")
            for kind in ("tools", "resources", "prompts"):
                await host.hear(f"notifications/{kind}/list_changed")
            assert (await host.ask("tools/list"))["tools"] == []
            with pytest.raises(McpError, match="No live notebook"):
                await host.call("a_say")
            host.heard.clear()


async def test_a_notebook_that_is_listed_again_can_be_called_at_once(
    aggregate: Aggregate, notebooks: Notebooks
) -> None:
    await notebooks.start("a")
    async with host_of(aggregate, initialize=True) as host:
        await host.names()
        await host.call("a_say")
        await notebooks.stop("a")
        await host.hear("notifications/tools/list_changed")
        await notebooks.start("a")
        with anyio.fail_after(BOUND):
            while not await host.names():
                await anyio.lowlevel.checkpoint()
        assert (await host.call("a_say"))["content"][0]["text"] == "a"


async def test_a_tool_that_is_new_in_a_notebook_is_heard_of(
    aggregate: Aggregate, notebooks: Notebooks
) -> None:
    mcp = await notebooks.start("a")
    async with host_of(aggregate) as host:
        await host.names()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(
                host.modern, "subscriptions/listen", {"notifications": {"toolsListChanged": True}}
            )
            await host.hear("notifications/subscriptions/acknowledged")
            mcp.add_tool(lambda: "new", name="fresh")
            assert (await host.modern("tools/call", {"name": "a_fresh"}))["content"][0]["text"] == "new"
            changed = await host.hear("notifications/tools/list_changed")
            assert "io.modelcontextprotocol/subscriptionId" in changed.params["_meta"]
            assert "a_fresh" in await host.names()
            tasks.cancel_scope.cancel()


async def test_the_ways_to_a_notebook_that_is_gone_for_good_end(runtime_dir, notebooks: Notebooks) -> None:
    aggregate = Aggregate(Discovery(runtime_dir), away_seconds=0)
    await notebooks.start("a")
    async with aggregate.running(), host_of(aggregate, initialize=True) as host:
        await host.ask("tools/list")
        await host.call("a_say")
        (session,) = aggregate._open_sessions
        assert len(session._upstreams) == 1
        await notebooks.stop("a")
        await host.until(lambda: not session._upstreams)


class Place(BaseModel):
    town: str


@ERAS
@pytest.mark.parametrize(
    ("client", "structured"), [("claude-code", False), ("codex-mcp-client", True), ("mcp_jupyter", True)]
)
async def test_definitions_and_results_fit_the_host(
    aggregate: Aggregate, notebooks: Notebooks, modern: bool, client: str, structured: bool
) -> None:
    """A structured result comes where it is promised, and only there (2: results)."""
    mcp = FastMCP("a")

    @mcp.tool()
    def hours(place: Place, days: int = 3) -> list[int]:
        return [days]

    await notebooks.start("a", mcp)
    who = {"name": client, "version": "1"}
    meta = {"_meta": {**MODERN, CLIENT_INFO: who}} if modern else {}
    async with host_of(aggregate) as host:
        if not modern:
            await host.ask("initialize", {"protocolVersion": VERSION, "capabilities": {}, "clientInfo": who})
        (tool,) = (await host.ask("tools/list", meta))["tools"]
        called = {"name": "a_hours", "arguments": {"place": {"town": "Ulm"}}}
        result = await host.ask("tools/call", {**called, **meta})
        assert ("outputSchema" in tool) is ("structuredContent" in result) is structured
        assert ("$defs" in tool["inputSchema"]) is (client == "mcp_jupyter")
        assert ("_meta" in tool) is (client == "claude-code")  # which is to load so few tools always


@ERAS
async def test_definitions_tell_the_notebooks_budget_and_what_a_call_prints(
    aggregate: Aggregate, notebooks: Notebooks, modern: bool
) -> None:
    """Claude Code puts a result of more than 50,000 characters into a file unless the tool announces it; and
    a structure that may have `printed` says so in its schema (2: results).
    """

    class KernelLike(InlineRunner):
        keeps_printed = True

    mcp = FastMCP("a", runner=KernelLike())

    @mcp.tool()
    def hours(days: int = 3) -> list[int]:
        return [days]

    await notebooks.start("a", mcp)

    async def listed(client: str) -> dict[str, dict[str, object]]:
        who = {"name": client, "version": "1"}
        meta = {"_meta": {**MODERN, CLIENT_INFO: who}} if modern else {}
        async with host_of(aggregate) as host:
            if not modern:
                opening = {"protocolVersion": VERSION, "capabilities": {}, "clientInfo": who}
                await host.ask("initialize", opening)
            (tool,) = (await host.ask("tools/list", meta))["tools"]
            return dict(tool)

    assert "printed" in str((await listed("codex-mcp-client"))["outputSchema"])
    assert "anthropic/maxResultSizeChars" not in (await listed("claude-code"))["_meta"]
    own = await listed("mcp_jupyter")
    assert "_meta" not in own
    assert "printed" not in str(own["outputSchema"])
    mcp.result_budget = 200_000
    with anyio.fail_after(BOUND):
        while (await listed("claude-code"))["_meta"].get("anthropic/maxResultSizeChars") != 200_000:
            await anyio.lowlevel.checkpoint()
