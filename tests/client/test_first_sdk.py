# SPDX-License-Identifier: BSD-3-Clause
"""What programs written for the first-generation SDK expect of a `ClientSession`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import anyio
import httpx2
import pytest

from mcp_jupyter import Client, ClientSession, types
from mcp_jupyter.client.session import ElicitationFnT, MessageHandlerFnT
from mcp_jupyter.client.streamable_http import streamable_http_client
from mcp_jupyter.errors import InvalidToolOutput, RequestTimeout
from mcp_jupyter.server import FastMCP, Server
from mcp_jupyter.server.fastmcp import Context
from mcp_jupyter.server.http.app import serve_http
from mcp_jupyter.shared.context import RequestContext
from mcp_jupyter.shared.memory import create_connected_server_and_client_session

pytestmark = pytest.mark.anyio

SECONDS = 30
PRICE = {"type": "object", "properties": {"price": {"type": "number"}}, "required": ["price"]}


def shop(*answers: Any, schema: dict[str, Any] | None = PRICE) -> Server[Any]:
    """A server whose tool says what it is given here, unchecked."""
    server: Server[Any] = Server("shop")
    server.schema = schema  # type: ignore[attr-defined]
    left = list(answers)

    @server.list_tools()
    async def list_tools() -> list[types.Tool]:
        return [types.Tool(name="price", inputSchema={"type": "object"}, outputSchema=server.schema)]  # type: ignore[attr-defined]

    async def call(context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        return left.pop(0)

    server.add_handler("tools/call", types.CallToolRequestParams, call)
    return server


def answer(structured: Any) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(text="x")], structuredContent=structured)


@asynccontextmanager
async def session_with(server: Any, **options: Any) -> AsyncIterator[ClientSession]:
    with anyio.fail_after(SECONDS):
        async with create_connected_server_and_client_session(server, **options) as session:
            yield session


async def test_structured_content_that_does_not_fit_is_an_error_that_names_tool_and_place():
    """(2: checks structured content against the listed output schema)."""
    async with session_with(shop(answer({"price": 3}), answer({"price": "3"}))) as session:
        await session.list_tools()
        assert (await session.call_tool("price")).structuredContent == {"price": 3}
        with pytest.raises(InvalidToolOutput, match=r"'price'.*price.*number") as caught:
            await session.call_tool("price")
    assert isinstance(caught.value, RuntimeError)


async def test_structured_content_that_is_promised_and_missing_is_an_error():
    """(2: checks structured content against the listed output schema)."""
    async with session_with(shop(types.CallToolResult(content=[]))) as session:
        await session.list_tools()
        with pytest.raises(InvalidToolOutput, match="no structured content"):
            await session.call_tool("price")


async def test_an_unlisted_tool_and_a_failed_call_are_not_checked():
    """(2: checks structured content against the listed output schema)."""
    failed = types.CallToolResult(content=[types.TextContent(text="Out of stock.")], isError=True)
    async with session_with(shop(answer({"price": "3"}), failed)) as session:
        assert (await session.call_tool("price")).structuredContent == {"price": "3"}
        await session.list_tools()
        assert (await session.call_tool("price")).isError


async def test_a_schema_that_cannot_be_checked_lets_the_result_pass():
    """(2: checks structured content against the listed output schema)."""
    schema = {"type": "object", "properties": {"price": {"type": "string", "pattern": "(?=x)x"}}}
    async with session_with(shop(answer({"price": "x"}), schema=schema)) as session:
        await session.list_tools()
        assert (await session.call_tool("price")).structuredContent == {"price": "x"}


async def test_a_tool_that_changed_since_it_was_listed_is_looked_up_again():
    """(2: checks structured content against the listed output schema)."""
    server = shop(answer({"price": "three"}))
    async with session_with(server) as session:
        await session.list_tools()
        server.schema = {"type": "object"}  # type: ignore[attr-defined]
        assert (await session.call_tool("price")).structuredContent == {"price": "three"}


async def test_a_client_gives_results_as_they_came():
    """A notebook shows them with what is wrong (2: checks structured content)."""
    async with Client(shop(answer({"price": None}))) as client:
        await client.list_tools()
        assert (await client.call_tool("price")).structuredContent == {"price": None}


def library() -> FastMCP:
    mcp = FastMCP("library")

    @mcp.tool()
    def title(ctx: Context) -> str:
        """The caller's word."""
        return str(ctx.request_context.meta.get("word"))

    @mcp.tool()
    async def slow() -> str:
        """Never."""
        await anyio.sleep(SECONDS)
        return "done"

    @mcp.resource("book://emma")
    def emma() -> str:
        """A book."""
        return "Emma Woodhouse"

    return mcp


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_what_a_server_can_do_is_known_once_it_is_met(era):
    """(2: `ClientSession.get_server_capabilities`)."""
    async with Client(library(), era=era) as client:
        capabilities = client.session.get_server_capabilities()
    assert capabilities is not None
    assert capabilities.tools is not None


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_a_call_takes_members_for_its_meta(era):
    """(2: `call_tool(read_timeout_seconds=, meta=)`)."""
    async with Client(library(), era=era) as client:
        result = await client.session.call_tool("title", {}, meta={"word": "Emma"})
    assert result.content[0].text == "Emma"


