# SPDX-License-Identifier: BSD-3-Clause
"""A tiny server for the link's tests: it answers, waits, and tells what it was told."""

from __future__ import annotations

import os
from typing import Any

import anyio

from mcp_jupyter.engine.channel import Channel
from mcp_jupyter.engine.connection import Connection, InboundRequest
from mcp_jupyter.errors import McpError
from mcp_jupyter.protocol.frames import Notification

__all__ = ["Echo", "serve"]

VERSION = "2025-11-25"


class Echo:
    """Answers `echo` with its params, `heard` with all it was told, `forever` never; `ask` asks back."""

    def __init__(self, version: str = VERSION) -> None:
        self.version = version
        self.heard: list[list[Any]] = []

    async def request(self, call: InboundRequest) -> Any:
        if call.method == "heard":
            return {"heard": self.heard, "pid": os.getpid()}
        self.heard.append([call.method, dict(call.params)])
        if call.method in ("forever", "subscriptions/listen"):
            await anyio.sleep_forever()
        if call.method == "resources/subscribe" and call.params.get("uri") == "no:such":
            raise McpError(-32002, "There is no such resource.")
        if call.method == "ask":
            return {"answer": await call.request("elicitation/create", call.params)}
        return ANSWERS.get(call.method, lambda call, _: dict(call.params))(call, self)

    def notification(self, notification: Notification) -> None:
        self.heard.append([notification.method, dict(notification.params)])


def _initialize(call: InboundRequest, echo: Echo) -> dict[str, Any]:
    server = {"name": "echo", "version": "1"}
    return {"protocolVersion": echo.version, "capabilities": {}, "serverInfo": server}


def _related(call: InboundRequest, echo: Echo) -> dict[str, Any]:
    call.notify("notifications/message", {"level": "info", "data": "on the way"})
    return {}


ANSWERS = {
    "initialize": _initialize,
    "related": _related,
    "tools/list": lambda call, echo: {"tools": [{"name": "a_tool"}]},
}


async def serve(channel: Channel) -> None:
    """Serve one connection."""
    await Connection(channel, Echo()).serve()
