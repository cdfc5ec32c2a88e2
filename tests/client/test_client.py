# SPDX-License-Identifier: BSD-3-Clause
"""The client people use, against real servers: ours in memory, the official SDK's over each transport."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from mcp_jupyter import Client, types
from mcp_jupyter.client import StdioServerParameters
from mcp_jupyter.errors import McpError
from mcp_jupyter.server.fastmcp import FastMCP
from mcp_jupyter.server.http.app import serve_http

from .conftest import nothing_left
from .our_server import our_server

pytestmark = pytest.mark.anyio


HERE = Path(__file__).parent
OUR_COMMAND = [sys.executable, "-m", "tests.client.our_server"]

OURS = ["memory", "stdio", "http", "sse"]
ERAS = [(kind, era) for kind in OURS for era in ("auto", "legacy") if (kind, era) != ("sse", "legacy")]


@pytest.fixture
def mcp() -> FastMCP:
    """Make a server of ours with one of each."""
    return our_server()


@pytest.fixture
async def ours(request: pytest.FixtureRequest, mcp: FastMCP) -> AsyncIterator[Any]:
    """Point a client at it, over a transport."""
    if request.param in ("http", "sse"):
        async with serve_http(mcp, port=0) as port:
            yield f"http://127.0.0.1:{port}/{'mcp' if request.param == 'http' else 'sse'}"
    else:
        yield mcp if request.param == "memory" else OUR_COMMAND


def options_of(target: Any) -> dict[str, Any]:
    """What a child needs to find this package and its tests."""
    if target is OUR_COMMAND:
        return {"env": {"PYTHONPATH": str(HERE.parent.parent)}, "cwd": HERE.parent.parent}
    return {}


@pytest.mark.parametrize(("ours", "era"), ERAS, indirect=["ours"])
async def test_what_a_server_of_ours_has_can_be_used(ours: Any, era: Any) -> None:
    steps: list[Any] = []
    logged = anyio.Event()

    async def progress(*step: Any) -> None:
        steps.append(step)

    async def log(params: types.LoggingMessageNotificationParams) -> None:
        assert params.data == "adding"
        logged.set()

    async with Client(ours, era=era, logging_callback=log, **options_of(ours)) as client:
        modern = era == "auto" and not str(ours).endswith("/sse")
        assert client.protocol_version == ("2026-07-28" if modern else "2025-11-25")
        assert client.server_info is not None
        assert (client.server_info.name, client.instructions) == ("ours", "For tests.")
        assert client.server_capabilities.tools is not None
        assert [tool.name for tool in await client.list_tools()][:2] == ["add", "who"]
        assert [resource.uri for resource in await client.list_resources()] == ["note://today"]
        templates = await client.list_resource_templates()
        assert [template.uriTemplate for template in templates] == ["note://{day}"]
        assert [prompt.name for prompt in await client.list_prompts()] == ["greet"]
        result = await client.call_tool("add", {"a": 1, "b": 2}, progress_callback=progress)
        assert (result.structuredContent, steps) == ({"result": 3}, [(1, 2, None)])
        with anyio.fail_after(5):
            await logged.wait()
        content, mime_type = await client.read_resource("note://today")
        assert (content, mime_type) == ("sunny", "text/plain")
        prompt = await client.get_prompt("greet", {"name": "Ada"})
        assert prompt.messages[0].content == types.TextContent(text="Say hello to Ada.")
        await client.ping()


@pytest.mark.parametrize(("ours", "era"), ERAS, indirect=["ours"])
async def test_a_server_of_ours_asks_the_person(ours: Any, era: Any) -> None:
    async def elicit(params: types.ElicitRequestParams) -> types.ElicitResult:
        assert params.message == "Who are you?"
        return types.ElicitResult(action="accept", content={"name": "Ada"})

    async with Client(ours, era=era, elicitation_callback=elicit, **options_of(ours)) as client:
        assert (await client.call_tool("who")).structuredContent == {"result": "Ada"}


@pytest.mark.parametrize(("ours", "era"), ERAS, indirect=["ours"])
async def test_changes_of_a_server_of_ours_are_heard(ours: Any, era: Any) -> None:
    heard: set[str] = set()
    both = anyio.Event()

    async def handler(notification: types.Notification) -> None:
        heard.add(notification.method)
        if len(heard) == 2:
            both.set()

    async with Client(ours, era=era, message_handler=handler, **options_of(ours)) as client:
        await client.list_tools()
        async with client.subscribed(tools=True, uris=["note://today"]):
            await client.call_tool("grow", {"name": "new"})
            with anyio.fail_after(10):
                await both.wait()
        assert heard == {"notifications/tools/list_changed", "notifications/resources/updated"}
        assert "new" in [tool.name for tool in await client.list_tools()]
        assert (await client.call_tool("new")).content == [types.TextContent(text="new")]


async def test_an_entry_of_a_file_starts_a_child_as_it_says(tmp_path: Path) -> None:
    env = {"PYTHONPATH": "${PROJECT}", "GREETING": "${env:WORD:-hello}"}
    entry = {"command": sys.executable, "args": OUR_COMMAND[1:], "env": env, "cwd": str(tmp_path)}
    path = tmp_path / "servers.json"
    path.write_text(json.dumps({"mcpServers": {"ours": entry, "other": {"url": "${NOT_SET}"}}}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROJECT", str(HERE.parent.parent))
        patch.delenv("WORD", raising=False)
        client = Client(path, name="ours", env={"EXTRA": "more"})
    async with nothing_left(), client:
        for name, value in (("GREETING", "hello"), ("EXTRA", "more"), ("PROJECT", "")):
            result = await client.call_tool("variable", {"name": name})
            assert result.structuredContent == {"result": value}
        assert (await client.call_tool("folder")).structuredContent == {"result": str(tmp_path)}


async def test_a_server_object_has_one_client_at_a_time(mcp: FastMCP) -> None:
    async with Client(mcp) as client:
        with pytest.raises(RuntimeError, match="This server is running"):
            async with Client(mcp):
                pytest.fail("it would take the server away from the first")
        assert (await client.call_tool("add", {"a": 1, "b": 2})).structuredContent == {"result": 3}


KINDS = [("http", "2026-07-28"), ("http-json", "2026-07-28"), ("sse", "2025-11-25"), ("stdio", "2026-07-28")]


@pytest.mark.parametrize(("kind", "version"), KINDS)
async def test_transport_and_era_of_the_official_server_are_found(
    kind: str, version: str, official_url: Callable[[str], str], official_command: StdioServerParameters
) -> None:
    target = official_command if kind == "stdio" else official_url(kind)
    async with nothing_left(), Client(target) as client:
        assert client.protocol_version == version
        assert client.server_info is not None
        assert client.server_info.name == "official"
        assert client.instructions == "A peer for tests."
        result = await client.call_tool("add", {"a": 1, "b": 2})
        assert result.structuredContent == {"result": 3}
        found = await client.complete(types.PromptReference(name="greet"), {"name": "name", "value": "A"})
        assert found.completion.values == ["Ada", "Alan"]
        await client.ping()


@pytest.mark.parametrize("kind", ["http", "sse", "stdio"])
async def test_the_era_can_be_forced(
    kind: str, official_url: Callable[[str], str], official_command: StdioServerParameters
) -> None:
    target = official_command if kind == "stdio" else official_url(kind)
    async with nothing_left(), Client(target, era="legacy") as client:
        assert client.protocol_version == "2025-11-25"
    if kind == "sse":
        with pytest.raises(McpError):
            async with nothing_left(), Client(target, era="modern"):
                pytest.fail("HTTP+SSE has no modern version")
    else:
        async with nothing_left(), Client(target, era="modern") as client:
            assert client.protocol_version == "2026-07-28"


async def test_a_client_that_is_not_open_says_so(mcp: FastMCP) -> None:
    client = Client(mcp)
    with pytest.raises(RuntimeError, match="async with"):
        await client.list_tools()
    async with client:
        with pytest.raises(RuntimeError, match="open already"):
            await client.__aenter__()
        await client.list_tools()
    with pytest.raises(RuntimeError, match="async with"):
        _ = client.protocol_version


async def test_a_client_can_be_opened_again(mcp: FastMCP) -> None:
    client = Client(mcp)
    for _ in range(2):
        async with nothing_left(), client:
            assert (await client.call_tool("add", {"a": 1, "b": 2})).structuredContent == {"result": 3}


async def test_what_the_body_raises_arrives_as_it_is(mcp: FastMCP) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with nothing_left(), Client(mcp):
            raise KeyError("mine")


def test_who_asks_no_url_pays_for_no_http_library() -> None:
    script = "import sys, mcp_jupyter; mcp_jupyter.Client('server'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert {"httpx2", "tornado", "dotenv", "ssl"} & set(done.stdout.split()) == set()


async def test_an_unknown_era_is_refused(mcp: FastMCP) -> None:
    with pytest.raises(ValueError, match="auto, legacy, modern"):
        Client(mcp, era="2026-07-28")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
async def test_bytes_as_arguments_arrive_as_they_were(mcp: FastMCP, kind: Callable[[bytes], Any]) -> None:
    """Text in UTF-8 or not, also within lists and objects (1.12)."""
    received: list[Any] = []

    @mcp.tool()
    def take(data: bytes, more: dict[str, list[bytes]]) -> dict[str, bytes]:
        received.append((data, more))
        return {"data": data}

    async with Client(mcp) as client:
        for raw in (b"abc", b"\xfb\xff\x00", b""):
            await client.call_tool("take", {"data": kind(raw), "more": {"a": [kind(raw)], "b": []}})
            assert received.pop() == (raw, {"a": [raw], "b": []})
