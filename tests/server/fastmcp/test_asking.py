# SPDX-License-Identifier: BSD-3-Clause
"""What a function may ask the client: one body, both eras."""

from __future__ import annotations

import re
from datetime import date
from enum import Enum
from typing import Literal

import anyio
import pytest
from pydantic import BaseModel, Field

from mcp_jupyter import types
from mcp_jupyter.errors import McpError, MissingCapability, UrlElicitationRequired
from mcp_jupyter.server.fastmcp import Context, FastMCP

from ..asking import Asked, asked, both_eras

pytestmark = pytest.mark.anyio

ELICIT, SAMPLE, ROOTS = "elicitation/create", "sampling/createMessage", "roots/list"
SAID = {"role": "assistant", "content": {"type": "text", "text": "blue"}, "model": "m"}


class Region(BaseModel):
    name: Literal["north", "south"]
    top: int = Field(5, ge=1)


def accept(**content: object) -> dict[str, object]:
    return {"action": "accept", "content": content}


@both_eras
async def test_a_tool_asks_the_person_and_goes_on_with_the_answer(era):
    mcp = FastMCP()
    begun: list[str] = []

    @mcp.tool()
    async def report(ctx: Context) -> str:
        begun.append("once")
        answer = await ctx.elicit("Which region?", Region)
        return f"{answer.action}: {answer.data.name}, {answer.data.top}"

    client = Asked(era, {ELICIT: accept(name="north")})
    async with asked(mcp, client):
        assert await client.text("report") == "accept: north, 5"
    ((method, params),) = client.questions
    assert (method, params["message"]) == (ELICIT, "Which region?")
    assert params["requestedSchema"]["properties"]["name"] == {"type": "string", "enum": ["north", "south"]}
    assert begun == ["once"]


@both_eras
@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_a_person_may_decline_or_cancel(era, action):
    mcp = FastMCP()

    @mcp.tool()
    async def report(ctx: Context) -> str:
        answer = await ctx.elicit("Which region?", Region)
        return f"{answer.action}, {answer.data}"

    client = Asked(era, {ELICIT: {"action": action}})
    async with asked(mcp, client):
        assert await client.text("report") == f"{action}, None"


@both_eras
@pytest.mark.parametrize("schema", [Region, {"type": "object", "properties": {"top": {"minimum": 1}}}])
async def test_values_that_do_not_fit_are_the_tools_error(era, schema):
    mcp = FastMCP()

    @mcp.tool()
    async def report(ctx: Context) -> str:
        return str((await ctx.elicit("Which region?", schema)).data)

    client = Asked(era, {ELICIT: accept(name="north", top=-7)})
    async with asked(mcp, client):
        result = await client.call("report")
    assert result["isError"]
    assert re.match(r"What was entered does not fit: (\$\.)?top: ", result["content"][0]["text"])


@both_eras
async def test_a_tool_sends_the_person_to_a_url(era):
    mcp = FastMCP()

    @mcp.tool()
    async def sign_in(ctx: Context) -> str:
        return (await ctx.elicit_url("Sign in", "https://example.org/in")).action

    client = Asked(era, {ELICIT: {"action": "accept"}})
    async with asked(mcp, client):
        assert await client.text("sign_in") == "accept"
    ((_, params),) = client.questions
    assert (params["mode"], params["url"]) == ("url", "https://example.org/in")
    assert ("elicitationId" in params) == (era == "legacy")


@both_eras
async def test_a_tool_has_the_clients_model_write(era):
    mcp = FastMCP()

    @mcp.tool()
    async def colour(ctx: Context) -> str:
        result = await ctx.sample("Name a colour.", max_tokens=10, system_prompt="Be brief.")
        return result.content.text

    client = Asked(era, {SAMPLE: SAID})
    async with asked(mcp, client):
        assert await client.text("colour") == "blue"
    ((_, params),) = client.questions
    assert params["maxTokens"] == 10
    assert params["systemPrompt"] == "Be brief."
    assert params["messages"] == [{"role": "user", "content": {"type": "text", "text": "Name a colour."}}]


@both_eras
async def test_a_tool_asks_with_the_sdks_names(era):
    mcp = FastMCP()

    @mcp.tool()
    async def colour(ctx: Context) -> str:
        message = types.SamplingMessage(role="user", content=types.TextContent(text="?"))
        said = await ctx.session.create_message(
            messages=[message], max_tokens=10, related_request_id=ctx.request_id
        )
        roots = await ctx.session.list_roots()
        return f"{said.content.text} {roots.roots[0].uri}"

    client = Asked(era, {SAMPLE: SAID, ROOTS: {"roots": [{"uri": "file:///a"}]}})
    async with asked(mcp, client):
        assert await client.text("colour") == "blue file:///a"


@both_eras
async def test_a_tool_asks_whether_the_client_is_there(era):
    mcp = FastMCP()

    @mcp.tool()
    async def check(ctx: Context) -> str:
        await ctx.session.send_ping()
        return "there"

    client = Asked(era, {"ping": {}})
    async with asked(mcp, client):
        answer = await client.text("check")
    # A modern server sends no requests.
    assert (answer, client.questions) == {
        "legacy": ("there", [("ping", {})]),
        "modern": ("ping does not exist in version 2026-07-28.", []),
    }[era]


