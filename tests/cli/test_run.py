# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp run`, as a host starts it and as a person does."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import stat
import sys
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


async def token_of(lines: BufferedByteReceiveStream) -> str:
    """The token that `run` prints after its URL."""
    with anyio.fail_after(SECONDS):
        while not (line := (await lines.receive_until(b"\n", 2**16)).decode()).startswith("Token: "):
            pass
    return line.split()[1]


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
    async with serving(jupyter_dirs, str(file), "--http", "--no-token", "--port", "0") as (process, url, _):
        async with streamablehttp_client(url) as (read, write, _), ClientSession(read, write) as session:
            await session.discover()
            assert (await session.call_tool("add", {"a": 1, "b": 2})).structuredContent == {"result": 3}
        process.send_signal(signal.SIGTERM)
        with anyio.fail_after(SECONDS):
            assert await process.wait() == 0
    assert file.with_name("ended").exists()


async def test_sse_and_a_low_level_server(jupyter_dirs: JupyterDirs, tmp_path: Path) -> None:
    (tmp_path / "low.py").write_text(LOW_LEVEL)
    wish = (f"{tmp_path}/low.py:low", "--sse", "--no-token", "--port", "0", "--host", "localhost")
    async with serving(jupyter_dirs, *wish) as (process, url, _):
        assert url.startswith("http://localhost:")
        async with sse_client(url) as (read, write), ClientSession(read, write) as session:
            assert (await session.initialize()).serverInfo.name == "low"
            assert (await session.list_tools()).tools == []
        process.send_signal(signal.SIGINT)
        with anyio.fail_after(SECONDS):
            assert await process.wait() == 0


# -- who may call over HTTP -----------------------------------------------------------------------


