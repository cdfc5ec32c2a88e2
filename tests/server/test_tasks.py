# SPDX-License-Identifier: BSD-3-Clause
"""Calls answered with a handle: who gets one, how they stand, what they ask, how they end (SEP-2663)."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from mcp_jupyter.errors import McpError, ProtocolError
from mcp_jupyter.protocol.eras import SERVER_INFO
from mcp_jupyter.server import tasks
from mcp_jupyter.server.fastmcp import Context, FastMCP

from .asking import ALL, Asked, asked

pytestmark = pytest.mark.anyio

EXTENSION = "io.modelcontextprotocol/tasks"
CAPABILITIES = {**ALL, "extensions": {EXTENSION: {}}}
FORM = {"type": "object", "properties": {"name": {"type": "string"}}}
ADA = {"action": "accept", "content": {"name": "Ada"}}


class Gated:
    """A server whose tools wait for a gate."""

    def __init__(self, **options: Any) -> None:
        self.gate = anyio.Event()
        self.ended: list[str] = []
        self.mcp = FastMCP(**options)
        self.mcp.add_tool(self.wait, task=True)
        self.mcp.add_tool(self.wait, "required", task="required")
        self.mcp.add_tool(self.wait, "plain")
        self.mcp.add_tool(self.confirm, task=True)
        self.mcp.add_tool(self.later)
        self.mcp.add_tool(self.fail, task=True)

    async def wait(self, ctx: Context) -> str:
        ctx.report_progress(1, 2, "half way")
        try:
            await self.gate.wait()
        except BaseException as exc:
            self.ended.append(type(exc).__name__)
            raise
        return "waited"

    async def confirm(self, ctx: Context) -> str:
        answer = await ctx.elicit("Sure?", FORM, key="sure")
        return answer.action

    async def later(self, ctx: Context) -> str:
        name = (await ctx.elicit("Who?", FORM, key="who")).data["name"]
        ctx.as_task()
        await self.gate.wait()
        return f"Hello {name}"

    async def fail(self, kind: str, ctx: Context) -> str:
        await self.gate.wait()
        raise ProtocolError(-32603, "broken") if kind == "protocol" else ValueError("no such row")


async def begun(client: Asked, name: str, **arguments: Any) -> dict[str, Any]:
    return await client.round("tools/call", {"name": name, "arguments": arguments})


async def stands(client: Asked, id_: str) -> dict[str, Any]:
    return await client.round("tasks/get", {"taskId": id_})


async def until(client: Asked, id_: str, status: str) -> dict[str, Any]:
    with anyio.fail_after(5):
        while (task := await stands(client, id_))["status"] != status:
            await anyio.sleep(0.005)
    return task


async def refused(code: int, client: Asked, method: str, **params: Any) -> McpError:
    with pytest.raises(McpError) as caught:
        await client.round(method, params)
    assert caught.value.code == code
    return caught.value


async def test_a_call_is_answered_with_a_handle_and_its_result_comes_later():
    gated, client = Gated(), Asked("modern", {}, CAPABILITIES)
    async with asked(gated.mcp, client):
        handle = await begun(client, "wait")
        assert handle["resultType"] == "task"
        assert handle["status"] == "working"
        assert isinstance(handle["ttlMs"], int)
        assert isinstance(handle["pollIntervalMs"], int)
        assert not handle.keys() & {"result", "requestState", "inputRequests", "task", "ttl", "pollInterval"}
        task = await stands(client, handle["taskId"])
        assert (task["resultType"], task["status"]) == ("complete", "working")
        assert task["statusMessage"] == "half way"
        assert task["createdAt"] == handle["createdAt"]
        gated.gate.set()
        task = await until(client, handle["taskId"], "completed")
        assert task["result"]["content"][0]["text"] == "waited"
        assert "error" not in task


async def test_the_result_of_a_task_names_the_server_as_it_is_called_now():
    gated, client = Gated(name="before"), Asked("modern", {}, CAPABILITIES)
    async with asked(gated.mcp, client):
        id_ = (await begun(client, "wait"))["taskId"]
        gated.mcp.name = "after"
        gated.gate.set()
        task = await until(client, id_, "completed")
    assert task["result"]["_meta"][SERVER_INFO]["name"] == "after"


async def test_who_takes_no_tasks_waits_for_the_result():
    gated, client = Gated(), Asked("modern", {})
    gated.gate.set()
    async with asked(gated.mcp, client):
        result = await begun(client, "wait")
        assert (result["resultType"], result["content"][0]["text"]) == ("complete", "waited")


async def test_a_tool_may_insist_on_a_task():
    gated, modern, legacy = Gated(), Asked("modern", {}), Asked("legacy", {})
    gated.gate.set()
    async with asked(gated.mcp, modern, legacy):
        error = await refused(-32021, modern, "tools/call", name="required", arguments={})
        assert error.data == {"requiredCapabilities": {"extensions": {EXTENSION: {}}}}
        result = await begun(legacy, "required")
        assert result["isError"]


async def test_a_call_that_outlasts_the_limit_goes_on_as_a_task():
    gated, client = Gated(task_after=0.02), Asked("modern", {}, CAPABILITIES)
    async with asked(gated.mcp, client):
        handle = await begun(client, "plain")
        assert handle["resultType"] == "task"
        gated.gate.set()
        await until(client, handle["taskId"], "completed")


async def test_a_task_asks_and_is_answered():
    gated, client = Gated(), Asked("modern", {}, CAPABILITIES)
    async with asked(gated.mcp, client):
        id_ = (await begun(client, "confirm"))["taskId"]
        task = await until(client, id_, "input_required")
        assert task["inputRequests"]["sure"]["method"] == "elicitation/create"
        ack = await client.round("tasks/update", {"taskId": id_, "inputResponses": {"sure": ADA}})
        assert ack["resultType"] == "complete"
        assert not ack.keys() & {"taskId", "status"}
        task = await until(client, id_, "completed")
        assert task["result"]["content"][0]["text"] == "accept"


async def test_an_answer_that_is_none_is_refused_and_the_task_waits_on():
    gated, client = Gated(), Asked("modern", {}, CAPABILITIES)
    async with asked(gated.mcp, client):
        id_ = (await begun(client, "confirm"))["taskId"]
        await until(client, id_, "input_required")
        await refused(-32602, client, "tasks/update", taskId=id_, inputResponses={"sure": 1})
        await refused(-32602, client, "tasks/update", taskId=id_, inputResponses=None)
        assert (await stands(client, id_))["status"] == "input_required"


async def test_a_call_may_ask_first_and_become_a_task_then():
    gated, client = Gated(), Asked("modern", {}, CAPABILITIES)
    async with asked(gated.mcp, client):
        first = await begun(client, "later")
        assert first["resultType"] == "input_required"
        assert "taskId" not in first
        retry = {"name": "later", "arguments": {}, "requestState": first["requestState"]}
        handle = await client.round("tools/call", {**retry, "inputResponses": {"who": ADA}})
        assert handle["resultType"] == "task"
        assert "requestState" not in handle
        gated.gate.set()
        task = await until(client, handle["taskId"], "completed")
        assert task["result"]["content"][0]["text"] == "Hello Ada"


@pytest.mark.parametrize(("kind", "status"), [("tool", "completed"), ("protocol", "failed")])
async def test_a_tools_error_is_a_result_and_a_protocols_is_not(kind, status):
    gated, client = Gated(), Asked("modern", {}, CAPABILITIES)
    async with asked(gated.mcp, client):
        id_ = (await begun(client, "fail", kind=kind))["taskId"]
        gated.gate.set()
        task = await until(client, id_, status)
    if kind == "tool":
        assert task["result"]["isError"]
    else:
        assert task["error"] == {"code": -32603, "message": "broken"}
        assert "result" not in task


async def test_a_cancelled_task_stops_and_says_so():
    gated, client = Gated(), Asked("modern", {}, CAPABILITIES)
    async with asked(gated.mcp, client):
        id_ = (await begun(client, "wait"))["taskId"]
        for _ in range(2):  # the second finds it ended
            ack = await client.round("tasks/cancel", {"taskId": id_})
            assert not ack.keys() & {"taskId", "status"}
            assert (await stands(client, id_))["status"] == "cancelled"
        with anyio.fail_after(5):
            while not gated.ended:
                await anyio.sleep(0.005)
        assert (await stands(client, id_)).keys().isdisjoint({"result", "error"})


async def test_cancelling_what_has_ended_changes_nothing():
    gated, client = Gated(), Asked("modern", {}, CAPABILITIES)
    async with asked(gated.mcp, client):
        id_ = (await begun(client, "wait"))["taskId"]
        gated.gate.set()
        before = await until(client, id_, "completed")
        await client.round("tasks/cancel", {"taskId": id_})
        assert await stands(client, id_) == before


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
async def test_a_task_exists_for_nobody_but_its_owner(method):
    gated = Gated()
    owner, other, without = (
        Asked("modern", {}, CAPABILITIES),
        Asked("modern", {}, CAPABILITIES),
        Asked("modern", {}),
    )
    async with asked(gated.mcp, owner, other, without):
        id_ = (await begun(owner, "wait"))["taskId"]
        await refused(-32602, other, method, taskId=id_, inputResponses={})
        await refused(-32602, owner, method, taskId="made up", inputResponses={})
        await refused(-32602, owner, method, inputResponses={})
        await refused(-32021, without, method, taskId=id_, inputResponses={})
        assert (await stands(owner, id_))["status"] == "working"


@pytest.mark.parametrize("method", ["tasks/result", "tasks/list"])
async def test_what_the_experiment_of_2025_11_25_had_is_gone(method):
    client = Asked("modern", {}, CAPABILITIES)
    async with asked(Gated().mcp, client):
        await refused(-32601, client, method, taskId="x")


async def test_legacy_clients_have_no_tasks():
    client = Asked("legacy", {}, CAPABILITIES)
    gated = Gated()
    gated.gate.set()
    async with asked(gated.mcp, client):
        await refused(-32601, client, "tasks/get", taskId="x")
        params = {"name": "wait", "arguments": {}, "task": {"ttl": 1000}}
        assert (await client.round("tools/call", params))["content"][0]["text"] == "waited"


async def test_old_tasks_are_forgotten(monkeypatch):
    monkeypatch.setattr(tasks, "TASK_SECONDS", 0.02)
    gated, client = Gated(), Asked("modern", {}, CAPABILITIES)
    async with asked(gated.mcp, client):
        id_ = (await begun(client, "wait"))["taskId"]
        with anyio.fail_after(5):
            while not gated.ended:
                await anyio.sleep(0.005)
        await refused(-32602, client, "tasks/get", taskId=id_)


async def test_without_room_for_more_a_call_is_waited_for(monkeypatch):
    monkeypatch.setattr(tasks, "MAX_TASKS_PER_SENDER", 1)
    gated, client, other = Gated(), Asked("modern", {}, CAPABILITIES), Asked("modern", {}, CAPABILITIES)
    async with asked(gated.mcp, client, other), anyio.create_task_group() as group:
        results: list[dict[str, Any]] = []

        async def call() -> None:
            results.append(await begun(client, "wait"))

        assert (await begun(client, "wait"))["resultType"] == "task"
        group.start_soon(call)
        assert (await begun(other, "wait"))["resultType"] == "task"
        gated.gate.set()
        with anyio.fail_after(5):
            while not results:
                await anyio.sleep(0.005)
        assert results[0]["content"][0]["text"] == "waited"


async def test_who_listens_is_told_how_a_task_stands():
    gated, client = Gated(), Asked("modern", {}, CAPABILITIES)
    heard: list[tuple[str, str]] = []
    acknowledged = anyio.Event()

    def notification(said: Any) -> None:
        if said.method == "notifications/subscriptions/acknowledged":
            acknowledged.set()
        elif said.method == "notifications/tasks":
            heard.append((said.params["taskId"], said.params["status"]))

    client.notification = notification  # type: ignore[method-assign]
    async with asked(gated.mcp, client), anyio.create_task_group() as group:
        id_ = (await begun(client, "wait"))["taskId"]
        group.start_soon(client.round, "subscriptions/listen", {"notifications": {"taskIds": [id_, 7]}})
        with anyio.fail_after(5):
            await acknowledged.wait()
            gated.gate.set()
            while not heard:
                await anyio.sleep(0.005)
        group.cancel_scope.cancel()
    assert heard == [(id_, "completed")]


async def test_a_listener_is_promised_its_own_tasks_only():
    gated = Gated()
    owner, other = Asked("modern", {}, CAPABILITIES), Asked("modern", {}, CAPABILITIES)
    promised: list[Any] = []
    acknowledged = anyio.Event()

    def notification(said: Any) -> None:
        if said.method == "notifications/subscriptions/acknowledged":
            promised.append(said.params["notifications"])
            acknowledged.set()

    owner.notification = notification  # type: ignore[method-assign]
    async with asked(gated.mcp, owner, other), anyio.create_task_group() as group:
        own = (await begun(owner, "wait"))["taskId"]
        of_another = (await begun(other, "wait"))["taskId"]
        wanted = {"taskIds": [own, of_another, "made up"]}
        group.start_soon(owner.round, "subscriptions/listen", {"notifications": wanted})
        with anyio.fail_after(5):
            await acknowledged.wait()
        group.cancel_scope.cancel()
    assert promised == [{"taskIds": [own]}]


async def test_discover_says_that_there_are_tasks_and_the_handshake_does_not():
    client = Asked("modern", {})
    async with asked(Gated().mcp, client):
        said = await client.round("server/discover", {})
        assert said["capabilities"]["extensions"] == {EXTENSION: {}}
        assert "tasks" not in said["capabilities"]
