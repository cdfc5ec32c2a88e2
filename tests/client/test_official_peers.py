# SPDX-License-Identifier: BSD-3-Clause
"""Our client against servers of the official SDK, over every transport and in both eras."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import anyio
import pytest

from mcp_jupyter import types
from mcp_jupyter.client import ClientSession, StdioServerParameters, stdio_client
from mcp_jupyter.client.sse import sse_client
from mcp_jupyter.client.streamable_http import streamablehttp_client
from mcp_jupyter.errors import McpError, RequestTimeout

from .conftest import nothing_left

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.slow,  # the official SDK takes seconds to start, in a process for each transport
]

LEGACY = ["stdio", "sse", "http"]
MODERN = ["modern stdio", "modern http", "modern http-json"]
ALL = [*LEGACY, "http-json", *MODERN]


class Peer:
    """Opens sessions with the official server over the transport under test."""

    def __init__(self, kind: str, url: Callable[[str], str], command: StdioServerParameters) -> None:
        self.modern, self.kind = kind.startswith("modern "), kind.removeprefix("modern ")
        self.url, self.command = url, command

    @asynccontextmanager
    async def session(self, **callbacks: Any) -> AsyncIterator[ClientSession]:
        """Run an opened session."""
        async with nothing_left(), AsyncExitStack() as stack:
            if self.kind == "stdio":
                read, write = await stack.enter_async_context(stdio_client(self.command))
            elif self.kind == "sse":
                read, write = await stack.enter_async_context(sse_client(self.url("sse")))
            else:
                client = streamablehttp_client(self.url(self.kind))
                read, write, _ = await stack.enter_async_context(client)
            session = await stack.enter_async_context(ClientSession(read, write, **callbacks))
            await (session.discover() if self.modern else session.initialize())
            yield session


@pytest.fixture
def peer(
    request: pytest.FixtureRequest,
    official_url: Callable[[str], str],
    official_command: StdioServerParameters,
) -> Peer:
    return Peer(request.param, official_url, official_command)


over_all = pytest.mark.parametrize("peer", ALL, indirect=True)
over_legacy = pytest.mark.parametrize("peer", LEGACY, indirect=True)


@over_all
async def test_lists_calls_reads_and_gets(peer: Peer) -> None:
    async with peer.session() as session:
        assert session.protocol_version == ("2026-07-28" if peer.modern else "2025-11-25")
        assert "add" in [tool.name for tool in (await session.list_tools()).tools]
        result = await session.call_tool("add", {"a": 1, "b": 2})
        assert (result.structuredContent, result.isError) == ({"result": 3}, False)
        assert [resource.uri for resource in (await session.list_resources()).resources] == ["note://today"]
        templates = (await session.list_resource_templates()).resourceTemplates
        assert [template.uriTemplate for template in templates] == ["bytes://{count}"]
        content, mime_type = await session.read_resource("note://today")
        assert (content, mime_type) == ("# Today", "text/markdown")
        content, mime_type = await session.read_resource("bytes://3")
        assert (content, mime_type) == (b"\0\0\0", "application/octet-stream")
        assert [prompt.name for prompt in (await session.list_prompts()).prompts] == ["greet"]
        prompt = await session.get_prompt("greet", {"name": "Ada"})
        assert prompt.messages[0].content == types.TextContent(text="Say hello to Ada.")
        found = await session.complete(types.PromptReference(name="greet"), {"name": "name", "value": "A"})
        assert found.completion.values == ["Ada", "Alan"]


@over_all
async def test_a_failing_tool_is_a_result_and_an_unknown_resource_an_error(peer: Peer) -> None:
    async with peer.session() as session:
        assert (await session.call_tool("fail")).isError is True
        with pytest.raises(McpError) as caught:
            await session.read_resource("note://nowhere")
        assert caught.value.code == types.INVALID_PARAMS  # in all versions, unlike the specification


@pytest.mark.parametrize("peer", [*LEGACY, "modern stdio", "modern http"], indirect=True)
async def test_progress_and_log_messages_arrive(peer: Peer) -> None:
    steps: list[tuple[float, float | None, str | None]] = []
    logged: list[Any] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        steps.append((done, total, message))

    async def log(params: types.LoggingMessageNotificationParams) -> None:
        logged.append((params.level, params.data))

    async with peer.session(logging_callback=log) as session:
        result = await session.call_tool("count", {"to": 3}, progress_callback=progress)
        assert result.structuredContent == {"result": "counted to 3"}
        assert steps == [(1, 3, "step 1"), (2, 3, "step 2"), (3, 3, "step 3")]
        await session.call_tool("say", {"text": "hello"})
        with anyio.fail_after(5):
            while not logged:
                await anyio.sleep(0.01)
        assert logged == [("info", "hello")]


@over_legacy
async def test_the_server_may_ask_back(peer: Peer) -> None:
    async def sample(params: types.CreateMessageRequestParams) -> types.CreateMessageResult:
        question = params.messages[0].content_as_list[0]
        assert isinstance(question, types.TextContent)
        answer = types.TextContent(text=question.text.upper())
        return types.CreateMessageResult(role="assistant", content=answer, model="test")

    async def elicit(context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        assert params.message == "Who are you?"
        # The session is free meanwhile: a callback may use it.
        assert (await context.session.call_tool("add", {"a": 1, "b": 1})).structuredContent == {"result": 2}
        return types.ElicitResult(action="accept", content={"name": "Ada"})

    async def roots() -> types.ListRootsResult:
        return types.ListRootsResult(roots=[types.Root(uri="file:///data")])

    async with peer.session(
        sampling_callback=sample, elicitation_callback=elicit, list_roots_callback=roots
    ) as session:
        result = await session.call_tool("ask_model", {"question": "why?"})
        assert result.structuredContent == {"result": "WHY?"}
        assert (await session.call_tool("ask_name")).structuredContent == {"result": "Ada"}
        assert (await session.call_tool("ask_roots")).structuredContent == {"result": ["file:///data"]}


@over_legacy
async def test_without_callbacks_the_server_is_refused_and_the_session_goes_on(peer: Peer) -> None:
    async with peer.session() as session:
        with pytest.raises(McpError, match="does not offer roots/list"):  # relayed by the server
            await session.call_tool("ask_roots")
        await session.send_ping()


@pytest.mark.parametrize("peer", [*LEGACY, "http-json"], indirect=True)
async def test_a_changed_list_is_told(peer: Peer) -> None:
    heard: list[Any] = []

    async def handler(notification: Any) -> None:
        heard.append(notification)

    async with peer.session(message_handler=handler) as session:
        with anyio.fail_after(10):
            while not heard:  # the stream it comes on may still be opening
                await session.call_tool("change")
        assert isinstance(heard[0], types.ToolListChangedNotification)


@pytest.mark.parametrize("peer", MODERN, indirect=True)
async def test_a_modern_server_may_ask_back_in_rounds(peer: Peer) -> None:
    async def elicit(params: types.ElicitRequestParams) -> types.ElicitResult:
        assert params.message == "Who are you?"
        return types.ElicitResult(action="accept")

    async with peer.session(elicitation_callback=elicit) as session:
        result = await session.call_tool("ask_name_in_rounds")
        assert result.structuredContent == {"result": "{'name': 'Ada'} and kept"}


@pytest.mark.parametrize("peer", ["modern stdio", "modern http"], indirect=True)
async def test_a_modern_server_tells_those_who_listen(peer: Peer) -> None:
    heard: list[Any] = []
    told = anyio.Event()

    async def handler(notification: Any) -> None:
        heard.append(notification)
        told.set()

    async with peer.session(message_handler=handler) as session:
        async with session.listen(tools=True, prompts=True) as subscription:
            assert subscription.granted.toolsListChanged
            await session.call_tool("change_for_listeners")
            with anyio.fail_after(10):
                await told.wait()
        assert subscription.error is None
        await session.call_tool("change_for_listeners")
        await session.list_tools()
    assert [type(notification) for notification in heard] == [types.ToolListChangedNotification]


@pytest.mark.parametrize("peer", ["http-resumable"], indirect=True)
async def test_streams_that_the_server_closes_go_on(peer: Peer) -> None:
    steps: list[float] = []
    heard: list[Any] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        steps.append(done)

    async def handler(notification: Any) -> None:
        heard.append(notification)

    async with peer.session(message_handler=handler) as session:
        with anyio.fail_after(20):
            for _ in range(3):
                result = await session.call_tool("vanish", progress_callback=progress)
                assert result.structuredContent == {"result": "back"}
            while not heard:  # the session's stream may still be opening again
                await session.call_tool("change")
    assert steps == [1, 1, 1]


@over_all
async def test_a_late_answer_costs_only_its_own_call(peer: Peer) -> None:
    async with peer.session() as session:
        with pytest.raises(RequestTimeout):
            await session.call_tool("sleep", {"seconds": 30}, timeout=0.2)
        assert (await session.call_tool("add", {"a": 1, "b": 2})).structuredContent == {"result": 3}


@over_all
async def test_many_calls_at_once_get_their_own_answers(peer: Peer) -> None:
    sums: dict[int, Any] = {}

    async def call(session: ClientSession, number: int) -> None:
        sums[number] = (await session.call_tool("add", {"a": number, "b": 0})).structuredContent

    async with peer.session() as session, anyio.create_task_group() as tasks:
        for number in range(40):
            tasks.start_soon(call, session, number)
    assert sums == {number: {"result": number} for number in range(40)}
