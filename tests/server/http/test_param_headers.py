# SPDX-License-Identifier: BSD-3-Clause
"""Arguments that a client repeats in headers: compared where the tool's schema is known, refused by HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Annotated, Any

import pytest
from pydantic import Field

from mcp_jupyter import types
from mcp_jupyter.server.fastmcp import FastMCP
from mcp_jupyter.server.http.app import serve_http
from mcp_jupyter.server.lowlevel import Server

from .wire import Wire, call, connect, initialize, modern, modern_headers

pytestmark = pytest.mark.anyio


def fastmcp() -> FastMCP:
    mcp = FastMCP("fast")

    @mcp.tool()
    def book(
        region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})] = "",
        seats: Annotated[int, Field(json_schema_extra={"x-mcp-header": "Seats"})] = 0,
    ) -> str:
        """Book seats."""
        return f"{region} {seats}"

    @mcp.tool()
    def plain(region: str) -> str:
        """Ask for no header."""
        return region

    return mcp


def lowlevel() -> Server[Any]:
    server: Server[Any] = Server("low")
    properties = {
        "region": {"type": "string", "x-mcp-header": "Region"},
        "seats": {"type": "integer", "x-mcp-header": "Seats"},
    }
    schemas = {
        "book": {"type": "object", "properties": properties},
        "plain": {"type": "object", "properties": {"region": {"type": "string"}}},
    }

    @server.list_tools()
    async def list_tools() -> list[types.Tool]:
        return [types.Tool(name=name, inputSchema=schema) for name, schema in schemas.items()]

    @server.call_tool()
    async def call_tool(name: str, arguments: dict[str, Any]) -> list[types.TextContent]:
        return [types.TextContent(text=f"{arguments}")]

    return server


@pytest.fixture(params=[fastmcp, lowlevel])
async def wire(request: pytest.FixtureRequest) -> AsyncIterator[Wire]:
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(serve_http(request.param(), port=0))
        yield await stack.enter_async_context(connect(port))


async def called(wire: Wire, name: str, arguments: dict[str, Any], *given: tuple[str, str]) -> Any:
    message = modern(1, "tools/call", {"name": name, "arguments": arguments})
    return await wire.post(message, [*modern_headers(message).items(), *given])


GOOD = [
    ({"region": "eu"}, [("Mcp-Param-Region", "eu")]),
    ({"region": "eu"}, [("mcp-param-REGION", " eu ")]),
    ({"region": "Zürich"}, [("Mcp-Param-Region", "=?base64?WsO8cmljaA==?=")]),
    ({"seats": 42}, [("Mcp-Param-Seats", "42")]),
    ({"seats": 42}, [("Mcp-Param-Seats", "42.0")]),
    ({}, []),
    ({}, [("Mcp-Param-Other", "of no tool's")]),
]
BAD = [
    ({"region": "eu"}, [], "missing"),
    ({"region": "eu"}, [("Mcp-Param-Region", "EU")], "does not match"),
    ({"region": "eu"}, [("Mcp-Param-Region", "eu"), ("Mcp-Param-Region", "eu")], "more than once"),
    ({"region": "Hello"}, [("Mcp-Param-Region", "=?base64?SGVsbG8?=")], "base64"),
    ({"seats": 42}, [("Mcp-Param-Seats", "43")], "does not match"),
    ({}, [("Mcp-Param-Region", "eu")], "no value"),
]


@pytest.mark.parametrize(("arguments", "given"), GOOD)
async def test_headers_that_say_what_the_arguments_say_pass(wire, arguments, given):
    reply = await called(wire, "book", arguments, *given)
    assert reply.status == 200
    assert not reply.json["result"].get("isError")


@pytest.mark.parametrize(("arguments", "given", "why"), BAD)
async def test_other_headers_are_refused(wire, arguments, given, why):
    reply = await called(wire, "book", arguments, *given)
    assert reply.status == 400
    assert reply.json["error"]["code"] == -32020
    assert why in reply.json["error"]["message"]


async def test_a_tool_that_asks_for_no_header_has_none(wire):
    assert (await called(wire, "plain", {"region": "eu"})).status == 200


async def test_legacy_clients_send_no_such_headers(wire):
    session = await initialize(wire)
    reply = await wire.post(call(1, "book", {"region": "eu"}), session)
    assert "result" in reply.json


def test_a_tool_that_clients_would_drop_is_refused_when_it_is_made():
    mcp = FastMCP()

    def book(price: Annotated[float, Field(json_schema_extra={"x-mcp-header": "Price"})]) -> None: ...

    with pytest.raises(ValueError, match=r"book: clients would drop this tool: .*price"):
        mcp.add_tool(book)
