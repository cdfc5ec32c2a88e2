# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter-mcp run notebook.ipynb` answers its host before the notebook's kernel is up."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import anyio
import nbformat
import pytest

from mcp_jupyter.protocol.eras import CLIENT_CAPABILITIES, LATEST_MODERN, PROTOCOL_VERSION
from mcp_jupyter.server.opening import NOTEBOOK_CAPABILITIES
from tests.conftest import JupyterDirs
from tests.kernel.live import live_kernel

from .support import JUPYTER_MCP, SECONDS, attach, run

pytestmark = pytest.mark.anyio

MODERN = {"_meta": {PROTOCOL_VERSION: LATEST_MODERN, CLIENT_CAPABILITIES: {}}}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}
FAILING = "1 / 0"

WAIT = """import pathlib, time
while not pathlib.Path({go!r}).exists():
    time.sleep(0.05)"""

TOOL = """%%mcp_tool
def total() -> int:
    "Add up."
    return 42"""


def request(id: int, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": params or {}}


def initialize(id: int, host: str = "test", version: str = "2025-06-18") -> dict[str, Any]:
    info = {"name": host, "version": "1"}
    said = {"protocolVersion": version, "capabilities": {}, "clientInfo": info}
    return request(id, "initialize", said)


def write(directory: Path, *sources: str) -> Path:
    """A notebook with a title, that runs these cells."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    about = nbformat.v4.new_markdown_cell("# Sales of 2026\n\nAll of them, by region.\n\nCall Ada first.")
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    path = directory / "sales.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[about, *cells], metadata=kernel), path)
    return path


@pytest.fixture
def go(tmp_path: Path) -> Path:
    """The file that the notebook's first cell waits for."""
    return tmp_path / "go"


async def test_a_host_is_answered_before_the_kernel_is_up(jupyter_dirs: JupyterDirs, go: Path) -> None:
    """The opening of both eras is answered while the first cell runs; the rest waits for it (2: opening)."""
    path = write(jupyter_dirs.notebooks, WAIT.format(go=str(go)), TOOL)
    async with attach(jupyter_dirs, str(path), command="run") as host:
        await host.send(request(1, "server/discover", MODERN), initialize(2), INITIALIZED)
        await host.send(request(3, "tools/list"), request(4, "tools/list", MODERN), request(5, "ping"))
        early = {answer["id"]: answer["result"] for answer in [await host.receive() for _ in range(3)]}
        assert early[1]["supportedVersions"] == [LATEST_MODERN]
        assert early[1]["instructions"].splitlines() == [
            "sales: a live Jupyter notebook. Its functions are tools, its variables resources. "
            "Sales of 2026. All of them, by region.",
            "Tools:",
            "- total",
            "A result that is cut ends in a line that says how to read on.",
        ]
        assert early[2]["protocolVersion"] == "2025-06-18"
        assert early[2]["instructions"] == early[1]["instructions"]
        assert early[5] == {}
        go.touch()  # all of that came before the notebook's first cell had run
        late = {answer["id"]: answer["result"] for answer in [await host.receive() for _ in range(2)]}
        assert "total" in [tool["name"] for tool in late[3]["tools"]]
        assert late[4]["resultType"] == "complete"
        # The kernel agrees with what the host was told in its place.
        await host.send(request(6, "server/discover", MODERN), request(7, "tools/call", {"name": "total"}))
        later = {answer["id"]: answer["result"] for answer in [await host.receive() for _ in range(2)]}
        assert later[6]["capabilities"] == early[1]["capabilities"]
        assert later[6]["_meta"].items() >= early[1]["_meta"].items()
        assert early[2]["capabilities"] == NOTEBOOK_CAPABILITIES.model_dump(mode="json", exclude_none=True)
        assert "42" in json.dumps(later[7])
        assert await host.close_stdin() == 0
    assert list(jupyter_dirs.runtime.glob("*")) == []


async def test_what_waits_is_told_why_a_notebook_failed(jupyter_dirs: JupyterDirs) -> None:
    """The host gets the error that is printed, and the process ends as before (2: opening)."""
    path = write(jupyter_dirs.notebooks, FAILING, TOOL)
    async with attach(jupyter_dirs, str(path), command="run") as host:
        await host.send(initialize(1), INITIALIZED, request(2, "tools/list"))
        assert "result" in await host.answer(1)
        reason = (await host.answer(2))["error"]["message"]
        assert reason == "Cell [1] of sales.ipynb failed: ZeroDivisionError: division by zero"
        with anyio.fail_after(SECONDS):
            assert await host.process.wait() == 1
            assert host.process.stderr is not None
            said = b"".join([part async for part in host.process.stderr]).decode()
        assert "----> 1 1 / 0" in said
        assert said.splitlines()[-1] == f"Error: {reason}"


async def test_a_notebook_that_is_not_there_is_an_error_for_the_host(jupyter_dirs: JupyterDirs) -> None:
    """A wrong path in a host's file is told to the host, too (2: opening)."""
    async with attach(jupyter_dirs, "missing.ipynb", command="run") as host:
        await host.send(initialize(1), request(2, "tools/list"))
        assert "instructions" in (await host.answer(1))["result"]
        assert "missing.ipynb cannot be read" in (await host.answer(2))["error"]["message"]


async def test_all_of_a_pipe_is_answered(jupyter_dirs: JupyterDirs) -> None:
    """Input that ends before the kernel is up still gets its answers (2: opening)."""
    path = write(jupyter_dirs.notebooks, TOOL)
    lines = [initialize(1), INITIALIZED, request(2, "tools/call", {"name": "total"})]
    ended = await run(
        jupyter_dirs, "run", str(path), stdin="".join(json.dumps(line) + "\n" for line in lines).encode()
    )
    assert [json.loads(line)["id"] for line in ended.stdout.splitlines()] == [1, 2]
    assert b"42" in ended.stdout.splitlines()[1]
    assert ended.returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="This platform has no SIGTERM.")
