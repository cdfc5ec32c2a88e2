# SPDX-License-Identifier: BSD-3-Clause
"""The tools of a notebook's file, read without running it, are much like those that the kernel serves."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_jupyter.kernel.outline import file_tools
from mcp_jupyter.server.fastmcp import FastMCP

SOURCE = '''
import pandas as pd
from typing import Annotated, Literal, Optional
from mcp_jupyter.server.fastmcp import Context

LIMIT = 10

def top(n: int = 5, region: str | None = None) -> pd.DataFrame:
    """The best customers.

    Of the whole year.
    """

async def search(words: list[str], exact: bool, ctx: Context, kind: Literal["a", "b"] = "a"): ...

def scale(by: Annotated[float, "times"], *, where: Optional[dict[str, int]] = None, limit=LIMIT): ...

def _private(): ...
'''


def served() -> dict[str, Any]:
    """What FastMCP makes of the same functions."""
    namespace: dict[str, Any] = {}
    exec(SOURCE, namespace)  # noqa: S102 - the source is ours
    mcp = FastMCP()
    for name in ("top", "search", "scale"):
        mcp.add_tool(namespace[name])
    return {name: tool.definition for name, tool in mcp.tools.items()}


def test_names_descriptions_and_plain_types_are_those_of_the_kernel() -> None:
    """A host that never lists again can call them (2: opening)."""
    tools = {tool.name: tool for tool in file_tools([((), SOURCE)])}
    assert list(tools) == ["top", "search", "scale"]
    for name, real in served().items():
        early = tools[name]
        assert early.description == real.description
        assert early.inputSchema["properties"].keys() == real.inputSchema["properties"].keys()
        assert early.inputSchema.get("required") == real.inputSchema.get("required")
        for argument, schema in early.inputSchema["properties"].items():
            real_schema = real.inputSchema["properties"][argument]
            assert schema.get("type", real_schema.get("type")) == real_schema.get("type")
            assert schema.get("anyOf", [])[:1] in ([], real_schema.get("anyOf", [])[:1])
            assert schema.get("default", ...) in (real_schema.get("default"), ...)


def test_options_of_the_cell_count() -> None:
    """Its name and its hints (2: opening)."""
    (tool,) = file_tools([(("--name", "best", "--read-only"), "def top(): ...")])
    assert tool.name == "best"
    assert tool.annotations is not None
    assert tool.annotations.readOnlyHint is True
    assert tool.annotations.destructiveHint is None


@pytest.mark.parametrize(
    "source",
    [
        "def f(:",
        "%time x\ndef f(): ...",
        "def f(*args): ...",
        "def f(**options): ...",
        "def f(a, /): ...",
        "x = 1",
        "\0",
        "(" * 5000,
    ],
)
def test_what_is_no_tool_or_cannot_be_read_is_left_out(source: str) -> None:
    """A file is a stranger's (2: opening)."""
    assert file_tools([((), source)]) == []


def test_types_within_types_have_an_end() -> None:
    """Deep ones take anything (2: opening)."""
    (tool,) = file_tools([((), f"def f(x: {'list[' * 50}int{']' * 50}): ...")])
    assert str(tool.inputSchema).count("array") < 15


def test_of_two_tools_with_one_name_the_last_counts() -> None:
    """As in the kernel (2: opening)."""
    (tool,) = file_tools([((), "def f(a): ..."), ((), "def f(b): ...")])
    assert list(tool.inputSchema["properties"]) == ["b"]
