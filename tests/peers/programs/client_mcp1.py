# SPDX-License-Identifier: BSD-3-Clause
"""The first official SDK's `ClientSession` as a `Peer`; it knows the legacy era alone."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import anyio
import httpx
from mcp import ClientSession, StdioServerParameters, stdio_client, types
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from operations import NAME, ROOT, Heard, Peer

FIELDS = {"resource_templates": "resourceTemplates"}


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


class First(Peer):
    def __init__(self, session: ClientSession, heard: Heard) -> None:
        self.session, self.heard = session, heard

    async def listed(self, what: str) -> list[Any]:
        return plain(await getattr(self.session, f"list_{what}")())[FIELDS.get(what, what)]

    async def call(self, name: str, arguments: dict[str, Any], progress: Any = None) -> Any:
        return plain(await self.session.call_tool(name, arguments, progress_callback=progress))

    async def read(self, uri: str) -> Any:
        return plain(await self.session.read_resource(uri))

    async def prompt(self, name: str, arguments: dict[str, str]) -> Any:
        return plain(await self.session.get_prompt(name, arguments))

    async def complete(self, prompt: str, argument: str, value: str) -> Any:
        ref = types.PromptReference(type="ref/prompt", name=prompt)
        return plain(await self.session.complete(ref, {"name": argument, "value": value}))

    @asynccontextmanager
    async def watching(self, uri: str) -> AsyncIterator[None]:
        await self.session.subscribe_resource(uri)
        yield
        await self.session.unsubscribe_resource(uri)

    async def cancel(self, call: Callable[[], Awaitable[Any]], begun: anyio.Event) -> None:
        # The SDK gives no id and tells the server nothing by itself: the next id is in the session.
        params = types.CancelledNotificationParams(requestId=self.session._request_id)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await begun.wait()
            notification = types.CancelledNotification(method="notifications/cancelled", params=params)
            await self.session.send_notification(types.ClientNotification(notification))
            tasks.cancel_scope.cancel()


@asynccontextmanager
async def connected(
    era: str, transport: str, target: Any, headers: dict[str, str] | None
) -> AsyncIterator[Peer]:
    assert era == "legacy"
    heard = Heard()

    async def log(params: types.LoggingMessageNotificationParams) -> None:
        heard.logs.append([params.level, params.data])

    async def message(notification: Any) -> None:
        said = getattr(notification, "root", None)
        if said is not None:
            heard.changes.append(str(getattr(said.params, "uri", None) or said.method))

    async with AsyncExitStack() as stack:
        if transport == "stdio":
            command = StdioServerParameters(command=target[0], args=target[1:], env=dict(os.environ))
            read, write = await stack.enter_async_context(stdio_client(command))
        elif transport == "sse":
            read, write = await stack.enter_async_context(sse_client(target, headers=headers))
        else:
            http = await stack.enter_async_context(httpx.AsyncClient(headers=headers, timeout=30))
            read, write, _ = await stack.enter_async_context(streamable_http_client(target, http_client=http))
        session = await stack.enter_async_context(
            ClientSession(
                read,
                write,
                logging_callback=log,
                message_handler=message,
                elicitation_callback=elicit,
                sampling_callback=sample,
                list_roots_callback=list_roots,
            )
        )
        await session.initialize()
        await session.set_logging_level("info")
        await session.send_ping()
        yield First(session, heard)
