# SPDX-License-Identifier: BSD-3-Clause
"""Which transport a URL has, and which refusals leave that open."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Any

import anyio
import httpx2
import pytest

from mcp_jupyter import Client
from mcp_jupyter.client import connect
from mcp_jupyter.errors import ConnectionClosed, McpError, RequestTimeout

from .scripted_http import INITIALIZED, SECRET, Exchange, refuse, scripted, then

pytestmark = pytest.mark.anyio

HEADERS = {"Authorization": f"Bearer {SECRET}"}


def error_body(code: int, data: Any = None) -> bytes:
    error = {"code": code, "message": "Refused.", **({} if data is None else {"data": data})}
    return json.dumps({"jsonrpc": "2.0", "id": None, "error": error}).encode()


class OldServer:
    """HTTP+SSE at one URL, which answers a POST with a status."""

    def __init__(self, status: str, body: bytes = b"") -> None:
        self.status, self.body = status, body
        self.stream: Exchange | None = None

    async def __call__(self, exchange: Exchange) -> None:
        if exchange.method == "GET":
            self.stream = exchange
            await exchange.begin_events()
            await exchange.event("/messages", "endpoint")
            await exchange.gone()
        elif exchange.path == "/messages":
            await exchange.send("202 Accepted")
            if exchange.message["method"] == "initialize":
                assert self.stream is not None
                answer = {"jsonrpc": "2.0", "id": exchange.message["id"], "result": INITIALIZED}
                await self.stream.event(answer)
        else:
            await exchange.send(self.status, self.body, Content_Type="application/json")


@pytest.mark.parametrize("body", [b"", b"<h1>no</h1>", error_body(-32601)], ids=["empty", "page", "error"])
@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "405 Method Not Allowed"])
@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_a_url_that_takes_no_posts_is_one_of_http_sse(era: Any, status: str, body: bytes) -> None:
    async with scripted(OldServer(status, body)) as server:
        async with Client(server.origin + "/sse", headers=HEADERS, era=era) as client:
            assert client.protocol_version == "2025-11-25"
        probe = ["server/discover"] if era == "auto" else []
        assert server.methods[:-1] == [*probe, "initialize", "GET", "initialize"]
        assert all(exchange.headers["authorization"] == HEADERS["Authorization"] for exchange in server.seen)


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
@pytest.mark.parametrize("body", [b"", error_body(-32601)], ids=["empty", "error"])
async def test_who_is_not_let_in_tries_no_other_door(status: str, body: bytes) -> None:
    async with scripted(OldServer(status, body)) as server:
        with pytest.raises(McpError):
            async with Client(server.origin + "/sse"):
                pytest.fail("nobody is let in")
        assert server.methods == ["server/discover"]


@pytest.mark.parametrize("status", ["429 Too Many Requests", "500 Internal Server Error", "503 Unavailable"])
async def test_a_server_in_trouble_is_not_taken_for_another_transport(status: str) -> None:
    async with scripted(OldServer(status)) as server:
        with pytest.raises(McpError, match=status.partition(" ")[0]):
            async with Client(server.origin + "/mcp"):
                pytest.fail("it is in trouble")
        assert server.methods == ["server/discover", "initialize"]


@pytest.mark.parametrize("code", [-32020, -32021, -32022])
async def test_an_error_of_the_modern_era_ends_the_search(code: int) -> None:
    async with scripted(
        OldServer("400 Bad Request", error_body(code, {"supported": ["2031-01-01"]}))
    ) as server:
        with pytest.raises(McpError, match="Refused") as caught:
            async with Client(server.origin + "/mcp"):
                pytest.fail("it is refused")
        assert caught.value.code == code
        assert server.methods == ["server/discover"]


async def test_a_modern_server_is_not_looked_for_on_http_sse() -> None:
    async with scripted(OldServer("405 Method Not Allowed")) as server:
        with pytest.raises(McpError, match="405"):
            async with Client(server.origin + "/mcp", era="modern"):
                pytest.fail("there is none")
        assert server.methods == ["server/discover"]


@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "500 Internal Server Error"])
async def test_a_legacy_server_of_streamable_http_is_initialized(status: str) -> None:
    legacy = then(refuse)

    async def script(exchange: Exchange) -> None:
        if exchange.message.get("method") == "server/discover":
            await exchange.send(status, error_body(-32600), Content_Type="application/json")
        else:
            await legacy(exchange)

    async with scripted(script) as server:
        async with Client(server.origin + "/mcp") as client:
            assert client.protocol_version == "2025-11-25"
        assert server.methods[:2] == ["server/discover", "initialize"]


async def test_a_person_has_the_time_to_sign_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "PROBE_SECONDS", 0.01)

    class SlowSignIn(httpx2.Auth):
        async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, Any]:
            await anyio.sleep(0.1)
            yield request

    async with scripted(then(refuse)) as server:
        async with Client(server.origin + "/mcp", auth=SlowSignIn()) as client:
            assert client.protocol_version == "2026-07-28"
        assert server.methods == ["server/discover"]


async def test_with_credentials_silence_is_final() -> None:
    async def hang(exchange: Exchange) -> None:
        await exchange.gone()

    async with scripted(hang) as server:
        auth = httpx2.BasicAuth("me", "secret")
        with pytest.raises(RequestTimeout):
            async with Client(server.origin + "/mcp", auth=auth, read_timeout_seconds=0.2):
                pytest.fail("nobody answers")
        assert server.methods == ["server/discover"]


async def test_what_both_transports_said_is_in_one_error() -> None:
    async def nothing_here(exchange: Exchange) -> None:
        status = "410 Gone" if exchange.method == "GET" else "404 Not Found"
        await exchange.send(status, f"for {SECRET}".encode(), Content_Type="text/plain")

    async with scripted(nothing_here) as server:
        with pytest.raises(McpError) as caught:
            async with Client(server.origin + "/nowhere", headers=HEADERS):
                pytest.fail("there is nothing")
    message = str(caught.value)
    assert "neither transport" in message
    assert "404 Not Found" in message
    assert "410 Gone" in message
    assert SECRET not in message
    assert caught.value.data == {"httpStatus": 404}


@pytest.mark.parametrize(
    ("url", "words"),
    [("http:///x", "name a host"), ("http://a:99999/", "Port 99999"), ("http://a/\n", "not a valid URL")],
)
async def test_a_url_that_leads_nowhere_is_refused(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        async with Client(url):
            pytest.fail("there is no such place")


async def test_nobody_there_is_one_attempt_and_one_error() -> None:
    async with scripted(refuse) as server:
        gone = server.origin
    with pytest.raises(McpError, match=f"Talking to {gone} failed"):
        async with Client(gone + "/mcp"):
            pytest.fail("nobody is there")


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_an_entry_of_type_sse_is_taken_at_its_word(era: Any) -> None:
    async with scripted(OldServer("500 Internal Server Error")) as server:
        servers = {"mcpServers": {"old": {"type": "sse", "url": server.origin + "/sse"}}}
        async with Client(servers, era=era) as client:
            assert client.protocol_version == "2025-11-25"
        assert server.methods[:2] == ["GET", "initialize"]


async def test_an_entry_of_type_sse_has_no_modern_version() -> None:
    servers = {"mcpServers": {"old": {"type": "sse", "url": "http://127.0.0.1:9/sse"}}}
    with pytest.raises(ValueError, match="no modern version"):
        async with Client(servers, era="modern"):
            pytest.fail("there is none")


async def test_an_entry_of_type_sse_says_what_its_stream_was_refused_with() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.send("404 Not Found")

    async with scripted(script) as server:
        servers = {"mcpServers": {"old": {"type": "sse", "url": server.origin + "/sse"}}}
        with pytest.raises(ConnectionClosed, match="404 Not Found"):
            async with Client(servers):
                pytest.fail("there is none")
