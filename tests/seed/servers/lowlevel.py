# SPDX-License-Identifier: BSD-3-Clause
"""A low-level server with a prompt, on stdio."""

import asyncio

import mcp_jupyter.server.stdio
import mcp_jupyter.types as types
from mcp_jupyter.server.lowlevel import NotificationOptions, Server
from mcp_jupyter.server.models import InitializationOptions

server = Server("prompting")


@server.list_prompts()
async def list_prompts() -> list[types.Prompt]:
    return [
        types.Prompt(
            name="haiku",
            description="Ask for a haiku",
            arguments=[types.PromptArgument(name="about", description="Its subject", required=True)],
        )
    ]


@server.get_prompt()
async def get_prompt(name: str, arguments: dict[str, str] | None) -> types.GetPromptResult:
    if name != "haiku":
        raise ValueError(f"No prompt {name}")
    text = f"A haiku about {(arguments or {}).get('about')}, please"
    return types.GetPromptResult(
        description="A haiku",
        messages=[
            types.PromptMessage(role="user", content=types.TextContent(type="text", text=text)),
        ],
    )


async def run() -> None:
    async with mcp_jupyter.server.stdio.stdio_server() as (read_stream, write_stream):
        await server.run(
            read_stream,
            write_stream,
            InitializationOptions(
                server_name="haikus",
                server_version="0.2.0",
                capabilities=server.get_capabilities(
                    notification_options=NotificationOptions(),
                    experimental_capabilities={},
                ),
            ),
        )


if __name__ == "__main__":
    asyncio.run(run())
