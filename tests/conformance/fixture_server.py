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
from pydantic import BaseModel, Field

from mcp_jupyter import types
from mcp_jupyter.errors import ToolError
from mcp_jupyter.server.fastmcp import Context, FastMCP
from mcp_jupyter.server.fastmcp.prompts import Prompt, UserMessage
from mcp_jupyter.server.fastmcp.tools import Tool
from mcp_jupyter.server.http.app import serve_http

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
WAV = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="
STEP_SECONDS = 0.05  # what the suite asks to lie between two messages


def strings(*names: str) -> dict[str, Any]:
    """The schema of a form with these text fields."""
    return {
        "type": "object",
        "properties": {name: {"type": "string"} for name in names},
        "required": [*names],
    }


NAME = strings("name")
CONFIRM = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}


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


class Response(BaseModel):
    """The form of `test_elicitation`."""

    response: str = Field(description="User's response")


class Defaults(BaseModel):
    """A default of each kind (SEP-1034)."""

    name: str = "John Doe"
    age: int = 30
    score: float = 95.5
    status: Annotated[str, Field(json_schema_extra={"enum": ["active", "inactive", "pending"]})] = "active"
    verified: bool = True


def titled(**titles: str) -> list[dict[str, str]]:
    return [{"const": value, "title": title} for value, title in titles.items()]


CHOICES: dict[str, Any] = {  # SEP-1330
    "untitledSingle": {"type": "string", "enum": ["option1", "option2", "option3"]},
    "titledSingle": {"type": "string", "oneOf": titled(value1="First", value2="Second", value3="Third")},
    "legacyEnum": {
        "type": "string",
        "enum": ["opt1", "opt2", "opt3"],
        "enumNames": ["Option One", "Option Two", "Option Three"],
    },
    "untitledMulti": {
        "type": "array",
        "items": {"type": "string", "enum": ["option1", "option2", "option3"]},
    },
    "titledMulti": {
        "type": "array",
        "items": {"anyOf": titled(value1="First", value2="Second", value3="Third")},
    },
}


def add_questions(mcp: FastMCP) -> None:
    """Tools that ask the client, by the names of the legacy scenarios."""

    @mcp.tool()
    async def test_sampling(prompt: str, ctx: Context) -> str:
        """Have the client's model answer a prompt."""
        return f"LLM response: {(await ctx.sample(prompt, max_tokens=100)).content.text}"

    @mcp.tool()
    async def test_elicitation(message: str, ctx: Context) -> str:
        """Ask the person for one value."""
        answer = await ctx.elicit(message, Response)
        return f"User response: action={answer.action}, content={answer.data}"

    @mcp.tool()
    async def test_elicitation_sep1034_defaults(ctx: Context) -> str:
        """Ask with a form whose fields have defaults."""
        answer = await ctx.elicit("Please review", Defaults)
        return f"Elicitation completed: action={answer.action}, content={answer.data}"

    @mcp.tool()
    async def test_elicitation_sep1330_enums(ctx: Context) -> str:
        """Ask with a form of choices."""
        answer = await ctx.elicit("Please choose", {"type": "object", "properties": CHOICES})
        return f"Elicitation completed: action={answer.action}, content={answer.data}"

    @mcp.tool()
    async def test_missing_capability(ctx: Context) -> str:
        """Need a client that has a model."""
        return (await ctx.sample("Hello", max_tokens=10)).content.text

    @mcp.tool()
    async def test_streaming_elicitation(ctx: Context) -> str:
        """Ask in the course of a call."""
        return f"elicitation {(await ctx.elicit('A word?', Response)).action}"


def add_rounds(mcp: FastMCP) -> None:
    """What asks the client, by the names of the multi-round scenarios (SEP-2322)."""

    @mcp.tool()
    async def test_input_required_result_elicitation(ctx: Context) -> str:
        """Greet by a name that is asked for."""
        answer = await ctx.elicit("What is your name?", NAME, key="user_name")
        return f"Hello, {(answer.data or {}).get('name', 'stranger')}!"

    @mcp.tool()
    async def test_input_required_result_sampling(ctx: Context) -> str:
        """Ask the client's model."""
        answer = await ctx.sample("What is the capital of France?", max_tokens=100, key="capital_question")
        return f"Model said: {answer.content.text}"

    @mcp.tool()
    async def test_input_required_result_list_roots(ctx: Context) -> str:
        """Ask for the client's directories."""
        return f"Client exposed {len(await ctx.list_roots(key='client_roots'))} root(s)."

    @mcp.tool()
    async def test_input_required_result_request_state(ctx: Context) -> str:
        """Ask for a confirmation."""
        await ctx.elicit("Please confirm", CONFIRM, key="confirm")
        return "state-ok: confirmation received"

    @mcp.tool()
    async def test_input_required_result_tampered_state(ctx: Context) -> str:
        """Ask for a confirmation, under a state that somebody changes."""
        await ctx.elicit("Please confirm", CONFIRM, key="confirm")
        return "state-ok"

    @mcp.prompt()
    async def test_input_required_result_prompt(ctx: Context) -> str:
        """A prompt that asks for its context."""
        answer = await ctx.elicit("Which context?", strings("context"), key="user_context")
        return f"Use the following context: {(answer.data or {}).get('context')}"


