# SPDX-License-Identifier: BSD-3-Clause
"""What belongs to a request passes: progress, logs, questions, cancellation, tasks, updates, senders."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import anyio
import pytest
from pydantic import Field

from mcp_jupyter.aggregate.aggregate import Aggregate
from mcp_jupyter.aggregate.scope import EVERYTHING
from mcp_jupyter.engine.channel import memory_pair
from mcp_jupyter.errors import McpError
from mcp_jupyter.ipc.discovery import Discovery
from mcp_jupyter.protocol.frames import Message
from mcp_jupyter.protocol.methods import FORGET_SENDER
from mcp_jupyter.server.fastmcp import Context, FastMCP

from .notebooks import BOUND, CAPABILITIES, MODERN, Host, Notebooks, host_of

pytestmark = pytest.mark.anyio

ERAS = pytest.mark.parametrize("modern", [False, True], ids=["legacy", "modern"])
LISTEN = "subscriptions/listen"
LOG_LEVEL = "io.modelcontextprotocol/logLevel"
TASKS = "io.modelcontextprotocol/tasks"


def waiting(word: str) -> tuple[FastMCP, list[str]]:
    """A notebook with a tool that waits for ever, and what became of its calls."""
    mcp, fate = FastMCP(word), []

    @mcp.tool()
    async def wait() -> str:
        """Wait for ever."""
        fate.append("began")
        try:
            await anyio.sleep_forever()
        finally:
            fate.append("ended")
        return word

    return mcp, fate


@ERAS
async def test_progress_and_logs_belong_to_the_request(
    aggregate: Aggregate, notebooks: Notebooks, modern: bool
) -> None:
    await notebooks.start("a")
    async with host_of(aggregate, initialize=not modern) as host:
        await host.names()
        meta: dict[str, Any] = {"progressToken": "mine"}
        if modern:
            meta |= MODERN | {LOG_LEVEL: "info"}
        await host.ask("tools/call", {"name": "a_count", "_meta": meta})
        steps = [item.params for item in host.heard if item.method == "notifications/progress"]
        assert [(step["progressToken"], step["progress"]) for step in steps] == [
            ("mine", 0),
            ("mine", 1),
            ("mine", 2),
        ]
        said = await host.hear("notifications/message")
        assert said.params["data"] == "a counts"


async def test_notifications_and_questions_are_related_to_the_hosts_request(
    aggregate: Aggregate, notebooks: Notebooks
) -> None:
    """An HTTP front puts them on the stream of that request, and drops what is related to none."""
    await notebooks.start("a")
    async with host_of(aggregate, initialize=True) as host:
        await host.names()
        await host.ask("tools/call", {"name": "a_ask"}, request_id="the-call")
        assert [call.related for call in host.asked] == ["the-call"]


async def test_a_question_of_the_legacy_era_reaches_the_person(
    aggregate: Aggregate, notebooks: Notebooks
) -> None:
    await notebooks.start("a")
    await notebooks.start("b")
    async with host_of(aggregate, initialize=True) as host:
        await host.names()
        results = {}

        async def call(name: str) -> None:
            results[name] = (await host.call(f"{name}_ask"))["content"][0]["text"]

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call, "a")
            tasks.start_soon(call, "b")
        assert results == {name: f"{name}: accept {{'sure': True}}" for name in "ab"}
        assert {call.params["message"] for call in host.asked} == {"a: sure?", "b: sure?"}


async def test_a_round_of_the_modern_era_goes_back_to_its_notebook(
    aggregate: Aggregate, notebooks: Notebooks
) -> None:
    await notebooks.start("a")
    await notebooks.start("b")
    async with host_of(aggregate) as host:
        await host.names()
        for name in "ab":
            asked = await host.modern("tools/call", {"name": f"{name}_ask"})
            assert asked["resultType"] == "input_required"
            (key,) = asked["inputRequests"]
            answers = {key: {"action": "accept", "content": {"sure": True}}}
            again = {
                "name": f"{name}_ask",
                "requestState": asked["requestState"],
                "inputResponses": answers,
            }
            with pytest.raises(McpError, match="requestState"):
                await host.modern("tools/call", {**again, "name": f"{'ba'['ab'.index(name)]}_ask"})
            result = await host.modern("tools/call", again)
            assert result["content"][0]["text"] == f"{name}: accept {{'sure': True}}"


@ERAS
async def test_a_cancelled_call_is_cancelled_in_the_notebook(
    aggregate: Aggregate, notebooks: Notebooks, modern: bool
) -> None:
    mcp, fate = waiting("a")
    await notebooks.start("a", mcp)
    async with host_of(aggregate, initialize=not modern) as host:
        await host.names()
        params = {"name": "a_wait", "_meta": MODERN} if modern else {"name": "a_wait"}
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(host.ask, "tools/call", params)
            await host.until(lambda: fate == ["began"])
            tasks.cancel_scope.cancel()
        await host.until(lambda: fate == ["began", "ended"])


async def test_a_question_is_withdrawn_with_its_call(aggregate: Aggregate, notebooks: Notebooks) -> None:
    await notebooks.start("a")
    async with host_of(aggregate, initialize=True) as host:
        await host.names()
        host.answer = None  # the person does not answer
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(host.call, "a_ask")
            await host.until(lambda: host.asked)
            tasks.cancel_scope.cancel()
        await host.until(lambda: host.cancelled == 1)


@ERAS
async def test_a_call_ends_with_its_kernel(aggregate: Aggregate, notebooks: Notebooks, modern: bool) -> None:
    mcp, fate = waiting("a")
    await notebooks.start("a", mcp)
    async with host_of(aggregate, initialize=not modern) as host, anyio.create_task_group() as tasks:
        await host.names()
        params = {"name": "a_wait", "_meta": MODERN} if modern else {"name": "a_wait"}

        async def stop() -> None:
            await host.until(lambda: fate)
            await notebooks.stop("a")

        tasks.start_soon(stop)
        with pytest.raises(McpError, match="went away"):
            await host.ask("tools/call", params)


async def test_a_host_that_leaves_ends_its_calls(aggregate: Aggregate, notebooks: Notebooks) -> None:
    mcp, fate = waiting("a")
    await notebooks.start("a", mcp)
    async with host_of(aggregate) as other, anyio.create_task_group() as tasks:
        async with host_of(aggregate) as host:
            await host.names()
            inner = tasks.start_soon
            inner(_ignore_end, host)
            await host.until(lambda: fate == ["began"])
        await other.until(lambda: fate == ["began", "ended"])


async def _ignore_end(host: Host) -> None:
    from mcp_jupyter.errors import ConnectionClosed

    with pytest.raises(ConnectionClosed):
        await host.modern("tools/call", {"name": "a_wait"})


async def test_a_legacy_subscription_brings_updates(aggregate: Aggregate, notebooks: Notebooks) -> None:
    servers = {name: await notebooks.start(name) for name in "ab"}
    async with host_of(aggregate, initialize=True) as host:
        await host.names()
        await host.ask("resources/subscribe", {"uri": "hub://a/data://figures"})
        for server in servers.values():
            server.resource_updated("data://figures")
        updated = await host.hear("notifications/resources/updated")
        assert updated.params["uri"] == "hub://a/data://figures"
        await host.ask("resources/unsubscribe", {"uri": "hub://a/data://figures"})
        await host.ask("resources/subscribe", {"uri": "hub://b/data://figures"})
        for server in servers.values():
            server.resource_updated("data://figures")
        updated = await host.hear("notifications/resources/updated")
        assert updated.params["uri"] == "hub://b/data://figures"


async def test_a_modern_subscription_brings_updates_of_all_its_notebooks(
    aggregate: Aggregate, notebooks: Notebooks
) -> None:
    servers = {name: await notebooks.start(name) for name in "ab"}
    uris = [f"hub://{name}/data://figures" for name in "ab"]
    async with host_of(aggregate) as host, anyio.create_task_group() as tasks:
        wanted = {"resourceSubscriptions": [*uris, "hub://c/x"], "promptsListChanged": True}
        tasks.start_soon(host.modern, LISTEN, {"notifications": wanted})
        said = (await host.hear("notifications/subscriptions/acknowledged")).params
        assert sorted(said["notifications"]["resourceSubscriptions"]) == uris
        assert said["notifications"]["promptsListChanged"] is True
        for name, server in servers.items():
            server.resource_updated("data://figures")
            updated = (await host.hear("notifications/resources/updated")).params
            assert updated["uri"] == f"hub://{name}/data://figures"
            assert updated["_meta"] == said["_meta"]
        tasks.cancel_scope.cancel()


@ERAS
async def test_a_value_that_leads_out_of_a_folder_is_refused(
    aggregate: Aggregate, notebooks: Notebooks, modern: bool
) -> None:
    """At the endpoint of all notebooks as at one (1.29)."""
    mcp, seen = FastMCP("files"), []

    @mcp.resource("file://here/{name}")
    def named(name: str) -> str:
        seen.append(name)
        return name

    await notebooks.start("a", server=mcp)
    uri = "hub://a/file://here/..%2f..%2fetc%2fpasswd"
    async with host_of(aggregate, initialize=not modern) as host:
        await host.names()
        ask = host.modern if modern else host.ask
        with pytest.raises(McpError, match=r"has a '\.\.' segment"):
            await ask("resources/read", {"uri": uri})
        ref = {"type": "ref/resource", "uri": "hub://a/file://here/{name}"}
        with pytest.raises(McpError, match=r"has a '\.\.' segment"):
            await ask("completion/complete", {"ref": ref, "argument": {"name": "name", "value": "../"}})
        if not modern:
            with pytest.raises(McpError, match=r"has a '\.\.' segment"):
                await ask("resources/subscribe", {"uri": uri})
    assert seen == []


async def test_the_log_level_holds_for_all_notebooks(aggregate: Aggregate, notebooks: Notebooks) -> None:
    await notebooks.start("a")
    await notebooks.start("b")
    async with host_of(aggregate, initialize=True) as host:
        await host.names()
        await host.call("a_count")
        await host.hear("notifications/message")
        await host.ask("logging/setLevel", {"level": "error"})
        await host.call("a_count")
        await host.call("b_count")  # its link is opened after the level was set
        assert "notifications/message" not in [item.method for item in host.heard]
        with pytest.raises(McpError, match="level"):
            await host.ask("logging/setLevel", {"level": "loud"})


async def test_a_task_leads_back_to_its_notebook(aggregate: Aggregate, notebooks: Notebooks) -> None:
    mcp = FastMCP("a", task_after=0.01)
    go = anyio.Event()

    @mcp.tool()
    async def slow(ctx: Context) -> str:
        """Wait for the test."""
        await go.wait()
        return "done"

    await notebooks.start("a", mcp)
    await notebooks.start("b")
    capabilities = CAPABILITIES | {"extensions": {TASKS: {}}}
    meta = {"_meta": MODERN | {"io.modelcontextprotocol/clientCapabilities": capabilities}}
    async with host_of(aggregate) as host:
        await host.names()
        task = await host.ask("tools/call", {"name": "a_slow", **meta})
        assert task["resultType"] == "task"
        assert task["taskId"].startswith("kernel-a.")
        params = {"taskId": task["taskId"], **meta}
        assert (await host.ask("tasks/get", params))["status"] == "working"
        go.set()
        with anyio.fail_after(BOUND):
            while (found := await host.ask("tasks/get", params))["status"] == "working":
                await anyio.sleep(0.005)
        assert found["taskId"] == task["taskId"]
        assert found["result"]["content"][0]["text"] == "done"
        for wrong in (task["taskId"].partition(".")[2], f"kernel-b.{task['taskId']}", "x", 1):
            with pytest.raises(McpError, match="Unknown task"):
                await host.ask("tasks/get", {"taskId": wrong, **meta})


class _AsSender(Host):
    """A host whose messages a front has marked with who sent them."""

    def __init__(self, channel: Any, sender: str) -> None:
        send = channel.send
        channel.send = lambda message: send(replace(message, sender=sender))
        super().__init__(channel)


def complete(ref: dict[str, str]) -> dict[str, Any]:
    return {"ref": ref, "argument": {"name": "n", "value": ""}}


class _Narrow:
    """Opens one notebook and two of its tools."""

    def opens(self, server: str, path: str | None) -> bool:
        return server == "a"

    def uses(self, kind: str) -> bool:
        return True

    def may_call(self, tool: str) -> bool:
        return tool in ("say", "ask", "ask2")

    def may_read(self, uri: str) -> bool:
        return uri == "data://figures"

    def may_read_some(self, template: str) -> bool:
        return self.may_read(template)

    def may_get(self, prompt: str) -> bool:
        return prompt == "summarise"


async def test_a_scope_shows_what_it_opens_and_nothing_else(runtime_dir, notebooks: Notebooks) -> None:
    scopes = {"narrow": _Narrow()}
    aggregate = Aggregate(Discovery(runtime_dir), lambda sender: scopes.get(sender, EVERYTHING))
    await notebooks.start("a")
    await notebooks.start("b")
    async with aggregate.running(), anyio.create_task_group() as tasks:
        ours, theirs = memory_pair()
        host = _AsSender(ours, "narrow")
        tasks.start_soon(aggregate.serve, theirs)
        await tasks.start(host.connection.serve)
        assert await host.names() == ["a_say", "a_ask"]
        assert await host.names("prompts/list") == ["a_summarise"]
        assert await host.names("resources/list") == ["a_figures"]
        assert (await host.modern("resources/templates/list"))["resourceTemplates"] == []
        assert (await host.modern("tools/call", {"name": "a_say"}))["content"][0]["text"] == "a"
        for method, params in (
            ("tools/call", {"name": "a_count"}),
            ("tools/call", {"name": "a_nothing"}),
            ("tools/call", {"name": "b_say"}),
            ("prompts/get", {"name": "b_summarise"}),
            ("prompts/get", {"name": "a_other"}),
            ("completion/complete", complete({"type": "ref/prompt", "name": "a_other"})),
            ("completion/complete", complete({"type": "ref/resource", "uri": "hub://a/data://rows/{n}"})),
            ("resources/read", {"uri": "hub://a/data://rows/1"}),
            ("resources/read", {"uri": "hub://b/data://figures"}),
            ("tasks/get", {"taskId": "kernel-b.x"}),
        ):
            with pytest.raises(McpError) as caught:
                await host.modern(method, params)
            assert caught.value.code in (-32602, -32021, -32003)
        with pytest.raises(McpError) as caught:
            await host.modern("tools/call", {"name": "a_ask2"})
        assert str(caught.value) == "Unknown tool 'a_ask2'. Known tools: a_ask, a_say."
        uris = ["hub://b/data://figures", "hub://a/data://rows/1"]
        tasks.start_soon(host.modern, LISTEN, {"notifications": {"resourceSubscriptions": uris}})
        said = await host.hear("notifications/subscriptions/acknowledged")
        assert "resourceSubscriptions" not in said.params["notifications"]
        tasks.cancel_scope.cancel()


async def test_the_sender_goes_along(aggregate: Aggregate, notebooks: Notebooks) -> None:
    """A call that waits for an answer is resumed by its sender only, and given up with him."""
    await notebooks.start("a")
    async with anyio.create_task_group() as tasks:
        hosts = {}
        for sender in ("ann", "bob"):
            ours, theirs = memory_pair()
            hosts[sender] = _AsSender(ours, sender)
            tasks.start_soon(aggregate.serve, theirs)
            await tasks.start(hosts[sender].connection.serve)
        ann, bob = hosts["ann"], hosts["bob"]
        await ann.names()
        asked = await ann.modern("tools/call", {"name": "a_ask"})
        again = {"name": "a_ask", "requestState": asked["requestState"], "inputResponses": {}}
        with pytest.raises(McpError, match="requestState"):
            await bob.modern("tools/call", again)
        await ann.modern(FORGET_SENDER)
        with pytest.raises(McpError, match="requestState"):
            await ann.modern("tools/call", again)
        tasks.cancel_scope.cancel()


async def test_headers_go_along(aggregate: Aggregate, notebooks: Notebooks) -> None:
    """The notebook compares them with the arguments: only it knows the tool's schema."""
    mcp = FastMCP("a")

    @mcp.tool()
    def at(region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})]) -> str:
        """Say where."""
        return region

    await notebooks.start("a", mcp)
    async with anyio.create_task_group() as tasks:
        ours, theirs = memory_pair()
        send, headers = ours.send, (("mcp-param-region", "north"),)
        ours.send = lambda message: send(_with_headers(message, headers))
        host = Host(ours)
        tasks.start_soon(aggregate.serve, theirs)
        await tasks.start(host.connection.serve)
        await host.names()
        result = await host.modern("tools/call", {"name": "a_at", "arguments": {"region": "north"}})
        assert result["content"][0]["text"] == "north"
        with pytest.raises(McpError, match=r"(?i)header"):
            await host.modern("tools/call", {"name": "a_at", "arguments": {"region": "south"}})
        tasks.cancel_scope.cancel()


def _with_headers(message: Message, headers: tuple[tuple[str, str], ...]) -> Message:
    return replace(message, headers=headers)
