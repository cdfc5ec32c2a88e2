# SPDX-License-Identifier: BSD-3-Clause
"""Names of arguments: those that hosts refuse, and the alias that a parameter has for callers."""

from __future__ import annotations

import re
from typing import Annotated

import pytest
from pydantic import AliasChoices, Field

from mcp_jupyter import Client
from mcp_jupyter.server.fastmcp import Context, FastMCP
from mcp_jupyter.server.fastmcp.tools import Tool

from .speaker import speaking

pytestmark = pytest.mark.anyio

HOSTS_TAKE = "they take 1 to 64 of A-Z a-z 0-9 _ - . "


def year_only(año: int) -> int:
    """Sales of a year.

    Parameters
    ----------
    año : int
        The year.
    """
    return año


def chinese(年: int = 1) -> int:
    return 年


def aliased(query: Annotated[str, Field(alias="$filter by")]) -> str:
    return query


def long(a: Annotated[int, Field(alias=65 * "a")]) -> int:
    return a


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (year_only, f"year_only: hosts refuse the argument name 'año': {HOSTS_TAKE}"),
        (year_only, 'año: Annotated[..., Field(alias="ano")], with Field from pydantic.'),
        (chinese, '年: Annotated[..., Field(alias="argument_1")]'),
        (aliased, "aliased: hosts refuse the argument name '$filter by'"),
        (aliased, 'query: Annotated[..., Field(alias="filter_by")]'),
        (long, f"long: hosts refuse the argument name '{63 * 'a'}…'"),
    ],
)
def test_a_name_that_hosts_refuse_is_said_when_the_tool_is_made(function, said):
    """One such name makes a host's whole conversation fail, with all other tools (1.21)."""
    with pytest.raises(ValueError, match=re.escape(said)):
        Tool.of(function)


def test_resources_and_prompts_are_no_tools():
    mcp = FastMCP()
    mcp.prompt()(year_only)
    mcp.resource("data://all")(chinese)


def test_two_parameters_have_two_names():
    def f(a: Annotated[int, Field(alias="b")], b: int) -> None: ...

    with pytest.raises(ValueError, match=r"^f: two parameters are called 'b'; give one another alias\.$"):
        Tool.of(f)


def sales(
    ctx: Context,
    año: Annotated[int, Field(alias="year", ge=2000)],
    límite: Annotated[int | None, Field(alias="limit")] = 5,
    niños: list[int] = Field(alias="children", default=[1]),  # noqa: B008 - a declaration
) -> str:
    """Sales of a year.

    Parameters
    ----------
    año : int
        The year.
    """
    return f"{año} {límite} {niños}"


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_an_alias_is_the_name_for_callers(era):
    """Schema, calls and errors have the alias; the function has its own name (1.21)."""
    mcp = FastMCP()
    mcp.add_tool(sales)
    async with speaking(mcp, era) as client:
        (tool,) = (await client.ask("tools/list"))["tools"]
        schema = tool["inputSchema"]
        assert list(schema["properties"]) == ["year", "limit", "children"]
        assert schema["required"] == ["year"]
        assert schema["properties"]["year"] == {
            "type": "integer",
            "minimum": 2000,
            "description": "The year.",
        }
        assert (schema["properties"]["limit"]["default"], schema["properties"]["children"]["default"]) == (
            5,
            [1],
        )
        assert await client.text("sales", year=2025) == "2025 5 [1]"
        assert await client.text("sales", year="2025", limit=None, children="[2]") == "2025 None [2]"
        assert "year: Input should be greater than or equal to 2000" in await client.error("sales", year=1)
        assert "year: Field required" in await client.error("sales", limit=1)
        assert "año: Extra inputs are not permitted" in await client.error("sales", año=2025, year=2025)


async def test_our_client_calls_by_the_alias():
    """From a cell, too, the argument is called what the schema calls it (1.21)."""
    mcp = FastMCP()
    mcp.add_tool(sales)
    async with Client(mcp) as client:
        result = await client.call_tool("sales", {"year": 2025, "children": [3]})
        assert result.content[0].text == "2025 5 [3]"


async def test_the_first_of_several_aliases_is_listed_and_all_are_taken():
    def f(año: Annotated[int, Field(validation_alias=AliasChoices("year", "jahr"))] = 7) -> int:
        return año

    mcp = FastMCP()
    mcp.add_tool(f)
    async with speaking(mcp) as client:
        (tool,) = (await client.ask("tools/list"))["tools"]
        assert list(tool["inputSchema"]["properties"]) == ["year"]
        assert [await client.text("f", **given) for given in ({}, {"year": 1}, {"jahr": 2})] == [
            "7",
            "1",
            "2",
        ]


async def test_prompts_resources_and_completion_have_the_alias():
    mcp = FastMCP()

    def of(año: Annotated[str, Field(alias="year")]) -> str:
        return f"of {año}"

    mcp.prompt()(of)
    mcp.resource("data://{year}")(of)
    async with speaking(mcp) as client:
        (prompt,) = (await client.ask("prompts/list"))["prompts"]
        assert prompt["arguments"] == [{"name": "year", "required": True}]
        got = await client.ask("prompts/get", name="of", arguments={"year": "1"})
        assert got["messages"][0]["content"]["text"] == "of 1"
        assert (await client.ask("resources/read", uri="data://2"))["contents"][0]["text"] == "of 2"
