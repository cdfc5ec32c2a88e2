# SPDX-License-Identifier: BSD-3-Clause
"""Completion of arguments: from the types, or from the server's own function."""

from __future__ import annotations

from enum import Enum
from typing import Literal

import pytest

from mcp_jupyter.errors import McpError
from mcp_jupyter.server.fastmcp import FastMCP
from mcp_jupyter.types import Completion

from ..memory_client import connected

pytestmark = pytest.mark.anyio


class Colour(Enum):
    RED = "red"
    GREY = "grey"


def server() -> FastMCP:
    mcp = FastMCP()

    @mcp.prompt()
    def summarise(region: Literal["north", "south"], colour: Colour | None = None, sure: bool = False) -> str:
        return region

    @mcp.resource("data://{region}/{year}")
    def data(region: Literal["north", "northwest", "south"], year: int) -> str:
        return region

    return mcp


async def completed(client, name, value, *, ref=None, context=None):
    params = {"ref": ref or {"type": "ref/prompt", "name": "summarise"}}
    params |= {"argument": {"name": name, "value": value}}
    if context:
        params["context"] = {"arguments": context}
    return (await client.ask("completion/complete", params))["completion"]


@pytest.mark.parametrize(
    ("name", "value", "values"),
    [
        ("region", "", ["north", "south"]),
        ("region", "SO", ["south"]),
        ("region", "th", ["north", "south"]),
        ("colour", "r", ["red", "grey"]),
        ("sure", "t", ["true"]),
        ("region", "x", []),
    ],
)
async def test_what_a_type_allows_is_offered(name, value, values):
    async with connected(server()) as client:
        found = await completed(client, name, value)
        assert found == {"values": values, "total": len(values), "hasMore": False}


async def test_the_variables_of_a_template_are_completed():
    async with connected(server()) as client:
        assert client.connection
        ref = {"type": "ref/resource", "uri": "data://{region}/{year}"}
        assert (await completed(client, "region", "north", ref=ref))["values"] == ["north", "northwest"]
        assert (await completed(client, "year", "2", ref=ref))["values"] == []


@pytest.mark.parametrize("is_async", [False, True])
async def test_the_servers_own_function_comes_first(is_async):
    mcp = server()

    def values(ref, argument, context):
        if argument.name == "region":
            return None
        chosen = context.arguments["region"] if context else "?"
        return [f"{chosen} {argument.value}{number}" for number in range(2)]

    async def later(ref, argument, context):
        return values(ref, argument, context)

    mcp.completion()(later if is_async else values)
    async with connected(mcp) as client:
        found = await completed(client, "colour", "r", context={"region": "north"})
        assert found["values"] == ["north r0", "north r1"]
        assert (await completed(client, "region", ""))["values"] == ["north", "south"]


async def test_no_more_than_a_hundred_values_are_sent():
    mcp = server()
    mcp.completion()(lambda ref, argument, context: [str(number) for number in range(250)])
    async with connected(mcp) as client:
        found = await completed(client, "colour", "")
    assert len(found["values"]) == 100
    assert (found["total"], found["hasMore"]) == (250, True)


async def test_a_completion_of_the_protocols_own_is_sent_as_it_is():
    mcp = server()
    mcp.completion()(lambda ref, argument, context: Completion(values=["a"], total=7, hasMore=True))
    async with connected(mcp) as client:
        assert await completed(client, "colour", "") == {"values": ["a"], "total": 7, "hasMore": True}


@pytest.mark.parametrize(
    ("name", "ref", "match"),
    [
        ("nope", None, "Unknown argument 'nope'. Known arguments: region, colour, sure"),
        ("region", {"type": "ref/prompt", "name": "nope"}, "Unknown prompt 'nope'"),
        ("region", {"type": "ref/resource", "uri": "data://nope"}, "Unknown resource 'data://nope'"),
        ("region", {"type": "ref/other"}, "Invalid params"),
    ],
)
async def test_what_there_is_not_is_named(name, ref, match):
    async with connected(server()) as client:
        with pytest.raises(McpError, match=match) as caught:
            await completed(client, name, "", ref=ref)
    assert caught.value.code == -32602


async def test_a_function_that_fails_is_an_error_of_the_request():
    mcp = server()
    mcp.completion()(lambda ref, argument, context: 1 / 0)
    async with connected(mcp) as client:
        with pytest.raises(McpError, match="ZeroDivisionError"):
            await completed(client, "colour", "")


async def test_a_value_that_leads_out_of_a_folder_is_not_completed():
    """A function that completes paths lists folders: it does not see such a value (1.29)."""
    mcp, seen = FastMCP(), []

    @mcp.resource("file://{folder}/{name}")
    def file(folder: str, name: str) -> str:
        return name

    mcp.resource("disk://{folder}/{name}", paths=True)(file)

    @mcp.completion()
    def listed(ref, argument, context):
        seen.append(argument.value)
        return ["x"]

    async with connected(mcp) as client:
        ref = {"type": "ref/resource", "uri": "file://{folder}/{name}"}
        assert (await completed(client, "name", "a/b", ref=ref))["values"] == ["x"]
        for value in ("../", "/etc/", "C:\\", "a\0"):
            with pytest.raises(McpError, match=r"The value '.*' of name in file://"):
                await completed(client, "name", value, ref=ref)
            with pytest.raises(McpError, match=r"The value '.*' of folder in file://"):
                await completed(client, "name", "a", ref=ref, context={"folder": value})
        assert seen == ["a/b"]
        ref["uri"] = "disk://{folder}/{name}"
        await completed(client, "name", "/etc/", ref=ref)
        with pytest.raises(McpError, match="segment"):
            await completed(client, "name", "/etc/..", ref=ref)
        assert seen == ["a/b", "/etc/"]
