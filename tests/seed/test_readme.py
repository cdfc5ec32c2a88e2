# SPDX-License-Identifier: BSD-3-Clause
"""The README itself: its blocks, with the package's name replaced, run. Where a copy of it is at hand.

What a block leaves out (imports, a database, an HTTP API, files) stands before or after it.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from PIL import Image as PILImage

from mcp_jupyter import ClientSession
from mcp_jupyter.errors import McpError

from .programs import RUN, SECONDS, started
from .readme import blocks, renamed

pytestmark = pytest.mark.anyio

README = os.environ.get("MCP_JUPYTER_SEED")
needs_readme = pytest.mark.skipif(README is None, reason="MCP_JUPYTER_SEED names no copy of the README")

BLOCKS = 13

FASTMCP = """
from contextlib import asynccontextmanager
from mcp_jupyter.server.fastmcp import AssistantMessage, Context, FastMCP, Image, Message, UserMessage
mcp = FastMCP("stand-in")
"""

DATABASE = """
class Database:
    async def connect(self): pass
    async def disconnect(self): pass
    def query(self): return "rows"
db = Database()
"""

WEATHER = """
class httpx:
    class AsyncClient:
        async def __aenter__(self): return self
        async def __aexit__(self, *error): pass
        async def get(self, url): return type("Response", (), {"text": "sunny at " + url})
"""

FILES = """
@mcp.resource("file://{name}")
def a_file(name: str) -> str:
    return "contents of " + name
"""

LOW_LEVEL_DATABASE = """
from mcp_jupyter.server.lowlevel import Server
class Database:
    async def connect(self): pass
    async def disconnect(self): pass
    async def query(self, sql): return [sql, 1]
db = Database()
"""

EXAMPLE_SERVER = """
from mcp_jupyter.server.fastmcp import FastMCP
mcp = FastMCP("example")

def called(what):
    with open("called.txt", "a") as file:
        file.write(what + "\\n")
    return what

