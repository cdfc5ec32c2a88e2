# SPDX-License-Identifier: BSD-3-Clause
"""A link whose other side does not read, and messages no line can hold: what the contract leaves open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from mcp_jupyter.engine.channel import Channel
from mcp_jupyter.errors import ConnectionClosed
from mcp_jupyter.ipc import channel as channel_module
from mcp_jupyter.ipc.channel import LinkChannel
from mcp_jupyter.ipc.connect import dial
from mcp_jupyter.ipc.listener import Listener
from mcp_jupyter.protocol.frames import ErrorResponse, Message, Notification, Request, Response

from ..engine.channel_contract import BOUND, Recorder
from .conftest import EACH_LOOP

pytestmark = pytest.mark.anyio


@pytest.fixture(params=EACH_LOOP)
def anyio_backend(request: pytest.FixtureRequest) -> object:
    """Run on each loop that the link must work with (1.24)."""
    backend: object = request.param
    return backend


Ends = tuple[LinkChannel, LinkChannel]


@pytest.fixture
async def ends(runtime_dir: Path) -> AsyncIterator[Ends]:
    """Two ends of a link; an end that is not started does not read."""
    accepted: asyncio.Queue[LinkChannel] = asyncio.Queue()

    async def serve(channel: Channel) -> None:
        assert isinstance(channel, LinkChannel)
        accepted.put_nowait(channel)
        await channel.wait_closed()

    async with Listener.open(serve, name="n", kernel_id="k", runtime_dir=runtime_dir) as listener:
        left = await dial(listener.info)
        right = await accepted.get()
        yield left, right
        right.close()
        left.close()
        await left.wait_closed()


def notification(n: int, size: int = 2**16) -> Message:
    return Message.of(Notification("n", {"n": n, "data": "x" * size}))


def fill(left: LinkChannel, bytes_: int) -> None:
    for n in range(bytes_ // 2**16 + 10):
        left.send(notification(n))


async def test_notifications_over_the_limit_are_dropped_and_the_rest_arrives(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel_module, "MAX_BACKLOG_BYTES", 2**20)
    left, right = ends
    left.start(Recorder())
    fill(left, 2**24)
    recorder = Recorder()
    right.start(recorder)
    await left.drain()
    last = Message.of(Request(1, "ping"))
    left.send(last)
    await recorder.until(lambda: last in recorder.messages)
    numbers = [message.frame.params["n"] for message in recorder.messages[:-1]]
    assert numbers == list(range(len(numbers)))
    assert 2**20 // 2**16 <= len(numbers) < 2**24 // 2**16


@pytest.mark.parametrize("frame", [Request(1, "ping"), Response(1, {})])
async def test_a_request_or_response_over_the_limit_ends_the_link(
    ends: Ends, monkeypatch: pytest.MonkeyPatch, frame: Request | Response
) -> None:
    monkeypatch.setattr(channel_module, "MAX_BACKLOG_BYTES", 2**20)
    left, _ = ends
    recorder = Recorder()
    left.start(recorder)
    fill(left, 2**22)
    with pytest.raises(ConnectionClosed):
        left.send(Message.of(frame))
    await recorder.end()


async def test_closing_does_not_wait_long_for_who_does_not_read(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel_module, "CLOSE_FLUSH_SECONDS", 0.01)
    left, _ = ends
    left.start(Recorder())
    fill(left, 2**22)
    left.close()
    with anyio.fail_after(BOUND):
        await left.wait_closed()


async def test_who_does_not_read_for_long_is_treated_as_gone(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel_module, "SEND_TIMEOUT_SECONDS", 0.01)
    left, _ = ends
    recorder = Recorder()
    left.start(recorder)
    fill(left, 2**22)
    with anyio.fail_after(BOUND):
        await left.drain()
    await recorder.end()
    with pytest.raises(ConnectionClosed):
        left.send(notification(1))


async def test_an_answer_too_large_for_a_line_becomes_an_error(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel_module, "MAX_LINE_BYTES", 2**20)
    left, right = ends
    left.start(Recorder())
    recorder = Recorder()
    right.start(recorder)
    left.send(Message.of(Response(7, {"data": "x" * 2**20})))
    left.send(notification(1, 2**20))
    left.send(notification(2))
    error, after = await recorder.receive(2)
    assert isinstance(error.frame, ErrorResponse)
    assert error.frame.id == 7
    assert "larger than 1 MiB" in error.frame.error["message"]
    assert after == notification(2)


async def test_a_request_too_large_for_a_line_fails_where_it_was_made(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel_module, "MAX_LINE_BYTES", 2**20)
    left, _ = ends
    recorder = Recorder()
    left.start(recorder)
    left.send(Message.of(Request(7, "tools/call", {"data": "x" * 2**20})))
    (error,) = await recorder.receive(1)
    assert isinstance(error.frame, ErrorResponse)
    assert error.frame.id == 7


async def test_a_channel_is_used_on_its_own_thread_only(ends: Ends) -> None:
    left, _ = ends
    with pytest.raises(AssertionError):
        await anyio.to_thread.run_sync(left.send, notification(1))
