# SPDX-License-Identifier: BSD-3-Clause
"""Who answers the opening in place of a notebook says what the notebook's server itself would say."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_jupyter import __version__
from mcp_jupyter.errors import McpError
from mcp_jupyter.protocol.eras import CLIENT_INFO
from mcp_jupyter.protocol.frames import ErrorResponse, Request, Response, dumps, parse
from mcp_jupyter.protocol.methods import LEGACY_VERSIONS
from mcp_jupyter.protocol.rights import EVERY_RIGHT, Rights
from mcp_jupyter.server.fastmcp import FastMCP
from mcp_jupyter.server.opening import Opening
from mcp_jupyter.types import Tool

from .memory_client import MODERN, connected

pytestmark = pytest.mark.anyio


def text(chars: int, rights: Rights = EVERY_RIGHT) -> str:
    return f"At most {chars} characters."


def initialize(version: str, name: str = "test") -> dict[str, Any]:
    return {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": name, "version": "1"}}


def said(method: str, params: dict[str, Any]) -> Any:
    answer = Opening("sales", text).answer(Request(1, method, params))
    assert isinstance(answer, Response)
    return parse(dumps(answer.result))


@pytest.mark.parametrize("version", [*LEGACY_VERSIONS, "2026-07-28", "1999-01-01"])
async def test_a_handshake_is_answered_as_the_server_answers_it(version: str) -> None:
    """The two agree on version, capabilities, name and instructions (2: opening)."""
    async with connected(FastMCP("sales", text), initialize=None) as client:
        assert said("initialize", initialize(version)) == await client.ask("initialize", initialize(version))


async def test_discovery_and_ping_are_answered_as_the_server_answers_them() -> None:
    """So do they in the modern era (2: opening)."""
    async with connected(FastMCP("sales", text), initialize=None) as client:
        assert said("server/discover", {"_meta": MODERN}) == await client.modern("server/discover")
        assert said("ping", {}) == await client.ask("ping") == {}


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("initialize", {"protocolVersion": 7}),
        ("server/discover", {}),
        ("server/discover", {"_meta": MODERN | {"io.modelcontextprotocol/protocolVersion": "2025-06-18"}}),
    ],
)
async def test_what_is_wrong_with_an_opening_is_said_as_the_server_says_it(method: str, params: Any) -> None:
    """A malformed opening gets the server's error (2: opening)."""
    answer = Opening("sales", text).answer(Request(1, method, params))
    assert isinstance(answer, ErrorResponse)
    async with connected(FastMCP("sales", text), initialize=None) as client:
        with pytest.raises(McpError) as caught:
            await client.ask(method, params)
    assert answer.error == caught.value.to_dict()


@pytest.mark.parametrize("params", [{}, {"_meta": MODERN}])
def test_all_else_is_left_to_the_kernel(params: dict[str, Any]) -> None:
    """Only what opens a connection is answered early (2: opening)."""
    assert Opening("sales", text).answer(Request(1, "tools/list", params)) is None


def test_a_host_that_lists_tools_once_gets_those_that_are_known() -> None:
    """Codex goes without the tools that it is not told of in its first second (2: opening)."""
    known = [Tool(name="top", inputSchema={"type": "object"})]
    for name, early in (("codex-mcp-client", True), ("claude-code", False), ("test", False)):
        opening = Opening("sales", text, lambda profile: known)
        assert opening.answer(Request(1, "tools/list", {})) is None
        opening.answer(Request(2, "initialize", initialize("2025-06-18", name)))
        answer = opening.answer(Request(3, "tools/list", {}))
        assert (answer is not None) is early
        assert opening.answer(Request(4, "tools/list", {"cursor": "x"})) is None
    codex = Opening("sales", text, lambda profile: [])
    codex.answer(Request(1, "initialize", initialize("2025-06-18", "codex-mcp-client")))
    assert codex.answer(Request(2, "tools/list", {})) is None


async def test_instructions_are_made_for_the_host_that_asks() -> None:
    """Codex repeats them with each tool, so it gets few (2: instructions)."""
    codex = {"name": "codex-mcp-client", "version": "1"}
    async with connected(FastMCP("sales", text), initialize=None) as client:
        asked = await client.modern("server/discover", **{CLIENT_INFO: codex})
        assert asked["instructions"] == "At most 300 characters."
        asked = await client.ask("initialize", initialize("2025-06-18", "codex-mcp-client"))
        assert asked["instructions"] == "At most 300 characters."
    assert said("server/discover", {"_meta": MODERN | {CLIENT_INFO: codex}})["instructions"] == text(300)
    assert said("initialize", initialize("2025-06-18", "codex-mcp-client"))["instructions"] == text(300)
    assert said("initialize", initialize("2025-06-18"))["instructions"] == text(2000)
    assert FastMCP("sales", text).instructions == text(2000)


async def test_a_script_s_own_instructions_are_sent_whole() -> None:
    """Their author wrote them for every host (2: instructions)."""
    long = "Ask me. " * 1000
    async with connected(FastMCP("sales", long), initialize=None) as client:
        asked = await client.ask("initialize", initialize("2025-06-18", "codex-mcp-client"))
    assert asked["instructions"] == long
    assert said("server/discover", {"_meta": MODERN})["_meta"] == {
        "io.modelcontextprotocol/serverInfo": {"name": "sales", "version": __version__}
    }
