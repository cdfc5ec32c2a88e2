# SPDX-License-Identifier: BSD-3-Clause
"""The definitions of tools as each host is to have them."""

from __future__ import annotations

from typing import Annotated, Any

import pandas as pd
import pytest
from pydantic import BaseModel, Field

from mcp_jupyter.server.fastmcp import FastMCP
from mcp_jupyter.server.host_profiles import PROFILES

from .speaker import both_eras, speaking

pytestmark = pytest.mark.anyio

CLAUDE = "claude-code"
CODEX = "codex-mcp-client"


class Reading(BaseModel):
    tree: str
    kilos: float = 1.5


class Branch(BaseModel):
    """A model that holds itself."""

    name: str
    reading: Reading
    parts: list[Branch] = []


async def listed(mcp: FastMCP, name: str, era: str = "legacy") -> dict[str, Any]:
    async with speaking(mcp, era, name=name) as client:
        return {tool["name"]: tool for tool in (await client.ask("tools/list"))["tools"]}


def serving(*functions: Any, **options: Any) -> FastMCP:
    mcp = FastMCP(**options)
    for function in functions:
        mcp.add_tool(function)
    return mcp


@both_eras
async def test_an_input_schema_has_no_references(era):
    """Continue drops `$defs` and keeps `$ref` (2: definitions)."""

    def tool(reading: Reading, readings: list[Reading] | None = None) -> None: ...

    schema = (await listed(serving(tool), "continue-cli-client", era))["tool"]["inputSchema"]
    assert "$ref" not in str(schema)
    assert "$defs" not in schema
    assert schema["properties"]["reading"]["required"] == ["tree"]


async def test_a_reference_to_what_holds_it_stays():
    """A model that holds itself cannot be written out (2: definitions)."""

    def tool(branch: Branch) -> None: ...

    schema = (await listed(serving(tool), CODEX))["tool"]["inputSchema"]
    branch = schema["properties"]["branch"]
    assert branch["properties"]["reading"]["properties"].keys() == {"tree", "kilos"}
    assert branch["properties"]["parts"]["items"] == {"$ref": "#/$defs/Branch"}
    assert "Branch" in schema["$defs"]


async def test_references_that_multiply_stay():
    """Ten levels of four references are a million schemas (2: definitions)."""
    model: Any = Reading
    for level in range(10):
        kind = {f"part{at}": (model, ...) for at in range(4)}
        model = type(f"Level{level}", (BaseModel,), {"__annotations__": {k: v[0] for k, v in kind.items()}})

    def tool(it) -> None: ...

    tool.__annotations__["it"] = model
    schema = (await listed(serving(tool), CODEX))["tool"]["inputSchema"]
    assert "$defs" in schema
    assert len(str(schema)) < 20_000


async def test_a_default_is_said_in_words():
    """Codex drops `default` (2: definitions)."""

    def tool(
        n: Annotated[int, Field(description="How many.")] = 5,
        region: str = "north",
        reading: Reading | None = None,
        default: Annotated[int, Field(description="Default is the newest.")] = 3,
        long: str = "x" * 100,
    ) -> None: ...

    properties = (await listed(serving(tool), CODEX))["tool"]["inputSchema"]["properties"]
    assert properties["n"] == {"type": "integer", "description": "How many. (default 5)", "default": 5}
    assert properties["region"]["description"] == '(default "north")'
    assert "description" not in properties["reading"]
    assert properties["default"]["description"] == "Default is the newest."
    assert "description" not in properties["long"]
    kilos = properties["reading"]["anyOf"][0]["properties"]["kilos"]
    assert kilos["description"] == "(default 1.5)"


@pytest.mark.parametrize("name", PROFILES)
async def test_an_output_schema_is_listed_where_the_structure_is_sent(name):
    """(2: definitions) Else a client would miss what was promised."""

    def record() -> dict[str, int]:
        return {"n": 5}

    def frame() -> pd.DataFrame:
        return pd.DataFrame({"n": [1]})

    mcp = serving(record, frame)
    async with speaking(mcp, name=name) as client:
        for tool in (await client.ask("tools/list"))["tools"]:
            assert ("outputSchema" in tool) == ("structuredContent" in await client.call(tool["name"]))


@pytest.mark.parametrize("name", ["mcp_jupyter", "another"])
async def test_other_clients_get_definitions_as_the_protocol_has_them(name):
    """(2: definitions) They know references and defaults."""

    def tool(reading: Reading | None = None, n: int = 5) -> int:
        return n

    definition = (await listed(serving(tool), name))["tool"]
    assert "$defs" in definition["inputSchema"]
    assert definition["inputSchema"]["properties"]["n"] == {"type": "integer", "default": 5}
    assert "_meta" not in definition


async def test_claude_code_always_has_few_small_tools():
    """It shows its model bare names of others (2: definitions)."""

    def small() -> None: ...

    def large() -> None: ...

    large.__doc__ = "word " * 2000
    mcp = serving(small)
    assert (await listed(mcp, CLAUDE))["small"]["_meta"] == {"anthropic/alwaysLoad": True}
    assert "_meta" not in (await listed(mcp, CODEX))["small"]
    mcp.add_tool(large)
    assert "_meta" not in (await listed(mcp, CLAUDE))["small"]
    mcp.remove("large")
    for at in range(10):
        mcp.add_tool(small, f"small{at}")
    assert "_meta" not in (await listed(mcp, CLAUDE))["small"]


async def test_claude_code_is_told_of_larger_results_that_the_user_allows():
    """What a tool's author has put into `_meta` stays (2: definitions)."""

    def tool() -> None: ...

    mcp = FastMCP()
    mcp.add_tool(tool, meta={"anthropic/alwaysLoad": False, "mine": 1})
    assert (await listed(mcp, CLAUDE))["tool"]["_meta"] == {"anthropic/alwaysLoad": False, "mine": 1}
    mcp.result_budget = 200_000
    meta = (await listed(mcp, CLAUDE))["tool"]["_meta"]
    assert meta == {"anthropic/alwaysLoad": False, "mine": 1, "anthropic/maxResultSizeChars": 200_000}
    mcp.result_budget = 40_000
    assert "anthropic/maxResultSizeChars" not in (await listed(mcp, CLAUDE))["tool"]["_meta"]


async def test_a_list_is_made_anew_when_a_tool_changes():
    """(2: definitions) Each host then has the new one."""

    def tool(n: int = 1) -> None: ...

    mcp = serving(tool)
    assert (await listed(mcp, CODEX))["tool"]["inputSchema"]["properties"]["n"]["default"] == 1

    def changed(n: int = 2) -> None: ...

    mcp.add_tool(changed, "tool")
    assert (await listed(mcp, CODEX))["tool"]["inputSchema"]["properties"]["n"]["default"] == 2
