# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp attach`, as a host uses it."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from mcp_jupyter.ipc.listener import Listener
from mcp_jupyter.protocol.eras import CLIENT_CAPABILITIES, LATEST_LEGACY, LATEST_MODERN, PROTOCOL_VERSION
from mcp_jupyter.server.fastmcp import FastMCP
from tests.conftest import JupyterDirs
from tests.extension.support import NAME, OTHER, OTHER_KERNEL_ID, serve_notebook, stoppable_notebook

from .support import JUPYTER_MCP, SECONDS, attach, run

pytestmark = pytest.mark.anyio

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": "init",
    "method": "initialize",
    "params": {
        "protocolVersion": LATEST_LEGACY,
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}


@pytest.fixture
async def notebook(jupyter_dirs: JupyterDirs) -> AsyncIterator[Listener]:
    async with serve_notebook() as listener:
        yield listener


def call(id: int, tool: str, **arguments: Any) -> dict[str, Any]:
    params = {"name": tool, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}


def modern(request: dict[str, Any]) -> dict[str, Any]:
    meta = {"_meta": {PROTOCOL_VERSION: LATEST_MODERN, CLIENT_CAPABILITIES: {}}}
    return {**request, "params": {**request["params"], **meta}}


async def test_both_eras_go_over_one_connection(jupyter_dirs: JupyterDirs, notebook: Listener) -> None:
    async with attach(jupyter_dirs, NAME) as host:
        await host.send(modern(call(1, "total", n=1)))
        assert (await host.answer(1))["result"]["structuredContent"] == {"result": 10}
        await host.send(INITIALIZE, INITIALIZED, call(2, "total", n=2))
        assert (await host.answer("init"))["result"]["protocolVersion"] == LATEST_LEGACY
        assert (await host.answer(2))["result"]["structuredContent"] == {"result": 20}
        await host.send(modern(call(3, "total", n=3)))
        assert (await host.answer(3))["result"]["resultType"] == "complete"
        assert await host.close_stdin() == 0


async def test_the_only_notebook_need_not_be_named(jupyter_dirs: JupyterDirs, notebook: Listener) -> None:
    async with attach(jupyter_dirs) as host:
        await host.send(modern(call(1, "total", n=1)))
        assert "result" in await host.answer(1)


async def test_the_official_client_is_content(jupyter_dirs: JupyterDirs, notebook: Listener) -> None:
    server = StdioServerParameters(command=JUPYTER_MCP, args=["attach", NAME], env=jupyter_dirs.environ)
    with anyio.fail_after(SECONDS):
        async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
            await session.initialize()
            tools = await session.list_tools()
            assert {tool.name for tool in tools.tools} == {"total", "erase", "wait"}
            result = await session.call_tool("total", {"n": 5})
            assert result.structured_content == {"result": 50}


async def test_it_goes_on_when_the_kernel_restarts(jupyter_dirs: JupyterDirs) -> None:
    def kernel(word: str) -> FastMCP:
        server = FastMCP(word)
        server.add_tool(lambda: word, name="say")
        return server

    async with stoppable_notebook(kernel("first")) as stop, attach(jupyter_dirs, NAME) as host:
        await host.send(INITIALIZE, INITIALIZED)
        await host.answer("init")
        await host.send(call(1, "say"))
        assert (await host.answer(1))["result"]["content"][0]["text"] == "first"
        await stop()
        while (await host.receive())["method"] != "notifications/tools/list_changed":
            pass
        await host.send(call(2, "say"))
        assert "is not serving" in (await host.answer(2))["error"]["message"]
        async with serve_notebook(server=kernel("second")):
            while (await host.receive())["method"] != "notifications/tools/list_changed":
                pass
            await host.send(call(3, "say"))
            assert (await host.answer(3))["result"]["content"][0]["text"] == "second"


