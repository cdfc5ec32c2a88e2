# SPDX-License-Identifier: BSD-3-Clause
"""A server of the official SDK as a process: ``official_server.py stdio|sse|http|http-json|http-resumable``.

Over HTTP it prints its port once it listens.
"""

from __future__ import annotations

import logging
import os
import socket
import sys

import anyio
import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp_types import (
    Completion,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
    SamplingMessage,
    TextContent,
)
from pydantic import BaseModel

mcp = MCPServer("official", instructions="A peer for tests.", log_level="ERROR")


class Person(BaseModel):
    name: str


@mcp.tool()
def add(a: int, b: int) -> int:
    """The sum of two integers."""
    return a + b


@mcp.tool()
def fail() -> str:
    """Always fail."""
    raise ValueError("this tool always fails")


@mcp.tool()
def environment() -> list[str]:
    """Name the variables this process sees."""
    return sorted(os.environ)


@mcp.tool()
async def sleep(seconds: float) -> str:
    """Answer late."""
    await anyio.sleep(seconds)
    return "awake"


@mcp.tool()
async def count(to: int, ctx: Context) -> str:
    """Report progress from 1 to `to`."""
    for step in range(1, to + 1):
        await ctx.report_progress(step, to, f"step {step}")
    return f"counted to {to}"


@mcp.tool()
async def count_slowly(ctx: Context) -> str:
    """Report progress once, then take a minute."""
    await ctx.report_progress(1)
    await anyio.sleep(60)
    return "counted"


@mcp.tool()
async def say(text: str, ctx: Context) -> str:
    """Log a text."""
    await ctx.info(text)
    return "said"


@mcp.tool()
async def ask_name(ctx: Context) -> str:
    """Ask the person for their name."""
    answer = await ctx.elicit("Who are you?", Person)
    return answer.data.name if answer.action == "accept" else answer.action


@mcp.tool()
async def ask_model(question: str, ctx: Context) -> str:
    """Ask the client's model."""
    message = SamplingMessage(role="user", content=TextContent(type="text", text=question))
    answer = await ctx.session.create_message(
        messages=[message], max_tokens=10, related_request_id=ctx.request_id
    )
    return answer.content.text


@mcp.tool()
async def ask_roots(ctx: Context) -> list[str]:
    """Ask for the client's roots."""
    return [str(root.uri) for root in (await ctx.session.list_roots()).roots]


@mcp.tool()
async def change(ctx: Context) -> str:
    """Say that the tools changed."""
    await ctx.session.send_tool_list_changed()
    return "changed"


@mcp.tool()
async def change_for_listeners(ctx: Context) -> str:
    """Say to those who listen that the tools changed."""
    await ctx.notify_tools_changed()
    return "changed"


@mcp.tool()
async def ask_name_in_rounds(ctx: Context) -> str | InputRequiredResult:
    """Ask the person for their name by asking back (2026-07-28)."""
    answer = (ctx.input_responses or {}).get("who")
    if isinstance(answer, ElicitResult):
        return f"{answer.content} and {ctx.request_state}"
    schema = {"type": "object", "properties": {"name": {"type": "string", "default": "Ada"}}}
    params = ElicitRequestFormParams(message="Who are you?", requested_schema=schema)
    return InputRequiredResult(input_requests={"who": ElicitRequest(params=params)}, request_state="kept")


@mcp.tool()
async def vanish(ctx: Context) -> str:
    """Close the stream of the call before it answers, and the session's stream."""
    await ctx.report_progress(1)
    await ctx.close_sse_stream()
    await ctx.close_standalone_sse_stream()
    return "back"


@mcp.resource("note://today", mime_type="text/markdown")
def note() -> str:
    """A note."""
    return "# Today"


@mcp.resource("bytes://{count}", mime_type="application/octet-stream")
def some_bytes(count: int) -> bytes:
    """So many zero bytes."""
    return bytes(count)


@mcp.prompt()
def greet(name: str) -> str:
    """Greet somebody."""
    return f"Say hello to {name}."


@mcp.completion()
async def complete(ref: object, argument: object, context: object) -> Completion:
    return Completion(values=["Ada", "Alan"])


class Events(EventStore):
    """Every event of the process, in one list."""

    def __init__(self) -> None:
        self.events: list[tuple[str, object]] = []

    async def store_event(self, stream_id: str, message: object) -> str:
        self.events.append((stream_id, message))
        return str(len(self.events))

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> str | None:
        stream, _ = self.events[int(last_event_id) - 1]
        for number, (where, message) in enumerate(self.events, 1):
            if number > int(last_event_id) and where == stream and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream


def main(transport: str) -> None:
    if transport == "stdio":
        mcp.run("stdio")
        return
    app = (
        mcp.sse_app()
        if transport == "sse"
        else mcp.streamable_http_app(
            json_response=transport == "http-json",
            event_store=Events() if transport == "http-resumable" else None,
            retry_interval=50,
        )
    )
    # asyncio switches Nagle's algorithm off only for a socket that says it is TCP.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        print(listening.getsockname()[1], flush=True)
        logging.disable(logging.CRITICAL)
        uvicorn.Server(uvicorn.Config(app, log_level="critical")).run(sockets=[listening])


if __name__ == "__main__":
    main(sys.argv[1])
