# SPDX-License-Identifier: BSD-3-Clause
"""Notebooks behind real links in this process, which come and go; and hosts in memory. Asserts nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio

from mcp_jupyter._util.tasks import owned_tasks
from mcp_jupyter.aggregate.aggregate import Aggregate
from mcp_jupyter.engine.channel import memory_pair
from mcp_jupyter.engine.connection import Connection, InboundRequest
from mcp_jupyter.ipc.listener import Listener
from mcp_jupyter.protocol.eras import CLIENT_CAPABILITIES, PROTOCOL_VERSION
from mcp_jupyter.protocol.frames import Notification
from mcp_jupyter.server.fastmcp import Context, FastMCP
from mcp_jupyter.types import EmbeddedResource, ResourceLink, TextResourceContents

BOUND = 10.0
VERSION = "2025-11-25"
CAPABILITIES = {"elicitation": {}, "sampling": {}, "roots": {"listChanged": True}}
MODERN = {PROTOCOL_VERSION: "2026-07-28", CLIENT_CAPABILITIES: CAPABILITIES}
FORM = {"type": "object", "properties": {"sure": {"type": "boolean"}}}


def make_notebook(word: str) -> FastMCP:
    """A notebook whose every answer says which one it is."""
    mcp = FastMCP(word)

    @mcp.tool()
    def say(times: int = 1) -> str:
        """Say the word."""
        return " ".join([word] * times)

    @mcp.tool()
    async def count(ctx: Context) -> str:
        """Report progress and write a log."""
        await ctx.info(f"{word} counts")
        for step in range(3):
            await ctx.report_progress(step, 3)
        return word

    @mcp.tool()
    async def ask(ctx: Context) -> str:
        """Ask the person."""
        answer = await ctx.request_context.session.elicit(f"{word}: sure?", FORM)
        return f"{word}: {answer.action} {answer.content}"

    @mcp.tool()
    async def link() -> list[ResourceLink | EmbeddedResource]:
        """Content with URIs."""
        resource = TextResourceContents(uri="data://figures", text="1")
        return [
            ResourceLink(uri="data://figures", name="figures"),
            EmbeddedResource(resource=resource),
        ]

    @mcp.resource("data://figures")
    def figures() -> str:
        """Some figures."""
        return f"{word} 1,2,3"

    @mcp.resource("data://rows/{n}")
    def row(n: int) -> str:
        """One row."""
        return f"{word} row {n}"

    @mcp.prompt()
    def summarise(what: str) -> str:
        """Summarise something."""
        return f"{word}: summarise {what}."

    return mcp


class Notebooks:
    """Starts and stops notebooks."""

    def __init__(self, runtime_dir: Path, tasks: anyio.abc.TaskGroup) -> None:
        self._dir = runtime_dir
        self._tasks = tasks
        self._over: dict[str, tuple[anyio.Event, anyio.Event]] = {}

    async def start(self, name: str, server: FastMCP | None = None, kernel_id: str | None = None) -> FastMCP:
        """Serve, under a kernel id that the name gives."""
        mcp = server or make_notebook(name)
        over, ended, serving = anyio.Event(), anyio.Event(), anyio.Event()
        self._over[name] = over, ended

        async def run() -> None:
            opening = Listener.open(
                mcp.serve, name=name, kernel_id=kernel_id or f"kernel-{name}", runtime_dir=self._dir
            )
            async with mcp.running(), opening:
                serving.set()
                await over.wait()
            ended.set()

        self._tasks.start_soon(run)
        await serving.wait()
        return mcp

    async def stop(self, name: str) -> None:
        """Stop serving."""
        over, ended = self._over.pop(name)
        over.set()
        await ended.wait()

    def stop_all(self) -> None:
        for over, _ in self._over.values():
            over.set()


class Host:
    """A client's end of a connection: asks, hears, answers questions."""

    def __init__(self, channel: Any) -> None:
        self.connection = Connection(channel, self)
        self.heard: list[Notification] = []
        self.asked: list[InboundRequest] = []
        self.cancelled = 0
        self.answer: Any = {"action": "accept", "content": {"sure": True}}

    async def request(self, call: InboundRequest) -> Any:
        self.asked.append(call)
        if self.answer is None:
            try:
                await anyio.sleep_forever()
            finally:
                self.cancelled += 1
        return self.answer

    def notification(self, notification: Notification) -> None:
        self.heard.append(notification)

    async def ask(self, method: str, params: dict[str, Any] | None = None, **options: Any) -> Any:
        return await self.connection.request(method, params or {}, timeout=BOUND, **options)

    async def modern(self, method: str, params: dict[str, Any] | None = None, **options: Any) -> Any:
        return await self.ask(method, {**(params or {}), "_meta": MODERN}, **options)

    async def call(self, name: str, arguments: dict[str, Any] | None = None, **options: Any) -> Any:
        return await self.ask("tools/call", {"name": name, "arguments": arguments or {}}, **options)

    async def initialize(self) -> Any:
        who = {"name": "test", "version": "1"}
        params = {"protocolVersion": VERSION, "capabilities": CAPABILITIES, "clientInfo": who}
        said = await self.ask("initialize", params)
        self.connection.notify("notifications/initialized", {})
        return said

    async def names(self, method: str = "tools/list") -> list[str]:
        result = await self.modern(method)
        (items,) = [value for value in result.values() if isinstance(value, list)]
        return [item["name"] for item in items]

    async def until(self, fact: Any) -> None:
        with anyio.fail_after(BOUND):
            while not fact():
                await anyio.sleep(0.005)

    async def hear(self, method: str) -> Notification:
        """Wait for a notification that has come or will come, and forget it."""
        await self.until(lambda: any(item.method == method for item in self.heard))
        found = next(item for item in self.heard if item.method == method)
        self.heard.remove(found)
        return found


@asynccontextmanager
async def host_of(aggregate: Aggregate, *, initialize: bool = False) -> AsyncIterator[Host]:
    """A host that talks to an aggregate that runs."""
    ours, theirs = memory_pair()
    host = Host(ours)
    async with owned_tasks() as tasks:
        tasks.start_soon(aggregate.serve, theirs)
        await tasks.start(host.connection.serve)
        try:
            if initialize:
                await host.initialize()
            yield host
        finally:
            host.connection.close()
