# SPDX-License-Identifier: BSD-3-Clause
"""Calls between two rounds: who may come back to them, with what, and how long they wait."""

from __future__ import annotations

import string
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_jupyter.errors import McpError
from mcp_jupyter.protocol.methods import FORGET_SENDER
from mcp_jupyter.server import suspended_calls
from mcp_jupyter.server.context import current_request
from mcp_jupyter.server.fastmcp import Context, FastMCP

from .asking import Asked, asked

pytestmark = pytest.mark.anyio

INVALID_PARAMS = -32602
FORM = {"type": "object", "properties": {"name": {"type": "string"}}}
CALL = {"name": "greet", "arguments": {}}
ADA = {"who": {"action": "accept", "content": {"name": "Ada"}}}


class Greeter:
    """A server with a tool that asks for a name, and what became of its calls."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended: list[str] = []
        self.mcp = FastMCP()
        self.mcp.add_tool(self.greet)
        self.mcp.add_tool(self.twice)

    async def greet(self, ctx: Context, loud: bool = False) -> str:
        self.begun += 1
        try:
            answer = await ctx.elicit("Who?", FORM, key="who")
        except BaseException as exc:
            self.ended.append(type(exc).__name__)
            raise
        self.ended.append("answered")
        return f"Hello {answer.data['name']}"

    async def twice(self, ctx: Context) -> str:
        first = await ctx.elicit("First?", FORM, key="who")
        second = await ctx.elicit("Second?", FORM, key="second")
        return f"{first.data['name']} and {second.data['name']}"

    async def until_ended(self) -> None:
        with anyio.fail_after(5):
            while not self.ended:
                await anyio.sleep(0.005)


async def refused(client: Asked, params: dict[str, Any], match: str, method: str = "tools/call") -> None:
    with pytest.raises(McpError, match=match) as caught:
        await client.round(method, params)
    assert caught.value.code == INVALID_PARAMS


async def test_a_call_goes_on_where_it_stopped():
    greeter, client = Greeter(), Asked("modern", {})
    async with asked(greeter.mcp, client):
        first = await client.round("tools/call", CALL)
        assert first["resultType"] == "input_required"
        assert "ttlMs" not in first
        state = {"requestState": first["requestState"], "inputResponses": ADA}
        second = await client.round("tools/call", CALL | state)
    assert second["content"][0]["text"] == "Hello Ada"
    assert second["resultType"] == "complete"
    assert greeter.begun == 1


async def test_each_round_has_a_state_of_its_own():
    greeter, client = Greeter(), Asked("modern", {})
    async with asked(greeter.mcp, client):
        first = await client.round("tools/call", {"name": "twice"})
        answer = {"name": "twice", "inputResponses": ADA, "requestState": first["requestState"]}
        second = await client.round("tools/call", answer)
        assert second["inputRequests"].keys() == {"second"}
        await refused(client, answer, "has been answered")
        given = {"second": ADA["who"]}
        last = {"name": "twice", "inputResponses": given, "requestState": second["requestState"]}
        assert (await client.round("tools/call", last))["content"][0]["text"] == "Ada and Ada"


async def test_a_state_is_good_for_one_round_only():
    greeter, client = Greeter(), Asked("modern", {})
    async with asked(greeter.mcp, client):
        state = (await client.round("tools/call", CALL))["requestState"]
        await client.round("tools/call", CALL | {"requestState": state, "inputResponses": ADA})
        await refused(client, CALL | {"requestState": state, "inputResponses": ADA}, "has been answered")


@pytest.mark.parametrize("state", ["", "x", 1, {}, [], "e30", "ä", "A" * 5000])
async def test_what_the_server_did_not_give_out_is_refused(state):
    greeter, client = Greeter(), Asked("modern", {})
    async with asked(greeter.mcp, client):
        await refused(client, CALL | {"requestState": state, "inputResponses": ADA}, "requestState: ")
    assert greeter.begun == 0


ALPHABET = string.ascii_letters + string.digits + "-_"


@given(st.floats(0, 1, exclude_max=True), st.integers(1, len(ALPHABET) - 1))
@settings(max_examples=30)
def test_a_state_that_was_changed_anywhere_is_refused(share, shift):
    async def scenario() -> None:
        greeter, client = Greeter(), Asked("modern", {})
        async with asked(greeter.mcp, client):
            state = (await client.round("tools/call", CALL))["requestState"]
            place = int(share * len(state))
            other = ALPHABET[(ALPHABET.index(state[place]) + shift) % len(ALPHABET)]
            forged = state[:place] + other + state[place + 1 :]
            await refused(client, CALL | {"requestState": forged, "inputResponses": ADA}, "requestState: ")
            good = await client.round("tools/call", CALL | {"requestState": state, "inputResponses": ADA})
            assert good["content"][0]["text"] == "Hello Ada"

    anyio.run(scenario)


async def test_nobody_else_may_bring_a_state_back():
    greeter, one, other = Greeter(), Asked("modern", {}), Asked("modern", {})
    async with asked(greeter.mcp, one, other):
        state = (await one.round("tools/call", CALL))["requestState"]
        answer = CALL | {"requestState": state, "inputResponses": ADA}
        await refused(other, answer, "not a text that the server gave out")
        assert (await one.round("tools/call", answer))["content"][0]["text"] == "Hello Ada"


@pytest.mark.parametrize(
    "changed", [{"name": "twice"}, {"arguments": {"loud": True}}, {"arguments": None}, {"extra": 1}]
)
async def test_a_state_belongs_to_the_call_it_was_given_for(changed):
    greeter, client = Greeter(), Asked("modern", {})
    async with asked(greeter.mcp, client):
        state = (await client.round("tools/call", CALL))["requestState"]
        answer = CALL | {"requestState": state, "inputResponses": ADA}
        await refused(client, answer | changed, "other params")


async def test_what_is_not_answered_is_asked_again():
    greeter, client = Greeter(), Asked("modern", {})
    async with asked(greeter.mcp, client):
        first = await client.round("tools/call", CALL)
        for given in ({}, {"somebody": ADA["who"]}):
            answer = CALL | {"requestState": first["requestState"], "inputResponses": given}
            second = await client.round("tools/call", answer)
            assert second["inputRequests"] == first["inputRequests"]
            first = second
    assert greeter.begun == 1


@pytest.mark.parametrize("answer", [12345, None, {}, {"action": "maybe"}])
async def test_an_answer_that_is_none_is_refused_and_the_call_waits_on(answer):
    greeter, client = Greeter(), Asked("modern", {})
    async with asked(greeter.mcp, client):
        state = (await client.round("tools/call", CALL))["requestState"]
        given = {"requestState": state, "inputResponses": {"who": answer}}
        await refused(client, CALL | given, r"inputResponses\.who")
        good = await client.round("tools/call", CALL | {"requestState": state, "inputResponses": ADA})
        assert good["content"][0]["text"] == "Hello Ada"


@pytest.mark.parametrize("responses", [None, 1, [], "x"])
async def test_answers_must_be_an_object(responses):
    greeter, client = Greeter(), Asked("modern", {})
    async with asked(greeter.mcp, client):
        await refused(client, CALL | {"inputResponses": responses}, "inputResponses must be an object")


async def test_answers_that_come_with_the_call_are_taken():
    """A client answers so a server that forgets its calls between two rounds."""
    greeter, client = Greeter(), Asked("modern", {})
    async with asked(greeter.mcp, client):
        result = await client.round("tools/call", CALL | {"inputResponses": ADA | {"unknown": 1}})
        assert result["content"][0]["text"] == "Hello Ada"
        again = await client.round("tools/call", CALL | {"inputResponses": {"who": 12345}})
        assert again["resultType"] == "input_required"


async def test_a_call_that_nobody_answers_ends(monkeypatch):
    monkeypatch.setattr(suspended_calls, "ANSWER_SECONDS", 0.02)
    greeter, client = Greeter(), Asked("modern", {})
    async with asked(greeter.mcp, client):
        state = (await client.round("tools/call", CALL))["requestState"]
        await greeter.until_ended()
        await refused(
            client, CALL | {"requestState": state, "inputResponses": ADA}, "too old|has been answered"
        )
    assert greeter.ended == ["CancelledError"]


class Impatient:
    """A server with tools that stop to wait by themselves, and how often they took effect."""

    def __init__(self) -> None:
        self.effects = 0
        self.mcp = FastMCP()
        for tool in (self.leave, self.fail, self.go_on):
            self.mcp.add_tool(tool)
        self.mcp.add_tool(self.slow, timeout=0.5)
        self.waits = anyio.CancelScope()
        self.left = anyio.Event()
        self.may_go_on = anyio.Event()

    async def leave(self, ctx: Context, size: int = 1) -> str:
        with anyio.CancelScope() as self.waits:
            await ctx.elicit("Who?", FORM, key="who")
        self.effects += 1
        self.left.set()
        return "x" * size

    async def fail(self, ctx: Context) -> str:
        await self.leave(ctx)
        raise ValueError("nobody")

    async def slow(self, ctx: Context) -> str:
        try:
            await ctx.elicit("Who?", FORM, key="who")
        finally:
            self.effects += 1
            self.left.set()
        return "never"

    async def go_on(self, ctx: Context) -> str:
        await self.leave(ctx)
        await self.may_go_on.wait()
        return "went on"

    async def begin(self, client: Asked, name: str, **arguments: Any) -> dict[str, Any]:
        """Call, wait until the call has ended while nobody asks, and give the params of the retry."""
        self.left = anyio.Event()
        params = {"name": name, "arguments": arguments}
        first = await client.round("tools/call", params)
        assert first["inputRequests"].keys() == {"who"}
        self.waits.cancel()  # `slow` runs out of time instead
        with anyio.fail_after(5):
            await self.left.wait()
        await anyio.wait_all_tasks_blocked()
        return params | {"requestState": first["requestState"], "inputResponses": ADA}


@pytest.mark.parametrize(("name", "text"), [("leave", "x"), ("fail", "ValueError: nobody"), ("slow", "0.5")])
async def test_the_outcome_of_a_call_that_ended_while_it_waited_is_the_retrys(name, text):
    """Its effects are not repeated, however often the client comes back (1.7)."""
    server, client, other = Impatient(), Asked("modern", {}), Asked("modern", {})
    async with asked(server.mcp, client, other):
        retry = await server.begin(client, name)
        await refused(other, retry, "not a text that the server gave out")
        await refused(client, retry | {"arguments": {"size": 2}}, "other params")
        for _ in range(3):
            result = await client.round("tools/call", retry)
            assert text in result["content"][0]["text"]
            assert result.get("isError", False) is (name != "leave")
    assert server.effects == 1


async def test_a_call_that_stopped_to_wait_and_works_on_is_waited_for():
    """(1.7)."""
    server, client = Impatient(), Asked("modern", {})
    async with asked(server.mcp, client), anyio.create_task_group() as tasks:
        retry = await server.begin(client, "go_on")

        async def come_back() -> None:
            result = await client.round("tools/call", retry)
            assert result["content"][0]["text"] == "went on"

        tasks.start_soon(come_back)
        await anyio.wait_all_tasks_blocked()
        server.may_go_on.set()
    assert server.effects == 1


async def test_outcomes_are_kept_as_long_as_their_state_is_good(monkeypatch):
    """(1.7)."""
    monkeypatch.setattr(suspended_calls, "ANSWER_SECONDS", 2.0)
    server, client = Impatient(), Asked("modern", {})
    async with asked(server.mcp, client):
        retry = await server.begin(client, "leave")
        table = server.mcp._server._suspended
        with anyio.fail_after(10):
            while table._suspended:
                await anyio.sleep(0.01)
        assert not table._held
        assert not table._kept_bytes
        await refused(client, retry, "too old|no longer kept")


async def test_outcomes_of_a_sender_that_is_let_in_no_more_are_forgotten():
    """(1.7)."""
    server, client = Impatient(), Asked("modern", {})
    async with asked(server.mcp, client):
        retry = await server.begin(client, "leave")
        await client.round(FORGET_SENDER, {})
        await refused(client, retry, "no longer kept")


async def test_a_result_that_is_too_large_to_keep_says_so(monkeypatch):
    """The client must not believe that nothing happened (1.7)."""
    monkeypatch.setattr(suspended_calls, "MAX_KEPT_BYTES_PER_SENDER", 1000)
    server, client, other = Impatient(), Asked("modern", {}), Asked("modern", {})
    async with asked(server.mcp, client, other):
        small = await server.begin(client, "leave", size=400)
        large = await server.begin(client, "leave", size=401)
        others = await server.begin(other, "leave", size=401)
        with pytest.raises(McpError, match="too large to be kept"):
            await client.round("tools/call", large)
        for asking, retry in ((client, small), (other, others)):
            assert (await asking.round("tools/call", retry))["content"][0]["text"][:1] == "x"


async def test_outcomes_give_way_to_calls_that_wait(monkeypatch):
    """(1.7)."""
    monkeypatch.setattr(suspended_calls, "MAX_SUSPENDED_PER_SENDER", 2)
    server, client = Impatient(), Asked("modern", {})
    server.mcp.add_tool(Greeter().greet)
    async with asked(server.mcp, client):
        first = await server.begin(client, "leave")
        second = await server.begin(client, "leave")
        assert (await client.round("tools/call", CALL))["resultType"] == "input_required"
        await refused(client, first, "no longer kept")
        assert (await client.round("tools/call", second))["content"][0]["text"] == "x"


@pytest.mark.parametrize(
    ("method", "params", "may_outlive"),
    [
        ("tools/call", {"name": "add", "arguments": {}}, False),
        ("tools/call", {"name": "look"}, True),
        ("prompts/get", {"name": "write"}, False),
        ("prompts/get", {"name": "consider"}, True),
        ("resources/read", {"uri": "data://plain"}, False),
        ("resources/read", {"uri": "data://of/1"}, True),
    ],
)
async def test_only_a_call_whose_function_can_ask_may_outlive_its_request(method, params, may_outlive):
    """A task of its own costs a call time."""
    mcp, client, silent = FastMCP(), Asked("modern", {}), Asked("modern", {}, {})
    seen: list[bool] = []

    def without() -> str:
        seen.append(current_request.get().suspended is not None)
        return ""

    def with_context(ctx: Context) -> str:
        return without()

    mcp.add_tool(without, name="add")
    mcp.add_tool(with_context, name="look")
    mcp.prompt("write")(without)
    mcp.prompt("consider")(with_context)
    mcp.resource("data://plain")(without)

    @mcp.resource("data://of/{name}")
    def of(name: str, ctx: Context) -> str:
        return without()

    async with asked(mcp, client, silent):
        await client.round(method, params)
        await silent.round(method, params)  # declares nothing, so it is never asked
    assert seen == [may_outlive, False]


async def test_a_cancelled_round_ends_the_call():
    mcp, client = FastMCP(), Asked("modern", {})
    begun, ended = anyio.Event(), anyio.Event()

    @mcp.tool()
    async def wait(ctx: Context) -> None:
        begun.set()
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()

    async with asked(mcp, client), anyio.create_task_group() as tasks:
        tasks.start_soon(client.round, "tools/call", {"name": "wait"})
        with anyio.fail_after(5):
            await begun.wait()
            tasks.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                await ended.wait()


async def test_a_server_that_stops_ends_what_waits():
    greeter, client = Greeter(), Asked("modern", {})
    async with asked(greeter.mcp, client):
        await client.round("tools/call", CALL)
        assert greeter.ended == []
    assert greeter.ended == ["CancelledError"]


async def test_one_sender_cannot_fill_the_table(monkeypatch):
    monkeypatch.setattr(suspended_calls, "MAX_SUSPENDED_PER_SENDER", 2)
    greeter, one, other = Greeter(), Asked("modern", {}), Asked("modern", {})
    async with asked(greeter.mcp, one, other):
        first = await one.round("tools/call", CALL)
        await one.round("tools/call", CALL)
        with pytest.raises(McpError, match="Too many calls wait"):
            await one.round("tools/call", CALL)
        assert (await other.round("tools/call", CALL))["resultType"] == "input_required"
        await one.round("tools/call", CALL | {"requestState": first["requestState"], "inputResponses": ADA})
        assert (await one.round("tools/call", CALL))["resultType"] == "input_required"


async def test_an_error_after_the_answer_is_the_retrys():
    mcp, client = FastMCP(), Asked("modern", {"roots/list": {"roots": []}})

    @mcp.tool()
    async def fail(ctx: Context) -> None:
        await ctx.list_roots()
        raise ValueError("no roots")

    async with asked(mcp, client):
        result = await client.call("fail")
    assert result["isError"]
    assert "ValueError: no roots" in result["content"][0]["text"]
