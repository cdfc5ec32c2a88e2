# SPDX-License-Identifier: BSD-3-Clause
"""FastMCP's `Client` as a `Peer`, in both eras."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import mcp_types as types
from fastmcp import Client
from fastmcp.client.transports import SSETransport, StdioTransport, StreamableHttpTransport
from mcp.client import session
from mcp.client.subscriptions import listen
from operations import NAME, ROOT, Heard, Peer

MODERN = "2026-07-28"
session.DISCOVER_TIMEOUT_SECONDS = 60.0  # after its 10 s it takes a slow machine's server for a legacy one
FIELDS = {"resource_templates": "resourceTemplates"}


def plain(result: Any) -> Any:
    return result.model_dump(by_alias=True, exclude_none=True, mode="json")


async def elicit(message: str, form: Any, params: Any, context: Any) -> Any:
    assert message == "Who are you?"
    return form(name=NAME)


async def sample(messages: list[Any], params: Any, context: Any) -> str:
    text: str = messages[0].content.text.upper()
    return text


class Fast(Peer):
    def __init__(self, client: Client[Any], heard: Heard) -> None:
        self.client, self.heard = client, heard

    async def listed(self, what: str) -> list[Any]:
        return plain(await getattr(self.client, f"list_{what}_mcp")())[FIELDS.get(what, what)]

    async def call(self, name: str, arguments: dict[str, Any], progress: Any = None) -> Any:
        return plain(await self.client.call_tool_mcp(name, arguments, progress_handler=progress))

    async def read(self, uri: str) -> Any:
        return plain(await self.client.read_resource_mcp(uri))

    async def prompt(self, name: str, arguments: dict[str, str]) -> Any:
        return plain(await self.client.get_prompt_mcp(name, arguments))

    async def complete(self, prompt: str, argument: str, value: str) -> Any:
        ref = types.PromptReference(name=prompt)
        return plain(await self.client.complete_mcp(ref, {"name": argument, "value": value}))

    @asynccontextmanager
    async def watching(self, uri: str) -> AsyncIterator[None]:
        # FastMCP has no words of its own for it; below it is the SDK's session.
        session = self.client.session
        if self.client.protocol_version == MODERN:
            async with listen(session, tools_list_changed=True, resource_subscriptions=[uri]):
                yield
        else:
            await session.subscribe_resource(uri)
            yield
            await session.unsubscribe_resource(uri)

    async def cancel(self, call: Callable[[], Awaitable[Any]], begun: anyio.Event) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await begun.wait()
            tasks.cancel_scope.cancel()


@asynccontextmanager
async def connected(
    era: str, transport: str, target: Any, headers: dict[str, str] | None
) -> AsyncIterator[Peer]:
    heard = Heard()

    async def log(params: types.LoggingMessageNotificationParams) -> None:
        heard.logs.append([params.level, params.data])

    async def message(said: Any) -> None:
        if not isinstance(said, Exception):
            heard.changes.append(getattr(said.params, "uri", None) or said.method)

    server: Any = {
        "stdio": lambda: StdioTransport(target[0], target[1:], env=dict(os.environ), keep_alive=False),
        "sse": lambda: SSETransport(target, headers=headers),
        "http": lambda: StreamableHttpTransport(target, headers=headers),
    }[transport]()
    async with Client(
        server,
        mode="auto" if era == "modern" else "legacy",
        log_handler=log,
        message_handler=message,
        elicitation_handler=elicit,
        sampling_handler=sample,
        roots=[ROOT],
        timeout=30,
    ) as client:
        assert client.protocol_version == (MODERN if era == "modern" else "2025-11-25")
        if era == "legacy":
            await client.set_logging_level("info")
            assert await client.ping()
        yield Fast(client, heard)
