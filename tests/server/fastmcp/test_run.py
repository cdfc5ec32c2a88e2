# SPDX-License-Identifier: BSD-3-Clause
"""Where and how a server may be run, and functions that care for where they run."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mcp_jupyter.server.fastmcp import Context, FastMCP

from .speaker import speaking

pytestmark = pytest.mark.anyio


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


async def test_a_lifespan_without_an_argument():
    @asynccontextmanager
    async def lifespan() -> AsyncIterator[str]:
        yield "ready"

    mcp = FastMCP("Life", lifespan=lifespan)

    @mcp.tool()
    def ask(ctx: Context) -> str:
        return ctx.request_context.lifespan_context

    async with speaking(mcp) as client:
        assert await client.text("ask") == "ready"


async def test_where_a_loop_runs_already():
    with pytest.raises(RuntimeError, match="In a notebook use %load_ext mcp_jupyter"):
        FastMCP().run()


def test_a_transport_that_there_is_not():
    with pytest.raises(ValueError, match="Unknown transport 'http': use stdio, sse, streamable-http"):
        FastMCP().run("http")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"host": "0.0.0.0"}, "Other machines can reach a server at '0.0.0.0': give a token"),
        ({"host": ""}, "Other machines can reach"),
        ({"host": "::"}, "Other machines can reach"),
        ({"token": "hunter2"}, "A token has 16 to 512 characters"),
        ({"token": "sixteen chars and a space"}, "A token has 16 to 512 characters"),
    ],
)
def test_what_anyone_could_reach_or_guess_is_not_served(options: dict[str, str], words: str):
    """`FastMCP.run` refuses a host that other machines reach without a token (1.25)."""
    with pytest.raises(ValueError, match=words) as failed:
        FastMCP("Life").run("streamable-http", port=0, **options)
    assert "hunter2" not in str(failed.value)


PROGRAM = """
import anyio.lowlevel, sys
from contextlib import asynccontextmanager
from mcp_jupyter.server.fastmcp import FastMCP

@asynccontextmanager
async def lifespan(server):
    try:
        yield
    finally:
        await anyio.lowlevel.checkpoint()
        print("closed")

FastMCP("Life", lifespan=lifespan).run(sys.argv[1], port=0)
"""


@pytest.mark.parametrize(("transport", "path"), [("streamable-http", "mcp"), ("sse", "sse")])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_over_http_it_says_where_and_ends_its_life_when_stopped(
    tmp_path: Path, transport: str, path: str, number: int
):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    process = subprocess.Popen(
        [sys.executable, str(program), transport],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = threading.Timer(30, process.kill)
    end.start()
    try:
        said, who = process.stderr.readline(), process.stderr.readline()
        process.send_signal(number)
        printed, errors = process.communicate()
    finally:
        end.cancel()
        process.kill()
        process.communicate()
    assert said.startswith("Serving Life at http://127.0.0.1:")
    assert said.endswith(f"/{path} until Ctrl-C.\n")
    assert "asks for no token: every user and every program of this machine can call it" in who
    assert (process.returncode, printed, errors) == (0, "closed\n", "")
