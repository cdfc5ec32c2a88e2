# SPDX-License-Identifier: BSD-3-Clause
"""Tools of a low-level server: what values become, and what calls and output are checked against."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_jupyter import Client, types
from mcp_jupyter.server.lowlevel import Server

pytestmark = pytest.mark.anyio

TEXT = types.TextContent(type="text", text="shown")
ANYTHING = {"type": "object"}


def tool(
    name: str = "t", schema: dict[str, Any] = ANYTHING, output: dict[str, Any] | None = None
) -> types.Tool:
    return types.Tool(name=name, inputSchema=schema, outputSchema=output)


def serving(value: Any, definition: types.Tool | None = None, **options: Any) -> Server[Any]:
    """Make a server with one tool, whose value this is; a function is called with the arguments."""
    server: Server[Any] = Server("s")

    if definition is not None:

        @server.list_tools()
        async def list_tools() -> list[types.Tool]:
            return [definition]

    @server.call_tool(**options)
    async def call(name: str, arguments: dict[str, Any]) -> Any:
        return value(**arguments) if callable(value) else value

    return server


async def called(server: Server[Any], **arguments: Any) -> types.CallToolResult:
    async with Client(server) as client:
        return await client.call_tool("t", arguments)


async def failure(server: Server[Any], **arguments: Any) -> str:
    result = await called(server, **arguments)
    assert result.isError
    return result.content[0].text


@pytest.mark.parametrize(
    ("value", "texts", "structured"),
    [
        ([TEXT], ["shown"], None),
        ((TEXT, TEXT), ["shown", "shown"], None),
        ([], [], None),
        (None, [], None),
        ("text", ["text"], None),
        (7, ["7"], None),
        ({"a": 1}, ['{"a":1}'], {"a": 1}),
        (([TEXT], {"a": [1, None]}), ["shown"], {"a": [1, None]}),
        ((TEXT, {}), ["shown"], {}),
        ([("ada", 36), ("bob", 7)], ['[["ada",36],["bob",7]]'], None),
        (([], {"a": 1}), [], {"a": 1}),
        (types.CallToolResult(content=[TEXT], structuredContent={"b": 2}), ["shown"], {"b": 2}),
    ],
    ids=str,
)
async def test_values(value: Any, texts: list[str], structured: Any):
    result = await called(serving(value))
    assert [block.text for block in result.content] == texts
    assert result.structuredContent == structured
    assert not result.isError


async def test_a_result_of_the_handlers_own_stays_as_it_is():
    kept = types.CallToolResult(content=[TEXT])
    await called(serving(kept))
    assert kept == types.CallToolResult(content=[TEXT])


async def test_what_a_tool_raises_is_its_result_in_its_own_words():
    def fail() -> None:
        raise ValueError("out of stock")

    def miss() -> None:
        raise KeyError("nails")

    def fall() -> None:
        raise RuntimeError

    assert await failure(serving(fail)) == "out of stock"
    assert await failure(serving(miss)) == "KeyError: 'nails'"
    assert await failure(serving(fall)) == "RuntimeError"


async def test_structured_output_without_a_json_form_is_a_failure():
    assert "has no JSON form" in await failure(serving(([TEXT], {"a": object()})))


# -- arguments --------------------------------------------------------------------------------------------

AGE = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}


async def test_arguments_are_checked_before_the_call():
    ages = []
    server = serving(lambda age: ages.append(age), tool(schema=AGE))
    text = await failure(server, age="old")
    assert text == "Input validation error: $.age: 'old' is not of type 'integer'"
    assert "'age' is a required property" in await failure(server)
    await called(server, age=3)
    assert ages == [3]


async def test_checking_can_be_left_to_the_handler():
    server = serving(lambda age: age * 2, tool(schema=AGE), validate_input=False)
    assert (await called(server, age="old")).content[0].text == "oldold"


async def test_a_tool_that_is_not_listed_is_not_checked():
    assert (await called(serving(lambda age: age, tool("other", AGE)), age="old")).content[0].text == "old"


async def test_a_schema_that_cannot_be_used_says_so():
    evil = {"type": "object", "properties": {"a": {"$ref": "https://example.com/schema"}}}
    text = await failure(serving(lambda a: a, tool(schema=evil)), a=1)
    assert text.startswith(
        "Input validation error: the inputSchema cannot be used. A reference leads nowhere"
    )


async def test_the_definition_is_found_on_any_page():
    server = serving(lambda age: age)

    @server.list_tools()
    async def list_tools(request: types.ListToolsRequest) -> types.ListToolsResult:
        if request.params is None or request.params.cursor is None:
            return types.ListToolsResult(tools=[tool("first")], nextCursor="2")
        assert request.params.cursor == "2"
        return types.ListToolsResult(tools=[tool("t", AGE)])

    assert "is not of type 'integer'" in await failure(server, age="old")
    async with Client(server) as client:
        assert [item.name for item in await client.list_tools()] == ["first", "t"]
        result = await client.call_tool("t", {"age": "old"})  # a list that goes on forgets nothing
        assert result.isError


async def test_a_list_whose_pages_do_not_end_is_given_up():
    server = serving("called")

    @server.list_tools()
    async def list_tools(request: types.ListToolsRequest) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[], nextCursor="more")

    assert (await called(server)).content[0].text == "called"


async def test_a_changed_list_is_asked_for_again():
    schemas = [AGE]
    server: Server[Any] = Server("s")

    @server.list_tools()
    async def list_tools() -> list[types.Tool]:
        return [tool(schema=schemas[-1])]

    @server.call_tool()
    async def call(name: str, arguments: dict[str, Any]) -> str:
        if arguments.get("change"):
            schemas.append(ANYTHING)
            await server.request_context.session.send_tool_list_changed()
        return "called"

    async with Client(server) as client:
        assert (await client.call_tool("t", {"age": "old"})).isError
        assert not (await client.call_tool("t", {"age": 1, "change": True})).isError
        assert not (await client.call_tool("t", {"age": "old"})).isError


# -- output -----------------------------------------------------------------------------------------------

TOTAL = {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}


async def test_output_that_fits_its_schema():
    result = await called(serving({"total": 1.5}, tool(output=TOTAL)))
    assert result.structuredContent == {"total": 1.5}


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"total": "much"}, "Output validation error: $.total: 'much' is not of type 'number'"),
        ([TEXT], "Output validation error: t has an outputSchema, but returned no structured output."),
        (types.CallToolResult(content=[], structuredContent={}), "'total' is a required property"),
    ],
)
async def test_output_that_does_not(value: Any, why: str):
    assert why in await failure(serving(value, tool(output=TOTAL)))


async def test_a_failure_needs_no_output():
    said = types.CallToolResult(content=[TEXT], isError=True)
    assert await failure(serving(said, tool(output=TOTAL))) == "shown"
