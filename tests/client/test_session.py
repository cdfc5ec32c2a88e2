# SPDX-License-Identifier: BSD-3-Clause
"""The session's own rules, against a server in memory."""

from __future__ import annotations

import base64
from typing import Any

import anyio
import pytest
from pydantic import AnyUrl

from mcp_jupyter import types
from mcp_jupyter.client import ClientSession
from mcp_jupyter.client.transport import halves
from mcp_jupyter.engine.channel import memory_pair
from mcp_jupyter.engine.connection import InboundRequest
from mcp_jupyter.errors import ConnectionClosed, McpError, RequestTimeout
from mcp_jupyter.types import ReadResourceResult

from .memory_server import Server, connected
from .scripted_http import DISCOVERED, INITIALIZED

pytestmark = pytest.mark.anyio


# -- opening -------------------------------------------------------------------------------------------


async def test_initialize_asks_for_the_latest_legacy_version_and_confirms() -> None:
    server = Server()
    async with connected(server, client_info=types.Implementation(name="me", version="7")) as (session, _):
        method, params = server.asked[0]
        assert (method, params["protocolVersion"]) == ("initialize", "2025-11-25")
        assert (params["capabilities"], params["clientInfo"]) == ({}, {"name": "me", "version": "7"})
        await server.was_told("notifications/initialized")
        assert session.protocol_version == "2025-11-25"


@pytest.mark.parametrize("version", ["2024-11-05", "2025-03-26", "2025-06-18"])
async def test_initialize_takes_any_legacy_version(version: str) -> None:
    async with connected(Server({"initialize": {**INITIALIZED, "protocolVersion": version}})) as (
        session,
        _,
    ):
        assert session.protocol_version == version


@pytest.mark.parametrize("version", ["2026-07-28", "1.0", "\x1b[31m" + "9" * 1000])
async def test_initialize_refuses_a_version_it_does_not_know_and_closes(version: str) -> None:
    server = Server({"initialize": {**INITIALIZED, "protocolVersion": version}})
    async with connected(server, opening=None) as (session, connection):
        with pytest.raises(McpError, match="this client speaks 2024-11-05") as caught:
            await session.initialize()
        assert caught.value.code == types.UNSUPPORTED_PROTOCOL_VERSION
        assert "\x1b" not in str(caught.value)
        assert len(str(caught.value)) < 300
        assert connection.is_closed
        assert "notifications/initialized" not in server.told


async def test_discover_puts_version_and_capabilities_into_every_request() -> None:
    server = Server({"tools/list": {"resultType": "complete", "tools": []}})
    async with connected(server, opening="discover", list_roots_callback=lambda: None) as (session, _):
        await session.list_tools()
        for _, params in server.asked:
            envelope = params["_meta"]
            assert envelope["io.modelcontextprotocol/protocolVersion"] == "2026-07-28"
            assert envelope["io.modelcontextprotocol/clientCapabilities"] == {"roots": {"listChanged": True}}
            assert envelope["io.modelcontextprotocol/clientInfo"]["name"] == "mcp_jupyter"
        assert server.told == []


async def test_discover_refuses_a_server_of_another_version_and_initialize_still_works() -> None:
    server = Server({"server/discover": {**DISCOVERED, "supportedVersions": ["2031-01-01"]}})
    async with connected(server, opening=None) as (session, _):
        with pytest.raises(McpError, match="2031-01-01") as caught:
            await session.discover()
        assert caught.value.code == types.UNSUPPORTED_PROTOCOL_VERSION
        await session.initialize()


def unsupported(*supported: str) -> McpError:
    data = {"supported": list(supported), "requested": "2026-07-28"}
    return McpError(types.UNSUPPORTED_PROTOCOL_VERSION, "not this one", data)


@pytest.mark.parametrize("method", ["server/discover", "tools/list"])
async def test_a_version_that_is_refused_is_replaced_by_one_both_know(method: str) -> None:
    async def refuse_once(call: InboundRequest) -> Any:
        if [name for name, _ in server.asked].count(method) == 1:
            raise unsupported("2031-01-01", "2026-07-28")
        return DISCOVERED if method == "server/discover" else {"tools": []}

    server = Server({"tools/list": {"tools": []}, method: refuse_once})
    async with connected(server, opening="discover") as (session, _):
        await session.list_tools()
        assert session.protocol_version == "2026-07-28"
    assert [name for name, _ in server.asked].count(method) == 2


