# SPDX-License-Identifier: BSD-3-Clause
"""What asks the client, of the things that the conformance suite's server scenarios want by name."""

from __future__ import annotations

from typing import Annotated, Any

import anyio
from pydantic import BaseModel, Field

from mcp_jupyter.errors import ToolError
from mcp_jupyter.server.fastmcp import Context, FastMCP

STEP_SECONDS = 0.05  # long enough for a call to become a task


def strings(*names: str) -> dict[str, Any]:
    """The schema of a form with these text fields."""
    return {
        "type": "object",
        "properties": {name: {"type": "string"} for name in names},
        "required": [*names],
    }


NAME = strings("name")
CONFIRM = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}


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
