# SPDX-License-Identifier: BSD-3-Clause
"""One session in either era: handshake, envelope, log levels, subscriptions."""

from __future__ import annotations

import anyio
import pytest

from mcp_jupyter import types
from mcp_jupyter.errors import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    UNSUPPORTED_PROTOCOL_VERSION,
    McpError,
)
from mcp_jupyter.protocol.eras import LOG_LEVEL, SERVER_INFO, SUBSCRIPTION_ID
from mcp_jupyter.protocol.methods import LEGACY_VERSIONS, methods_of
from mcp_jupyter.server.fastmcp import Context, FastMCP

from .memory_client import MODERN, connected

pytestmark = pytest.mark.anyio


def server() -> FastMCP:
    mcp = FastMCP("S", instructions="Ask me.", version="3")

    @mcp.tool()
    def talk(ctx: Context) -> None:
        for level in ("debug", "info", "warning", "error"):
            ctx.log(level, f"a {level}")

    @mcp.resource("data://x")
    def x() -> str:
        return "x"

    return mcp


async def refused(awaitable) -> McpError:
    with pytest.raises(McpError) as caught:
        await awaitable
    return caught.value


@pytest.mark.parametrize("version", LEGACY_VERSIONS)
async def test_a_handshake_echoes_a_version_we_know(version):
    async with connected(server(), initialize=None) as client:
        said = await client.ask(
            "initialize",
            {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "t", "version": ""}},
        )
        assert said["protocolVersion"] == version
        assert said["serverInfo"] == {"name": "S", "version": "3"}
        assert said["instructions"] == "Ask me."
        assert said["capabilities"]["tools"] == {"listChanged": True}


async def test_before_the_handshake_only_ping_is_answered():
    async with connected(server(), initialize=None) as client:
        assert await client.ask("ping") == {}
        error = await refused(client.ask("tools/list"))
        assert (error.code, "initialize" in error.message) == (INVALID_REQUEST, True)


async def test_a_second_handshake_of_a_session_that_was_never_used_is_the_one_that_counts():
    """A gateway opens a session, and its client then opens it again (2: slow or odd)."""
    async with connected(server(), name="gateway") as client:
        assert await client.ask("ping") == {}
        said = await client.handshake("2025-03-26", "host")
        assert said["protocolVersion"] == "2025-03-26"
        await client.ask("tools/list")
        error = await refused(client.handshake())
        assert "initialized already" in error.message


async def test_a_second_handshake_that_is_malformed_leaves_the_first():
    """As if it had not been sent (2: slow or odd)."""
    async with connected(server()) as client:
        assert (await refused(client.ask("initialize", {"protocolVersion": 7}))).code == INVALID_PARAMS
        assert "tools" in await client.ask("tools/list")


async def test_a_second_handshake_is_refused_and_the_session_goes_on():
    async with connected(server()) as client:
        await client.ask("tools/list")
        error = await refused(client.ask("initialize", {"protocolVersion": "2025-11-25"}))
        assert error.code == INVALID_REQUEST
        assert await client.ask("ping") == {}


async def test_a_malformed_handshake_names_the_fields_and_leaves_the_session_closed():
    async with connected(server(), initialize=None) as client:
        error = await refused(client.ask("initialize", {"protocolVersion": 7}))
        assert error.code == INVALID_PARAMS
        assert "protocolVersion" in error.message
        assert (await refused(client.ask("tools/list"))).code == INVALID_REQUEST


async def test_a_modern_request_needs_no_handshake_and_gets_a_complete_result():
    async with connected(server(), initialize=None) as client:
        got = await client.modern("tools/list")
        assert got["resultType"] == "complete"
        assert (got["ttlMs"], got["cacheScope"]) == (0, "private")
        assert got["_meta"][SERVER_INFO] == {"name": "S", "version": "3"}


async def test_a_server_may_let_its_lists_be_kept_and_a_result_has_the_last_word():
    mcp = FastMCP(cache_seconds=1.5, cache_scope="public")

    @mcp.resource("data://now")
    def now() -> types.ReadResourceResult:
        return types.ReadResourceResult(contents=[], ttlMs=7, cacheScope="private")

    async with connected(mcp, initialize=None) as client:
        tools = await client.modern("tools/list")
        assert (tools["ttlMs"], tools["cacheScope"]) == (1500, "public")
        read = await client.modern("resources/read", {"uri": "data://now"})
        assert (read["ttlMs"], read["cacheScope"]) == (7, "private")


async def test_discover_says_what_is_served_this_way():
    async with connected(server(), initialize=None) as client:
        got = await client.modern("server/discover")
        assert got["supportedVersions"] == ["2026-07-28"]
        assert got["instructions"] == "Ask me."
        assert "serverInfo" not in got


