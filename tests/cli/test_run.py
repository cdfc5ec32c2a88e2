# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp run`, as a host starts it and as a person does."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx2
import pytest
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from mcp_jupyter.client.session import ClientSession
from mcp_jupyter.client.sse import sse_client
from mcp_jupyter.client.streamable_http import streamablehttp_client
from tests.conftest import JupyterDirs

from .support import JUPYTER_MCP, SECONDS, attach, run
from .test_attach import call, modern

pytestmark = pytest.mark.anyio

SERVER = """
import contextlib, pathlib
from mcp_jupyter.server.fastmcp import FastMCP

print("loading: this is no message")

@contextlib.asynccontextmanager
async def lifespan(server):
    try:
        yield
    finally:
        pathlib.Path(__file__).with_name("ended").touch()

mcp = FastMCP("adder", lifespan=lifespan)

@mcp.tool()
def add(a: int, b: int) -> int:
    print("adding")
    return a + b

if __name__ == "__main__":
    raise SystemExit("the main block ran")
"""

LOW_LEVEL = """
from mcp_jupyter import types
from mcp_jupyter.server.lowlevel import Server

low = Server("low")

async def list_tools(context, params):
    return types.ListToolsResult(tools=[])

low.add_handler("tools/list", types.PaginatedRequestParams, list_tools)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "adder.py"
    path.write_text(SERVER)
    return path


@asynccontextmanager
async def serving(
    dirs: JupyterDirs, *args: str
) -> AsyncIterator[tuple[Process, str, BufferedByteReceiveStream]]:
    """`run` over HTTP: the process, the URL it says, and what else it says."""
    async with await anyio.open_process([JUPYTER_MCP, "run", *args], env=dirs.environ) as process:
        assert process.stderr is not None
        lines = BufferedByteReceiveStream(process.stderr)
        try:
            line = ""
            with anyio.fail_after(SECONDS):
                while not line.startswith("Serving "):  # what a file or a kernel prints comes before
                    line = (await lines.receive_until(b"\n", 2**16)).decode()
            yield process, line.split()[3], lines
        finally:
            if process.returncode is None:
                process.kill()


async def test_a_file_is_served_on_stdio(jupyter_dirs: JupyterDirs, file: Path) -> None:
    async with attach(jupyter_dirs, str(file), command="run") as host:
        await host.send(modern(call(1, "add", a=1, b=2)))
        assert (await host.answer(1))["result"]["structuredContent"] == {"result": 3}
        assert await host.close_stdin() == 0
    assert file.with_name("ended").exists()


async def test_what_the_file_prints_and_reads_is_not_the_protocols(
    jupyter_dirs: JupyterDirs, file: Path
) -> None:
    file.write_text(f"import os, sys\nos.system('echo from a child')\nassert not sys.stdin.read()\n{SERVER}")
    message = json.dumps(modern(call(1, "add", a=1, b=2))).encode() + b"\n"
    ended = await run(jupyter_dirs, "run", str(file), stdin=message)
    assert ended.returncode == 0, ended.stderr
    (line,) = ended.stdout.splitlines()
    assert json.loads(line)["id"] == 1
    assert {b"from a child", b"loading: this is no message", b"adding"} <= set(ended.stderr.splitlines())


async def test_streamable_http(jupyter_dirs: JupyterDirs, file: Path) -> None:
    async with serving(jupyter_dirs, str(file), "--http", "--port", "0") as (process, url, _):
        async with streamablehttp_client(url) as (read, write, _), ClientSession(read, write) as session:
            await session.discover()
            assert (await session.call_tool("add", {"a": 1, "b": 2})).structuredContent == {"result": 3}
        process.send_signal(signal.SIGTERM)
        with anyio.fail_after(SECONDS):
            assert await process.wait() == 0
    assert file.with_name("ended").exists()


async def test_sse_and_a_low_level_server(jupyter_dirs: JupyterDirs, tmp_path: Path) -> None:
    (tmp_path / "low.py").write_text(LOW_LEVEL)
    wish = (f"{tmp_path}/low.py:low", "--sse", "--port", "0", "--host", "localhost")
    async with serving(jupyter_dirs, *wish) as (process, url, _):
        assert url.startswith("http://localhost:")
        async with sse_client(url) as (read, write), ClientSession(read, write) as session:
            assert (await session.initialize()).serverInfo.name == "low"
            assert (await session.list_tools()).tools == []
        process.send_signal(signal.SIGINT)
        with anyio.fail_after(SECONDS):
            assert await process.wait() == 0


async def test_an_open_address_is_told_what_it_answers(jupyter_dirs: JupyterDirs, file: Path) -> None:
    wish = (str(file), "--http", "--port", "0", "--host", "0.0.0.0")
    async with serving(jupyter_dirs, *wish) as (_, url, lines):
        with anyio.fail_after(SECONDS):
            assert b"addressed to localhost" in await lines.receive_until(b"\n", 2**16)
        async with httpx2.AsyncClient() as client:
            answer = await client.post(url.replace("0.0.0.0", "127.0.0.1"), headers={"Host": "example.com"})
        assert answer.status_code == 403


async def test_a_port_that_is_taken_is_one_clear_line(jupyter_dirs: JupyterDirs, file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = await run(jupyter_dirs, "run", str(file), "--http", "--port", port)
    assert ended.returncode == 1
    (line,) = ended.stderr.decode().splitlines()
    assert line.startswith(f"Error: Cannot listen on 127.0.0.1, port {port}: Address already in use")


async def test_a_file_that_raises_shows_its_own_traceback(jupyter_dirs: JupyterDirs, tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("def helper():\n    return {}['key']\n\nhelper()\n")
    for options in ((), ("--http", "--port", "0")):
        ended = await run(jupyter_dirs, "run", str(path), *options)
        assert (ended.returncode, ended.stdout) == (1, b"")
        lines = ended.stderr.decode().splitlines()
        assert lines[0] == "Traceback (most recent call last):"
        assert [line.split(", ")[1] for line in lines if line.startswith("  File")] == ["line 4", "line 2"]
        assert lines[-1] == f"Error: {path}, line 4: KeyError: 'key'"


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        ((), 2, "Missing argument"),
        (("nowhere.py",), 1, "Error: There is no file nowhere.py."),
        (("analysis.ipynb",), 1, "analysis.ipynb cannot be read: No such file"),
        (("server.py", "--watch", "-p", "x=1"), 2, "--parameter, --watch: for notebooks only"),
        (("analysis.ipynb:mcp",), 1, "which has no object to serve"),
        (("x.py", "--port", "1"), 2, "--http"),
        (("x.py", "--http", "--port", "70000"), 2, "--port"),
    ],
)
async def test_a_bad_wish_is_told(
    jupyter_dirs: JupyterDirs, args: tuple[str, ...], code: int, words: str
) -> None:
    ended = await run(jupyter_dirs, "run", *args)
    assert (ended.returncode, ended.stdout) == (code, b"")
    assert words in ended.stderr.decode()
    assert "Traceback" not in ended.stderr.decode()
