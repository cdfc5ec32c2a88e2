# SPDX-License-Identifier: BSD-3-Clause
"""A low-level server's life: its lifespan, `run` with streams, what it says of itself, how it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from mcp_jupyter import Client, ClientSession, types
from mcp_jupyter.engine.channel import halves, memory_pair
from mcp_jupyter.errors import ConnectionClosed, McpError
from mcp_jupyter.server.lowlevel import NotificationOptions, Server
from mcp_jupyter.server.models import InitializationOptions

pytestmark = pytest.mark.anyio


class Ran:
    """A server in `run`, and its client; afterwards `raised` says how `run` ended."""

    def __init__(self) -> None:
        self.session: ClientSession
        self.raised: BaseException | None = None

    async def run(self, server: Server[Any], streams: Any, options: Any, strict: bool) -> None:
        try:
            await server.run(*streams, options, raise_exceptions=strict)
        except Exception as exc:  # noqa: BLE001 - what it raised is what is looked at
            self.raised = exc


@asynccontextmanager
async def ran(
    server: Server[Any], options: InitializationOptions | None = None, *, strict: bool = False
) -> AsyncIterator[Ran]:
    ours, theirs = memory_pair()
    running = Ran()
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(running.run, server, halves(theirs), options, strict)
            async with ClientSession(*halves(ours)) as running.session:
                yield running


def failing() -> Server[Any]:
    """Make a server whose prompts fail, and whose tools do."""
    server: Server[Any] = Server("s")

    @server.get_prompt()
    async def get_prompt(name: str, arguments: dict[str, str] | None) -> types.GetPromptResult:
        if name == "refused":
            raise McpError(-1, "on purpose")
        raise LookupError("broken")

    @server.call_tool()
    async def call_tool(name: str, arguments: dict[str, Any]) -> list[Any]:
        raise LookupError("broken")

    return server


async def test_the_options_are_what_the_client_is_told():
    server: Server[Any] = Server("s", "1", "Ask me.")
    options = InitializationOptions(
        server_name="other",
        server_version="2",
        capabilities=server.get_capabilities(NotificationOptions(), {}),
        instructions="Ask nobody.",
        title="The Other",
        description="Not the first.",
        website_url="https://example.com",
        icons=[types.Icon(src="https://example.com/icon.png")],
    )
    async with ran(server, options) as running:
        said = await running.session.initialize()
        met = await running.session.discover()
    assert (said.serverInfo.name, said.serverInfo.version, said.serverInfo.title) == (
        "other",
        "2",
        "The Other",
    )
    assert said.serverInfo.icons == options.icons
    assert said.serverInfo.description == "Not the first."
    assert (said.instructions, met.instructions) == ("Ask nobody.", "Ask nobody.")
    assert met.meta["io.modelcontextprotocol/serverInfo"]["websiteUrl"] == "https://example.com"


async def test_options_of_its_own_making():
    server: Server[Any] = Server("s", "1", "Ask me.", title="S", description="D", website_url="https://a.b")

    @server.list_tools()
    async def list_tools() -> list[types.Tool]:
        return []

    options = server.create_initialization_options(NotificationOptions(tools_changed=True), {"x": {}})
    assert (options.server_name, options.server_version, options.instructions) == ("s", "1", "Ask me.")
    assert (options.title, options.description, options.website_url) == ("S", "D", "https://a.b")
    assert options.capabilities.tools == types.ToolsCapability(listChanged=True)
    assert (options.capabilities.prompts, options.capabilities.experimental) == (None, {"x": {}})
    async with ran(server) as running:
        said = await running.session.initialize()
    assert (said.serverInfo.name, said.instructions) == ("s", "Ask me.")


async def test_run_ends_when_the_client_leaves():
    async with ran(failing()) as running:
        await running.session.initialize()
    assert running.raised is None


async def test_what_handlers_raise_is_an_answer():
    async with ran(failing()) as running:
        await running.session.initialize()
        with pytest.raises(McpError, match="broken"):
            await running.session.get_prompt("p")
        assert (await running.session.call_tool("t")).isError
        with pytest.raises(McpError, match="on purpose"):
            await running.session.get_prompt("refused")
    assert running.raised is None


async def test_with_raise_exceptions_it_ends_run():
    async with ran(failing(), strict=True) as running:
        await running.session.initialize()
        with pytest.raises(McpError, match="on purpose"):
            await running.session.get_prompt("refused")
        assert (await running.session.call_tool("t")).isError
        with pytest.raises(ConnectionClosed):
            await running.session.get_prompt("p")
    assert isinstance(running.raised, LookupError)


async def test_halves_of_two_connections_are_refused():
    (read, _), (_, write) = halves(memory_pair()[0]), halves(memory_pair()[0])
    with pytest.raises(ValueError, match="different connections"):
        await failing().run(read, write)


# -- lifespan ---------------------------------------------------------------------------------------------


@asynccontextmanager
async def of_the_server(server: Server[Any]) -> AsyncIterator[str]:
    yield f"life of {server.name}"


@asynccontextmanager
async def of_its_own() -> AsyncIterator[str]:
    yield "life"


@pytest.mark.parametrize(
    ("lifespan", "context"), [(of_the_server, "life of s"), (of_its_own, "life"), (None, "{}")]
)
async def test_a_lifespan_takes_the_server_or_nothing(lifespan: Any, context: str):
    server: Server[Any] = Server("s", **({"lifespan": lifespan} if lifespan else {}))

    @server.call_tool()
    async def call(name: str, arguments: dict[str, Any]) -> str:
        request = server.request_context
        assert request.meta is not None
        assert request.request_id is not None
        assert request.session.client_params is None  # there was no handshake
        return str(request.lifespan_context)

    async with Client(server) as client:
        assert (await client.call_tool("t")).content[0].text == context
    with pytest.raises(LookupError):
        _ = server.request_context


async def test_a_server_runs_once_at_a_time_and_again():
    server = failing()
    async with server.running():
        with pytest.raises(RuntimeError, match="This server is running"):
            async with server.running():
                pass
    async with Client(server) as client:
        await client.ping()


async def test_a_lifespan_that_fails_leaves_a_server_that_can_be_started():
    @asynccontextmanager
    async def once() -> AsyncIterator[int]:
        if not attempts:
            attempts.append(1)
            raise OSError("no database")
        yield 1

    attempts: list[int] = []
    server: Server[int] = Server("s", lifespan=once)
    with pytest.raises(OSError, match="no database"):
        async with server.running():
            pass
    async with server.running():
        assert server.lifespan_context == 1
