# SPDX-License-Identifier: BSD-3-Clause
"""Prompts: what is listed, what messages values become, and what does not fit."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_jupyter import types
from mcp_jupyter.errors import INTERNAL_ERROR, INVALID_PARAMS, McpError, ToolError
from mcp_jupyter.server.fastmcp import AssistantMessage, Context, FastMCP, Image, Message, UserMessage

from .speaker import Speaker, both_eras, speaking

pytestmark = pytest.mark.anyio

IMAGE = {"type": "image", "data": "aQ==", "mimeType": "image/png"}
EMBEDDED = {"type": "resource", "resource": {"uri": "data://x", "text": "t"}}


def said(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "content": {"type": "text", "text": text}}


async def refused(client: Speaker, **params: Any) -> McpError:
    with pytest.raises(McpError) as caught:
        await client.ask("prompts/get", **params)
    return caught.value


@both_eras
@pytest.mark.parametrize(
    ("value", "messages"),
    [
        ("text", [said("user", "text")]),
        (UserMessage("u"), [said("user", "u")]),
        (AssistantMessage("a"), [said("assistant", "a")]),
        (Message("m"), [said("user", "m")]),
        (Message("m", role="assistant"), [said("assistant", "m")]),
        (["a", AssistantMessage("b")], [said("user", "a"), said("assistant", "b")]),
        (("a", "b"), [said("user", "a"), said("user", "b")]),
        ([], []),
        (None, []),
        ({"role": "assistant", "content": "d"}, [said("assistant", "d")]),
        ([{"role": "user", "content": {"type": "text", "text": "d"}}], [said("user", "d")]),
        ({"role": "user", "content": IMAGE}, [{"role": "user", "content": IMAGE}]),
        ({"topic": 1}, [said("user", '{"topic":1}')]),
        (UserMessage({"topic": [1]}), [said("user", '{"topic":[1]}')]),
        (UserMessage([1, 2]), [said("user", "[1,2]")]),
        (UserMessage(3), [said("user", "3")]),
        (Image(data=b"i"), [{"role": "user", "content": IMAGE}]),
        (AssistantMessage(Image(data=b"i")), [{"role": "assistant", "content": IMAGE}]),
        (
            UserMessage(["see:", Image(data=b"i")]),
            [said("user", "see:"), {"role": "user", "content": IMAGE}],
        ),
        (
            types.PromptMessage(role="assistant", content=types.TextContent(type="text", text="p")),
            [said("assistant", "p")],
        ),
        (types.TextContent(type="text", text="c"), [said("user", "c")]),
        (types.EmbeddedResource.model_validate(EMBEDDED), [{"role": "user", "content": EMBEDDED}]),
    ],
)
async def test_values_become_messages(era, value, messages):
    mcp = FastMCP()
    mcp.prompt("p")(lambda: value)
    async with speaking(mcp, era) as client:
        assert await client.ask("prompts/get", name="p") == {"messages": messages}


async def test_a_prompt_may_yield_its_messages():
    mcp = FastMCP()

    @mcp.prompt()
    def p():
        yield "a"
        yield AssistantMessage("b")

    async with speaking(mcp) as client:
        messages = (await client.ask("prompts/get", name="p"))["messages"]
        assert messages == [said("user", "a"), said("assistant", "b")]


async def test_what_is_said_of_a_prompt_arrives():
    mcp = FastMCP()

    @mcp.prompt(title="Review", icons=[types.Icon(src="data:,")], meta={"own": 1})
    def review(code: str, language: str = "python", depth: int = 1) -> str:
        """Review code.

        Args:
            code: The code itself.
        """
        return f"{code} {language} {depth}"

    async with speaking(mcp) as client:
        assert (await client.ask("prompts/list"))["prompts"] == [
            {
                "name": "review",
                "title": "Review",
                "description": "Review code.",
                "arguments": [
                    {"name": "code", "description": "The code itself.", "required": True},
                    {"name": "language", "required": False},
                    {"name": "depth", "required": False},
                ],
                "icons": [{"src": "data:,"}],
                "_meta": {"own": 1},
            }
        ]
        got = await client.ask("prompts/get", name="review", arguments={"code": "x", "depth": "3"})
        assert got == {"description": "Review code.", "messages": [said("user", "x python 3")]}


async def test_arguments_are_text_and_become_what_the_function_takes():
    mcp = FastMCP()

    @mcp.prompt()
    async def p(items: list[int], flag: bool, ctx: Context) -> str:
        await ctx.info("writing")
        return repr((items, flag))

    async with speaking(mcp) as client:
        got = await client.ask("prompts/get", name="p", arguments={"items": "[1, 2]", "flag": "true"})
        assert got["messages"] == [said("user", "([1, 2], True)")]
        assert [notice.params["data"] for notice in client.heard] == ["writing"]


@both_eras
async def test_what_does_not_fit_is_named(era):
    mcp = FastMCP()
    mcp.prompt("p")(lambda a, b=1: a)
    async with speaking(mcp, era) as client:
        for params, words in (
            ({"name": "p"}, "a: Field required"),
            ({"name": "p", "arguments": {"a": "x", "c": "y"}}, "c: Extra inputs are not permitted"),
            ({"name": "p", "arguments": {"a": 3}}, "arguments.a"),
            ({"name": "q"}, "Unknown prompt 'q'. Known prompts: p."),
            ({}, "name: Field required"),
        ):
            error = await refused(client, **params)
            assert error.code == INVALID_PARAMS
            assert words in error.message


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("why"), "Error in p: ValueError: why"),
        (ToolError("in words"), "in words"),
        (SystemExit(), "p ended with SystemExit"),
    ],
)
async def test_a_function_that_raises(error, words):
    mcp = FastMCP()

    @mcp.prompt()
    def p() -> str:
        raise error

    async with speaking(mcp) as client:
        for _ in range(2):
            found = await refused(client, name="p")
            assert found.code == INTERNAL_ERROR
            assert words in found.message


async def test_a_message_that_is_none_is_an_error():
    mcp = FastMCP()
    mcp.prompt("role")(lambda: {"role": "system", "content": "x"})
    mcp.prompt("type")(lambda: {"role": "user", "content": {"type": "video"}})
    async with speaking(mcp) as client:
        assert "role" in (await refused(client, name="role")).message
        assert "video" in (await refused(client, name="type")).message


async def test_a_result_made_by_hand_passes():
    mcp = FastMCP()
    own = types.GetPromptResult(description="d", messages=[])
    mcp.prompt("p")(lambda: own)
    async with speaking(mcp, "modern") as client:
        assert await client.ask("prompts/get", name="p") == {"description": "d", "messages": []}
    assert own == types.GetPromptResult(description="d", messages=[])


async def test_replacing_and_removing():
    mcp = FastMCP()
    mcp.prompt("p")(lambda: "old")
    async with speaking(mcp) as client:
        mcp.prompt("p")(lambda: "new")
        await client.client.hear("notifications/prompts/list_changed")
        assert (await client.ask("prompts/get", name="p"))["messages"] == [said("user", "new")]
        assert mcp.remove("p") == ["prompts"]
        await client.client.hear("notifications/prompts/list_changed")
        await refused(client, name="p")


def test_a_lambda_needs_a_name():
    with pytest.raises(ValueError, match="pass name="):
        FastMCP().prompt()(lambda: "x")
