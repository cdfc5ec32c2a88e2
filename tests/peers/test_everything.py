# SPDX-License-Identifier: BSD-3-Clause
"""Our client against the TypeScript SDK's everything-server, over each of its transports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mcp_jupyter import Client, types

from .conftest import Everything
from .environments import SECONDS_WITH_INSTALLATION

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(SECONDS_WITH_INSTALLATION)]


@pytest.fixture(params=["stdio", "sse", "streamableHttp"])
def target(request: pytest.FixtureRequest, everything: Everything) -> Any:
    """Point a client at the server over one of its transports."""
    if request.param == "stdio":
        return everything.command("stdio")
    url: Callable[[str], str] = request.getfixturevalue("everything_url")
    return url(request.param)


async def test_it_is_found_and_what_it_has_is_listed(target: Any) -> None:
    async with Client(target) as client:
        assert client.protocol_version == "2025-11-25"
        assert client.server_info is not None
        assert client.server_info.name == "mcp-servers/everything"
        assert client.instructions
        assert client.server_capabilities.resources is not None
        assert {"echo", "get-sum"} <= {tool.name for tool in await client.list_tools()}
        assert "simple-prompt" in {prompt.name for prompt in await client.list_prompts()}
        templates = {template.uriTemplate for template in await client.list_resource_templates()}
        assert "demo://resource/dynamic/text/{resourceId}" in templates
        uris = [resource.uri for resource in await client.list_resources()]
        assert all(uri.startswith("demo://resource/static/") for uri in uris)
        (part,) = (await client.read_resource(uris[0])).contents
        assert isinstance(part, types.TextResourceContents)
        assert part.text
        content, mime_type = await client.read_resource("demo://resource/dynamic/blob/1")
        assert isinstance(content, bytes)
        assert mime_type == "text/plain"
        await client.ping()


async def test_tools_are_called(target: Any) -> None:
    async with Client(target) as client:
        echoed = await client.call_tool("echo", {"message": "hi"})
        assert echoed.content == [types.TextContent(text="Echo: hi")]
        summed = await client.call_tool("get-sum", {"a": 1, "b": 2})
        assert summed.content == [types.TextContent(text="The sum of 1 and 2 is 3.")]
        weather = await client.call_tool("get-structured-content", {"location": "Chicago"})
        assert set(weather.structuredContent) == {"temperature", "conditions", "humidity"}
        image = (await client.call_tool("get-tiny-image")).content[1]
        assert isinstance(image, types.ImageContent)
        assert image.mimeType == "image/png"
        wrong = await client.call_tool("get-sum", {"a": "one"})
        assert wrong.isError is True


async def test_progress_arrives(target: Any) -> None:
    steps: list[Any] = []

    async def progress(*step: Any) -> None:
        steps.append(step)

    async with Client(target) as client:
        arguments = {"duration": 0.3, "steps": 3}
        await client.call_tool("trigger-long-running-operation", arguments, progress_callback=progress)
    assert steps == [(1, 3, None), (2, 3, None), (3, 3, None)]


async def test_prompts_are_filled_in_and_completed(target: Any) -> None:
    async with Client(target) as client:
        prompt = await client.get_prompt("args-prompt", {"city": "Paris"})
        assert prompt.messages[0].content == types.TextContent(text="What's weather in Paris?")
        ref = types.PromptReference(name="completable-prompt")
        found = await client.complete(ref, {"name": "department", "value": "E"})
        assert found.completion.values == ["Engineering"]


async def test_it_may_ask_back(target: Any) -> None:
    asked: list[str] = []

    async def sample(params: types.CreateMessageRequestParams) -> types.CreateMessageResult:
        asked.append("sampling")
        return types.CreateMessageResult(
            role="assistant", content=types.TextContent(text="words of a model"), model="test"
        )

    async def elicit(params: types.ElicitRequestParams) -> types.ElicitResult:
        asked.append("elicitation")
        return types.ElicitResult(action="decline")

    async def roots() -> types.ListRootsResult:
        asked.append("roots")
        return types.ListRootsResult(roots=[types.Root(uri="file:///data")])

    async with Client(
        target, sampling_callback=sample, elicitation_callback=elicit, list_roots_callback=roots
    ) as client:
        result = await client.call_tool("trigger-sampling-request", {"prompt": "say", "maxTokens": 5})
        assert "words of a model" in str(result.content)
        result = await client.call_tool("trigger-elicitation-request")
        assert "declined" in str(result.content)
        assert {"sampling", "elicitation"} <= set(asked)


async def test_a_resource_is_subscribed_to_and_given_up(target: Any) -> None:
    async with Client(target) as client:
        uri = (await client.list_resources())[0].uri
        async with client.subscribed(uris=[uri]) as granted:
            assert granted.resourceSubscriptions == [uri]
        await client.ping()
