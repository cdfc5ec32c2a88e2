# SPDX-License-Identifier: BSD-3-Clause
"""The channel over a pair of files: framing, and ends that are gone."""

from __future__ import annotations

import asyncio
import os
import tempfile
import threading

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_jupyter.engine.channel import Sink
from mcp_jupyter.errors import PARSE_ERROR, ConnectionClosed, FrameError
from mcp_jupyter.protocol.frames import Message, Notification, Response
from mcp_jupyter.server import stdio
from mcp_jupyter.server.stdio import StdioChannel


class Heard(Sink):
    """Keeps what comes."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.faults: list[FrameError] = []
        self.over = anyio.Event()

    def message(self, message: Message) -> None:
        self.messages.append(message)

    def fault(self, error: FrameError) -> None:
        self.faults.append(error)

    def closed(self) -> None:
        assert not self.over.is_set()
        self.over.set()


async def from_a_pipe(pieces: list[bytes]) -> Heard:
    """What a channel makes of these bytes, written one after the other. The event loop reads them."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as source, os.fdopen(writing, "wb", buffering=0) as into:
        heard = Heard()
        channel = StdioChannel(source, into)  # nothing is written
        channel.start(heard)
        for piece in pieces:
            await anyio.to_thread.run_sync(into.write, piece)
        into.close()
        with anyio.fail_after(10):
            await heard.over.wait()
    return heard


async def from_a_file(pieces: list[bytes]) -> Heard:
    """What a channel makes of a regular file, which a thread reads."""
    with tempfile.TemporaryFile() as source, open(os.devnull, "wb") as target:
        source.write(b"".join(pieces))
        source.seek(0)
        heard = Heard()
        StdioChannel(source, target).start(heard)
        with anyio.fail_after(10):
            await heard.over.wait()
    return heard


SOURCES = pytest.mark.parametrize("framed", [from_a_pipe, from_a_file])


PING = b'{"jsonrpc":"2.0","method":"ping"}\n'


@pytest.mark.anyio
@SOURCES
@pytest.mark.parametrize("size", [1, 7, len(PING), 1000])
async def test_pieces_of_any_size_are_the_same_lines(framed, size):
    data = PING * 3 + b"junk\n" + PING.strip()
    heard = await framed([data[at : at + size] for at in range(0, len(data), size)])
    assert [message.frame for message in heard.messages] == [Notification("ping")] * 4
    assert [message.raw.strip() for message in heard.messages] == [PING.strip()] * 4
    assert [fault.code for fault in heard.faults] == [PARSE_ERROR]


@pytest.mark.anyio
@SOURCES
@pytest.mark.parametrize("ends", [b"\n", b""])
async def test_a_line_without_end_is_refused_and_dropped(monkeypatch, framed, ends):
    monkeypatch.setattr(stdio, "MAX_LINE_BYTES", 1000)
    monkeypatch.setattr(stdio, "READ_BYTES", 100)
    fits = b'{"jsonrpc":"2.0","method":"ping","params":{"x":"' + b"x" * 949 + b'"}}\n'
    assert len(fits) == 1001  # with the end of the line
    heard = await framed([PING, fits, b"x" * 12_345, b"\n", PING, b"{" * 5000 + ends])
    assert len(heard.messages) == 3
    assert [str(fault) for fault in heard.faults] == ["A message is longer than 1000 bytes."] * 2


@pytest.mark.anyio
async def test_a_line_with_too_many_lists_is_refused_and_the_next_is_heard():
    """It is not parsed (1.26)."""
    bomb = b'{"jsonrpc":"2.0","method":"ping","params":{"x":[' + b"[]," * 1_000_000 + b"[]]}}\n"
    heard = await from_a_pipe([bomb, PING])
    assert [message.frame for message in heard.messages] == [Notification("ping")]
    assert [str(fault) for fault in heard.faults] == ["The message has more than 100,000 lists and objects."]


class Clocked(Heard):
    """Uses anyio for each message, as a connection does."""

    def message(self, message: Message) -> None:
        anyio.current_time()
        super().message(message)


def test_messages_are_handled_on_an_event_loop_that_anyio_did_not_start(monkeypatch):
    """As in `asyncio.run(main())` of a program for the first SDK."""
    monkeypatch.setattr(f"{__name__}.Heard", Clocked)
    heard = asyncio.run(from_a_pipe([PING]))
    assert [message.frame for message in heard.messages] == [Notification("ping")]


@settings(max_examples=60)
@given(
    st.lists(st.one_of(st.binary(max_size=40), st.sampled_from([PING, b"\n", b"{}\n", b'{"a":'])), max_size=8)
)
def test_any_bytes_are_messages_or_faults(pieces):
    heard = anyio.run(from_a_pipe, pieces)
    lines = [line for line in b"".join(pieces).split(b"\n") if line and not line.isspace()]
    assert len(heard.messages) + len(heard.faults) == len(lines)


@pytest.mark.anyio
async def test_a_subscription_ends_with_the_input(monkeypatch):
    monkeypatch.setattr(stdio, "ANSWER_SECONDS", 60)  # of what else was asked
    await from_a_pipe([b'{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen"}\n'])


@pytest.mark.anyio
async def test_a_closed_channel_delivers_and_sends_nothing():
    reading, writing = os.pipe()
    heard = Heard()
    with os.fdopen(reading, "rb") as source, open(os.devnull, "wb") as target:
        channel = StdioChannel(source, target)
        channel.start(heard)
        channel.close()
        channel.close()
        os.write(writing, PING)
        os.close(writing)
        with pytest.raises(ConnectionClosed):
            channel.send(Message.of(Response(1, {})))
        for thread in threading.enumerate():
            if thread.name == "mcp-stdin":
                await anyio.to_thread.run_sync(thread.join, 5)
    assert heard.over.is_set()
    assert heard.messages == []


@pytest.mark.anyio
async def test_a_target_that_is_gone_ends_the_connection():
    reading, writing = os.pipe()
    broken, target = os.pipe()
    os.close(broken)
    heard = Heard()
    with os.fdopen(reading, "rb") as source, os.fdopen(target, "wb", buffering=0) as into:
        channel = StdioChannel(source, into)
        channel.start(heard)
        with pytest.raises(ConnectionClosed):
            channel.send(Message.of(Response(1, {})))
        assert heard.over.is_set()
        os.close(writing)