@both_eras
async def test_prompts_and_resources_may_ask(era):
    mcp = FastMCP()

    @mcp.prompt()
    async def summarise(ctx: Context) -> str:
        return f"Summarise {(await ctx.list_roots())[0].uri}"

    @mcp.resource("data://where")
    async def where(ctx: Context) -> str:
        return (await ctx.list_roots())[0].uri

    client = Asked(era, {ROOTS: {"roots": [{"uri": "file:///a"}]}})
    async with asked(mcp, client):
        prompt = await client.ask("prompts/get", {"name": "summarise"})
        resource = await client.ask("resources/read", {"uri": "data://where"})
    assert prompt["messages"][0]["content"]["text"] == "Summarise file:///a"
    assert resource["contents"][0]["text"] == "file:///a"


async def test_what_is_asked_at_once_goes_out_in_one_round():
    mcp = FastMCP()

    @mcp.tool()
    async def everything(ctx: Context) -> str:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ctx.list_roots)
            tasks.start_soon(ctx.sample, "?")
            tasks.start_soon(lambda: ctx.elicit("?", Region, key="region"))
        return "done"

    answers = {ROOTS: {"roots": []}, SAMPLE: SAID, ELICIT: accept(name="north")}
    client = Asked("modern", answers)
    async with asked(mcp, client):
        assert await client.text("everything") == "done"
    (only,) = client.rounds
    assert only["inputRequests"].keys() == {"roots-1", "sampling-1", "region"}


@pytest.mark.parametrize("capabilities", [{}, {"elicitation": {"url": {}}}, {"elicitation": 1}])
async def test_a_modern_client_that_cannot_be_asked_is_told_what_it_lacks(capabilities):
    mcp = FastMCP()

    @mcp.tool()
    async def report(ctx: Context) -> str:
        return str(await ctx.elicit("Which region?", Region))

    client = Asked("modern", {}, capabilities)
    async with asked(mcp, client):
        with pytest.raises(McpError, match=r"capability elicitation\.form") as caught:
            await client.call("report")
    assert caught.value.code == -32021
    assert caught.value.data == {"requiredCapabilities": {"elicitation": {"form": {}}}}


async def test_a_legacy_client_that_cannot_be_asked_gets_the_tools_error():
    mcp = FastMCP()

    @mcp.tool()
    async def report(ctx: Context) -> str:
        return str(await ctx.elicit("Which region?", Region))

    client = Asked("legacy", {}, {"sampling": {}})
    async with asked(mcp, client):
        result = await client.call("report")
    assert result["isError"]
    assert "capability elicitation.form" in result["content"][0]["text"]


@both_eras
async def test_a_tool_may_do_without_what_the_client_lacks(era):
    mcp = FastMCP()

    @mcp.tool()
    async def report(ctx: Context) -> str:
        try:
            return str(await ctx.elicit("Which region?", Region))
        except MissingCapability:
            return (await ctx.list_roots())[0].uri

    client = Asked(era, {ROOTS: {"roots": [{"uri": "file:///a"}]}}, {"roots": {}})
    async with asked(mcp, client):
        assert await client.text("report") == "file:///a"


async def test_a_url_that_has_to_be_visited_first_is_an_error_of_its_own_in_2025_11_25():
    mcp = FastMCP()
    visit = {"mode": "url", "message": "m", "url": "https://example.org", "elicitationId": "1"}

    @mcp.tool()
    async def pay() -> str:
        raise UrlElicitationRequired([visit])

    legacy, modern = Asked("legacy", {}), Asked("modern", {})
    async with asked(mcp, legacy, modern):
        with pytest.raises(McpError) as caught:
            await legacy.call("pay")
        result = await modern.call("pay")
    assert (caught.value.code, caught.value.data) == (-32042, {"elicitations": [visit]})
    assert result["isError"]
    assert result["content"][0]["text"] == "Visit https://example.org first."


@both_eras
@pytest.mark.parametrize("code", [-32021, -32042, -32020, -32603])
async def test_an_error_of_a_server_that_the_tool_asked_is_the_tools(era, code):
    mcp = FastMCP()

    @mcp.tool()
    async def ask_another() -> str:
        raise McpError(code, "said the other")

    client = Asked(era, {})
    async with asked(mcp, client):
        result = await client.call("ask_another")
    assert result["isError"]
    assert result["content"][0]["text"] == "said the other"


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Form(BaseModel):
    when: date
    colour: Colour = Colour.RED
    colours: list[Colour] = []
    note: str | None = None
    sure: bool = False


async def test_a_form_is_flat_whatever_the_class_is_made_of():
    mcp = FastMCP()

    @mcp.tool()
    async def fill(ctx: Context) -> str:
        return repr((await ctx.elicit("?", Form)).data)

    client = Asked("modern", {ELICIT: accept(when="2026-01-02", colours=["blue"])})
    async with asked(mcp, client):
        text = await client.text("fill")
    ((_, params),) = client.questions
    choice = {"type": "string", "enum": ["red", "blue"]}
    properties = params["requestedSchema"]["properties"]
    assert properties["when"] == {"type": "string", "format": "date"}
    assert choice.items() <= properties["colour"].items()
    assert properties["note"] == {"type": "string"}
    assert choice.items() <= properties["colours"]["items"].items()
    assert "$defs" not in params["requestedSchema"]
    assert "datetime.date(2026, 1, 2)" in text
    assert "colours=[<Colour.BLUE: 'blue'>]" in text


class Nested(BaseModel):
    inner: Region


@pytest.mark.parametrize(
    ("schema", "named"), [(Nested, "'inner'"), (dict[str, int] | None, "not a valid form")]
)
async def test_what_a_form_cannot_have_is_said(schema, named):
    mcp = FastMCP()

    @mcp.tool()
    async def fill(ctx: Context) -> str:
        return str(await ctx.elicit("?", schema))

    client = Asked("modern", {})
    async with asked(mcp, client):
        result = await client.call("fill")
    assert result["isError"]
    assert named in result["content"][0]["text"]
