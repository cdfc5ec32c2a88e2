# SPDX-License-Identifier: BSD-3-Clause
"""Our `Client` as a `Peer`."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
from operations import NAME, ROOT, Heard, Peer

from mcp_jupyter import Client, types


def plain(result: Any) -> Any:
    return result.model_dump(by_alias=True, exclude_none=True, mode="json")


async def elicit(params: types.ElicitRequestParams) -> types.ElicitResult:
    assert params.message == "Who are you?"
    return types.ElicitResult(action="accept", content={"name": NAME})


async def sample(params: types.CreateMessageRequestParams) -> types.CreateMessageResult:
    text = params.messages[0].content.text.upper()
    return types.CreateMessageResult(role="assistant", content=types.TextContent(text=text), model="test")


async def list_roots() -> types.ListRootsResult:
    return types.ListRootsResult(roots=[types.Root(uri=ROOT)])


class Ours(Peer):
    def __init__(self, client: Client, heard: Heard) -> None:
        self.client, self.heard = client, heard

    async def listed(self, what: str) -> list[Any]:
        return [plain(item) for item in await getattr(self.client, f"list_{what}")()]

    async def call(self, name: str, arguments: dict[str, Any], progress: Any = None) -> Any:
        return plain(await self.client.call_tool(name, arguments, progress_callback=progress))

    async def read(self, uri: str) -> Any:
        return plain(await self.client.read_resource(uri))

    async def prompt(self, name: str, arguments: dict[str, str]) -> Any:
        return plain(await self.client.get_prompt(name, arguments))

    async def complete(self, prompt: str, argument: str, value: str) -> Any:
        ref = types.PromptReference(name=prompt)
        return plain(await self.client.complete(ref, {"name": argument, "value": value}))

    def watching(self, uri: str) -> Any:
        capable = self.client.server_capabilities.resources
        uris = [uri] if capable is not None and capable.subscribe else []
        return self.client.subscribed(tools=True, uris=uris)

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

    async def changed(notification: Any) -> None:
        heard.changes.append(getattr(notification.params, "uri", None) or notification.method)

    async with Client(
        target,
        era=era,
        headers=headers,
        env=dict(os.environ) if transport == "stdio" else None,
        read_timeout_seconds=30,
        logging_callback=log,
        message_handler=changed,
        elicitation_callback=elicit,
        sampling_callback=sample,
        list_roots_callback=list_roots,
    ) as client:
        assert client.protocol_version == {"legacy": "2025-11-25", "modern": "2026-07-28"}[era]
        if client.server_capabilities.logging is not None:
            await client.set_logging_level("info")
        await client.ping()
        yield Ours(client, heard)
