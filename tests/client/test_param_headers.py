# SPDX-License-Identifier: BSD-3-Clause
"""`x-mcp-header`: arguments that a client repeats in headers, and tools that ask for it in a wrong way."""

from __future__ import annotations

import datetime
import logging
from typing import Any

import pytest

from mcp_jupyter.client.transport import ParamHeaders
from mcp_jupyter.errors import McpError
from mcp_jupyter.protocol.limits import MAX_TOOLS
from mcp_jupyter.types import Tool

from .memory_server import Server, connected
from .scripted_http import Exchange, scripted, session, then

pytestmark = pytest.mark.anyio


def tool(name: str, **properties: Any) -> dict[str, Any]:
    return {"name": name, "inputSchema": {"type": "object", "properties": properties}}


REGION = {"type": "string", "x-mcp-header": "Region"}
COUNT = {"type": "integer", "x-mcp-header": "Count"}
BAD = tool("bad\x1b", value={"type": "number", "x-mcp-header": "Value"})


class Shop:
    """Lists tools over two pages, and refuses a call whose headers lack what `wanted` has."""

    def __init__(self, *tools: dict[str, Any]) -> None:
        self.tools = list(tools)
        self.wanted: set[str] = set()
        self.calls: list[dict[str, str]] = []

    async def __call__(self, exchange: Exchange) -> None:
        message = exchange.message
        if message["method"] == "tools/list":
            last = message["params"].get("cursor") == "more"
            result: dict[str, Any] = {"tools": self.tools[1:] if last else self.tools[:1]}
            await exchange.result(result if last else {**result, "nextCursor": "more"})
            return
        params = {name: value for name, value in exchange.headers.items() if name.startswith("mcp-param-")}
        self.calls.append(params)
        if self.wanted <= params.keys():
            await exchange.result({"content": []})
        else:
            body = b'{"jsonrpc": "2.0", "id": %d, "error": {"code": -32020, "message": "headers"}}'
            await exchange.send("400 Bad Request", body % message["id"], Content_Type="application/json")


async def test_what_a_listed_tool_asks_for_is_repeated_in_headers() -> None:
    shop = Shop(tool("t", region=REGION, count=COUNT, note={"type": "string"}), tool("plain"))
    async with scripted(then(shop)) as server, session(server, modern=True) as client:
        await client.list_tools()
        await client.call_tool("t", {"region": "caf\u00e9", "count": 42, "note": "x"})
        await client.call_tool("t", {"region": None, "note": "x"})
        await client.call_tool("t", {"region": datetime.date(2026, 7, 28)})
        await client.call_tool("plain", {"region": "x"})
    assert shop.calls == [
        {"mcp-param-region": "=?base64?Y2Fmw6k=?=", "mcp-param-count": "42"},
        {},
        {"mcp-param-region": "2026-07-28"},
        {},
    ]


async def test_a_tool_that_asks_in_a_wrong_way_is_left_out_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shop = Shop(BAD, tool("t", region=REGION))
    async with scripted(then(shop)) as server, session(server, modern=True) as client:
        assert (await client.list_tools()).tools == []
        assert [listed.name for listed in (await client.list_tools("more")).tools] == ["t"]
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "The tool 'bad⟨U+001B⟩' is left out: " in record.getMessage()
    assert "needs the type string, integer or boolean" in record.getMessage()


async def test_a_call_that_lacked_headers_is_repeated_with_them() -> None:
    shop = Shop(tool("plain"), tool("t", region=REGION))
    shop.wanted = {"mcp-param-region"}
    async with scripted(then(shop)) as server, session(server, modern=True) as client:
        await client.call_tool("t", {"region": "north"})
        await client.call_tool("t", {"region": "south"})
    assert shop.calls == [{}, {"mcp-param-region": "north"}, {"mcp-param-region": "south"}]
    assert server.methods.count("tools/list") == 2


@pytest.mark.parametrize("name", ["plain", "unheard of"])
async def test_a_call_is_not_repeated_when_the_tool_asks_for_nothing_new(name: str) -> None:
    shop = Shop(tool("plain"), tool("t", region=REGION))
    shop.wanted = {"mcp-param-region"}
    async with scripted(then(shop)) as server, session(server, modern=True) as client:
        with pytest.raises(McpError, match="headers") as caught:
            await client.call_tool(name)
        assert caught.value.code == -32020
    assert len(shop.calls) == 1


async def test_a_tool_that_asks_no_more_has_no_headers_any_more() -> None:
    shop = Shop(tool("t", region=REGION), tool("plain"))
    async with scripted(then(shop)) as server, session(server, modern=True) as client:
        await client.list_tools()
        shop.tools[0] = tool("t")
        await client.list_tools()
        await client.call_tool("t", {"region": "north"})
    assert shop.calls == [{}]


async def test_a_value_that_no_header_can_carry_is_an_error_of_the_call() -> None:
    shop = Shop(tool("t", count=COUNT), tool("plain"))
    async with scripted(then(shop)) as server, session(server, modern=True) as client:
        await client.list_tools()
        with pytest.raises(McpError, match="Mcp-Param-Count header cannot carry an integer beyond"):
            await client.call_tool("t", {"count": 2**60})
        await client.call_tool("plain")
    assert shop.calls == [{}]


async def test_other_transports_and_versions_have_all_tools() -> None:
    listed = {"tools": [BAD], "resultType": "complete"}
    async with connected(Server({"tools/list": listed}), opening="discover") as (client, _):
        assert len((await client.list_tools()).tools) == 1
    shop = Shop(BAD, tool("t", region=REGION))
    async with scripted(then(shop)) as server, session(server) as client:
        assert len((await client.list_tools()).tools) == 1
        await client.call_tool("t", {"region": "north"})
    assert shop.calls == [{}]


def test_the_memory_has_a_bound() -> None:
    headers = ParamHeaders()
    for number in range(MAX_TOOLS + 1):
        headers.learn([Tool.from_wire(tool(f"t{number}", region=REGION))])
    assert headers.annotations_of("t0") == {}
    assert headers.annotations_of("t1") == {"Region": ("region",)}
