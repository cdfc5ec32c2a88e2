# SPDX-License-Identifier: BSD-3-Clause
"""A low-level server with every kind of handler; run as a program it serves stdio."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio

from mcp_jupyter import types
from mcp_jupyter.server.context import RequestContext
from mcp_jupyter.server.lowlevel import NotificationOptions, ReadResourceContents, Server
from mcp_jupyter.server.models import InitializationOptions
from mcp_jupyter.server.stdio import stdio_server

BOOKS = {"emma": "Jane Austen", "dracula": "Bram Stoker"}
BY_TITLE = {
    "type": "object",
    "properties": {"title": {"type": "string", "enum": sorted(BOOKS)}},
    "required": ["title"],
}


class LoanParams(types.RequestParams):
    """Params of a method of the server's own."""

    title: str
    days: int = 14


class LoanResult(types.Result):
    """Its result."""

    title: str
    due: int


@asynccontextmanager
async def shelf(server: Server[Any]) -> AsyncIterator[dict[str, Any]]:
    yield {"books": dict(BOOKS), "of": server.name}


def make_server(name: str = "library") -> Server[dict[str, Any]]:
    """Make the server."""
    server = Server(name, "1.0", "Lends books.", lifespan=shelf)

    @server.list_tools()
    async def list_tools() -> list[types.Tool]:
        return [types.Tool(name="author", description="Who wrote it.", inputSchema=BY_TITLE)]

    @server.call_tool()
    async def call_tool(name: str, arguments: dict[str, Any]) -> list[types.TextContent]:
        books = server.request_context.lifespan_context["books"]
        return [types.TextContent(type="text", text=books[arguments["title"]])]

    @server.list_resources()
    async def list_resources() -> list[types.Resource]:
        return [types.Resource(uri="book://emma", name="Emma")]

    @server.list_resource_templates()
    async def list_resource_templates() -> list[types.ResourceTemplate]:
        return [types.ResourceTemplate(uriTemplate="book://{title}", name="book")]

    @server.read_resource()
    async def read_resource(uri: str) -> list[ReadResourceContents]:
        return [ReadResourceContents(f"The text of {uri}.", "text/markdown")]

    add_prompts(server)
    server.add_handler("library/lend", LoanParams, lend)
    return server


async def lend(context: RequestContext, params: LoanParams) -> LoanResult:
    """Answer the method of the server's own."""
    context.progress(1, 2)
    return LoanResult(title=params.title, due=params.days)


def add_prompts(server: Server[Any]) -> None:
    """Add the prompt, and completion of its argument."""

    @server.list_prompts()
    async def list_prompts() -> list[types.Prompt]:
        return [types.Prompt(name="review", arguments=[types.PromptArgument(name="title", required=True)])]

    @server.get_prompt()
    async def get_prompt(name: str, arguments: dict[str, str] | None) -> types.GetPromptResult:
        if name != "review":
            raise ValueError(f"Unknown prompt: {name}")
        text = f"Review {(arguments or {}).get('title', 'a book')}."
        message = types.PromptMessage(role="user", content=types.TextContent(type="text", text=text))
        return types.GetPromptResult(messages=[message])

    @server.completion()
    async def complete(
        ref: types.PromptReference | types.ResourceTemplateReference,
        argument: types.CompletionArgument,
        context: types.CompletionContext | None,
    ) -> types.Completion | None:
        if argument.name != "title":
            return None
        return types.Completion(values=[title for title in BOOKS if title.startswith(argument.value)])


async def main() -> None:
    """Serve stdio as the first SDK's README does."""
    server = make_server()
    async with stdio_server() as (read_stream, write_stream):
        await server.run(
            read_stream,
            write_stream,
            InitializationOptions(
                server_name="by options",
                server_version="2.0",
                capabilities=server.get_capabilities(NotificationOptions(tools_changed=True), {"loans": {}}),
            ),
        )


def command() -> list[str]:
    """The command that serves it on stdio."""
    root = str(Path(__file__).parents[3])
    start = f"import sys, runpy; sys.path.insert(0, {root!r}); runpy.run_module"
    return [sys.executable, "-c", f"{start}({__name__!r}, run_name='__main__')"]


if __name__ == "__main__":
    anyio.run(main)
