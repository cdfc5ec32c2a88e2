# SPDX-License-Identifier: BSD-3-Clause
"""The queue between a client's session and its transport."""

from __future__ import annotations

import anyio
import pytest

from mcp_jupyter.client.transport import Outbox
from mcp_jupyter.protocol.frames import Message, Notification
from mcp_jupyter.protocol.limits import MAX_STREAM_BACKLOG

pytestmark = pytest.mark.anyio


def numbered(number: int) -> Message:
    return Message.of(Notification("notifications/test", {"number": number}))


async def test_messages_leave_in_order_and_a_reader_waits_for_more() -> None:
    outbox = Outbox()
    read: list[Message] = []

    async def read_all() -> None:
        async for message in outbox:
            read.append(message)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read_all)
        for number in range(3):
            assert outbox.put(numbered(number))
            await anyio.lowlevel.checkpoint()
        outbox.close()
    assert read == [numbered(number) for number in range(3)]


async def test_what_was_put_in_before_it_closed_is_handed_out() -> None:
    outbox = Outbox()
    outbox.put(numbered(1))
    outbox.close()
    assert [message async for message in outbox] == [numbered(1)]


def test_a_full_one_takes_no_more() -> None:
    outbox = Outbox()
    assert all(outbox.put(numbered(1)) for _ in range(MAX_STREAM_BACKLOG))
    assert not outbox.put(numbered(2))