REMOVED = methods_of("2025-11-25", "client") - methods_of("2026-07-28", "client")
OF_THE_TASKS_EXTENSION = {"tasks/get", "tasks/cancel"}


@pytest.mark.parametrize("method", sorted(REMOVED - OF_THE_TASKS_EXTENSION))
async def test_what_the_modern_era_removed_does_not_exist_there(method):
    async with connected(server()) as client:
        assert (await refused(client.modern(method))).code == METHOD_NOT_FOUND


async def test_both_eras_live_on_one_connection():
    async with connected(server()) as client:
        assert "resultType" not in await client.ask("tools/list")
        assert (await client.modern("tools/list"))["resultType"] == "complete"


async def test_a_log_level_filters_what_a_session_hears():
    async with connected(server()) as client:
        await client.ask("logging/setLevel", {"level": "warning"})
        await client.call("talk")
        assert [n.params["level"] for n in client.heard] == ["warning", "error"]


@pytest.mark.parametrize("level", ["loud", None, 3])
async def test_an_unknown_log_level_is_refused(level):
    async with connected(server()) as client:
        assert (await refused(client.ask("logging/setLevel", {"level": level}))).code == INVALID_PARAMS


async def test_a_modern_request_hears_only_what_it_asks_for():
    async with connected(server(), initialize=None) as client:
        await client.modern("tools/call", {"name": "talk"})
        assert client.heard == []
        await client.modern("tools/call", {"name": "talk"}, **{LOG_LEVEL: "error"})
        assert [n.params["data"] for n in client.heard] == ["a error"]


async def test_subscribers_are_told_of_updates_of_their_resource_only():
    mcp = server()
    async with connected(mcp) as client:
        await client.ask("resources/subscribe", {"uri": "data://x"})
        mcp.resource_updated("data://other")
        mcp.resource_updated("data://x")
        assert (await client.hear("notifications/resources/updated")).params == {"uri": "data://x"}
        await client.ask("resources/unsubscribe", {"uri": "data://x"})
        mcp.resource_updated("data://x")
        await client.ask("ping")
        assert client.heard == []


async def test_the_pages_of_a_resource_change_with_it():
    mcp, page = server(), "data://x?offset=100&limit=100"
    async with connected(mcp) as client, anyio.create_task_group() as tasks:
        await client.ask("resources/subscribe", {"uri": page})
        await client.ask("resources/subscribe", {"uri": "data://xy"})
        listen = {"notifications": {"resourceSubscriptions": [page]}}
        tasks.start_soon(client.modern, "subscriptions/listen", listen)
        await client.hear("notifications/subscriptions/acknowledged")
        mcp.resource_updated("data://x")
        for _ in range(2):
            assert (await client.hear("notifications/resources/updated")).params["uri"] == page
        assert client.heard == []
        tasks.cancel_scope.cancel()


async def test_a_listener_hears_what_it_asked_for_under_its_own_id():
    mcp = server()
    async with connected(mcp, initialize=None) as client, anyio.create_task_group() as tasks:
        wanted = {"toolsListChanged": True, "resourceSubscriptions": ["data://x"], "unheard": True}
        tasks.start_soon(client.modern, "subscriptions/listen", {"notifications": wanted})
        ack = await client.hear("notifications/subscriptions/acknowledged")
        assert ack.params["notifications"] == {
            "toolsListChanged": True,
            "resourceSubscriptions": ["data://x"],
        }
        mark = ack.params["_meta"]
        assert mark == {SUBSCRIPTION_ID: 1}
        mcp.remove("data://x")  # the list of resources: not asked for
        mcp.add_tool(lambda: None, name="new")
        assert (await client.hear("notifications/tools/list_changed")).params["_meta"] == mark
        mcp.resource_updated("data://x")
        assert (await client.hear("notifications/resources/updated")).params["uri"] == "data://x"
        assert client.heard == []
        tasks.cancel_scope.cancel()


async def test_a_malformed_listen_is_refused():
    async with connected(server(), initialize=None) as client:
        for params in ({}, {"notifications": 3}):
            assert (await refused(client.modern("subscriptions/listen", params))).code == INVALID_PARAMS


async def test_an_unknown_method_is_named():
    async with connected(server()) as client:
        error = await refused(client.ask("tools/dance"))
        assert error.code == METHOD_NOT_FOUND
        assert "tools/dance" in error.message


async def test_the_envelope_of_an_unknown_version_names_what_is_supported():
    async with connected(server(), initialize=None) as client:
        meta = MODERN | {"io.modelcontextprotocol/protocolVersion": "2031-01-01"}
        error = await refused(client.ask("tools/list", {"_meta": meta}))
        assert (error.code, error.data["supported"]) == (UNSUPPORTED_PROTOCOL_VERSION, ["2026-07-28"])