async def status(url: str, **headers: str) -> int:
    """What a request gets: 401 without the token; 4xx of another kind, or 200, once it is let in."""
    message = modern({"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {}})
    said = {"Accept": "application/json, text/event-stream", "Mcp-Method": "server/discover", **headers}
    said["MCP-Protocol-Version"] = "2026-07-28"
    async with httpx2.AsyncClient() as client:
        return (await client.post(url, json=message, headers=said)).status_code


async def test_http_asks_for_the_token_that_it_prints(jupyter_dirs: JupyterDirs, file: Path) -> None:
    """`run --http` makes a token, prints it once, and keeps it 0600 for `connect` while it runs (1.25)."""
    async with serving(jupyter_dirs, str(file), "--http", "--port", "0") as (process, url, lines):
        token = await token_of(lines)
        assert await status(url) == 401
        assert await status(url, Authorization="Bearer wrong") == 401
        assert await status(url, Authorization=f"Bearer {token}") == 200
        (kept,) = jupyter_dirs.runtime.glob("mcp-run-*.http")
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        shown = (await run(jupyter_dirs, "connect", "adder")).stdout.decode()
        assert f"Streamable HTTP  {url}\n" in shown
        assert "HTTP+SSE" not in shown
        assert (
            f"claude mcp add --transport http adder {url} --header 'Authorization: Bearer {token}'" in shown
        )
        process.terminate()
        with anyio.fail_after(SECONDS):
            assert await process.wait() == 0
    assert list(jupyter_dirs.runtime.glob("mcp-run-*")) == []


async def test_what_a_killed_server_left_is_not_connected_to(jupyter_dirs: JupyterDirs, file: Path) -> None:
    async with serving(jupyter_dirs, str(file), "--sse", "--port", "0") as (process, url, _):
        shown = (await run(jupyter_dirs, "connect", "adder")).stdout.decode()
        assert f"HTTP+SSE         {url}\n" in shown
        assert "--transport sse" in shown
        process.kill()
        await process.wait()
    ended = await run(jupyter_dirs, "connect", "adder")
    assert (ended.returncode, ended.stdout) == (1, b"")
    assert b"adder" in ended.stderr


OTHER_USER = """
import encodings.idna, http.client, os, sys  # all of it while its files can be read
port, kept = sys.argv[1:]
body = b'{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18", '
body += b'"capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}}'
headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=30)
connection.request("POST", "/mcp", body, headers)
print(os.getuid(), connection.getresponse().status, bool(kept) and os.access(kept, os.R_OK))
"""


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can act as another user"
)
@pytest.mark.parametrize(("options", "expected"), [((), 401), (("--no-token",), 200)])
async def test_another_user_of_this_machine_needs_the_token(
    jupyter_dirs: JupyterDirs, file: Path, options: tuple[str, ...], expected: int
) -> None:
    """Another uid is refused, unless `--no-token` lets every user of the machine in (1.25)."""
    async with serving(jupyter_dirs, str(file), "--http", *options, "--port", "0") as (_, url, lines):
        with anyio.fail_after(SECONDS):
            who = await lines.receive_until(b"\n", 2**16)
        assert (b"every user and every program of this machine can call it" in who) is bool(options)
        if not options:
            await token_of(lines)  # the file is there before it is printed
        kept = "".join(map(str, jupyter_dirs.runtime.glob("mcp-run-*.http")))
        assert bool(kept) is not bool(options)
        with anyio.fail_after(SECONDS):
            port = url.rpartition(":")[2].partition("/")[0]
            ended = await anyio.run_process([sys.executable, "-I", "-c", OTHER_USER, port, kept])
        assert ended.stdout.decode().split() == ["65534", str(expected), "False"]


async def test_a_fixed_token_is_asked_for_and_not_printed(
    jupyter_dirs: JupyterDirs, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADDER_TOKEN", "fixed-token-of-the-team")
    wish = (str(file), "--http", "--token-env", "ADDER_TOKEN", "--port", "0")
    async with serving(jupyter_dirs, *wish) as (process, url, lines):
        assert await status(url) == 401
        assert await status(url, Authorization="Bearer fixed-token-of-the-team") == 200
        assert b"fixed-token-of-the-team" in (await run(jupyter_dirs, "connect", "adder")).stdout
        process.terminate()
        with anyio.fail_after(SECONDS):
            await process.wait()
            said = b""
            with contextlib.suppress(anyio.EndOfStream):
                while True:
                    said += await lines.receive(2**16)
    assert b"Authorization: Bearer TOKEN" in said
    assert b"fixed-token-of-the-team" not in said


async def test_other_machines_need_the_token_too(jupyter_dirs: JupyterDirs, file: Path) -> None:
    """Beyond the loopback interface any `Host` is answered, and none without the token (1.25)."""
    wish = (str(file), "--http", "--port", "0", "--host", "0.0.0.0")
    async with serving(jupyter_dirs, *wish) as (_, url, lines):
        with anyio.fail_after(SECONDS):
            assert b"Other machines can reach it" in await lines.receive_until(b"\n", 2**16)
        token = await token_of(lines)
        here = url.replace("0.0.0.0", "127.0.0.1")
        for host in ("example.com", "localhost"):
            assert await status(here, Host=host) == 401
            assert await status(here, Host=host, Authorization=f"Bearer {token}") == 200


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
        (("nowhere.py",), 1, "Error: File not found: nowhere.py."),
        (("analysis.ipynb",), 1, "analysis.ipynb cannot be read: No such file"),
        (("server.py", "--watch", "-p", "x=1"), 2, "--parameter, --watch: for notebook files only"),
        (("analysis.ipynb:mcp",), 1, "which has no object to serve"),
        (("x.py", "--port", "1"), 2, "--http"),
        (("x.py", "--no-token"), 2, "--http"),
        (("x.py", "--http", "--no-token", "--host", "0.0.0.0"), 2, "other machines can reach 0.0.0.0"),
        (("x.py", "--http", "--no-token", "--token-env", "HOME"), 2, "Either --token-env or --no-token"),
        (("x.py", "--http", "--token-env", "NO_SUCH_NAME"), 2, "NO_SUCH_NAME is not set"),
        (("x.py", "--http", "--token-env", "SHORT"), 2, "SHORT cannot be a token. A token has 16 to"),
        (("x.py", "--http", "--port", "70000"), 2, "--port"),
    ],
)
async def test_a_bad_wish_is_told(
    jupyter_dirs: JupyterDirs,
    monkeypatch: pytest.MonkeyPatch,
    args: tuple[str, ...],
    code: int,
    words: str,
) -> None:
    monkeypatch.setenv("SHORT", "hunter2")
    ended = await run(jupyter_dirs, "run", *args)
    assert (ended.returncode, ended.stdout) == (code, b"")
    assert words in " ".join(ended.stderr.decode().split())
    assert "Traceback" not in ended.stderr.decode()
    assert "hunter2" not in ended.stderr.decode()