@pytest.mark.parametrize("goodbye", ["end of input", "SIGTERM"])
async def test_a_host_that_leaves_early_ends_the_notebook(
    jupyter_dirs: JupyterDirs, go: Path, goodbye: str
) -> None:
    """The kernel goes too, though its cell would run on (2: opening)."""
    started = go.with_name("started")
    mark = f"import pathlib; pathlib.Path({str(started)!r}).touch()"
    path = write(jupyter_dirs.notebooks, mark, WAIT.format(go=str(go)))
    async with attach(jupyter_dirs, str(path), command="run") as host:
        await host.send(initialize(1))
        await host.answer(1)
        with anyio.fail_after(SECONDS):
            while not started.exists():
                await anyio.sleep(0.05)
        if goodbye == "SIGTERM":
            host.process.send_signal(signal.SIGTERM)
            with anyio.fail_after(SECONDS):
                assert await host.process.wait() == 0
        else:
            assert await host.close_stdin() == 0
    assert list(jupyter_dirs.runtime.glob("*")) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="This platform has no named pipes.")
async def test_a_host_is_answered_while_c_code_holds_the_kernel(jupyter_dirs: JupyterDirs, go: Path) -> None:
    """`attach` answers the opening for a kernel that is late, which then goes on (2: opening)."""
    path, started = write(jupyter_dirs.notebooks), go.with_name("started")
    os.mkfifo(go)
    hold = (  # PyDLL keeps Python's lock, and to open a pipe waits for its writer
        f"import ctypes; open({str(started)!r}, 'w').close(); ctypes.PyDLL(None).open({bytes(go)!r}, 0)"
    )
    with live_kernel(jupyter_dirs.runtime, jupyter_dirs.environ, str(path)) as kernel:
        kernel.run("%load_ext mcp_jupyter")
        kernel.run(TOOL)
        kernel.client.execute(hold)
        with anyio.fail_after(SECONDS):
            while not started.exists():
                await anyio.sleep(0.05)
        async with attach(jupyter_dirs, "sales") as host:
            await host.send(initialize(1), INITIALIZED, request(2, "tools/call", {"name": "total"}))
            early = (await host.answer(1))["result"]
            assert early["instructions"].startswith("sales: a live Jupyter notebook.")
            assert "Sales of 2026. All of them, by region." in early["instructions"]
            os.close(os.open(go, os.O_WRONLY))  # the kernel has held Python's lock until now
            assert "42" in json.dumps((await host.answer(2))["result"])
            await host.send(request(3, "server/discover", MODERN))
            assert "- total: Add up." in (await host.answer(3))["result"]["instructions"]
            assert await host.close_stdin() == 0


def first_answer(command: list[str], environ: dict[str, str]) -> float:
    """Seconds from the start of a process to its first answer."""
    began = time.perf_counter()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environ
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(initialize(1)).encode() + b"\n")
        process.stdin.flush()
        assert b'"instructions"' in process.stdout.readline()
        took = time.perf_counter() - began
        process.kill()
    return took


def imported(module: str, environ: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import {module}"], env=environ, check=True)
    return time.perf_counter() - began


@pytest.mark.alone
def test_the_first_answer_costs_hardly_more_than_an_import(jupyter_dirs: JupyterDirs) -> None:
    """Nothing heavy is imported before it: 0.4 s on a quiet machine (2: opening)."""
    path = write(jupyter_dirs.notebooks, TOOL)
    command, environ = [JUPYTER_MCP, "run", str(path)], dict(jupyter_dirs.environ)
    pairs = [
        (first_answer(command, environ), imported("mcp_jupyter.server.fastmcp", environ)) for _ in range(5)
    ]
    answered, server = (statistics.median(times) for times in zip(*pairs, strict=True))
    assert answered < 2 * server, f"{answered:.2f} s, and the import of a server {server:.2f} s"
