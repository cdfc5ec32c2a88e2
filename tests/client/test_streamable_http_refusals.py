# SPDX-License-Identifier: BSD-3-Clause
"""The Streamable HTTP transport against servers that refuse, redirect, or answer with rubbish."""

from __future__ import annotations

import base64
import gzip
import json
import logging
import random

import anyio
import pytest

from mcp_jupyter.client.streamable_http import streamablehttp_client
from mcp_jupyter.errors import ConnectionClosed, McpError

from .scripted_http import (
    INITIALIZED,
    SECRET,
    Exchange,
    opening,
    refuse,
    result_of,
    scripted,
    session,
    then,
)

pytestmark = pytest.mark.anyio


# -- refusals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind", "body", "words"),
    [
        (
            "401 Unauthorized",
            "application/json",
            '{"error": "invalid_token"}',
            "401 Unauthorized: invalid_token",
        ),
        ("403 Nonsense", "text/plain", "not for you", "403 Forbidden: not for you"),
        ("403 Forbidden", "application/json", '{"message": "m", "error": "e"}', "403 Forbidden: m"),
        ("500 Oops", "text/html", "<h1>Oh dear</h1>", r"500 Internal Server Error\.$"),
        (
            "503 Busy",
            "text/plain",
            "\x1b[31mred\r\nline\u202e",
            r"503 Service Unavailable: red line⟨U\+202E⟩$",
        ),
        ("599 What", "text/plain", "x" * 5000, r"599 \(a status without a meaning\): x{499}…$"),
        ("403 Forbidden", "text/plain", f"bad token {SECRET}", r"bad token \*\*\*$"),
        ("403 Forbidden", "text/plain", f"bad Bearer {SECRET}, go", r"bad \*\*\*, go$"),
        ("403 Forbidden", "text/plain", "x" + " " * 1180 + SECRET, r"Forbidden: x \*\*\*$"),
        ("403 Forbidden", "text/plain", f"bad {base64.b64encode(SECRET.encode()).decode()}", r"bad \*\*\*$"),
        ("403 Forbidden", "text/plain", f"bad {SECRET.encode().hex()} here", r"bad \*\*\* here$"),
    ],
)
@pytest.mark.parametrize("modern", [False, True], ids=["legacy", "modern"])
async def test_a_refusal_names_status_and_words_but_no_secret(
    modern: bool, status: str, kind: str, body: str, words: str
) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(status, body.encode(), Content_Type=kind)

    headers = {"Authorization": f"Bearer {SECRET}"}
    async with scripted(then(answer)) as server, session(server, modern=modern, headers=headers) as client:
        with pytest.raises(McpError, match=words) as caught:
            await client.call_tool("t")
    assert caught.value.data == {"httpStatus": int(status[:3])}
    assert SECRET not in repr(caught.value)
    assert str(caught.value).startswith(server.origin)


async def test_a_secret_that_contains_the_mark_is_replaced() -> None:
    secret = "left***right"

    async def answer(exchange: Exchange) -> None:
        await exchange.send("403 Forbidden", f"no {secret}".encode(), Content_Type="text/plain")

    headers = {"X-Api-Key": secret}
    async with scripted(then(answer)) as server, session(server, headers=headers) as client:
        with pytest.raises(McpError, match=r"403 Forbidden: no \*\*\*$"):
            await client.call_tool("t")


async def test_no_log_holds_a_secret_at_any_level(caplog: pytest.LogCaptureFixture) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send("403 Forbidden", SECRET.encode())

    headers = {"Authorization": f"Bearer {SECRET}"}
    with caplog.at_level(logging.DEBUG):
        path = f"/mcp?token={SECRET}"
        async with scripted(then(answer)) as server, session(server, headers=headers, path=path) as client:
            with pytest.raises(McpError):
                await client.call_tool("t")
    assert SECRET not in caplog.text
    assert "session-1234" not in caplog.text