@pytest.mark.parametrize("supported", [["2025-11-25"], [], ["2026-07-28"]])
async def test_a_version_is_replaced_once_and_only_by_a_common_one(supported: list[str]) -> None:
    server = Server({"server/discover": unsupported(*supported)})
    async with connected(server, opening=None) as (session, _):
        with pytest.raises(McpError, match="not this one") as caught:
            await session.discover()
        assert caught.value.data["supported"] == supported
        assert session.protocol_version is None
    assert len(server.asked) == (2 if "2026-07-28" in supported else 1)


async def test_nothing_can_be_asked_before_the_opening() -> None:
    async with connected(Server(), opening=None) as (session, _):
        with pytest.raises(RuntimeError, match="initialize"):
            await session.list_tools()


async def test_a_method_that_the_version_lacks_is_not_sent() -> None:
    server = Server()
    async with connected(server, opening="discover") as (session, _):
        for ask in (session.send_ping(), session.subscribe_resource("note://1")):
            with pytest.raises(McpError) as caught:
                await ask
            assert caught.value.code == types.METHOD_NOT_FOUND
        await session.send_roots_list_changed()
        assert [method for method, _ in server.asked] == ["server/discover"]


async def test_halves_of_different_connections_are_refused() -> None:
    (read, _), (_, write) = (halves(channel) for channel in memory_pair())
    with pytest.raises(ValueError, match="different connections"):
        ClientSession(read, write)


# -- what the server is asked, and what its answers become ---------------------------------------------


async def test_params_are_as_the_specification_has_them() -> None:
    server = Server(
        {
            "tools/call": {"content": []},
            "completion/complete": {"completion": {"values": []}},
            "tools/list": {"tools": []},
            "resources/read": {"contents": []},
            "prompts/get": {"messages": []},
        }
    )
    async with connected(server) as (session, _):
        await session.list_tools()
        await session.list_tools("page 2")
        await session.call_tool("t")
        await session.get_prompt("p", {"a": "b"})
        await session.read_resource(AnyUrl("note://1"))
        await session.subscribe_resource("note://1")
        await session.unsubscribe_resource("note://1")
        await session.set_logging_level("warning")
        await session.complete(
            types.ResourceTemplateReference(uri="note://{n}"), {"name": "n", "value": "1"}, {"m": "2"}
        )
        await session.send_roots_list_changed()
        await server.was_told("notifications/roots/list_changed")
    assert server.asked[1:] == [
        ("tools/list", {}),
        ("tools/list", {"cursor": "page 2"}),
        ("tools/call", {"name": "t", "arguments": {}}),
        ("prompts/get", {"name": "p", "arguments": {"a": "b"}}),
        ("resources/read", {"uri": "note://1"}),
        ("resources/subscribe", {"uri": "note://1"}),
        ("resources/unsubscribe", {"uri": "note://1"}),
        ("logging/setLevel", {"level": "warning"}),
        (
            "completion/complete",
            {
                "ref": {"type": "ref/resource", "uri": "note://{n}"},
                "argument": {"name": "n", "value": "1"},
                "context": {"arguments": {"m": "2"}},
            },
        ),
    ]


