# SPDX-License-Identifier: BSD-3-Clause
"""Arguments that hosts write in forms of their own, or in base64: bytes, lists, objects and null."""

from __future__ import annotations

import functools
from typing import Annotated, Any

import pytest
from pydantic import Field

from mcp_jupyter.server.fastmcp import FastMCP
from mcp_jupyter.server.fastmcp.tools import Tool

from .speaker import speaking
from .test_arguments import Blob, Colour, Point, Sealed, taking

pytestmark = pytest.mark.anyio

# -- bytes ----------------------------------------------------------------------------------------------


async def test_bytes_are_declared_as_base64_and_decoded():
    """The schema says how, also within lists and models (1.12)."""
    mcp = FastMCP()

    @mcp.tool()
    def f(data: bytes, blobs: list[Blob] | None = None, tail: bytes = b"\xff") -> str:
        return repr((data, blobs and blobs[0].raw, tail))

    definition = Tool.of(f).definition.inputSchema
    encoded = {"type": "string", "format": "base64url", "contentEncoding": "base64"}
    assert definition["properties"]["data"] == encoded
    assert definition["properties"]["tail"] == {**encoded, "default": "_w=="}
    assert definition["$defs"]["Blob"]["properties"]["raw"] == encoded
    async with speaking(mcp) as client:
        assert (
            await client.text("f", data="_wA=", blobs=[{"raw": "YWJj"}]) == r"(b'\xff\x00', b'abc', b'\xff')"
        )
        for text in ("not base64!", "YWJjY", "é"):
            said = await client.error("f", data=text, blobs=[{"raw": "*"}])
            assert "data: Data should be valid base64" in said
            assert "blobs.0.raw: Data should be valid base64" in said


@pytest.mark.parametrize("value", [b"\xff\x00", b"abc", b"", bytes(range(256))])
async def test_what_one_tool_gives_another_takes(value):
    """Results and arguments agree on the encoding (1.12)."""
    mcp = FastMCP()
    mcp.add_tool(lambda: {"raw": value, "more": [value]}, name="loose")
    mcp.add_tool(lambda: Sealed(value), name="sealed")
    mcp.add_tool(lambda: value, name="bare")
    received = []

    @mcp.tool()
    def take(blob: Blob | None = None, raw: bytes | None = None) -> None:
        received.append(blob.raw if blob else raw)

    @mcp.tool()
    def promised() -> Blob:
        return Blob(raw=value, more=[value], encoded=None)

    async with speaking(mcp) as client:
        for name in ("loose", "sealed", "promised"):
            await client.call("take", blob=(await client.call(name))["structuredContent"])
        await client.call("take", raw=(await client.call("bare"))["content"][0]["resource"]["blob"])
    assert received == [value] * 4


# -- what hosts send -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hint", "default", "sent", "got"),
    [
        (list[int], None, "\n [1, 2]\n", [1, 2]),
        (dict[str, int], None, '\t{"a": 1}', {"a": 1}),
        (Point, None, ' {"x": 1} ', Point(x=1)),
        (int | None, 7, "null", None),
        (list[str] | None, ["a"], " null\n", None),
        (int, 7, None, 7),
        (int, 7, "null", 7),
        (list[int], [1], None, [1]),
        (Colour, Colour.RED, None, Colour.RED),
        (Annotated[int, Field(ge=1)], 7, None, 7),
        (bytes, b"x", None, b"x"),
        (int | None, 7, None, None),  # where null is allowed, null is meant
        (str, "a", "null", "null"),  # a text stays a text
        (str | None, "a", "null", "null"),
        (str, "a", "\n[1]", "\n[1]"),
        (Any, 7, "null", "null"),
    ],
)
async def test_lists_objects_and_null_as_hosts_write_them(hint, default, sent, got):
    """White space before them, null as text, null for what is left out (1.18)."""
    received = []
    function = taking(hint) if default is None else taking(hint, default=default)
    mcp = FastMCP()

    @mcp.tool()
    @functools.wraps(function)
    def outer(**arguments: Any) -> None:
        received.append(function(**arguments))

    async with speaking(mcp) as client:
        (tool,) = (await client.ask("tools/list"))["tools"]
        assert "isError" not in await client.call("function", it=sent)
    assert received == [got]
    if default is not None:
        assert tool["inputSchema"] == Tool.of(function, name="f").definition.inputSchema  # not advertised
        assert "required" not in tool["inputSchema"]


async def test_a_declared_default_stands_for_null_and_a_required_argument_does_not():
    """The default may be a `Field`'s; without one null is refused (1.18)."""
    mcp = FastMCP()

    @mcp.tool()
    def f(n: int, level: int = Field(default=2, ge=0)) -> int:
        return n + level

    async with speaking(mcp) as client:
        assert await client.text("f", n=1, level=None) == "3"
        assert "n: Input should be a valid integer" in await client.error("f", n=None)
        assert "n: Input should be a valid integer" in await client.error("f", n="null", level=None)
