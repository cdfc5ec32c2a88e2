# SPDX-License-Identifier: BSD-3-Clause
"""The contract of channels, over each implementation."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
import pytest

from mcp_jupyter.engine.channel import Channel, memory_pair
from mcp_jupyter.ipc.connect import dial
from mcp_jupyter.ipc.files import Transport
from mcp_jupyter.ipc.listener import Listener

from .channel_contract import (
    CONTRACT,
    JUNK_CONTRACT,
    Check,
    Connect,
    Pair,
)

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def memory(*, is_direct: bool = False) -> AsyncIterator[Pair]:
    left, right = memory_pair(is_direct=is_direct)
    yield Pair(left, right)
    left.close()


@asynccontextmanager
async def link(transport: Transport) -> AsyncIterator[Pair]:
    accepted: asyncio.Queue[Channel] = asyncio.Queue()

    async def serve(channel: Channel) -> None:
        accepted.put_nowait(channel)
        await anyio.sleep_forever()

    # Not under tmp_path: a Unix socket's path may have 107 bytes, and pytest's directories are long.
    with tempfile.TemporaryDirectory(prefix="jp-") as root:
        listen = Listener.open(serve, name="n", kernel_id="k", runtime_dir=Path(root), transport=transport)
        async with listen as listener:
            left = await dial(listener.info)
            right = await accepted.get()
            wire = left._transport
            assert wire is not None
            yield Pair(left, right, lambda data: wire.write(data + b"\n"))
            left.close()
            right.close()
            await left.wait_closed()


UNIX, TCP = partial(link, "unix"), partial(link, "tcp")
LINK_BACKEND = ["asyncio"]  # a link is made of asyncio's transports and protocols, for the loops of Jupyter


def name_of(part: object) -> str:
    return getattr(part, "__name__", "")


@pytest.mark.parametrize("check", CONTRACT, ids=name_of)
@pytest.mark.parametrize("is_direct", [False, True])
async def test_contract_in_memory(check: Check, is_direct: bool) -> None:
    await check(partial(memory, is_direct=is_direct))


@pytest.mark.parametrize("anyio_backend", LINK_BACKEND)
@pytest.mark.parametrize("connect", [UNIX, TCP], ids=["unix", "tcp"])
@pytest.mark.parametrize("check", CONTRACT, ids=name_of)
async def test_contract_over_a_link(connect: Connect, check: Check) -> None:
    await check(connect)


@pytest.mark.parametrize("anyio_backend", LINK_BACKEND)
@pytest.mark.parametrize("connect", [UNIX, TCP], ids=["unix", "tcp"])
@pytest.mark.parametrize("check", JUNK_CONTRACT, ids=name_of)
async def test_contract_over_bytes(connect: Connect, check: Check) -> None:
    await check(connect)
