# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp log` and a live notebook in a real kernel."""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from tests.conftest import JupyterDirs
from tests.kernel.live import LiveKernel, live_kernel

from .support import JUPYTER_MCP, SECONDS, run

pytestmark = pytest.mark.anyio

TOOLS = r"""%%mcp_tool
def top(n: int = 5) -> list[int]: return sorted(sales, reverse=True)[:n]
def echo(text: str) -> str: return text
def fails() -> int: return 1 / 0
"""


@pytest.fixture(scope="module")
def dirs(module_jupyter_dirs: JupyterDirs) -> JupyterDirs:
    return module_jupyter_dirs


@pytest.fixture(scope="module")
def kernel(dirs: JupyterDirs):
    with live_kernel(dirs.runtime, dirs.environ, "work/Sales.ipynb") as kernel:
        assert not kernel.run("%load_ext mcp_jupyter\nsales = [3, 1, 2]").error
        assert not kernel.run(TOOLS).error
        assert not kernel.run("%mcp_resource sales").error
        yield kernel


async def shown(dirs: JupyterDirs, *args: str) -> str:
    ended = await run(dirs, "log", *args)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.decode()


async def test_nothing_to_show_is_said(dirs, kernel):
    ended = await run(dirs, "log")
    assert (ended.stdout, ended.stderr) == (b"", b"Sales: no call was made.\n")
    unknown = await run(dirs, "log", "other")
    assert unknown.returncode == 1
    assert b"No live notebook is named 'other'." in unknown.stderr


async def test_the_table_says_who_asked_what_and_what_came(dirs, kernel):
    async with kernel.connect() as client:
        await client.call("top", {"n": 2})
        await client.call("fails")
    heads, *_, first, second = (await shown(dirs)).splitlines()
    assert heads.split() == ["TIME", "RESULT", "CALL", "ARGUMENTS", "HOST", "PRINCIPAL", "TOOK", "ANSWER"]
    for word in (" ok ", " top ", " n=2 ", " mcp_jupyter 1 ", " a program of yours ", " [3,2]"):
        assert word in first
    assert " error " in second
    assert "ZeroDivisionError" in second
    for options in (("Sales", "--last", "1"), ("--failed", "--last", "1")):
        (only,) = (await shown(dirs, *options)).splitlines()[1:]
        assert " fails " in only


async def test_json_has_all_of_a_call(dirs, kernel):
    async with kernel.connect() as client:
        await client.call("top", {"n": 1})
        await client.ask("resources/read", {"uri": "notebook://variables/sales"})
    calls = json.loads(await shown(dirs, "--json", "--last", "2"))
    assert [(call["kind"], call["code"]) for call in calls] == [("tool", "top(n=1)"), ("resource", "sales")]


async def test_a_terminal_obeys_no_text_of_a_call(dirs, kernel):
    async with kernel.connect() as client:
        await client.call("echo", {"text": "\x1b]0;title\x07\x1b[31mred\u202e\nsecond line"})
    said = await shown(dirs, "--last", "1")
    assert len(said.splitlines()) == 2
    assert "red⟨U+202E⟩" in said
    assert "\x1b" not in said
    assert "\x1b" not in await shown(dirs, "--json")


async def test_an_answer_that_would_be_another_now_is_marked(dirs, kernel):
    async with kernel.connect() as client:
        await client.call("top", {"n": 1})
        await kernel.arun("sales.append(9)")
    assert "[3] (sales changed since)" in await shown(dirs, "--last", "1")


# -- --follow --------------------------------------------------------------------------------------


class Lines:
    """The lines of a running `jupyter mcp log --follow`."""

    def __init__(self, process: Process) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self.process = process
        self.out = BufferedByteReceiveStream(process.stdout)
        self.err = BufferedByteReceiveStream(process.stderr)

    async def next(self, stream: BufferedByteReceiveStream) -> str:
        with anyio.fail_after(SECONDS):
            return (await stream.receive_until(b"\n", 2**16)).decode()

    async def ended(self) -> int:
        with anyio.fail_after(SECONDS):
            return await self.process.wait()


@asynccontextmanager
async def following(dirs: JupyterDirs, *args: str) -> AsyncIterator[Lines]:
    command = [JUPYTER_MCP, "log", "--follow", *args]
    async with await anyio.open_process(command, env=dirs.environ) as process:
        lines = Lines(process)
        try:
            assert await lines.next(lines.err) == "Following Sales. Ctrl-C ends this."
            yield lines
        finally:
            if process.returncode is None:
                process.kill()


async def test_calls_are_followed_until_ctrl_c(dirs, kernel):
    async with kernel.connect() as client:
        await client.call("top", {"n": 3})
        async with following(dirs) as lines:
            await client.call("top", {"n": 1})
            assert "  top  n=1  " in await lines.next(lines.out)
            lines.process.send_signal(signal.SIGINT)
            assert await lines.ended() == 0
            with pytest.raises(anyio.IncompleteRead):  # no traceback
                await lines.next(lines.err)


async def test_failures_are_followed_as_lines_of_json(dirs, kernel):
    async with kernel.connect() as client, following(dirs, "Sales", "--json", "--failed") as lines:
        await client.call("top")
        await client.call("fails")
        assert json.loads(await lines.next(lines.out))["name"] == "fails"


async def test_the_end_of_the_kernel_is_said_in_words(  # the last test: it ends the kernel
    dirs, kernel: LiveKernel
):
    async with following(dirs) as lines:
        kernel.stop()
        assert await lines.next(lines.err) == "The kernel of Sales has ended."
        assert await lines.ended() == 0
