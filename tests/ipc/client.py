# SPDX-License-Identifier: BSD-3-Clause
"""A client of a link, and a kernel that can be stopped and started again, for the tests of resuming."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from mcp_jupyter.engine.connection import Connection
from mcp_jupyter.ipc.discovery import Discovery
from mcp_jupyter.ipc.listener import Listener
from mcp_jupyter.ipc.reconnecting_channel import ResumingLink
from mcp_jupyter.protocol.frames import ErrorResponse, Message, Notification, Request, Response

from ..engine.channel_contract import BOUND, Recorder
from .echo import VERSION, Echo

__all__ = ["CHANGED", "INITIALIZE", "KERNEL", "Client", "Kernel", "absent", "start", "until_served"]

KERNEL = "k-1"
CHANGED = [f"notifications/{what}/list_changed" for what in ("tools", "resources", "prompts")]
INITIALIZE = {"protocolVersion": VERSION, "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}


class Client(Recorder):
    """A client's side of a link: sends, and waits for the answer."""

    def __init__(self, link: ResumingLink) -> None:
        super().__init__()
        self.link = link
        self.ids = iter(range(1, 10_000))
        link.start(self)

    def send(self, method: str, params: dict[str, Any] | None = None) -> int:
        id_ = next(self.ids)
        self.link.send(Message.of(Request(id_, method, params or {})))
        return id_

    def notify(self, method: str, params: dict[str, Any] | None = None) -> None:
        self.link.send(Message.of(Notification(method, params or {})))

    async def answer(self, id_: int) -> Any:
        """The result, or the error's message."""

        def found() -> list[Response | ErrorResponse]:
            return [f for f in self.frames if isinstance(f, Response | ErrorResponse) and f.id == id_]

        await self.until(lambda: bool(found()))
        (frame,) = found()
        return frame.result if isinstance(frame, Response) else frame.error["message"]

    async def ask(self, method: str, params: dict[str, Any] | None = None) -> Any:
        return await self.answer(self.send(method, params))

    async def initialize(self) -> None:
        assert (await self.ask("initialize", INITIALIZE))["protocolVersion"] == VERSION
        self.notify("notifications/initialized")

    @property
    def notices(self) -> list[str]:
        return [frame.method for frame in self.frames if isinstance(frame, Notification)]

    async def noticed(self, *methods: str) -> None:
        """Wait for exactly these notifications, and forget them."""
        await self.until(lambda: len(self.notices) >= len(methods))
        assert self.notices == list(methods)
        self.messages = [m for m in self.messages if not isinstance(m.frame, Notification)]


class Kernel:
    """A kernel that can be stopped and started again, in this process."""

    def __init__(self, runtime_dir: Path) -> None:
        self.echoes: list[Echo] = []
        self.version = VERSION
        self.name = "analysis"
        self.discovery = Discovery(runtime_dir)
        self._open = partial(Listener.open, kernel_id=KERNEL, runtime_dir=runtime_dir)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Listener]:
        async def serve(channel: Any) -> None:
            self.echoes.append(Echo(self.version))
            await Connection(channel, self.echoes[-1]).serve()

        async with self._open(serve, name=self.name) as listener:
            yield listener

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        async with anyio.create_task_group() as owner:
            link = await ResumingLink.open(await self.discovery.by_kernel(KERNEL), self.discovery, owner)
            yield Client(link)
            link.close()


async def start(kernel: Kernel, tasks: anyio.abc.TaskGroup) -> anyio.Event:
    """Start the kernel in the background; the event stops it."""
    stop = anyio.Event()

    async def run(*, task_status: anyio.abc.TaskStatus[None]) -> None:
        async with kernel.running():
            task_status.started()
            await stop.wait()

    await tasks.start(run)
    return stop


async def absent(client: Client) -> None:
    """Wait until the client's link has noticed that the kernel is gone."""
    await client.noticed(*CHANGED)


async def until_served(client: Client) -> None:
    with anyio.fail_after(BOUND):
        while "heard" not in await client.ask("heard"):
            await anyio.sleep(0.01)
