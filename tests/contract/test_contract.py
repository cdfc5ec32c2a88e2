# SPDX-License-Identifier: BSD-3-Clause
"""Each part of the protocol over each transport, in each era: our client, our server, nothing faked."""

from __future__ import annotations

import uuid
from typing import Any

import anyio
import pytest

from mcp_jupyter import types
from mcp_jupyter.errors import McpError, RequestTimeout

pytestmark = pytest.mark.anyio


class Heard:
    """What a client's callbacks were given."""

    def __init__(self) -> None:
        self.all: list[Any] = []
        self._more = anyio.Event()

    async def __call__(self, item: Any) -> None:
        self.all.append(item)
        self._more.set()

    async def until(self, kind: type) -> Any:
        """The first of a kind that has come or will come."""
        with anyio.fail_after(20):
            while True:
                for item in self.all:
                    if isinstance(item, kind):
                        return item
                self._more = anyio.Event()
                await self._more.wait()


def text_of(result: types.CallToolResult) -> str:
    (block,) = result.content
    assert isinstance(block, types.TextContent)
    return block.text


async def test_tools_are_listed_with_what_is_said_of_them(connect):
    async with connect() as client:
        tools = {tool.name: tool for tool in await client.list_tools()}
    assert tools["add"].title == "Add"
    assert tools["add"].description == "Add two numbers."
    assert tools["add"].inputSchema["required"] == ["a"]
    assert tools["add"].annotations.readOnlyHint is True
    assert tools["book"].outputSchema["properties"].keys() == {"title", "pages"}


async def test_tools_are_called(connect):
    async with connect() as client:
        assert text_of(await client.call_tool("add", {"a": 2, "b": 3})) == "5"
        book = await client.call_tool("book")
        assert book.structuredContent == {"title": "Emma", "pages": 474}
        mixed = await client.call_tool("mixed")
        assert [block.type for block in mixed.content] == ["text", "image", "resource_link"]


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [("broken", {}, "ValueError: no such shelf"), ("add", {"a": "x"}, "a: "), ("add", {"c": 1}, "c: ")],
)
async def test_what_goes_wrong_in_a_tool_is_its_result(connect, name, arguments, said):
    async with connect() as client:
        result = await client.call_tool(name, arguments)
        assert result.isError
        assert said in text_of(result)


async def test_what_there_is_not_is_an_error(connect):
    async with connect() as client:
        with pytest.raises(McpError, match="Unknown tool 'nope'") as caught:
            await client.call_tool("nope")
        assert caught.value.code == -32602
        with pytest.raises(McpError, match="Unknown resource 'books://nope'") as caught:
            await client.read_resource("books://nope")
        assert caught.value.code in (-32002, -32602)


async def test_resources_are_listed_and_read(connect):
    async with connect() as client:
        assert "books://emma" in [resource.uri for resource in await client.list_resources()]
        assert [t.uriTemplate for t in await client.list_resource_templates()] == ["books://{shelf}/cover"]
        text, kind = await client.read_resource("books://emma")
        assert (text, kind) == ("Emma Woodhouse, handsome, clever, and rich", "text/plain")
        assert tuple(await client.read_resource("books://maps/cover")) == (b"maps", "image/png")


async def test_prompts_are_listed_and_given(connect):
    async with connect() as client:
        (prompt,) = await client.list_prompts()
        assert (prompt.name, prompt.title) == ("review", "Review")
        assert [argument.required for argument in prompt.arguments] == [True, False]
        given = await client.get_prompt("review", {"title": "Emma"})
        assert given.messages[0].content.text == "Review Emma, kind."


async def test_arguments_are_completed(connect):
    async with connect() as client:
        prompt = types.PromptReference(name="review")
        completion = (await client.complete(prompt, {"name": "tone", "value": "k"})).completion
        assert completion.values == ["kind", "keen"]
        template = types.ResourceTemplateReference(uri="books://{shelf}/cover")
        completion = (await client.complete(template, {"name": "shelf", "value": ""})).completion
        assert completion.values == ["novels", "maps"]


async def test_progress_and_log_messages_come_in_order(connect):
    heard, steps = Heard(), []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        steps.append((done, total, message))

    async with connect(logging_callback=heard) as client:
        assert text_of(await client.call_tool("talk", progress_callback=progress)) == "done"
        with anyio.fail_after(10):
            while len(heard.all) < 3:
                await anyio.sleep(0.01)
    assert [step for step in steps if step[1]] == [(n, 3, f"step {n}") for n in (1, 2, 3)]
    assert [said.data for said in heard.all] == ["step 1", "step 2", "step 3"]


async def test_a_call_that_is_given_up_is_stopped(connect):
    key = uuid.uuid4().hex
    async with connect() as client:
        with pytest.raises(RequestTimeout):
            await client.call_tool("wait", {"key": key}, timeout=0.5)
        with anyio.fail_after(10):
            while text_of(await client.call_tool("waited", {"key": key})) != "ended":
                await anyio.sleep(0.02)


@pytest.mark.parametrize(
    ("action", "said"), [("accept", "Ada, 14 days"), ("decline", "decline"), ("cancel", "cancel")]
)
async def test_a_tool_asks_the_person(connect, action, said):
    async def person(params: types.ElicitRequestFormParams) -> types.ElicitResult:
        assert params.message == "Who borrows it?"
        return types.ElicitResult(action=action, content={"name": "Ada"} if action == "accept" else None)

    async with connect(elicitation_callback=person) as client:
        assert text_of(await client.call_tool("lend")) == said


async def test_a_tool_asks_the_clients_model_and_for_its_roots(connect):
    async def model(params: types.CreateMessageRequestParams) -> types.CreateMessageResult:
        assert params.messages[0].content.text == "Name a colour."
        content = types.TextContent(text="blue")
        return types.CreateMessageResult(role="assistant", content=content, model="m")

    async def roots() -> types.ListRootsResult:
        return types.ListRootsResult(roots=[types.Root(uri="file:///books")])

    async with connect(sampling_callback=model, list_roots_callback=roots) as client:
        assert text_of(await client.call_tool("consult")) == "blue, file:///books"


async def test_a_client_that_cannot_be_asked_is_told(connect):
    lacking = "this client has not declared the capability elicitation.form"
    async with connect() as client:
        if client.protocol_version == "2026-07-28":
            with pytest.raises(McpError, match=lacking) as caught:
                await client.call_tool("lend")
            assert caught.value.code == -32021
        else:
            assert lacking in text_of(await client.call_tool("lend"))


async def test_who_subscribes_is_told_of_changes(connect):
    heard = Heard()
    async with connect(message_handler=heard) as client:
        async with client.subscribed(tools=True, uris=["books://emma"]):
            await client.call_tool("publish")
            await heard.until(types.ToolListChangedNotification)
            updated = await heard.until(types.ResourceUpdatedNotification)
            assert updated.params.uri == "books://emma"
        assert "published" in [tool.name for tool in await client.list_tools()]


async def test_many_calls_at_once_get_each_their_own_answer(connect):
    results: dict[int, str] = {}
    async with connect() as client, anyio.create_task_group() as tasks:

        async def call(number: int) -> None:
            results[number] = text_of(await client.call_tool("add", {"a": number, "b": 0}))

        for number in range(20):
            tasks.start_soon(call, number)
    assert results == {number: str(number) for number in range(20)}