@pytest.mark.parametrize("cookie", ["a=b", "a=\xe9; Path=/", "\xff"])
async def test_cookies_are_not_kept(cookie: str) -> None:
    async def answer(exchange: Exchange) -> None:
        body = json.dumps(result_of(exchange)).encode()
        head = f"HTTP/1.1 200 OK\r\nSet-Cookie: {cookie}\r\nContent-Type: application/json\r\n"
        await exchange.stream.send(f"{head}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body)

    async with scripted(then(answer)) as server, session(server) as client:
        await client.call_tool("t")
        await client.call_tool("t")
    assert not any("cookie" in exchange.headers for exchange in server.seen)


async def test_an_error_in_a_refusal_is_the_answer() -> None:
    async def answer(exchange: Exchange) -> None:
        body = b'{"jsonrpc": "2.0", "id": null, "error": {"code": -32020, "message": "m", "data": [1]}}'
        await exchange.send("400 Bad Request", body, Content_Type="application/json")

    async with scripted(then(answer)) as server, session(server, modern=True) as client:
        with pytest.raises(McpError) as caught:
            await client.call_tool("t")
    assert caught.value.to_dict() == {"code": -32020, "message": "m", "data": [1]}


async def test_a_refused_notification_is_logged_and_the_session_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def script(exchange: Exchange) -> None:
        if exchange.message.get("method") == "notifications/initialized":
            await exchange.send("403 Forbidden", SECRET.encode())
        elif not await opening(exchange):
            await exchange.result({"tools": []})

    headers = {"X-Api-Key": SECRET}
    async with scripted(script) as server:
        with caplog.at_level(logging.WARNING):
            async with session(server, headers=headers) as client:
                await client.list_tools()
    assert [record.getMessage() for record in caplog.records] == [
        f"A notification or answer did not reach the server: {server.origin} answered 403 Forbidden: ***"
    ]
    assert "GET" not in server.methods


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        ("text/html", b"<html>hello</html>", "is this the URL of an MCP server"),
        ("application/json", b"{}", "answered tools/call with something else"),
        ("application/json", b'{"jsonrpc": "2.0", "id": "other", "result": {}}', "with something else"),
        ("application/json", b"[" * 100_000, "with something else"),
        ("text/event-stream", b"", "ended the stream before it answered"),
        (
            "text/event-stream",
            b'data: {"jsonrpc": "2.0", "method": "x"}\n\ndata: {',
            "ended the stream before",
        ),
    ],
)
async def test_what_is_no_answer_is_said_to_be_none(kind: str, body: bytes, words: str) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send("200 OK", body, Content_Type=kind)

    async with scripted(then(answer)) as server, session(server) as client:
        with anyio.fail_after(5), pytest.raises(McpError, match=words):
            await client.call_tool("t")


async def test_a_request_that_is_only_accepted_has_failed() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send("202 Accepted")

    async with scripted(then(answer)) as server, session(server) as client:
        with anyio.fail_after(5), pytest.raises(McpError, match="answered 202 without a message"):
            await client.call_tool("t")


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
async def test_an_answer_without_end_is_given_up(kind: str) -> None:
    async def answer(exchange: Exchange) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\ndata: "
        await exchange.stream.send(head.encode())
        while True:
            await exchange.stream.send(b"x" * 2**20)

    async with scripted(then(answer)) as server, session(server) as client:
        with anyio.fail_after(30), pytest.raises(McpError, match="16777216 bytes"):
            await client.call_tool("t")


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
async def test_an_answer_with_too_many_lists_ends_the_connection(kind: str) -> None:
    """(1.26)."""

    async def answer(exchange: Exchange) -> None:
        exchange_id = exchange.message["id"]
        result = {"content": [], "structuredContent": {"x": [[]] * 200_000}}
        text = json.dumps({"jsonrpc": "2.0", "id": exchange_id, "result": result})
        body = text if kind == "application/json" else f"data: {text}\n\n"
        await exchange.send("200 OK", body.encode(), Content_Type=kind)

    async with scripted(then(answer)) as server, session(server) as client:
        with (
            anyio.fail_after(30),
            pytest.raises(ConnectionClosed, match="a message of more than 100,000 lists and objects"),
        ):
            await client.call_tool("t")


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
async def test_what_is_compressed_more_than_once_is_not_unpacked(kind: str) -> None:
    """Each layer multiplies by a thousand what a few bytes cost, and nothing else runs while they unfold."""

    async def answer(exchange: Exchange) -> None:
        body = gzip.compress(gzip.compress(json.dumps(result_of(exchange)).encode()))
        await exchange.send("200 OK", body, Content_Type=kind, Content_Encoding="gzip, gzip")

    async with scripted(then(answer)) as server, session(server) as client:
        with anyio.fail_after(5), pytest.raises(McpError, match="compressed more than once"):
            await client.call_tool("t")


async def test_silence_is_given_up() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.gone()

    async with scripted(then(answer)) as server, session(server, sse_read_timeout=0.2) as client:
        with anyio.fail_after(5), pytest.raises(McpError, match="did not answer in time"):
            await client.call_tool("t")


async def test_a_connection_cut_in_the_answer_fails_the_call_at_once() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.stream.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"
        )
        await exchange.stream.aclose()

    async with scripted(then(answer)) as server, session(server) as client:
        with anyio.fail_after(5), pytest.raises(McpError, match=f"Talking to {server.origin} failed"):
            await client.call_tool("t")


async def test_a_server_that_is_not_there_is_named() -> None:
    async with scripted(refuse) as server:
        pass
    with pytest.raises(McpError, match=f"Talking to {server.origin} failed"):
        async with session(server):
            pass


