# SPDX-License-Identifier: BSD-3-Clause
"""A tiny server for the HTTP fronts to serve: both eras, nothing above the engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio

from mcp_jupyter.engine.channel import Channel
from mcp_jupyter.engine.connection import Connection, InboundRequest
from mcp_jupyter.errors import INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, McpError
from mcp_jupyter.protocol.eras import era_of, is_modern, modern_era, negotiate
from mcp_jupyter.protocol.frames import Notification
from mcp_jupyter.protocol.methods import CLOSE_STREAM

INFO = {"name": "tiny", "version": "1"}
CAPABILITIES = {"tools": {"listChanged": True}}
SCHEMA = {"type": "object"}
TOOLS = ["ask", "big", "die", "echo", "listen", "progress", "steps", "tell", "wait"]


class TinyServer:
    """Counts its connections and remembers what happened to its calls."""

    def __init__(self) -> None:
        self.connections = 0
        self.started = 0
        self.cancelled = 0
        self.refuse_initialize = False
        self.notifications: list[str] = []
        self.release = anyio.Event()
        self._changed = anyio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        yield

    async def serve(self, channel: Channel) -> None:
        self.connections += 1
        self.note()
        try:
            await Connection(channel, _Handler(self)).serve()
        finally:
            self.connections -= 1
            self.note()

    def note(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    async def until(self, fact: Any) -> None:
        """Wait until `fact()` holds."""
        with anyio.fail_after(10):
            while not fact():
                await self._changed.wait()


class _Handler:
    def __init__(self, server: TinyServer) -> None:
        self._server = server
        self._initialized = False

    def notification(self, notification: Notification) -> None:
        self._server.notifications.append(notification.method)
        self._server.note()

    async def request(self, call: InboundRequest) -> Any:
        if is_modern(call.method, call.params):
            era = modern_era(call.params)
        else:
            era = era_of("2025-11-25")
            if not self._initialized and call.method != "initialize":
                raise McpError(INVALID_REQUEST, "not initialized")
        if call.method not in era.client_requests:
            raise McpError(METHOD_NOT_FOUND, "no such method")
        return era.complete(call.method, await self._answer(call), INFO)

    async def _answer(self, call: InboundRequest) -> dict[str, Any]:
        match call.method:
            case "initialize":
                if self._server.refuse_initialize:
                    raise McpError(INVALID_PARAMS, "no")
                self._initialized = True
                version = negotiate(call.params.get("protocolVersion")).version
                return {"protocolVersion": version, "capabilities": CAPABILITIES, "serverInfo": INFO}
            case "server/discover":
                return {"supportedVersions": ["2026-07-28"], "capabilities": CAPABILITIES}
            case "tools/list":
                return {"tools": [{"name": name, "inputSchema": SCHEMA} for name in TOOLS]}
            case "tools/call":
                name, arguments = call.params.get("name"), call.params.get("arguments", {})
                if name not in TOOLS:
                    raise McpError(INVALID_PARAMS, "unknown tool")
                tool: Callable[..., Awaitable[str]] = getattr(self, f"_{name}")
                return _text(await tool(call, arguments))
            case "subscriptions/listen":
                call.notify("notifications/subscriptions/acknowledged", {"notifications": {}})
                return {"said": await self._wait(call, {})}
        return {}

    async def _echo(self, call: InboundRequest, arguments: Mapping[str, Any]) -> str:
        return str(arguments.get("text", ""))

    async def _big(self, call: InboundRequest, arguments: Mapping[str, Any]) -> str:
        return "x" * int(arguments["size"])

    async def _progress(self, call: InboundRequest, arguments: Mapping[str, Any]) -> str:
        for step in range(arguments["steps"]):
            call.notify(
                "notifications/progress", {"progressToken": call.meta["progressToken"], "progress": step}
            )
            if arguments.get("yield"):
                await call.connection.drain()
        return "done"

    async def _wait(self, call: InboundRequest, arguments: Mapping[str, Any]) -> str:
        self._server.started += 1
        self._server.note()
        try:
            await self._server.release.wait()
        except anyio.get_cancelled_exc_class():
            self._server.cancelled += 1
            self._server.note()
            raise
        return "released"

    async def _steps(self, call: InboundRequest, arguments: Mapping[str, Any]) -> str:
        """Say something, wait (with `close`, without a connection), say something."""
        call.notify("notifications/message", {"level": "info", "data": "before"})
        if arguments.get("close"):
            call.notify(CLOSE_STREAM, {})
        await self._wait(call, {})
        call.notify("notifications/message", {"level": "info", "data": "after"})
        return "done"

    async def _ask(self, call: InboundRequest, arguments: Mapping[str, Any]) -> str:
        answer = await call.request("roots/list", {}, timeout=10)
        return str(answer["roots"][0]["uri"])

    async def _tell(self, call: InboundRequest, arguments: Mapping[str, Any]) -> str:
        for number in range(arguments.get("times", 1)):
            call.connection.notify("notifications/message", {"level": "info", "data": number})
        return "told"

    async def _die(self, call: InboundRequest, arguments: Mapping[str, Any]) -> str:
        call.connection.close()
        await anyio.sleep_forever()
        return ""


def _text(text: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}]}
