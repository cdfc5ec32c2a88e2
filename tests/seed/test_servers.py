# SPDX-License-Identifier: BSD-3-Clause
"""The README's servers that are programs: run in processes of their own, by `run` or directly."""

from __future__ import annotations

import sqlite3

import pytest

from mcp_jupyter import types
from mcp_jupyter.errors import McpError

from .programs import RUN, SERVERS, started

pytestmark = pytest.mark.anyio


def text(result: types.CallToolResult) -> str:
    (block,) = result.content
    return block.text


async def test_the_quickstart():
    async with started(*RUN, SERVERS / "quickstart.py") as session:
        assert text(await session.call_tool("multiply", {"a": 6, "b": 7})) == "42"
        content, _ = await session.read_resource("hello://Ada")
        assert content == "Hi Ada."


@pytest.mark.parametrize("how", [(), RUN], ids=["python", "run"])
async def test_direct_execution(how: tuple[str, ...]):
    async with started(*how, SERVERS / "direct.py") as session:
        assert (await session.list_tools()).tools == []


async def test_the_echo_server():
    async with started(*RUN, SERVERS / "echo.py") as session:
        content, _ = await session.read_resource("echo://hello")
        assert content == "resource: hello"
        assert text(await session.call_tool("tool", {"message": "hello"})) == "tool: hello"
        prompt = await session.get_prompt("prompt", {"message": "hello"})
        assert prompt.messages[0].content.text == "prompt: hello"


async def test_the_sqlite_explorer(tmp_path):
    with sqlite3.connect(tmp_path / "database.db") as database:
        database.execute("CREATE TABLE birds (name TEXT, legs INTEGER)")
        database.execute("INSERT INTO birds VALUES ('robin', 2)")
    database.close()
    async with started(*RUN, SERVERS / "explorer.py", cwd=tmp_path) as session:
        content, _ = await session.read_resource("schema://main")
        assert content == "CREATE TABLE birds (name TEXT, legs INTEGER)"
        assert text(await session.call_tool("query", {"sql": "SELECT * FROM birds"})) == "('robin', 2)"
        assert text(await session.call_tool("query", {"sql": "SELECT"})).startswith("Error: ")


async def test_the_low_level_server():
    async with started(SERVERS / "lowlevel.py") as session:
        (prompt,) = (await session.list_prompts()).prompts
        assert (prompt.name, prompt.arguments[0].required) == ("haiku", True)
        got = await session.get_prompt("haiku", {"about": "rain"})
        assert (got.description, got.messages[0].content.text) == ("A haiku", "A haiku about rain, please")
        with pytest.raises(McpError, match="No prompt sonnet"):
            await session.get_prompt("sonnet")