mcp.prompt("example-prompt")(lambda arg1: called("prompt " + arg1))
mcp.resource("file://some/path", name="path")(lambda: called("resource"))
mcp.tool("tool-name")(lambda arg1: called("tool " + arg1))
mcp.run()
"""


def block(word: str) -> str:
    """The README's one block with a word in it."""
    assert README is not None
    (found,) = [code for code in blocks(Path(README).read_text(encoding="utf-8")) if word in code]
    return renamed(found)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where programs are written and run; `python` there is this one."""
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    return tmp_path


@asynccontextmanager
async def serving(
    here: Path, word: str, before: str = "", after: str = "", how: tuple[str, ...] = RUN
) -> AsyncIterator[ClientSession]:
    (here / "server.py").write_text(before + block(word) + after)
    async with started(*how, "server.py", cwd=here) as session:
        yield session


async def said(session: ClientSession, name: str, **arguments: object) -> str:
    return (await session.call_tool(name, arguments)).content[0].text


async def read(session: ClientSession, uri: str) -> object:
    content, _ = await session.read_resource(uri)
    return content


def test_blocks_are_found_between_prose_and_renamed():
    text = (
        "Start\nLet's begin:\n\n# server.py\nfrom mcp.server import x\n\nmcp = x()\n"
        "Tools\nFor Tools see above.\n# Only a comment\nmcp run server.py\n"
        "import mcp.types as types\nmcp.run()\nExamples\n"
    )
    assert [renamed(code) for code in blocks(text)] == [
        "# server.py\nfrom mcp_jupyter.server import x\n\nmcp = x()\n",
        "import mcp_jupyter.types as types\nmcp.run()\n",
    ]


@needs_readme
def test_each_block_is_known():
    assert README is not None
    assert len(blocks(Path(README).read_text(encoding="utf-8"))) == BLOCKS


@needs_readme
async def test_quickstart(here: Path):
    async with serving(here, "def add(") as session:
        assert await said(session, "add", a=1, b=2) == "3"
        assert await read(session, "greeting://Ada") == "Hello, Ada!"


@needs_readme
async def test_lifespan(here: Path):
    async with serving(here, "class AppContext", FASTMCP + DATABASE) as session:
        # The README subscripts its own dataclass, which Python refuses; with the attribute it works.
        assert "'AppContext' object is not subscriptable" in await said(session, "query_db")
    code = block("class AppContext").replace('lifespan_context["db"]', "lifespan_context.db")
    (here / "server.py").write_text(FASTMCP + DATABASE + code)
    async with started(*RUN, "server.py", cwd=here) as session:
        assert await said(session, "query_db") == "rows"


@needs_readme
async def test_resources(here: Path):
    async with serving(here, "def get_config(", FASTMCP) as session:
        assert await read(session, "config://app") == "App configuration here"
        assert await read(session, "users://7/profile") == "Profile data for user 7"


@needs_readme
async def test_tools(here: Path):
    async with serving(here, "def calculate_bmi(", FASTMCP + WEATHER) as session:
        assert await said(session, "calculate_bmi", weight_kg=50, height_m=2) == "12.5"
        assert await said(session, "fetch_weather", city="Rome") == "sunny at https://api.weather.com/Rome"


@needs_readme
async def test_prompts(here: Path):
    async with serving(here, "def review_code(", FASTMCP) as session:
        (message,) = (await session.get_prompt("review_code", {"code": "x = 1"})).messages
        assert message.content.text.endswith("\n\nx = 1")
        got = await session.get_prompt("debug_error", {"error": "E"})
        assert [message.role for message in got.messages] == ["user", "user", "assistant"]


@needs_readme
async def test_images(here: Path):
    PILImage.new("RGB", (300, 300)).save(here / "picture.png")
    async with serving(here, "def create_thumbnail(", FASTMCP) as session:
        # The block imports FastMCP anew, but makes no server: the one before it stands in.
        (image,) = (await session.call_tool("create_thumbnail", {"image_path": "picture.png"})).content
    assert (image.type, image.mimeType, len(image.data)) == ("image", "image/png", 100 * 100 * 4)


@needs_readme
async def test_context(here: Path):
    async with serving(here, "def long_task(", FASTMCP, FILES) as session:
        assert await said(session, "long_task", files=["a", "b"]) == "Processing complete"


@needs_readme
@pytest.mark.parametrize("how", [(), RUN], ids=["python", "run"])
async def test_direct_execution(here: Path, how: tuple[str, ...]):
    async with serving(here, "mcp.run()", how=how) as session:
        assert (await session.list_tools()).tools == []


@needs_readme
async def test_echo(here: Path):
    async with serving(here, "def echo_tool(") as session:
        assert await said(session, "echo_tool", message="hi") == "Tool echo: hi"
        assert await read(session, "echo://hi") == "Resource echo: hi"
        (message,) = (await session.get_prompt("echo_prompt", {"message": "hi"})).messages
        assert message.content.text == "Please process this message: hi"


@needs_readme
async def test_sqlite(here: Path):
    with sqlite3.connect(here / "database.db") as database:
        database.execute("CREATE TABLE t (n INTEGER)")
        database.execute("INSERT INTO t VALUES (7)")
    database.close()
    async with serving(here, "def query_data(") as session:
        assert await read(session, "schema://main") == "CREATE TABLE t (n INTEGER)"
        assert await said(session, "query_data", sql="SELECT * FROM t") == "(7,)"
        assert (await said(session, "query_data", sql="SELECT")).startswith("Error: ")


@needs_readme
async def test_low_level_lifespan(here: Path):
    async with serving(here, "def server_lifespan(", LOW_LEVEL_DATABASE) as session:
        assert await said(session, "any", query="SELECT 1") == '["SELECT 1",1]'


@needs_readme
async def test_low_level_server(here: Path):
    async with serving(here, "def handle_list_prompts(", how=()) as session:
        (prompt,) = (await session.list_prompts()).prompts
        assert (prompt.name, prompt.arguments[0].name) == ("example-prompt", "arg1")
        got = await session.get_prompt("example-prompt", {"arg1": "x"})
        assert got.messages[0].content.text == "Example prompt text"
        with pytest.raises(McpError, match="Unknown prompt: other"):
            await session.get_prompt("other")


@needs_readme
def test_client(here: Path):
    (here / "example_server.py").write_text(EXAMPLE_SERVER)
    (here / "client.py").write_text(
        "import mcp_jupyter.types as types\n" + block("def handle_sampling_message(")
    )
    ended = subprocess.run(
        [sys.executable, "client.py"], cwd=here, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert (here / "called.txt").read_text() == "prompt value\nresource\ntool value\n"
