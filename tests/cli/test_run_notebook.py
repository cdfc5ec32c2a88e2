# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp run analysis.ipynb`, as a host starts it and as a person does."""

from __future__ import annotations

import socket

import anyio
import pytest
from mcp import ClientSession
from mcp.client.sse import sse_client

from mcp_jupyter import Client
from mcp_jupyter.errors import McpError
from tests.headless.conftest import write_notebook

from .support import JUPYTER_MCP, SECONDS, run
from .test_run import serving, token_of

__all__ = ["write_notebook"]

pytestmark = pytest.mark.anyio

NOISE = "import os, sys\nprint('printed')\nos.write(1, b'no message\\n')\nos.system('echo from a child')"
TOOL = "%%mcp_tool\ndef total() -> int:\n    return sum(values)"
MORE = "%%mcp_tool\ndef more(n: int) -> int:\n    values.append(n)\n    print('added', n)\n    return 2"


def served(dirs, path, *options: str) -> Client:
    """A client of the command on stdio."""
    return Client([JUPYTER_MCP, "run", str(path), *options], env=dirs.environ)


async def text(client: Client) -> str:
    return (await client.call_tool("total")).content[0].text


async def test_a_host_starts_a_notebook_and_calls_what_it_offers(jupyter_dirs, write_notebook):
    path = write_notebook(NOISE, ("values = [1]", ["parameters"]), TOOL)
    async with served(jupyter_dirs, path, "-p", "values=[20, 22]") as client:
        assert [tool.name for tool in await client.list_tools()] == ["total"]
        assert await text(client) == "42"


async def test_a_notebook_is_served_over_http_until_told_to_stop(jupyter_dirs, write_notebook):
    path = write_notebook("values = [1]", TOOL)
    async with serving(jupyter_dirs, str(path), "--http", "--port", "0") as (process, url, lines):
        headers = {"Authorization": f"Bearer {await token_of(lines)}"}
        async with Client(url, headers=headers) as one, Client(url, headers=headers, era="legacy") as other:
            assert (await text(one), await text(other)) == ("1", "1")
        process.terminate()
        with anyio.fail_after(SECONDS):
            assert await process.wait() == 0
    assert list(jupyter_dirs.runtime.glob("*")) == []


async def test_a_notebook_is_served_over_sse_to_the_official_client_and_to_ours(jupyter_dirs, write_notebook):
    path = write_notebook("values = [1]", TOOL, MORE)
    logged = []

    async def keep(message):
        logged.append((message.level, message.data))

    async with serving(jupyter_dirs, str(path), "--sse", "--no-token", "--port", "0") as (process, url, _):
        assert url.endswith("/sse")
        with anyio.fail_after(SECONDS):
            async with (
                sse_client(url) as streams,
                ClientSession(*streams, logging_callback=keep) as official,
                Client(url) as ours,
            ):
                assert (await official.initialize()).server_info.name == "analysis"
                listed = [tool.name for tool in (await official.list_tools()).tools]
                assert listed == ["total", "more", "find_tools", "use_tool", "read_more"]
                result = await official.call_tool("more", {"n": 41})
                assert result.structured_content == {"result": 2, "printed": "added 41"}
                assert await text(ours) == "42"  # of the same kernel
                while ("info", "added 41") not in logged:
                    await anyio.sleep(0.01)
        process.terminate()
        with anyio.fail_after(SECONDS):
            assert await process.wait() == 0
    assert list(jupyter_dirs.runtime.glob("*")) == []


async def test_a_cell_that_fails_ends_it_with_the_cells_name_and_traceback(jupyter_dirs, write_notebook):
    ended = await run(jupyter_dirs, "run", str(write_notebook("x = 1", "y = x / 0", TOOL)))
    assert (ended.returncode, ended.stdout) == (1, b"")
    said = ended.stderr.decode().splitlines()
    assert "----> 1 y = x / 0" in said
    assert said[-1] == "Error: Cell [2] of analysis.ipynb failed: ZeroDivisionError: division by zero"


async def test_a_port_that_is_taken_is_told_before_the_notebook_runs(jupyter_dirs, write_notebook):
    path = write_notebook("values = [5]", TOOL)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = await run(jupyter_dirs, "run", str(path), "--http", "--port", port)
    (said,) = ended.stderr.decode().splitlines()
    assert said.startswith(f"Error: Cannot listen on 127.0.0.1, port {port}")


async def test_errors_may_be_allowed(jupyter_dirs, write_notebook):
    path = write_notebook("values = [5]", "1 / 0", TOOL)
    async with served(jupyter_dirs, path, "--allow-errors") as client:
        assert await text(client) == "5"


async def test_a_watched_notebook_is_run_again_when_its_file_changes(jupyter_dirs, write_notebook):
    path = write_notebook("values = [1]", TOOL)
    async with served(jupyter_dirs, path, "--watch") as client:
        assert await text(client) == "1"
        write_notebook("values = [1, 1]", TOOL)
        with anyio.fail_after(SECONDS):
            while True:
                try:
                    said = await text(client)
                except McpError:  # its kernel is on its way back
                    said = ""
                if said == "2":
                    break
                await anyio.sleep(0.1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--kernel", "cobol"), "Unknown kernel 'cobol'"),
        (("-p", "year"), "'year' is not a parameter: write NAME=VALUE."),
        (("-p", "1=2"), "'1' cannot be the name of a variable."),
    ],
)
async def test_what_is_wrong_is_one_line(jupyter_dirs, write_notebook, options, said):
    ended = await run(jupyter_dirs, "run", str(write_notebook("1")), *options)
    assert (ended.returncode, ended.stdout) == (1, b"")
    assert said in ended.stderr.decode().splitlines()[-1]
