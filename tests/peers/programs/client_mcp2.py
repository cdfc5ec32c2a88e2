# SPDX-License-Identifier: BSD-3-Clause
"""The second official SDK's `Client` as a `Peer`, in both eras."""

from __future__ import annotations

import os
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2
import mcp_types as types
from mcp import Client, MCPDeprecationWarning, StdioServerParameters
from mcp.client import session
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from operations import NAME, ROOT, Heard, Peer

MODERN = "2026-07-28"
session.DISCOVER_TIMEOUT_SECONDS = 60.0  # after its 10 s it takes a slow machine's server for a legacy one
FIELDS = {"resource_templates": "resourceTemplates"}
warnings.simplefilter("ignore", MCPDeprecationWarning)  # of what is in the legacy era alone


def plain(result: Any) -> Any:
    return result.model_dump(by_alias=True, exclude_none=True, mode="json")


async def elicit(context: Any, params: Any) -> types.ElicitResult:
    assert params.message == "Who are you?"
    return types.ElicitResult(action="accept", content={"name": NAME})


async def sample(context: Any, params: Any) -> types.CreateMessageResult:
    text = types.TextContent(type="text", text=params.messages[0].content.text.upper())
    return types.CreateMessageResult(role="assistant", content=text, model="test")


async def list_roots(context: Any) -> types.ListRootsResult:
    return types.ListRootsResult(roots=[types.Root(uri=ROOT)])


class Second(Peer):
    def __init__(self, client: Client, heard: Heard) -> None:
        self.client, self.heard = client, heard

    async def listed(self, what: str) -> list[Any]:
        return plain(await getattr(self.client, f"list_{what}")())[FIELDS.get(what, what)]

    async def call(self, name: str, arguments: dict[str, Any], progress: Any = None) -> Any:
        return plain(await self.client.call_tool(name, arguments, progress_callback=progress))

    async def read(self, uri: str) -> Any:
        return plain(await self.client.read_resource(uri))

    async def prompt(self, name: str, arguments: dict[str, str]) -> Any:
        return plain(await self.client.get_prompt(name, arguments))

    async def complete(self, prompt: str, argument: str, value: str) -> Any:
        ref = types.PromptReference(name=prompt)
        return plain(await self.client.complete(ref, {"name": argument, "value": value}))

    @asynccontextmanager
    async def watching(self, uri: str) -> AsyncIterator[None]:
        if self.client.protocol_version == MODERN:
            async with self.client.listen(tools_list_changed=True, resource_subscriptions=[uri]):
                yield
        else:
            await self.client.subscribe_resource(uri)
            yield
            await self.client.unsubscribe_resource(uri)

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

    async with httpx2.AsyncClient(headers=headers, timeout=30) as http:
        if transport == "stdio":
            server: Any = StdioServerParameters(command=target[0], args=target[1:], env=dict(os.environ))
        elif transport == "sse":
            server = sse_client(target, headers=headers)
        else:
            server = streamable_http_client(target, http_client=http)
        async with Client(
            server,
            mode="auto" if era == "modern" else "legacy",
            log_level="info",
            logging_callback=log,
            message_handler=message,
            elicitation_callback=elicit,
            sampling_callback=sample,
            list_roots_callback=list_roots,
        ) as client:
            assert client.protocol_version == (MODERN if era == "modern" else "2025-11-25")
            if era == "legacy":
                await client.set_logging_level("info")
                await client.send_ping()
            yield Second(client, heard)
