# SPDX-License-Identifier: BSD-3-Clause
"""Servers as people who know the SDK's first README write them: the same names, shapes and habits."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from PIL import Image as PILImage

from mcp_jupyter.server.fastmcp import AssistantMessage, Context, FastMCP, Image, Message, UserMessage

from .speaker import speaking

pytestmark = pytest.mark.anyio


async def test_a_calculator_and_a_greeting():
    mcp = FastMCP("Sums")

    @mcp.tool()
    def multiply(a: int, b: int) -> int:
        """Multiply two numbers."""
        return a * b

    @mcp.resource("hello://{name}")
    def hello(name: str) -> str:
        """Say hello."""
        return f"Hello {name}"

    async with speaking(mcp) as client:
        assert await client.text("multiply", a=6, b=7) == "42"
        (item,) = (await client.ask("resources/read", uri="hello://Ada"))["contents"]
        assert item["text"] == "Hello Ada"


@dataclass
class App:
    stock: dict[str, int]


async def test_a_typed_lifespan_and_dependencies():
    events = []

    @asynccontextmanager
    async def lifespan(server: FastMCP) -> AsyncIterator[App]:
        events.append(f"open for {server.name}")
        try:
            yield App({"nails": 5})
        finally:
            events.append("closed")

    mcp = FastMCP("Shop", lifespan=lifespan, dependencies=["pandas", "numpy"])

    @mcp.tool()
    def count(what: str, ctx: Context) -> int:
        """Tool that uses what was opened."""
        return ctx.request_context.lifespan_context.stock[what]

    assert mcp.dependencies == ["pandas", "numpy"]
    async with speaking(mcp) as client:
        assert await client.text("count", what="nails") == "5"
        assert events == ["open for Shop"]
    assert events == ["open for Shop", "closed"]


async def test_tools_sync_and_async_with_floats_and_text():
    mcp = FastMCP("Units")

    @mcp.tool()
    def density(mass_kg: float, volume_l: float) -> float:
        """Mass by volume."""
        return mass_kg / volume_l

    @mcp.tool()
    async def look_up(city: str) -> str:
        """Look something up."""
        return f"sunny in {city}"

    async with speaking(mcp) as client:
        assert await client.text("density", mass_kg=3, volume_l=2) == "1.5"
        assert await client.text("look_up", city="Rome") == "sunny in Rome"
        assert "division by zero" in await client.error("density", mass_kg=3, volume_l=0)


async def test_prompts_of_text_and_of_messages():
    mcp = FastMCP("Prompts")

    @mcp.prompt()
    def explain(code: str) -> str:
        return f"Explain this:\n\n{code}"

    @mcp.prompt()
    def debug(error: str) -> list[Message]:
        return [UserMessage("It says:"), UserMessage(error), AssistantMessage("What did you do?")]

    async with speaking(mcp) as client:
        got = await client.ask("prompts/get", name="explain", arguments={"code": "x = 1"})
        assert got["messages"][0]["content"]["text"] == "Explain this:\n\nx = 1"
        got = await client.ask("prompts/get", name="debug", arguments={"error": "E"})
        assert [message["role"] for message in got["messages"]] == ["user", "user", "assistant"]


async def test_an_image_made_with_pillow(tmp_path):
    mcp = FastMCP("Pictures")
    PILImage.new("RGB", (300, 200), "red").save(tmp_path / "big.png")

    @mcp.tool()
    def thumbnail(path: str) -> Image:
        """Make it small."""
        picture = PILImage.open(path)
        picture.thumbnail((10, 10))
        return Image(data=picture.tobytes(), format="png")

    async with speaking(mcp) as client:
        (block,) = (await client.call("thumbnail", path=str(tmp_path / "big.png")))["content"]
        assert (block["type"], block["mimeType"]) == ("image", "image/png")


async def test_a_long_task_with_progress_and_resources():
    mcp = FastMCP("Files")
    mcp.resource("file://{name}")(lambda name: f"contents of {name}")

    @mcp.tool()
    async def process(files: list[str], ctx: Context) -> str:
        """Process files, one after the other."""
        for done, file in enumerate(files):
            ctx.info(f"at {file}")
            await ctx.report_progress(done, len(files))
            data, mime_type = await ctx.read_resource(f"file://{file}")
            assert (data, mime_type) == (f"contents of {file}", "text/plain")
        return "all done"

    heard = []

    async def on_progress(*progress) -> None:
        heard.append(progress)

    async with speaking(mcp) as client:
        params = {"name": "process", "arguments": {"files": ["a", "b"]}}
        result = await client.ask("tools/call", on_progress, **params)
        assert result["structuredContent"] == {"result": "all done"}
        assert heard == [(0, 2, None), (1, 2, None)]
        assert [said.params["data"] for said in client.heard] == ["at a", "at b"]


async def test_one_function_of_each_kind_under_one_name():
    mcp = FastMCP("Echo")
    mcp.resource("echo://{message}", name="echo")(lambda message: f"resource {message}")
    mcp.tool("echo")(lambda message: f"tool {message}")
    mcp.prompt("echo")(lambda message: f"prompt {message}")
    async with speaking(mcp) as client:
        assert await client.text("echo", message="x") == "tool x"
        assert mcp.remove("echo") == ["tools", "resources", "prompts"]


async def test_a_database_that_is_bound_to_its_thread():
    connection = sqlite3.connect(":memory:")  # refuses other threads
    connection.execute("create table numbers (n integer)")
    mcp = FastMCP("Database")

    @mcp.resource("schema://main")
    def schema() -> str:
        """The schema."""
        rows = connection.execute("select sql from sqlite_master where type='table'").fetchall()
        return "\n".join(sql for (sql,) in rows)

    @mcp.tool()
    def query(sql: str) -> str:
        """Run a query."""
        try:
            return "\n".join(str(row) for row in connection.execute(sql).fetchall())
        except Exception as exc:  # noqa: BLE001 - as people write it
            return f"Error: {exc}"

    async with speaking(mcp) as client:
        assert await client.text("query", sql="insert into numbers values (7) returning n") == "(7,)"
        assert await client.text("query", sql="select * from gone") == "Error: no such table: gone"
        (item,) = (await client.ask("resources/read", uri="schema://main"))["contents"]
        assert item["text"] == "CREATE TABLE numbers (n integer)"
    connection.close()


async def test_where_a_loop_runs_already():
    with pytest.raises(RuntimeError, match="In a notebook use %load_ext mcp_jupyter"):
        FastMCP().run()


def test_a_transport_that_there_is_not():
    with pytest.raises(ValueError, match="'http' is no transport: use stdio, sse, streamable-http"):
        FastMCP().run("http")  # type: ignore[arg-type]