async def test_times_are_timedeltas_or_seconds():
    """(2: `call_tool(read_timeout_seconds=, meta=)`)."""
    async with session_with(library(), read_timeout_seconds=timedelta(seconds=SECONDS)) as session:
        with pytest.raises(RequestTimeout):
            await session.call_tool("slow", {}, timedelta(milliseconds=50))
        assert (await session.call_tool("title", {})).isError is False


async def test_lists_take_a_cursor_or_params():
    """(2: `list_*(params=)`)."""
    async with session_with(library()) as session:
        page = types.PaginatedRequestParams()
        assert len((await session.list_tools(params=page)).tools) == 2
        assert len((await session.list_resources(params=page)).resources) == 1
        assert (await session.list_prompts(params=page)).prompts == []
        assert (await session.list_resource_templates(params=None)).resourceTemplates == []
        with pytest.raises(ValueError, match="cursor or params"):
            await session.list_tools("2", params=page)


async def test_a_resource_equals_its_model_and_unpacks():
    """(2: `read_resource()` compares equal to its model)."""
    async with session_with(library()) as session:
        result = await session.read_resource(types.AnyUrl("book://emma"))
    assert result == types.ReadResourceResult(contents=result.contents)
    assert type(result) is types.ReadResourceResult
    content, mime_type = result
    assert (content, mime_type) == ("Emma Woodhouse", "text/plain")


async def test_requests_and_notifications_are_sent_in_the_sdks_wrappers_too():
    """(2: `send_notification`)."""
    server: Server[Any] = Server("told")
    told = anyio.Event()

    @server.progress_notification()
    async def progress(token: str | int, progress: float, total: float | None, message: str | None) -> None:
        told.set()

    async with session_with(server) as session:
        ping = types.ClientRequest(types.PingRequest())
        assert isinstance(await session.send_request(ping, types.EmptyResult), types.EmptyResult)
        params = types.ProgressNotificationParams(progressToken="a", progress=1.0)
        await session.send_notification(types.ClientNotification(types.ProgressNotification(params=params)))
        await told.wait()


async def test_callbacks_are_annotated_as_in_the_sdk():
    """(2: `ElicitationFnT` and the other callback types; shared.context.RequestContext)."""
    heard: list[str] = []

    async def elicit(
        context: RequestContext[ClientSession, None], params: types.ElicitRequestParams
    ) -> types.ElicitResult:
        assert context.lifespan_context is None
        return types.ElicitResult(action="accept", content={"name": "Emma"})

    async def hear(message: Any) -> None:
        if isinstance(message, types.ServerNotification):
            heard.append(type(message.root).__name__)

    asker: ElicitationFnT = elicit
    handler: MessageHandlerFnT = hear
    server: Server[Any] = Server("asks")

    @server.call_tool()
    async def call(name: str, arguments: dict[str, Any]) -> list[types.TextContent]:
        session = server.request_context.session
        form = {"type": "object", "properties": {"name": {"type": "string"}}}
        result = await session.elicit("Who?", form)
        await session.send_tool_list_changed()
        return [types.TextContent(text=str(result.content))]

    @server.list_tools()
    async def list_tools() -> list[types.Tool]:
        return [types.Tool(name="ask", inputSchema={"type": "object"})]

    async with session_with(server, elicitation_callback=asker, message_handler=handler) as session:
        assert (await session.call_tool("ask")).content[0].text == "{'name': 'Emma'}"
        while not heard:
            await anyio.sleep(0.01)
    assert heard == ["ToolListChangedNotification"]


async def test_an_http_client_of_ones_own_carries_the_session():
    """(2: `client.streamable_http.streamable_http_client`)."""
    seen: list[str | None] = []

    async def look(request: httpx2.Request) -> None:
        seen.append(request.headers.get("x-team"))

    async with serve_http(library(), port=0) as port:
        url = f"http://127.0.0.1:{port}/mcp"
        hooks: Any = {"request": [look]}
        async with httpx2.AsyncClient(headers={"x-team": "a"}, event_hooks=hooks) as http:
            async with (
                streamable_http_client(url, http_client=http) as (read, write, session_id),
                ClientSession(read, write) as session,
            ):
                await session.initialize()
                assert len((await session.list_tools()).tools) == 2
                assert session_id() is not None
            assert not http.is_closed
    assert set(seen) == {"a"}


async def test_another_librarys_http_client_is_refused_with_the_way_out():
    """(2: `client.streamable_http.streamable_http_client`)."""
    with pytest.raises(TypeError, match=r"builtins\.dict.*httpx2\.AsyncClient"):
        async with streamable_http_client("http://127.0.0.1:1/mcp", http_client={}):  # type: ignore[arg-type]
            pass
