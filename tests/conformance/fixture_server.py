# SPDX-License-Identifier: BSD-3-Clause
"""What the conformance suite's server scenarios ask for by name. A user of the public API and nothing else.

Run as a program it serves over HTTP on a free port and prints the URL.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Annotated, Any

import anyio
from pydantic import Field

from mcp_jupyter import types
from mcp_jupyter.errors import ToolError
from mcp_jupyter.server.fastmcp import Context, FastMCP
from mcp_jupyter.server.fastmcp.prompts import Prompt, UserMessage
from mcp_jupyter.server.fastmcp.tools import Tool
from mcp_jupyter.server.http.app import serve_http

from .fixture_questions import add_many_questions, add_questions, add_rounds, add_tasks

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
WAV = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="
STEP_SECONDS = 0.05  # what the suite asks to lie between two messages


def embedded(uri: str, text: str, mime_type: str = "text/plain") -> types.EmbeddedResource:
    return types.EmbeddedResource(resource=types.TextResourceContents(uri=uri, mimeType=mime_type, text=text))


def add_content(mcp: FastMCP) -> None:
    """Tools whose result is what counts."""

    @mcp.tool()
    def test_simple_text() -> str:
        """Answer with text."""
        return "This is a simple text response for testing."

    @mcp.tool()
    def test_image_content() -> types.ImageContent:
        """Answer with an image."""
        return types.ImageContent(data=PNG, mimeType="image/png")

    @mcp.tool()
    def test_audio_content() -> types.AudioContent:
        """Answer with a sound."""
        return types.AudioContent(data=WAV, mimeType="audio/wav")

    @mcp.tool()
    def test_embedded_resource() -> types.EmbeddedResource:
        """Answer with a resource."""
        return embedded("test://embedded-resource", "This is an embedded resource content.")

    @mcp.tool()
    def test_multiple_content_types() -> list[Any]:
        """Answer with text, an image and a resource."""
        mixed = embedded("test://mixed-content-resource", '{"test":"data","value":123}', "application/json")
        return [
            "Multiple content types test:",
            types.ImageContent(data=PNG, mimeType="image/png"),
            mixed,
        ]

    @mcp.tool()
    def test_error_handling() -> str:
        """Fail."""
        raise ToolError("This tool intentionally returns an error for testing")

    @mcp.tool()
    def test_x_mcp_header(region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})]) -> str:
        """Answer with an argument that a header repeats."""
        return f"region={region}"

    def json_schema_2020_12_tool() -> str:
        """Have a schema with keywords that no type hint makes."""
        return "never called with arguments"

    tool = Tool.of(json_schema_2020_12_tool)
    definition = tool.definition.model_copy(update={"inputSchema": SCHEMA_2020_12})
    mcp.add(replace(tool, definition=definition))


SCHEMA_2020_12 = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


def add_course(mcp: FastMCP) -> None:
    """Tools that say something while they run."""

    @mcp.tool()
    async def test_tool_with_logging(ctx: Context) -> str:
        """Log three messages."""
        for message in ("Tool execution started", "Tool processing data", "Tool execution completed"):
            await ctx.info(message)
            await anyio.sleep(STEP_SECONDS)
        return "Tool with logging executed successfully"

    @mcp.tool()
    async def test_logging_tool(ctx: Context) -> str:
        """Log one message."""
        await ctx.info("test_logging_tool ran")
        return "logged"

    @mcp.tool()
    async def test_tool_with_progress(ctx: Context) -> str:
        """Report progress."""
        for done in (0, 50, 100):
            await ctx.report_progress(done, 100, f"Completed step {done} of 100")
            await anyio.sleep(STEP_SECONDS)
        return "done"

    @mcp.tool()
    async def test_reconnection(ctx: Context) -> str:
        """Close the stream in the course of the call (SEP-1699)."""
        await ctx.info("Before disconnect")
        await ctx.close_sse_stream()
        await anyio.sleep(4 * STEP_SECONDS)
        await ctx.info("After reconnect")
        return "Reconnection test completed"

    @mcp.tool()
    async def test_trigger_tool_change() -> str:
        """Change the list of tools."""
        mcp.add_tool(lambda: "", name="test_dynamic_tool", description="Here for a moment.")
        mcp.remove("test_dynamic_tool")
        return "changed"

    @mcp.tool()
    async def test_trigger_prompt_change() -> str:
        """Change the list of prompts."""
        mcp.add(Prompt.of(lambda: "", name="test_dynamic_prompt", description="Here for a moment."))
        mcp.remove("test_dynamic_prompt")
        return "changed"


def add_resources(mcp: FastMCP) -> None:
    """The resources."""

    @mcp.resource("test://static-text", mime_type="text/plain")
    def static_text() -> str:
        """Text."""
        return "This is the content of the static text resource."

    @mcp.resource("test://static-binary", mime_type="image/png")
    def static_binary() -> bytes:
        """An image."""
        return base64.b64decode(PNG)

    @mcp.resource("test://template/{id}/data", mime_type="application/json")
    def template(id: str) -> str:
        """A template."""
        return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})

    @mcp.resource("test://watched-resource", mime_type="text/plain")
    def watched() -> str:
        """To be subscribed to."""
        return "Watched resource content"


def add_prompts(mcp: FastMCP) -> None:
    """The prompts, and the completion of their arguments."""

    @mcp.prompt()
    def test_simple_prompt() -> str:
        """A prompt without arguments."""
        return "This is a simple prompt for testing."

    @mcp.prompt()
    def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
        """A prompt with arguments."""
        return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"

    @mcp.prompt()
    def test_prompt_with_embedded_resource(resourceUri: str) -> list[UserMessage]:
        """A prompt with a resource."""
        resource = embedded(resourceUri, "Embedded resource content for testing.")
        return [UserMessage(resource), UserMessage("Please process the embedded resource above.")]

    @mcp.prompt()
    def test_prompt_with_image() -> list[UserMessage]:
        """A prompt with an image."""
        image = types.ImageContent(data=PNG, mimeType="image/png")
        return [UserMessage(image), UserMessage("Please analyze the image above.")]


def fill(mcp: FastMCP) -> None:
    """Make `mcp` the server that the suite expects."""
    for add in (add_content, add_course, add_resources, add_prompts):
        add(mcp)
    for add in (add_questions, add_rounds, add_many_questions, add_tasks):
        add(mcp)


@asynccontextmanager
async def serving() -> AsyncIterator[str]:
    """The URL of a server of its own."""
    mcp = FastMCP("conformance", version="1.0.0")
    fill(mcp)
    async with serve_http(mcp, port=0) as port:
        yield f"http://127.0.0.1:{port}/mcp"


async def _main() -> None:
    async with serving() as url:
        print(url, flush=True)
        await anyio.sleep_forever()


if __name__ == "__main__":
    anyio.run(_main)
