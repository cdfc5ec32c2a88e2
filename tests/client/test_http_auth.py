# SPDX-License-Identifier: BSD-3-Clause
"""`auth=`: credentials that are made while requests are sent, and never repeated."""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncGenerator

import httpx2
import pytest

from mcp_jupyter.client import ClientSession
from mcp_jupyter.client.sse import sse_client
from mcp_jupyter.client.streamable_http import streamablehttp_client
from mcp_jupyter.errors import McpError

from .scripted_http import SECRET, Exchange, opening, scripted, session, then

pytestmark = pytest.mark.anyio


class Signing(httpx2.Auth):
    """Signs each request, once more when the server says 401."""

    def __init__(self, header: str = "Authorization") -> None:
        self.header = header
        self.used = 0

    async def async_auth_flow(
        self, request: httpx2.Request
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        for _ in range(2):
            self.used += 1
            request.headers[self.header] = f"Bearer {SECRET}-{self.used}"
            response = yield request
            if response.status_code != 401:
                return


async def test_every_request_carries_what_auth_adds() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.result({"content": []})

    async with scripted(then(answer)) as server, session(server, auth=Signing()) as client:
        await client.call_tool("t")
    sent = [exchange.headers["authorization"] for exchange in server.seen]
    assert {"initialize", "notifications/initialized", "GET", "tools/call", "DELETE"} == set(server.methods)
    assert sorted(sent) == sorted(f"Bearer {SECRET}-{number + 1}" for number in range(len(sent)))


async def test_auth_may_answer_a_challenge() -> None:
    async def answer(exchange: Exchange) -> None:
        if server.methods.count("tools/call") == 1:
            await exchange.send("401 Unauthorized")
        else:
            await exchange.result({"content": []})

    async with scripted(then(answer)) as server, session(server, auth=Signing(), modern=True) as client:
        await client.call_tool("t")
    assert server.methods == ["server/discover", "tools/call", "tools/call"]


@pytest.mark.parametrize("header", ["Authorization", "X-Api-Key"])
async def test_what_auth_adds_is_in_no_error_and_no_log(
    header: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def answer(exchange: Exchange) -> None:
        words = f"neither {SECRET}-2 nor {exchange.headers[header.lower()]}"
        await exchange.send("401 Unauthorized", words.encode(), Content_Type="text/plain")

    with caplog.at_level(logging.DEBUG):
        async with scripted(then(answer)) as server, session(server, auth=Signing(header)) as client:
            with pytest.raises(McpError, match=r"neither \*\*\* nor \*\*\*$") as caught:
                await client.call_tool("application/json")
    assert caught.value.data == {"httpStatus": 401}
    assert SECRET not in caplog.text


async def test_an_auth_that_fails_is_an_error_of_the_call_alone() -> None:
    class Failing(Signing):
        async def async_auth_flow(
            self, request: httpx2.Request
        ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
            request.headers["Authorization"] = f"Bearer {SECRET}"
            if b"fail" in request.content:
                raise LookupError(f"no sign-in\nfor {SECRET}")
            yield request

    async def answer(exchange: Exchange) -> None:
        await exchange.result({"content": []})

    async with scripted(then(answer)) as server, session(server, auth=Failing()) as client:
        with pytest.raises(
            McpError, match=r"^Getting credentials for http://127.0.0.1:\d+ failed: no sign-in"
        ):
            await client.call_tool("fail")
        await client.call_tool("t")


@pytest.mark.parametrize("auth", [None, Signing()], ids=["without", "with"])
async def test_with_auth_the_system_s_certificates_are_there_for_the_hosts_it_asks(
    auth: httpx2.Auth | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []

    def load() -> ssl.SSLContext:
        loaded.append(True)
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    monkeypatch.setattr(httpx2, "create_ssl_context", load)
    async with streamablehttp_client("http://127.0.0.1:9/mcp", auth=auth):
        pass
    assert bool(loaded) is (auth is not None)


async def test_the_stream_of_http_and_sse_has_credentials_too() -> None:
    async def script(exchange: Exchange) -> None:
        if exchange.method == "GET":
            await exchange.begin_events()
            await exchange.event("/messages", kind="endpoint")
            await exchange.gone()
        elif not await opening(exchange):
            await exchange.send("202 Accepted")

    async with (
        scripted(script) as server,
        sse_client(server.origin + "/sse", auth=Signing()) as (read, write),
        ClientSession(read, write),
    ):
        assert server.seen[0].headers["authorization"] == f"Bearer {SECRET}-1"
