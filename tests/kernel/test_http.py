# SPDX-License-Identifier: BSD-3-Clause
"""HTTP from the kernel itself: a real kernel, no Jupyter Server."""

from __future__ import annotations

import re
import socket
import stat
import subprocess

import httpx2
import pytest

from mcp_jupyter import Client
from mcp_jupyter.errors import McpError
from mcp_jupyter.ipc.rendezvous import read_http
from tests.cli.support import JUPYTER_MCP

from .live import live_kernel

pytestmark = pytest.mark.anyio

LOAD = "%load_ext mcp_jupyter"
TOOL = "%%mcp_tool\ndef total() -> int:\n    return sum(values)"


@pytest.fixture
def kernel(jupyter_dirs):
    with live_kernel(jupyter_dirs.runtime, jupyter_dirs.environ, "work/analysis.ipynb") as kernel:
        for cell in (LOAD, "values = [20, 22]", TOOL):
            assert not kernel.run(cell).error
        yield kernel


@pytest.fixture
def connect(jupyter_dirs):
    """Runs `jupyter mcp connect`."""

    def run(*names: str) -> subprocess.CompletedProcess[str]:
        command = [JUPYTER_MCP, "connect", *names]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, env=jupyter_dirs.environ)

    return run


def said(text: str, what: str) -> str:
    found = re.search(rf"^{re.escape(what)}\s+(\S+)$", text, re.MULTILINE)
    assert found, text
    return found[1]


async def test_a_notebook_serves_http_by_itself(kernel, connect, jupyter_dirs):
    ran = kernel.run("%mcp_serve --http")
    assert not ran.error
    assert "`jupyter mcp connect analysis` in a terminal says how." in ran.text
    shown = connect()
    assert shown.returncode == 0, shown.stderr
    token = said(shown.stdout, "Token")
    assert token not in ran.text
    headers = {"Authorization": f"Bearer {token}"}
    for way in ("Streamable HTTP", "HTTP+SSE"):
        async with Client(said(shown.stdout, way), headers=headers) as client:
            assert (await client.call_tool("total")).content[0].text == "42"
    (file,) = jupyter_dirs.runtime.glob("mcp-*.http")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not kernel.run("%unload_ext mcp_jupyter").error
    assert list(jupyter_dirs.runtime.glob("mcp-*")) == []


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
async def test_nobody_comes_in_without_the_token(kernel, connect, headers):
    kernel.run("%mcp_serve --http")
    url = said(connect("analysis").stdout, "Streamable HTTP")
    answer = httpx2.post(url, json={}, headers={"Accept": "application/json, text/event-stream", **headers})
    assert answer.status_code == 401
    with pytest.raises(McpError, match=r"Run `jupyter mcp connect NAME`"):
        async with Client(url, headers=headers):
            raise AssertionError("it came in")


def test_what_cannot_be_is_said(kernel, connect):
    none = connect("analysis")
    assert none.returncode == 0
    assert "attach analysis" in none.stdout
    assert "No running Jupyter Server says here at which URL it is reached" in none.stdout
    assert "run `%mcp_serve --http` in it" in none.stdout
    assert kernel.run("%mcp_serve --port 1").error == "UsageError: %mcp_serve: --port goes with --http"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        error = kernel.run(f"%mcp_serve --http --port {port}").error
        assert error.startswith(f"UsageError: %mcp_serve: Port {port} cannot be had: Address already in use")
    assert not kernel.run("%mcp_serve --http").error
    assert not kernel.run("%mcp_serve --http").error  # a cell may be run again
    assert "serves over HTTP already, on port" in kernel.run(f"%mcp_serve --http --port {port}").error


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"port": 0, "token": "x"}', b'{"port": 1, "token": 1}']
)
def test_a_damaged_file_is_refused(tmp_path, content):
    from mcp_jupyter.errors import LinkError

    file = tmp_path / "mcp-k.http"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(LinkError, match="damaged"):
        read_http("k", tmp_path)
    file.chmod(0o644)
    with pytest.raises(LinkError, match="open to other users"):
        read_http("k", tmp_path)
