# SPDX-License-Identifier: BSD-3-Clause
"""One low-level server, every kind of handler, over every transport and in both eras."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from mcp_jupyter import Client, types
from mcp_jupyter.errors import INVALID_PARAMS, METHOD_NOT_FOUND, McpError
from mcp_jupyter.server.http.app import serve_http

from .lending import LoanParams, LoanResult, command, make_server

pytestmark = pytest.mark.anyio

WAYS = [
    ("memory", "legacy"),
    ("memory", "modern"),
    ("stdio", "legacy"),
    ("stdio", "modern"),
    ("mcp", "legacy"),
    ("mcp", "modern"),
    ("sse", "legacy"),
]


@pytest.fixture(params=WAYS, ids=[f"{transport}-{era}" for transport, era in WAYS])
async def library(request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    """Serve the library and connect to it."""
    transport, era = request.param
    async with _reached(transport, era) as client:
        yield client


@asynccontextmanager
async def _reached(transport: str, era: Any) -> AsyncIterator[Client]:
    async with AsyncExitStack() as stack:
        target: Any = make_server()
        if transport == "stdio":
            target = command()
        elif transport != "memory":
            port = await stack.enter_async_context(serve_http(target, port=0))
            target = f"http://127.0.0.1:{port}/{transport}"
        yield await stack.enter_async_context(Client(target, era=era, read_timeout_seconds=20))


async def test_tools(library: Client):
    assert [tool.name for tool in await library.list_tools()] == ["author"]
    result = await library.call_tool("author", {"title": "emma"})
    assert result.content == [types.TextContent(type="text", text="Jane Austen")]
    refused = await library.call_tool("author", {"title": "ulysses"})
    assert refused.isError
    assert "'ulysses' is not one of ['dracula', 'emma']" in refused.content[0].text


async def test_resources(library: Client):
    assert [item.uri for item in await library.list_resources()] == ["book://emma"]
    assert [item.uriTemplate for item in await library.list_resource_templates()] == ["book://{title}"]
    content, mime_type = await library.read_resource("book://dracula")
    assert (content, mime_type) == ("The text of book://dracula.", "text/markdown")


async def test_prompts_and_completion(library: Client):
    assert [item.name for item in await library.list_prompts()] == ["review"]
    prompt = await library.get_prompt("review", {"title": "emma"})
    assert prompt.messages[0].content.text == "Review emma."
    with pytest.raises(McpError, match=r"^Unknown prompt: plot$"):
        await library.get_prompt("plot")
    ref = types.PromptReference(name="review")
    found = await library.complete(ref, {"name": "title", "value": "dr"})
    assert found.completion.values == ["dracula"]
    assert (await library.complete(ref, {"name": "other", "value": ""})).completion.values == []


async def test_a_method_of_its_own(library: Client):
    steps: list[Any] = []

    async def progress(*step: Any) -> None:
        steps.append(step)

    loan = await library.session.send_request(
        "library/lend", LoanParams(title="emma", days=3), LoanResult, progress_callback=progress
    )
    assert (loan.title, loan.due, steps) == ("emma", 3, [(1, 2, None)])
    plain = await library.session.send_request("library/lend", {"title": "emma"})
    assert plain.model_extra == {"title": "emma", "due": 14}
    with pytest.raises(McpError, match=r"days: .* integer") as caught:
        await library.session.send_request("library/lend", {"title": "emma", "days": "soon"})
    assert caught.value.code == INVALID_PARAMS
    with pytest.raises(McpError) as caught:
        await library.session.send_request("library/burn")
    assert caught.value.code == METHOD_NOT_FOUND


async def test_what_it_says_of_itself(library: Client, request: pytest.FixtureRequest):
    capabilities = library.server_capabilities
    by_options = request.node.callspec.params["library"][0] == "stdio"
    assert library.server_info.name == ("by options" if by_options else "library")
    assert library.instructions == (None if by_options else "Lends books.")
    assert capabilities.tools.listChanged is by_options
    assert capabilities.experimental == ({"loans": {}} if by_options else None)
    assert None not in (capabilities.prompts, capabilities.resources, capabilities.completions)
