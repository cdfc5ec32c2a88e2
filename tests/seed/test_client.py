# SPDX-License-Identifier: BSD-3-Clause
"""The README's client: it starts a server, and does one of everything with it."""

from __future__ import annotations

import sys

import pytest

from mcp_jupyter import ClientSession, StdioServerParameters, types
from mcp_jupyter.client.stdio import stdio_client

from .programs import SERVERS

pytestmark = pytest.mark.anyio

server_params = StdioServerParameters(
    command=sys.executable,
    args=[str(SERVERS / "everything.py")],
    env=None,
)


async def handle_sampling_message(message: types.CreateMessageRequestParams) -> types.CreateMessageResult:
    return types.CreateMessageResult(
        role="assistant",
        content=types.TextContent(type="text", text=f"{message.messages[0].content.text}? Yes."),
        model="none",
        stopReason="endTurn",
    )


async def test_the_client():
    async with stdio_client(server_params) as (read, write):  # noqa: SIM117 - as it is there
        async with ClientSession(read, write, sampling_callback=handle_sampling_message) as session:
            await session.initialize()
            prompts = await session.list_prompts()
            prompt = await session.get_prompt("a_prompt", arguments={"arg": "value"})
            resources = await session.list_resources()
            tools = await session.list_tools()
            content, mime_type = await session.read_resource("file://some/path")
            result = await session.call_tool("a_tool", arguments={"arg": "value"})

    assert [item.name for item in prompts.prompts] == ["a_prompt"]
    assert prompt.messages[0].content.text == "Consider value"
    assert [item.uri for item in resources.resources] == ["file://some/path"]
    assert [item.name for item in tools.tools] == ["a_tool"]
    assert (content, mime_type) == ("what is in it", "text/plain")
    assert result.content[0].text == "the model says: value? Yes."