async def test_a_session_id_that_no_header_may_carry_is_refused() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.result(INITIALIZED, Mcp_Session_Id="x" * 2000)

    async with scripted(script) as server:
        with pytest.raises(McpError, match="session id that no header may carry"):
            async with session(server):
                pass


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://host/x", "/mcp", "http://", "javascript:alert(1)"]
)
async def test_only_http_urls_are_taken(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        async with streamablehttp_client(url):
            pass


def spoiled(chance: random.Random, response: bytes) -> bytes:
    """A response with a few bytes changed, lost or added."""
    data = bytearray(response)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(data))
        match chance.randrange(4):
            case 0:
                data[at] = chance.randrange(256)
            case 1:
                data[at:at] = chance.randbytes(5)
            case 2:
                del data[at : at + 10]
            case _:
                data[at:at] = chance.choice(
                    [b"\r\n", b"\n\n", b"\0", b"9" * 20, b"Location: javascript:1\r\n"]
                )
    return bytes(data)


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_bytes_come_the_call_ends_in_a_result_or_an_error_of_ours(seed: int) -> None:
    answer = b'{"jsonrpc": "2.0", "id": 2, "result": {}}'
    packed = gzip.compress(answer)
    responses = [
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(answer), answer),
        b"Content-Encoding: gzip\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
        % (len(packed), packed),
        b"Content-Type: text/event-stream\r\nConnection: close\r\n\r\ndata: %b\n\n" % answer,
        b"Set-Cookie: a=b; Domain=\xe9\r\nLocation: http://[::1/\r\nContent-Length: 0\r\n\r\n",
    ]
    chance = random.Random(seed)
    said: list[bytes] = []

    async def script(exchange: Exchange) -> None:
        if exchange.method == "DELETE" or not await opening(exchange):
            await exchange.stream.send(said[-1])
            await exchange.stream.aclose()

    outcomes = set()
    async with scripted(script) as server:
        for _ in range(40):
            status = chance.choice([b"200 OK", b"200 OK", b"307 Elsewhere", b"401 No"])
            said.append(spoiled(chance, b"HTTP/1.1 %b\r\n%b" % (status, chance.choice(responses))))
            with anyio.fail_after(10):
                async with session(server, timeout=2, sse_read_timeout=2) as client:
                    try:
                        await client.send_ping()
                        outcomes.add("result")
                    except McpError:
                        outcomes.add("error")
    assert "error" in outcomes


# -- redirects and proxies -----------------------------------------------------------------------------


async def test_a_redirect_within_the_origin_is_followed_once_and_remembered() -> None:
    async def script(exchange: Exchange) -> None:
        if exchange.path == "/mcp":
            await exchange.send("307 Temporary Redirect", Location="/mcp/")
        elif not await opening(exchange):
            await exchange.result({"tools": []})

    async with scripted(script) as server, session(server) as client:
        await client.list_tools()
    assert [exchange.path for exchange in server.seen].count("/mcp") == 1


@pytest.mark.parametrize("status", ["307 Temporary Redirect", "308 Permanent Redirect", "302 Found"])
async def test_credentials_do_not_follow_a_redirect_to_another_origin(status: str) -> None:
    async with scripted(refuse) as other:

        async def script(exchange: Exchange) -> None:
            await exchange.send(status, Location=other.origin + "/mcp?" + SECRET)

        async with scripted(script) as server:
            with pytest.raises(McpError, match=f"redirects to {other.origin}: another origin") as caught:
                async with session(server, headers={"Authorization": f"Bearer {SECRET}"}):
                    pass
        assert SECRET not in str(caught.value)
    assert other.seen == []


@pytest.mark.parametrize(
    ("status", "words"),
    [("303 See Other", "so that it would be lost"), ("307 Temporary Redirect", "more than 5 times")],
)
async def test_a_redirect_that_leads_nowhere_is_an_error(status: str, words: str) -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.send(status, Location=exchange.path)

    async with scripted(script) as server:
        with pytest.raises(McpError, match=words):
            async with session(server):
                pass


async def test_a_redirect_of_the_event_stream_does_not_lead_messages_astray() -> None:
    listening = anyio.Event()

    async def script(exchange: Exchange) -> None:
        if exchange.method == "GET" and exchange.path == "/mcp":
            await exchange.send("302 Found", Location="/events")
        elif exchange.method == "GET":
            listening.set()
            await exchange.send("404 Not Found")
        elif not await opening(exchange):
            await exchange.result({"tools": []})

    async with scripted(script) as server, session(server) as client:
        with anyio.fail_after(5):
            await listening.wait()
        await client.list_tools()
    assert {exchange.path for exchange in server.seen if exchange.method == "POST"} == {"/mcp"}


async def test_the_loopback_is_not_asked_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scripted(refuse) as proxy, scripted(then(refuse)) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.origin)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        async with session(server):
            pass
    assert proxy.seen == []
