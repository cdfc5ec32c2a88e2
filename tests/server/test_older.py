# SPDX-License-Identifier: BSD-3-Clause
"""Content that a client's version does not know arrives in words."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_jupyter import types
from mcp_jupyter.protocol.methods import LEGACY_VERSIONS
from mcp_jupyter.server.fastmcp import FastMCP

from .memory_client import connected

pytestmark = pytest.mark.anyio

LINK = types.ResourceLink(name="sales", uri="data://sales", description="Of 2026")
AUDIO = types.AudioContent(data="AAAA", mimeType="audio/wav")
TEXT = types.TextContent(text="t")
LINK_IN_WORDS = "sales (Of 2026): read the resource data://sales"
AUDIO_IN_WORDS = "[audio content, audio/wav, which this version of the protocol has not]"
SINCE = {"audio": "2025-03-26", "resource_link": "2025-06-18"}


def server() -> FastMCP:
    mcp = FastMCP()

    @mcp.tool()
    def everything() -> list[Any]:
        return [TEXT, LINK, AUDIO]

    @mcp.prompt()
    def listen() -> list[Any]:
        return [TEXT, LINK, AUDIO]

    return mcp


@pytest.mark.parametrize("version", LEGACY_VERSIONS)
async def test_each_version_gets_the_kinds_it_knows(version):
    async with connected(server(), initialize=version) as client:
        result = await client.call("everything")
        prompt = await client.ask("prompts/get", {"name": "listen"})
    for blocks in (result["content"], [message["content"] for message in prompt["messages"]]):
        text, link, audio = blocks
        assert text["text"] == "t"
        assert link["type"] == ("resource_link" if version >= SINCE["resource_link"] else "text")
        assert audio["type"] == ("audio" if version >= SINCE["audio"] else "text")
        assert link.get("text", LINK_IN_WORDS) == LINK_IN_WORDS
        assert audio.get("text", AUDIO_IN_WORDS) == AUDIO_IN_WORDS
