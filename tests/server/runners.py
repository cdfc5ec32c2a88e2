# SPDX-License-Identifier: BSD-3-Clause
"""Runners under test, and functions for them."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import Any

import anyio

from mcp_jupyter.server.runner import Invocation, Poster, Runner
from mcp_jupyter.server.standalone import open_loop_runner

LIMIT_SECONDS = 10
HEARTBEAT = 0.05


@asynccontextmanager
async def loop_runner(backend: str) -> AsyncIterator[tuple[Runner, int]]:
    """A runner whose functions run on another thread; and that thread."""
    opened: Future[Any] = Future()

    def program() -> None:
        async def main() -> None:
            async with open_loop_runner(heartbeat=HEARTBEAT) as runner:
                end, post = anyio.Event(), Poster()
                opened.set_result((runner, threading.get_ident(), lambda: post(end.set)))
                await end.wait()

        anyio.run(main, backend=backend)

    thread = threading.Thread(target=program, daemon=True)
    thread.start()
    runner, ident, end = await anyio.to_thread.run_sync(opened.result, LIMIT_SECONDS)
    try:
        yield runner, ident
    finally:
        end()
        await anyio.to_thread.run_sync(thread.join, LIMIT_SECONDS)
        assert not thread.is_alive()


async def run(runner: Runner, function: Callable[..., Any], **options: Any) -> Any:
    with anyio.fail_after(LIMIT_SECONDS):
        return (await runner.run(Invocation("f", function, **options))).value


def thread_of() -> int:
    return threading.get_ident()


async def async_thread_of() -> int:
    return threading.get_ident()


class Block:
    """A function that blocks its thread until the test releases it; `release` is idempotent."""

    def __init__(self) -> None:
        self._begun, self._released = threading.Event(), threading.Event()
        self.release = self._released.set

    def __call__(self) -> None:
        self._begun.set()
        assert self._released.wait(LIMIT_SECONDS)

    async def begun(self) -> None:
        assert await anyio.to_thread.run_sync(self._begun.wait, LIMIT_SECONDS)
