# SPDX-License-Identifier: BSD-3-Clause
"""Lending channels: kept after a normal end, closed after any other, replaced when they died idle."""

from __future__ import annotations

from contextlib import suppress

import pytest

from mcp_jupyter.engine.channel import Channel, MemoryChannel, Sink, memory_pair
from mcp_jupyter.engine.pool import ChannelPool
from mcp_jupyter.errors import ConnectionClosed, LinkError
from mcp_jupyter.protocol.frames import Message, Notification

from .channel_contract import Recorder

pytestmark = pytest.mark.anyio


class Peers:
    """Opens memory channels, and keeps their other ends, started, with what arrived there."""

    def __init__(self) -> None:
        self.ends: list[MemoryChannel] = []
        self.heard: list[Recorder] = []
        self.failure: LinkError | None = None

    async def open(self) -> Channel:
        if self.failure is not None:
            raise self.failure
        ours, theirs = memory_pair()
        self.ends.append(theirs)
        self.heard.append(Recorder())
        theirs.start(self.heard[-1])
        return ours


class DiesUnnoticed(Channel):
    """A channel whose other side is gone, which shows only when something is sent."""

    def __init__(self, inner: Channel) -> None:
        self.inner = inner
        self.gone = False

    def start(self, sink: Sink) -> None:
        self.sink = sink
        self.inner.start(sink)

    def send(self, message: Message) -> None:
        if self.gone:
            self.inner.close()
            raise ConnectionClosed("gone")
        self.inner.send(message)

    def close(self) -> None:
        self.inner.close()


def message(n: int = 1) -> Message:
    return Message.of(Notification("n", {"n": n}))


@pytest.fixture
def peers() -> Peers:
    return Peers()


@pytest.fixture
def pool(peers: Peers) -> ChannelPool:
    return ChannelPool(peers.open, max_idle=2)


async def use(pool: ChannelPool) -> Recorder:
    sink = Recorder()
    async with pool.lease() as lease:
        lease.start(sink)
        await lease.send(message())
        lease.done()
    return sink


async def test_a_channel_is_used_again_after_a_normal_end(pool: ChannelPool, peers: Peers) -> None:
    for _ in range(3):
        await use(pool)
    assert len(peers.ends) == 1
    assert len(peers.heard[0].messages) == 3


async def test_a_channel_is_closed_after_any_other_end(pool: ChannelPool, peers: Peers) -> None:
    async with pool.lease() as lease:
        lease.start(Recorder())
        await lease.send(message())
    assert peers.heard[0].closings == 1
    with suppress(ZeroDivisionError):
        async with pool.lease() as lease:
            lease.start(Recorder())
            raise ZeroDivisionError
    assert peers.heard[1].closings == 1
    assert pool.idle == 0


async def test_each_borrower_hears_what_comes_during_its_lease_only(pool: ChannelPool, peers: Peers) -> None:
    first = await use(pool)
    peers.ends[0].send(message(1))
    second = Recorder()
    async with pool.lease() as lease:
        lease.start(second)
        await lease.send(message())
        peers.ends[0].send(message(2))
        lease.done()
    peers.ends[0].send(message(3))
    assert first.messages == []
    assert second.messages == [message(2)]


async def test_borrowers_at_the_same_time_have_a_channel_each(pool: ChannelPool, peers: Peers) -> None:
    async with pool.lease() as one, pool.lease() as two:
        one.start(Recorder())
        two.start(Recorder())
        await one.send(message(1))
        await two.send(message(2))
        one.done()
        two.done()
    assert [heard.messages for heard in peers.heard] == [[message(1)], [message(2)]]


async def test_no_more_than_the_limit_are_kept(pool: ChannelPool, peers: Peers) -> None:
    async with pool.lease() as one, pool.lease() as two, pool.lease() as three:
        for lease in (one, two, three):
            lease.start(Recorder())
            lease.done()
    assert pool.idle == 2
    assert sum(heard.closings for heard in peers.heard) == 1


async def test_an_idle_channel_that_dies_is_dropped(pool: ChannelPool, peers: Peers) -> None:
    await use(pool)
    peers.ends[0].close()
    assert pool.idle == 0
    await use(pool)
    assert len(peers.heard[1].messages) == 1


async def test_an_idle_channel_found_dead_at_the_first_message_is_replaced(peers: Peers) -> None:
    opened: list[DiesUnnoticed] = []

    async def open_() -> Channel:
        opened.append(DiesUnnoticed(await peers.open()))
        return opened[-1]

    pool = ChannelPool(open_)
    await use(pool)
    opened[0].gone = True
    sink = await use(pool)
    assert peers.heard[1].messages == [message()]
    assert sink.closings == 0
    assert pool.idle == 1


async def test_an_idle_channel_that_dies_before_the_first_message_is_replaced(
    pool: ChannelPool, peers: Peers
) -> None:
    await use(pool)
    sink = Recorder()
    async with pool.lease() as lease:
        lease.start(sink)
        peers.ends[0].close()
        await lease.send(message())
        peers.ends[1].send(message(5))
        lease.done()
    assert peers.heard[1].messages == [message()]
    assert sink.messages == [message(5)]
    assert sink.closings == 0


async def test_a_message_that_was_taken_is_never_sent_again(pool: ChannelPool, peers: Peers) -> None:
    await use(pool)
    sink = Recorder()
    async with pool.lease() as lease:
        lease.start(sink)
        await lease.send(message())
        peers.ends[0].close()
        assert sink.closings == 1
        with pytest.raises(ConnectionClosed):
            await lease.send(message())
    assert len(peers.ends) == 1


async def test_a_new_channel_that_is_dead_is_not_replaced(pool: ChannelPool, peers: Peers) -> None:
    async with pool.lease() as lease:
        peers.ends[0].close()
        sink = Recorder()
        lease.start(sink)
        assert sink.closings == 1
        with pytest.raises(ConnectionClosed):
            await lease.send(message())
    assert len(peers.ends) == 1


async def test_what_opening_raises_the_borrower_gets(pool: ChannelPool, peers: Peers) -> None:
    await use(pool)
    peers.failure = LinkError("nobody there")
    peers.ends[0].close()
    with pytest.raises(LinkError, match="nobody there"):
        async with pool.lease():
            pass


async def test_closing_ends_lent_and_idle_channels_and_lending(pool: ChannelPool, peers: Peers) -> None:
    sink = Recorder()
    async with pool.lease() as lease, pool.lease() as other:
        lease.start(sink)
        await lease.send(message())
        other.start(Recorder())
        other.done()
        await pool.close()
        assert sink.closings == 1
        lease.done()
    assert pool.idle == 0
    assert [heard.closings for heard in peers.heard] == [1, 1]
    with pytest.raises(ConnectionClosed):
        pool.lease()
