# SPDX-License-Identifier: BSD-3-Clause
"""Multi-round-trip requests: a server of 2026-07-28 that asks back, and what the session makes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import anyio
import pytest

from mcp_jupyter import types
from mcp_jupyter.client import ClientSession
from mcp_jupyter.client import requests as rounds
from mcp_jupyter.engine.connection import InboundRequest
from mcp_jupyter.errors import McpError, RequestTimeout

from .memory_server import Server, connected

pytestmark = pytest.mark.anyio

FORM = {
    "message": "Which region?",
    "requestedSchema": {"type": "object", "properties": {"region": {"type": "string"}}},
}
ELICIT = {"method": "elicitation/create", "params": FORM}
ROOTS = {"method": "roots/list", "params": None}
SAMPLE = {
    "method": "sampling/createMessage",
    "params": {"messages": [{"role": "user", "content": {"type": "text", "text": "?"}}], "maxTokens": 5},
}


def asks(requests: Mapping[str, Any] | None = None, state: Any = None) -> dict[str, Any]:
    """A result that asks back."""
    answer: dict[str, Any] = {"resultType": "input_required"}
    if requests is not None:
        answer["inputRequests"] = requests
    if state is not None:
        answer["requestState"] = state
    return answer


def in_turn(*answers: Any) -> tuple[Callable[[InboundRequest], Any], list[InboundRequest]]:
    """A handler that gives one answer after the other, the last for ever; and the calls it had."""
    calls: list[InboundRequest] = []

    async def handler(call: InboundRequest) -> Any:
        calls.append(call)
        return answers[min(len(calls), len(answers)) - 1]

    return handler, calls


async def elicit(params: types.ElicitRequestParams) -> types.ElicitResult:
    return types.ElicitResult(action="accept", content={"region": "north"})


async def roots() -> types.ListRootsResult:
    return types.ListRootsResult(roots=[types.Root(uri="file:///data")])


async def sample(context: Any, params: types.CreateMessageRequestParams) -> Any:
    return {"role": "assistant", "content": {"type": "text", "text": context.request_id}, "model": "m"}


CALLBACKS = {"elicitation_callback": elicit, "list_roots_callback": roots, "sampling_callback": sample}
DONE = {"resultType": "complete", "content": [], "contents": [], "messages": []}

ASK = {
    "tools/call": lambda session: session.call_tool("t", {"a": None}),
    "prompts/get": lambda session: session.get_prompt("p", {"a": "b"}),
    "resources/read": lambda session: session.read_resource("note://1"),
}


@pytest.mark.parametrize("method", sorted(ASK))
async def test_the_questions_are_answered_and_the_request_is_sent_again(method: str) -> None:
    questions = {"where": ELICIT, "roots": ROOTS, "model": SAMPLE}
    handler, calls = in_turn(asks(questions, '{"a": 1}\u00e9'), DONE)
    async with connected(Server({method: handler}), opening="discover", **CALLBACKS) as (session, _):
        result = await ASK[method](session)
    assert result.is_complete
    first, second = calls
    assert first.id != second.id
    retry = dict(second.params)
    assert retry.pop("requestState") == '{"a": 1}\u00e9'
    assert retry.pop("inputResponses") == {
        "where": {"action": "accept", "content": {"region": "north"}},
        "roots": {"roots": [{"uri": "file:///data"}]},
        "model": {"role": "assistant", "content": {"type": "text", "text": "model"}, "model": "m"},
    }
    assert retry == first.params


async def test_state_and_answers_belong_to_one_round() -> None:
    handler, calls = in_turn(asks({"a": ROOTS}, "one"), asks({"b": ROOTS}), asks(None, "three"), DONE)
    async with connected(Server({"tools/call": handler}), opening="discover", **CALLBACKS) as (session, _):
        await session.call_tool("t")
        await session.call_tool("other")
    sent = [(call.params.get("requestState"), list(call.params.get("inputResponses", []))) for call in calls]
    assert sent == [(None, []), ("one", ["a"]), (None, ["b"]), ("three", []), (None, [])]
    assert "requestState" not in calls[2].params
    assert "inputResponses" not in calls[3].params


async def test_questions_are_answered_at_the_same_time_up_to_a_bound() -> None:
    together, most = 0, 0

    async def slow_roots() -> types.ListRootsResult:
        nonlocal together, most
        together += 1
        most = max(most, together)
        await anyio.wait_all_tasks_blocked()
        together -= 1
        return types.ListRootsResult(roots=[])

    handler, calls = in_turn(asks({str(number): ROOTS for number in range(20)}), DONE)
    server = Server({"tools/call": handler})
    async with connected(server, opening="discover", list_roots_callback=slow_roots) as (session, _):
        await session.call_tool("t")
    assert most == 8
    assert len(calls[1].params["inputResponses"]) == 20


async def test_progress_goes_on_over_all_rounds() -> None:
    async def handler(call: InboundRequest) -> Any:
        again = "inputResponses" in call.params
        progress = {"progressToken": call.meta["progressToken"], "progress": 2 if again else 1}
        call.notify("notifications/progress", progress)
        return DONE if again else asks({"where": ELICIT})

    seen: list[float] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        seen.append(done)

    server = Server({"tools/call": handler})
    async with connected(server, opening="discover", **CALLBACKS) as (session, _):
        await session.call_tool("t", progress_callback=progress)
    assert seen == [1, 2]


async def test_the_time_out_is_over_the_whole() -> None:
    cancelled = anyio.Event()

    async def never(params: types.ElicitRequestParams) -> Any:
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()

    handler, calls = in_turn(asks({"where": ELICIT}))
    server = Server({"tools/call": handler})
    async with connected(server, opening="discover", elicitation_callback=never) as (session, _):
        with pytest.raises(RequestTimeout, match=r"No answer to tools/call within 0\.05 s"):
            await session.call_tool("t", timeout=0.05)
        assert cancelled.is_set()
    assert len(calls) == 1


async def test_a_server_that_never_has_enough_is_given_up() -> None:
    handler, calls = in_turn(asks({"where": ELICIT}, "again"))
    async with connected(Server({"tools/call": handler}), opening="discover", **CALLBACKS) as (session, _):
        with pytest.raises(McpError, match="by asking for input, more than 32 times"):
            await session.call_tool("t")
    assert len(calls) == rounds.MAX_ROUNDS + 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (asks(), "without saying for what"),
        (asks({}), "without saying for what"),
        (asks({"a": ROOTS}, 5), "in a malformed way"),
        (asks([ROOTS]), "in a malformed way"),
        (asks({str(number): ROOTS for number in range(65)}), "more than 64 questions"),
        (asks({"a": {"method": "tasks/list"}}), "input of an unknown kind: tasks/list"),
        (asks({"a": {"method": "\x1b" + "x" * 999}}), r"unknown kind: x{159}…"),
        (asks({"a": {"method": 5}}), "input request a is malformed"),
        (asks({"a": "roots/list"}), "input request a is malformed"),
        (asks({"a": ROOTS, "b": SAMPLE}), "did not offer: the session has no sampling_callback"),
        (asks({"a": {"method": "elicitation/create", "params": {"message": 1}}}), "params are malformed"),
    ],
)
async def test_what_cannot_be_answered_is_a_clear_error(answer: Any, words: str) -> None:
    handler, calls = in_turn(answer)
    options = {"elicitation_callback": elicit, "list_roots_callback": roots}
    async with connected(Server({"tools/call": handler}), opening="discover", **options) as (session, _):
        with pytest.raises(McpError, match=words) as caught:
            await session.call_tool("t")
    assert "\x1b" not in str(caught.value)
    assert len(calls) == 1


async def test_only_three_methods_may_ask_back() -> None:
    server = Server({"tools/list": asks({"where": ELICIT})})
    async with connected(server, opening="discover", **CALLBACKS) as (session, _):
        with pytest.raises(McpError, match="answered tools/list by asking for input, which no server may do"):
            await session.list_tools()


async def test_a_callback_that_refuses_or_fails_ends_the_call_and_the_other_questions() -> None:
    cancelled: list[str] = []

    async def never() -> Any:
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.append("roots")

    async def decide(params: types.CreateMessageRequestParams) -> Any:
        await anyio.wait_all_tasks_blocked()
        if params.maxTokens == 5:
            return types.ErrorData(code=-1, message="the person said no")
        raise SystemExit("oh dear")

    dear = {**SAMPLE, "params": {**SAMPLE["params"], "maxTokens": 6}}
    handler, calls = in_turn(asks({"a": ROOTS, "b": SAMPLE}), asks({"a": ROOTS, "b": dear}))
    options = {"list_roots_callback": never, "sampling_callback": decide}
    async with connected(Server({"tools/call": handler}), opening="discover", **options) as (session, _):
        with pytest.raises(McpError, match="the person said no") as caught:
            await session.call_tool("t")
        assert caught.value.code == -1
        with pytest.raises(McpError, match="The sampling_callback failed: SystemExit: oh dear"):
            await session.call_tool("t")
    assert cancelled == ["roots", "roots"]
    assert len(calls) == 2


async def test_a_callback_may_call_the_server_meanwhile() -> None:
    async def ask_back(context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        session: ClientSession = context.session
        tools = (await session.list_tools()).tools
        return types.ElicitResult(action="accept", content={"region": tools[0].name})

    handler, calls = in_turn(asks({"where": ELICIT}), DONE)
    listed = {"tools": [{"name": "north", "inputSchema": {"type": "object"}}]}
    server = Server({"tools/call": handler, "tools/list": listed})
    async with connected(server, opening="discover", elicitation_callback=ask_back) as (session, _):
        await session.call_tool("t")
    assert calls[1].params["inputResponses"]["where"]["content"] == {"region": "north"}