def add_many_questions(mcp: FastMCP) -> None:
    """What asks more than once."""

    @mcp.tool()
    async def test_input_required_result_multiple_inputs(ctx: Context) -> str:
        """Ask three things at once."""
        async with anyio.create_task_group() as questions:
            questions.start_soon(lambda: ctx.elicit("What is your name?", NAME, key="user_name"))
            questions.start_soon(lambda: ctx.sample("A greeting", max_tokens=50, key="greeting"))
            questions.start_soon(lambda: ctx.list_roots(key="client_roots"))
        return "All inputs received."

    @mcp.tool()
    async def test_input_required_result_multi_round(ctx: Context) -> str:
        """Ask two things, one after the other."""
        name = await ctx.elicit("Step 1: What is your name?", NAME, key="step1")
        color = await ctx.elicit("Step 2: What is your favorite color?", strings("color"), key="step2")
        return f"{(name.data or {}).get('name')} likes {(color.data or {}).get('color')}."

    @mcp.tool()
    async def test_input_required_result_capabilities(ctx: Context) -> str:
        """Ask only what the client can answer."""
        declared = ctx.request_context.client_capabilities
        async with anyio.create_task_group() as questions:
            if "sampling" in declared:
                questions.start_soon(lambda: ctx.sample("Say hello", max_tokens=50, key="sample"))
            if "elicitation" in declared:
                questions.start_soon(lambda: ctx.elicit("What is your name?", NAME, key="ask"))
        return "asked"


def add_tasks(mcp: FastMCP) -> None:
    """Tools of the tasks extension's scenarios (SEP-2663)."""

    @mcp.tool()
    def greet(name: str) -> str:
        """Greet at once."""
        return f"Hello, {name}!"

    @mcp.tool(task=True)
    async def slow_compute(seconds: float, label: str = "") -> str:
        """Take a while."""
        await anyio.sleep(seconds)
        return f"computed {label}"

    @mcp.tool(task="required")
    async def failing_job() -> str:
        """Fail after a second."""
        await anyio.sleep(1)
        raise ToolError("This job intentionally fails")

    @mcp.tool(task=True)
    async def protocol_error_job(ctx: Context) -> str:
        """End in a protocol error: ask what the suite's client does not declare."""
        await anyio.sleep(STEP_SECONDS)
        return str(await ctx.list_roots())

    @mcp.tool(task=True)
    async def confirm_delete(filename: str, ctx: Context) -> str:
        """Ask before deleting."""
        schema = {"type": "object", "properties": {"confirm": {"type": "boolean"}}}
        answer = await ctx.elicit(f"Delete {filename}?", schema)
        return f"deleted {filename}" if (answer.data or {}).get("confirm") else f"kept {filename}"

    @mcp.tool(task=True)
    async def multi_input(ctx: Context) -> str:
        """Ask two things at once."""
        schema = {"type": "object", "properties": {"name": {"type": "string"}}}
        async with anyio.create_task_group() as questions:
            questions.start_soon(lambda: ctx.elicit("The first?", schema))
            questions.start_soon(lambda: ctx.elicit("The second?", schema))
        return "both answered"

    @mcp.tool()
    async def test_tool_with_task(ctx: Context) -> str:
        """Ask first, and go on as a task."""
        answer = await ctx.elicit("What is your name?", NAME, key="user_name")
        ctx.as_task()
        await anyio.sleep(STEP_SECONDS)
        return f"Hello, {(answer.data or {}).get('name')}!"


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
    for add in (
        add_content,
        add_course,
        add_questions,
        add_rounds,
        add_many_questions,
        add_tasks,
        add_resources,
        add_prompts,
    ):
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
