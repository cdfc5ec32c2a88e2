# SPDX-License-Identifier: BSD-3-Clause
"""The door: origins, hosts, verbs, credentials, bodies, and what is said of them in the log."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress

import psutil
import pytest
from tornado.web import RequestHandler

from mcp_jupyter.server.http import base_handler
from mcp_jupyter.server.http.admission import Principal, RefusalLog, StandaloneAuthenticator

from .conftest import Front
from .wire import ACCEPT, BOUND, Reply, Wire, call, connect, initialize

pytestmark = pytest.mark.anyio

Mount = Callable[..., AbstractAsyncContextManager[Front]]

TOKEN = "correct-horse-battery-staple"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
ROUTES = {"/mcp": {"GET", "POST", "DELETE"}, "/sse": {"GET"}, "/messages": {"POST"}}

# What each route says to a request that the door lets in, without a session.
INSIDE = {
    ("/mcp", "GET"): 400,
    ("/mcp", "POST"): 400,
    ("/mcp", "DELETE"): 400,
    ("/sse", "GET"): 200,
    ("/messages", "POST"): 400,
}

ORIGINS = {
    "absent": ((), True),
    "ours": (("http://127.0.0.1:{port}",), True),
    "ours by name": (("http://localhost:{port}",), True),
    "ours in upper case": (("HTTP://LOCALHOST:{port}",), True),
    "another loopback port": (("http://127.0.0.1:{other}",), False),
    "another scheme": (("https://127.0.0.1:{port}",), False),
    "null": (("null",), False),
    "evil": (("https://evil.example",), False),
    "a prefix": (("http://127.0.0.1:{port}.evil.example",), False),
    "userinfo": (("http://127.0.0.1:{port}@evil.example",), False),
    "a fragment": (("http://127.0.0.1:{port}#x",), False),
    "a trailing dot": (("http://localhost.:{port}",), False),
    "another address of this machine": (("http://[::ffff:127.0.0.1]:{port}",), False),
    "punycode": (("http://xn--localhst-9db:{port}",), False),
    "two headers": (("http://127.0.0.1:{port}", "http://127.0.0.1:{port}"), False),
    "empty": (("",), False),
}

HOSTS = {
    "ours": ("127.0.0.1:{port}", True),
    "by name": ("localhost:{port}", True),
    "upper case": ("LocalHost:{port}", True),
    "version 6": ("[::1]:{port}", True),
    "another port": ("127.0.0.1:{other}", False),
    "no port": ("127.0.0.1", False),
    "evil": ("evil.example.com", False),
    "evil with our port": ("evil.example.com:{port}", False),
    "a prefix": ("127.0.0.1.evil.example:{port}", False),
    "a suffix": ("evil-localhost:{port}", False),
    "a trailing dot": ("localhost.:{port}", False),
    "any address": ("0.0.0.0:{port}", False),
    "a number": ("2130706433:{port}", False),
}


def clean(reply: Reply) -> None:
    """What no reply of the door may have."""
    for name, _ in reply.headers:
        assert name != "set-cookie"
        assert not name.startswith("access-control-")


async def ask(front: Front, verb: str, path: str, headers: list[tuple[str, str]], host: str = "") -> Reply:
    """Send one request; its status and headers."""
    async with connect(front.port) as wire:
        sent = [("Accept", "*/*"), *headers]
        body = None
        if verb in ("POST", "PUT", "PATCH"):
            sent.append(("Content-Type", "application/json"))
            body = json.dumps(call(1, "echo")).encode()
        await wire.send(verb, path, sent, body, host)
        reply = await wire.head()
        clean(reply)
        return reply


def expected(path: str, verb: str, let_in: bool, known: bool) -> int:
    """The one table of this page: what a request gets, by what it is."""
    if verb not in ROUTES[path]:
        return 405
    if not let_in:
        return 403
    return INSIDE[path, verb] if known else 401


@pytest.mark.parametrize("origin", ORIGINS)
async def test_origin_matrix(mount: Mount, origin: str) -> None:
    values, let_in = ORIGINS[origin]
    async with mount() as front:
        origins = [("Origin", value.format(port=front.port, other=front.port + 1)) for value in values]
        front.http.authenticator = authenticator = StandaloneAuthenticator.at(front.port, TOKEN)
        assert TOKEN not in repr(authenticator)
        for path in ROUTES:
            for verb in VERBS:
                for credential in ({}, BEARER, {"Cookie": f"token={TOKEN}"}):
                    reply = await ask(front, verb, path, [*origins, *credential.items()])
                    want = expected(path, verb, let_in, credential is BEARER)
                    assert reply.status == want, (path, verb, credential)


@pytest.mark.parametrize("site", ["cross-site", "Cross-Site"])
async def test_a_foreign_page_is_refused_even_without_an_origin(front: Front, site: str) -> None:
    for path, verbs in ROUTES.items():
        for verb in verbs:
            assert (await ask(front, verb, path, [("Sec-Fetch-Site", site)])).status == 403


@pytest.mark.parametrize("host", HOSTS)
async def test_host_matrix(front: Front, host: str) -> None:
    value, let_in = HOSTS[host]
    for path, verbs in ROUTES.items():
        for verb in verbs:
            sent = value.format(port=front.port, other=front.port + 1)
            reply = await ask(front, verb, path, [], host=sent)
            assert reply.status == expected(path, verb, let_in, known=True)


async def test_odd_targets_and_host_headers_reach_nothing(front: Front) -> None:
    async with connect(front.port) as wire:
        reply = await wire.request("GET", f"http://evil.example:{front.port}/sse", {"Accept": "*/*"})
        assert reply.status == 404
        clean(reply)
    for hosts in ([], [f"127.0.0.1:{front.port}", "evil.example"]):
        async with connect(front.port) as wire:
            await wire.send("GET", "/sse", [("Host", host) for host in hosts], host=None)
            assert (await wire.head()).status == 400


# -- credentials -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer"},
        {"Authorization": TOKEN},
        {"Authorization": f"token {TOKEN}"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": "Bearer \xff"},
        {"X-Token": TOKEN},
    ],
    ids=["none", "wrong", "empty", "no scheme", "another scheme", "basic", "no ASCII", "another header"],
)
async def test_without_the_token_nothing_opens(mount: Mount, headers: dict[str, str]) -> None:
    async with mount() as front:
        front.http.authenticator = StandaloneAuthenticator.at(front.port, TOKEN)
        reply = await ask(front, "POST", f"/mcp?token={TOKEN}", list(headers.items()))
        assert reply.status == 401
        assert (reply.header("WWW-Authenticate") or "").startswith('Bearer realm="mcp_jupyter"')
        assert (await ask(front, "POST", "/mcp", list(BEARER.items()))).status == 400
        twice = [*BEARER.items(), *BEARER.items()]
        assert (await ask(front, "POST", "/mcp", twice)).status == 400


# -- bodies ----------------------------------------------------------------------------------------------


async def test_verbs_without_a_body_refuse_one(front: Front) -> None:
    for verb in ("GET", "DELETE"):
        async with connect(front.port) as wire:
            reply = await wire.request(verb, "/mcp", {"Accept": "*/*"}, b"{}")
            assert reply.status == 400


async def test_a_body_announced_too_large_is_refused_before_it_comes(front: Front) -> None:
    async with connect(front.port) as wire:
        headers = {"Content-Type": "application/json", "Content-Length": str(300 * 2**20)}
        await wire.send("POST", "/mcp", headers)
        reply = await wire.reply()
        assert (reply.status, reply.json["error"]["code"], reply.json["id"]) == (413, -32600, None)
        assert reply.header("Connection") == "close"
        assert await wire.closed()


@pytest.mark.parametrize("known", [False, True], ids=["anonymous", "known"])
@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "chunked"])
async def test_300_megabytes_cost_no_memory(mount: Mount, known: bool, chunked: bool) -> None:
    process = psutil.Process()
    piece = b"x" * 2**20
    async with mount() as front:
        front.http.authenticator = StandaloneAuthenticator.at(front.port, TOKEN)
        before = process.memory_info().rss
        grown = 0
        async with connect(front.port) as wire:
            headers = {"Content-Type": "application/json", **(BEARER if known else {})}
            length = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(300 * 2**20)}
            await wire.send("POST", "/mcp", headers | length)
            with suppress(ConnectionError):
                for _ in range(300):
                    await wire.raw(b"100000\r\n%b\r\n" % piece if chunked else piece)
                    grown = max(grown, process.memory_info().rss - before)
                pytest.fail("all of it was taken")
        # 4 MiB of body, and what the test's own sockets hold
        assert grown < (16 if known and chunked else 8) * 2**20
        async with connect(front.port) as wire:
            assert (await wire.post(call(1, "echo"), BEARER)).status == 400


async def test_a_body_of_the_allowed_size_passes(front: Front) -> None:
    async with connect(front.port) as wire:
        reply = await wire.post(b"[" + b" " * (4 * 2**20 - 2) + b"]")
        assert reply.status == 400
        reply = await wire.post(b"[" + b" " * (4 * 2**20 - 1) + b"]")
        assert reply.status == 413


async def test_a_body_of_too_many_lists_is_refused_unparsed(front: Front) -> None:
    """In both transports, and the next request is served (1.26)."""
    bomb = b"[" + b"[]," * (4 * 2**20 // 3 - 2) + b"[]]"
    async with connect(front.port) as wire:
        reply = await wire.post(bomb)
        assert reply.status == 400
        assert reply.json["error"]["message"] == "The message has more than 100,000 lists and objects."
        session = await initialize(wire)
        assert (await wire.post(call(1, "echo", {"text": "[" * 200_000}), session)).status == 200


async def test_a_principal_may_send_no_larger_body_than_it_needs(mount: Mount) -> None:
    """What it may not do need not be parsed to be refused (1.26)."""

    class Small(StandaloneAuthenticator):
        async def authenticate(self, handler: RequestHandler) -> Principal:
            return Principal("small", max_body_bytes=1000)

    async with mount() as front:
        front.http.authenticator = Small.at(front.port)
        for size, status in ((1000, 400), (1001, 413)):
            async with connect(front.port) as wire:
                assert (await wire.post(b"[" + b" " * (size - 2) + b"]")).status == status
        async with connect(front.port) as wire:
            headers = {"Content-Type": "application/json", "Accept": ACCEPT, "Transfer-Encoding": "chunked"}
            await wire.send("POST", "/mcp", headers)
            await wire.raw(b"3e9\r\n%b\r\n0\r\n\r\n" % (b" " * 1001))
            assert await wire.closed()


async def test_one_principal_cannot_hold_bodies_without_end(mount: Mount, monkeypatch) -> None:
    """Others are served meanwhile, and it is again when its bodies have come or gone (1.28)."""
    monkeypatch.setattr(base_handler, "MAX_PRINCIPAL_BODY_BYTES", 1_000_000)

    class Named(StandaloneAuthenticator):
        async def authenticate(self, handler: RequestHandler) -> Principal:
            return Principal(handler.request.headers["X-Name"])

    async def begun(stack: AsyncExitStack, name: str, size: int) -> Wire:
        """A request whose body has come but for its last byte."""
        wire = await stack.enter_async_context(connect(front.port))
        headers = {"Content-Type": "application/json", "Accept": ACCEPT, "X-Name": name}
        await wire.send("POST", "/mcp", {**headers, "Content-Length": str(size + 1)})
        await wire.raw(b" " * size)
        return wire

    async with mount() as front, AsyncExitStack() as stack:
        front.http.authenticator = Named.at(front.port)
        first = await begun(stack, "greedy", 600_000)
        async with asyncio.timeout(BOUND):
            while front.http._body_bytes["greedy"] < 600_000:
                await asyncio.sleep(0.01)
        second = await begun(stack, "greedy", 600_000)
        reply = await second.reply()
        assert (reply.status, reply.header("Retry-After"), reply.header("Connection")) == (429, "1", "close")
        other = await begun(stack, "other", 600_000)
        for wire in (first, other):
            await wire.raw(b"}")
            assert (await wire.reply()).status == 400
        third = await begun(stack, "greedy", 900_000)
        await third.close()
        async with asyncio.timeout(BOUND):
            while front.http._body_bytes:
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_dripping_body_is_cut_off(mount: Mount, method: str) -> None:
    async with mount(body_timeout=0.3) as front, connect(front.port) as wire:
        headers = {"Content-Type": "application/json", "Content-Length": "1000"}
        await wire.send(method, "/mcp", headers)
        began = time.monotonic()

        async def drip() -> None:
            while True:
                await wire.raw(b" ")
                await asyncio.sleep(0.01)

        dripping = asyncio.ensure_future(drip())
        try:
            reply = await wire.reply()
            assert reply.status == (408 if method == "POST" else 400)
            assert await wire.closed()
        finally:
            dripping.cancel()
            with suppress(asyncio.CancelledError, ConnectionError):
                await dripping
        assert time.monotonic() - began < BOUND
        # The others are served.
        async with connect(front.port) as other:
            assert (await other.post(call(1, "echo"))).status == 400


async def test_an_authenticator_that_takes_too_long_leaves_nothing(mount: Mount) -> None:
    class Slow(StandaloneAuthenticator):
        async def authenticate(self, handler: RequestHandler) -> Principal:
            await opened.wait()
            left.set()
            return await super().authenticate(handler)

    opened, left = asyncio.Event(), asyncio.Event()
    async with mount(Slow(), body_timeout=0.05) as front, connect(front.port) as wire:
        await wire.send_message(call(1, "echo"))
        assert (await wire.reply()).status == 408
        opened.set()
        await asyncio.wait_for(left.wait(), BOUND)
    assert front.http.under_way == 0


async def test_a_client_that_leaves_in_its_body_leaves_nothing(front: Front) -> None:
    async with connect(front.port) as wire:
        headers = {"Content-Type": "application/json", "Content-Length": "1000"}
        await wire.send("POST", "/mcp", headers)
        await wire.raw(b"{")
    async with asyncio.timeout(BOUND):
        await front.http.idle()


async def test_expect_continue_is_answered_only_when_admitted(front: Front) -> None:
    headers = {"Expect": "100-continue", "Content-Type": "application/json", "Content-Length": "2"}
    async with connect(front.port) as wire:
        await wire.send("POST", "/mcp", headers)
        assert (await wire.head()).status == 100
        await wire.raw(b"[]")
        assert (await wire.reply()).status == 400
    async with connect(front.port) as wire:
        await wire.send("POST", "/mcp", {**headers, "Origin": "https://evil.example"})
        assert (await wire.head()).status == 403


# -- the log ---------------------------------------------------------------------------------------------


async def test_refusals_are_logged_in_short_visible_lines(
    front: Front, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="mcp_jupyter")
    async with connect(front.port) as wire:
        target = "/messages?session_key=" + "s3cret" * 100
        for _ in range(100):
            assert (await wire.post(b"\x1b[31m\n" * 5000, target=target)).status == 404
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("mcp_jupyter")]
    assert 0 < len(lines) < 40
    for line in lines:
        assert len(line) <= 200
        assert line.isprintable()
        assert "s3cret" not in line


def test_the_log_of_refusals_has_a_rate(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    refusals = RefusalLog(lambda: now[0])
    for _ in range(1000):
        refusals.write("x\x1b\n\u202e" * 1000)
    assert len(caplog.messages) == 10
    assert all(len(line) <= 200 and line.isprintable() for line in caplog.messages)
    now[0] = 1.5
    refusals.write("later")
    assert caplog.messages[10:] == ["990 more requests were refused", "later"]