async def test_junk_costs_nobody_the_connection(jupyter_dirs: JupyterDirs, notebook: Listener) -> None:
    async with attach(jupyter_dirs, NAME) as host:
        junk = [b"{", b"[]", b'"x"', b'{"jsonrpc":"2.0","id":7}', b"\xff\xfe", b"", b"   "]
        await host.send(*junk, modern(call(1, "total", n=1)))
        answers = [await host.receive() for _ in range(6)]
        assert [answer["error"]["code"] for answer in answers[:-1]] == [
            -32700,
            -32600,
            -32600,
            -32600,
            -32700,
        ]
        assert answers[-1]["id"] == 1
        assert "result" in answers[-1]


async def test_without_a_notebook_it_says_so(jupyter_dirs: JupyterDirs) -> None:
    ended = await run(jupyter_dirs, "attach")
    assert ended.returncode == 2
    assert ended.stdout == b""
    assert b"%load_ext mcp_jupyter" in ended.stderr


async def test_with_several_it_asks_which(jupyter_dirs: JupyterDirs, notebook: Listener) -> None:
    async with serve_notebook(OTHER, OTHER_KERNEL_ID):
        for args in ((), ("nowhere",)):
            ended = await run(jupyter_dirs, "attach", *args)
            assert ended.returncode == 2
            assert ended.stdout == b""
            assert f"{OTHER}, {NAME}" in ended.stderr.decode()


async def test_all_notebooks_are_served_as_one(jupyter_dirs: JupyterDirs, notebook: Listener) -> None:
    async with serve_notebook(OTHER, OTHER_KERNEL_ID), attach(jupyter_dirs, "--all") as host:
        await host.send(modern(call(1, f"{NAME}_total", n=1)))
        assert (await host.answer(1))["result"]["structuredContent"] == {"result": 10}
        await host.send(INITIALIZE, INITIALIZED, call(2, f"{OTHER}_total", n=2))
        await host.answer("init")
        assert (await host.answer(2))["result"]["structuredContent"] == {"result": 20}
        assert await host.close_stdin() == 0


async def test_all_may_be_none_yet(jupyter_dirs: JupyterDirs) -> None:
    async with attach(jupyter_dirs, "--all") as host:
        await host.send(INITIALIZE, INITIALIZED)
        await host.answer("init")
        async with serve_notebook():
            while (await host.receive())["method"] != "notifications/tools/list_changed":
                pass
            await host.send(call(2, f"{NAME}_total", n=2))
            assert (await host.answer(2))["result"]["structuredContent"] == {"result": 20}


async def test_a_name_or_all(jupyter_dirs: JupyterDirs) -> None:
    ended = await run(jupyter_dirs, "attach", NAME, "--all")
    assert ended.returncode == 2
    assert b"Either NAME or --all" in ended.stderr


async def test_it_ends_with_its_stdin(jupyter_dirs: JupyterDirs, notebook: Listener) -> None:
    ended = await run(jupyter_dirs, "attach")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")


async def test_it_ends_quietly_when_nobody_reads(jupyter_dirs: JupyterDirs, notebook: Listener) -> None:
    reader, writer = os.pipe()
    process = await anyio.open_process([JUPYTER_MCP, "attach"], env=jupyter_dirs.environ, stdout=writer)
    os.close(writer)
    os.close(reader)
    async with process:
        assert process.stdin is not None
        await process.stdin.send(json.dumps(modern(call(1, "total", n=1))).encode() + b"\n")
        with anyio.fail_after(SECONDS):
            assert await process.wait() == 0


async def test_a_path_is_attached_to_and_never_another_notebook(
    jupyter_dirs: JupyterDirs, tmp_path: Path
) -> None:
    """`attach PATH` compares whole paths (1.4)."""
    mine, other = (Path(os.path.realpath(tmp_path)) / folder / "z.ipynb" for folder in ("mine", "other"))
    for file in (mine, other):
        file.parent.mkdir()
        file.touch()
    async with serve_notebook("z", path=str(mine)):
        async with attach(jupyter_dirs, str(mine)) as host:
            await host.send(modern(call(1, "total", n=1)))
            assert (await host.answer(1))["result"]["structuredContent"] == {"result": 10}
        ended = await run(jupyter_dirs, "attach", str(other))
        assert (ended.returncode, ended.stdout) == (2, b"")
        assert b"z.ipynb is not live" in ended.stderr