async def test_a_modern_server_learns_the_log_level_with_each_request() -> None:
    server = Server({"tools/list": {"tools": []}})

    async def log(params: Any) -> None: ...

    async with connected(server, opening="discover", logging_callback=log) as (session, _):
        await session.list_tools()
        await session.set_logging_level("error")
        await session.list_tools()
    levels = [params["_meta"].get("io.modelcontextprotocol/logLevel") for _, params in server.asked]
    assert levels == ["info", "info", "error"]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"uri": "a://b", "text": "hello", "mimeType": "text/plain"}, ("hello", "text/plain")),
        ({"uri": "a://b", "blob": base64.b64encode(b"\xff\0").decode()}, (b"\xff\0", None)),
    ],
)
async def test_a_resource_unpacks_into_content_and_type(
    part: dict[str, Any], expected: tuple[Any, Any]
) -> None:
    contents = [part, {"uri": "a://c", "text": "more"}]
    async with connected(Server({"resources/read": {"contents": contents}})) as (session, _):
        result = await session.read_resource("a://b")
    content, mime_type = result
    assert (content, mime_type) == expected
    assert [piece.uri for piece in result.contents] == ["a://b", "a://c"]
    assert result.model_dump(exclude_none=True) == {"contents": contents}
    assert result == ReadResourceResult.from_wire({"contents": contents})


async def test_a_resource_without_contents_does_not_unpack() -> None:
    async with connected(Server({"resources/read": {"contents": []}})) as (session, _):
        with pytest.raises(ValueError, match="not enough values"):
            _, _ = await session.read_resource("a://b")


async def test_unknown_members_of_a_result_are_kept() -> None:
    answer = {"content": [{"type": "text", "text": "x", "later": 1}], "novelty": {"a": None}}
    async with connected(Server({"tools/call": answer})) as (session, _):
        result = await session.call_tool("t")
    assert result.model_dump(exclude_none=True)["content"] == answer["content"]
    assert result.model_extra == {"novelty": {"a": None}}


async def test_a_malformed_answer_is_an_error_that_names_the_place() -> None:
    async with connected(Server({"tools/list": {"tools": [], "nextCursor": 5}})) as (session, _):
        with pytest.raises(McpError, match=r"answer to tools/list is malformed: nextCursor"):
            await session.list_tools()
        await session.send_ping()


async def test_an_answer_that_is_not_final_is_not_taken_for_one() -> None:
    answer = {"resultType": "novelty", "taskId": "7"}
    async with connected(Server({"tools/call": answer}), opening="discover") as (session, _):
        with pytest.raises(McpError, match="'novelty', which is not supported"):
            await session.call_tool("t")


async def test_errors_keep_code_message_and_data() -> None:
    error = McpError(-32002, "no such thing", {"uri": "a://b"})
    async with connected(Server({"resources/read": error})) as (session, _):
        with pytest.raises(McpError) as caught:
            await session.read_resource("a://b")
    assert caught.value.to_dict() == error.to_dict()


# -- time and the end ----------------------------------------------------------------------------------


async def hang(call: InboundRequest) -> None:
    await anyio.sleep_forever()


@pytest.mark.parametrize(("of_session", "of_call"), [(0.05, None), (300.0, 0.05)])
async def test_a_call_times_out_and_the_server_is_told(of_session: float, of_call: float | None) -> None:
    server = Server({"tools/call": hang})
    async with connected(server, read_timeout_seconds=of_session) as (session, _):
        with pytest.raises(RequestTimeout):
            await session.call_tool("t", timeout=of_call)
        await server.was_told("notifications/cancelled")
        await session.send_ping()


async def test_a_cancelled_call_is_cancelled_at_the_server() -> None:
    server = Server({"tools/call": hang})
    async with connected(server) as (session, _):
        with anyio.move_on_after(0.05):
            await session.call_tool("t")
        await server.was_told("notifications/cancelled")


async def test_a_server_that_leaves_fails_calls_at_once() -> None:
    async def leave(call: InboundRequest) -> None:
        call.connection.close()

    async with connected(Server({"tools/call": leave})) as (session, _):
        with anyio.fail_after(5):
            with pytest.raises(ConnectionClosed):
                await session.call_tool("t")
            with pytest.raises(ConnectionClosed):
                await session.send_ping()


async def test_the_end_of_a_session_closes_the_connection() -> None:
    async with connected(Server()) as (session, connection):
        await session.send_ping()
    assert connection.is_closed


async def test_what_the_body_raises_comes_out_as_it_is() -> None:
    theirs, ours = memory_pair()
    with pytest.raises(LookupError, match="mine"):
        async with ClientSession(*halves(ours)):
            raise LookupError("mine")
    assert theirs is not ours
