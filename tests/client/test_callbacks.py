# SPDX-License-Identifier: BSD-3-Clause
"""What the server asks and tells a client, against a server in memory."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from mcp_jupyter import ClientSession, types
from mcp_jupyter.client.transport import halves
from mcp_jupyter.engine.channel import memory_pair
from mcp_jupyter.engine.connection import InboundRequest
from mcp_jupyter.errors import McpError

from .memory_server import Server, connected

pytestmark = pytest.mark.anyio


# -- the server asks and tells -------------------------------------------------------------------------


def question(text: str) -> dict[str, Any]:
    content = {"type": "text", "text": text}
    return {"messages": [{"role": "user", "content": content}], "maxTokens": 5}


async def test_capabilities_say_what_there_are_callbacks_for() -> None:
    async def callback(params: Any) -> Any: ...

    server = Server()
    options = ("sampling_callback", "elicitation_callback", "list_roots_callback")
    async with connected(server, **dict.fromkeys(options, callback)):
        pass
    assert server.asked[0][1]["capabilities"] == {
        "sampling": {},
        "elicitation": {"form": {}},
        "roots": {"listChanged": True},
    }


async def test_ping_is_answered_and_what_has_no_callback_is_refused() -> None:
    async with connected(Server()) as (_, connection):
        assert await connection.request("ping", {}) == {}
        for method in ("sampling/createMessage", "elicitation/create", "roots/list", "no/such"):
            with pytest.raises(McpError) as caught:
                await connection.request(method, {})
            assert caught.value.code == types.METHOD_NOT_FOUND


async def test_callbacks_take_the_params_alone_or_a_context_before_them() -> None:
    async def sample(params: types.CreateMessageRequestParams) -> Any:
        return {
            "role": "assistant",
            "content": {"type": "text", "text": "ok"},
            "model": str(params.maxTokens),
        }

    async def elicit(context: Any, params: types.ElicitRequestParams, later: int = 1) -> types.ElicitResult:
        return types.ElicitResult(action="accept", content={"id": context.request_id, "at": params.message})

    async def roots(context: Any) -> types.ListRootsResult:
        return types.ListRootsResult(roots=[types.Root(uri="file:///" + context.meta["trace"])])

    async with connected(
        Server(), sampling_callback=sample, elicitation_callback=elicit, list_roots_callback=roots
    ) as (_, connection):
        answer = await connection.request("sampling/createMessage", question("x"))
        assert answer["model"] == "5"
        form = {"message": "m", "requestedSchema": {"type": "object", "properties": {}}}
        assert (await connection.request("elicitation/create", form))["content"] == {"id": 2, "at": "m"}
        answer = await connection.request("roots/list", {"_meta": {"trace": "abc"}})
        assert answer == {"roots": [{"uri": "file:///abc"}]}


async def test_a_callback_may_refuse_fail_or_be_asked_badly_without_harm() -> None:
    async def sample(params: types.CreateMessageRequestParams) -> Any:
        text = params.messages[0].content_as_list[0]
        assert isinstance(text, types.TextContent)
        if text.text == "refuse":
            return types.ErrorData(code=-1, message="the person said no")
        raise SystemExit(1)

    async with connected(Server(), sampling_callback=sample) as (session, connection):
        for params, code in ((question("refuse"), -1), (question("die"), -32603), ({"messages": 1}, -32602)):
            with pytest.raises(McpError) as caught:
                await connection.request("sampling/createMessage", params)
            assert caught.value.code == code
        await session.send_ping()


@pytest.mark.parametrize("asked", [{"tools": []}, {"toolChoice": {"mode": "none"}}], ids=["tools", "choice"])
async def test_tools_for_a_model_are_taken_only_where_that_was_declared(asked: dict[str, Any]) -> None:
    seen: list[Any] = []

    async def sample(params: types.CreateMessageRequestParams) -> types.CreateMessageResult:
        seen.append(params)
        return types.CreateMessageResult(role="assistant", content=types.TextContent(text="ok"), model="m")

    params = {**question("x"), **asked}
    async with connected(Server(), sampling_callback=sample) as (_, connection):
        with pytest.raises(McpError, match="did not declare that its model takes tools") as caught:
            await connection.request("sampling/createMessage", params)
    assert (caught.value.code, seen) == (types.INVALID_PARAMS, [])
    server = Server()
    able = types.SamplingCapability(tools=types.SamplingToolsCapability())
    async with connected(server, sampling_callback=sample, sampling_capabilities=able) as (_, connection):
        assert (await connection.request("sampling/createMessage", params))["model"] == "m"
    assert server.asked[0][1]["capabilities"] == {"sampling": {"tools": {}}}


async def test_what_a_model_can_do_needs_a_callback() -> None:
    _, ours = memory_pair()
    with pytest.raises(ValueError, match="sampling_capabilities= needs a sampling_callback"):
        ClientSession(*halves(ours), sampling_capabilities=types.SamplingCapability())


async def test_notifications_are_handed_out_in_order_and_bad_ones_dropped() -> None:
    heard: list[Any] = []
    enough = anyio.Event()

    async def log(params: types.LoggingMessageNotificationParams) -> None:
        heard.append(params.data)
        if params.data == "fail":
            raise SystemExit(1)

    async def handle(notification: Any) -> None:
        heard.append(type(notification).__name__)
        if isinstance(notification, types.ResourceUpdatedNotification):
            heard.append(notification.params.uri)
            enough.set()

    async with connected(Server(), logging_callback=log, message_handler=handle) as (_, connection):
        connection.notify("notifications/message", {"level": "no such", "data": 0})
        connection.notify("notifications/message", {"level": "info", "data": "fail"})
        connection.notify("notifications/unheard/of", {})
        connection.notify("notifications/prompts/list_changed", {})
        connection.notify("notifications/resources/list_changed", {})
        connection.notify("notifications/resources/updated", {"uri": "a://b"})
        with anyio.fail_after(5):
            await enough.wait()
    assert heard == [
        "fail",
        "PromptListChangedNotification",
        "ResourceListChangedNotification",
        "ResourceUpdatedNotification",
        "a://b",
    ]


async def test_a_flood_of_log_messages_costs_its_oldest_members() -> None:
    heard: list[int] = []
    release, last = anyio.Event(), anyio.Event()

    async def log(params: types.LoggingMessageNotificationParams) -> None:
        await release.wait()
        heard.append(params.data)
        if params.data == 9_999:
            last.set()

    async with connected(Server(), logging_callback=log) as (_, connection):
        for number in range(10_000):
            connection.notify("notifications/message", {"level": "info", "data": number})
        release.set()
        with anyio.fail_after(10):
            await last.wait()
    assert len(heard) < 3_000
    assert heard == sorted(heard)


async def test_a_flood_of_progress_does_not_delay_the_answer_for_ever() -> None:
    async def flood(call: InboundRequest) -> Any:
        for number in range(20_000):
            call.notify(
                "notifications/progress", {"progressToken": call.meta["progressToken"], "progress": number}
            )
        return {"content": []}

    seen: list[float] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        seen.append(done)

    async with connected(Server({"tools/call": flood})) as (session, _):
        with anyio.fail_after(20):
            await session.call_tool("t", progress_callback=progress)
    assert seen[-1] == 19_999
    assert len(seen) <= 3_000
