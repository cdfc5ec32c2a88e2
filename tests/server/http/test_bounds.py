# SPDX-License-Identifier: BSD-3-Clause
"""Readers that do not read, and replies that are large."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack

import psutil
import pytest

from mcp_jupyter.server.http import sessions

from .conftest import Front
from .test_streamable_legacy import get, text
from .wire import BOUND, Wire, call, connect, initialize, modern, modern_headers

pytestmark = pytest.mark.anyio

Mount = Callable[..., AbstractAsyncContextManager[Front]]
LARGE = 10 * 2**20


async def test_a_large_reply_arrives_whole(front: Front) -> None:
    async with connect(front.port) as wire:
        session = await initialize(wire)
        reply = await wire.post(call(1, "big", {"size": LARGE}), session)
        assert len(text(reply.json)) == LARGE
        again = await wire.post(call(2, "echo", {"text": "on"}), session)
        assert text(again.json) == "on"


@pytest.mark.parametrize("name", ["legacy", "modern"])
async def test_clients_that_never_read_are_dropped_and_others_served(mount: Mount, name: str) -> None:
    process = psutil.Process()
    async with mount(send_timeout=0.3) as front, AsyncExitStack() as stack:
        wire = await stack.enter_async_context(connect(front.port))
        session = await initialize(wire)
        before = process.memory_info().rss
        deaf = [await stack.enter_async_context(silent(front.port)) for _ in range(10)]
        for number, client in enumerate(deaf):
            if name == "legacy":
                await client.send_message(call(number, "big", {"size": LARGE}), session)
            else:
                message = modern(number, "tools/call", {"name": "big", "arguments": {"size": LARGE}})
                await client.send_message(message, modern_headers(message))
        began = time.monotonic()
        for number in range(20):
            reply = await wire.post(call(100 + number, "echo", {"text": "on"}), session)
            assert text(reply.json) == "on"
        async with asyncio.timeout(BOUND):
            while front.http.under_way:
                await wire.post(call(200, "echo"), session)
        assert time.monotonic() - began < BOUND
        assert process.memory_info().rss - before < 200 * 2**20


def silent(port: int) -> AbstractAsyncContextManager[Wire]:
    """A connection whose other end reads next to nothing."""
    return connect(port, limit=1024)


async def test_a_deaf_event_stream_is_dropped(mount: Mount) -> None:
    async with mount(send_timeout=0.3) as front, connect(front.port) as wire, silent(front.port) as stream:
        session = await initialize(wire)
        await get(stream, session)
        [live] = front.endpoint.sessions
        for number in range(200):
            if not live.reading:
                break
            await wire.post(call(number, "tell", {"times": 2000}), session)
        assert not live.reading
        assert text((await wire.post(call("x", "echo", {"text": "on"}), session)).json) == "on"


async def test_idle_streams_give_their_descriptors_back(front: Front) -> None:
    process = psutil.Process()
    before = process.num_fds()
    async with AsyncExitStack() as stack:
        for _ in range(60):
            stream = await stack.enter_async_context(connect(front.port))
            await stream.send("GET", "/sse", {"Accept": "text/event-stream"})
            assert (await stream.head()).status == 200
        assert len(front.endpoint.sessions) == 60
    async with asyncio.timeout(5):
        await front.server.until(lambda: front.server.connections == 0)
        while process.num_fds() > before:
            async with connect(front.port) as wire:
                await wire.request("GET", "/mcp")
    assert len(front.endpoint.sessions) == 0


async def test_one_principal_has_so_many_modern_requests_in_flight(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "MAX_IN_FLIGHT", 2)
    message = modern(1, "tools/call", {"name": "wait"})
    async with connect(front.port) as first, connect(front.port) as second, connect(front.port) as third:
        for wire in (first, second):
            await wire.send_message(message, modern_headers(message))
        await front.server.until(lambda: front.server.started == 2)
        reply = await third.post(message, modern_headers(message))
        assert (reply.status, reply.json["id"]) == (429, 1)
        front.server.release.set()
        assert text((await first.reply()).json) == "released"
        assert text((await third.post(message, modern_headers(message))).json) == "released"
