# SPDX-License-Identifier: BSD-3-Clause
"""Kernels that restart, die and are interrupted in the middle of a client's session."""

from __future__ import annotations

import os
import signal

import anyio
import pytest

from tests.kernel.live import in_thread

from .parts import sdk_client, wait_for

pytestmark = pytest.mark.anyio

LOAD = "%load_ext mcp_jupyter"
TOOLS = """%%mcp_tool
import os, time
def pid() -> int:
    return os.getpid()

def slow() -> str:
    global started
    started = True
    time.sleep(60)
    return "finished"
"""
SEES_START = "%%mcp_tool --concurrent\ndef has_started() -> bool:\n    return globals().get('started', False)"


@pytest.fixture
def notebook(jupyter):
    with jupyter.notebook("restarts.ipynb", LOAD, TOOLS, SEES_START) as notebook:
        yield notebook


@pytest.mark.parametrize("mode", ["legacy", "sse"])
async def test_a_session_goes_on_after_a_kernel_restart(jupyter, notebook, mode):
    async with sdk_client(mode, jupyter.endpoint("restarts"), jupyter.token("restarts")) as client:
        first = (await client.do("call", name="pid"))["structuredContent"]["result"]
        await in_thread(notebook.restart)
        await client.hear(heard="notifications/tools/list_changed")
        assert await client.do("tools") == []
        client.said.clear()
        await notebook.arun(LOAD)
        await client.hear(heard="notifications/tools/list_changed")
        await notebook.arun(TOOLS)
        with anyio.fail_after(30):
            while "pid" not in await client.do("tools"):
                await client.hear(heard="notifications/tools/list_changed")
        second = (await client.do("call", name="pid"))["structuredContent"]["result"]
        assert first != second


async def test_a_modern_client_calls_the_restarted_kernel(jupyter, notebook):
    async with sdk_client("auto", jupyter.endpoint("restarts"), jupyter.token("restarts")) as client:
        first = (await client.do("call", name="pid"))["structuredContent"]["result"]
        await in_thread(notebook.restart)
        answer = await client.answer(await client.begin("call", name="pid"))
        assert "error" in answer
        await notebook.arun(LOAD)
        await notebook.arun(TOOLS)
        # The link looks for a kernel that was away a few times a second.
        with anyio.fail_after(10):
            while "ok" not in (answer := await client.answer(await client.begin("call", name="pid"))):
                assert "not serving" in answer["error"]
        assert answer["ok"]["structuredContent"]["result"] != first


@pytest.mark.parametrize("mode", ["legacy", "auto", "sse"])
async def test_when_a_kernel_dies_calls_fail_at_once_and_its_server_is_gone(jupyter, mode):
    with jupyter.notebook("dies.ipynb", LOAD, TOOLS, SEES_START):
        async with sdk_client(mode, jupyter.endpoint("dies"), jupyter.token("dies")) as client:
            pid = (await client.do("call", name="pid"))["structuredContent"]["result"]
            running = await client.begin("call", name="slow")
            await until_started(client)
            os.kill(pid, signal.SIGKILL)
            answer = await client.answer(running, seconds=5)
            assert "dies" in answer["error"]
            # Asked once: between two questions it may go from gone to not there at all.
            assert jupyter.served().get("dies", {"state": "gone"})["state"] == "gone"


async def until_started(client):
    with anyio.fail_after(10):
        while not (await client.do("call", name="has_started"))["structuredContent"]["result"]:
            await anyio.sleep(0.02)


@pytest.mark.parametrize("mode", ["legacy", "auto", "sse"])
async def test_the_stop_button_ends_the_call_and_not_the_session(jupyter, notebook, mode):
    async with sdk_client(mode, jupyter.endpoint("restarts"), jupyter.token("restarts")) as client:
        running = await client.begin("call", name="slow")
        await until_started(client)
        notebook.interrupt()
        result = (await client.answer(running, seconds=10))["ok"]
        assert result["isError"]
        assert "interrupted" in result["content"][0]["text"]
        await client.do("call", name="pid")


@pytest.mark.parametrize("mode", ["legacy", "auto", "sse"])
async def test_a_call_cancelled_while_it_runs_is_stopped_and_no_cell_is(jupyter, notebook, mode):
    async with sdk_client(mode, jupyter.endpoint("restarts"), jupyter.token("restarts")) as client:
        running = await client.begin("call", name="slow")
        await until_started(client)
        await client.do("cancel", what=running)
        ran = await notebook.arun("sum(range(10))")
        assert (ran.error, ran.result["text/plain"]) == ("", "45")


def test_a_dead_kernels_files_are_cleaned(jupyter):
    with jupyter.notebook("killed.ipynb", LOAD) as notebook:
        pid = int(notebook.run("import os; os.getpid()").result["text/plain"])
        file = jupyter.dirs.runtime / f"mcp-{notebook.kernel_id}.json"
        assert file.stat().st_mode & 0o777 == 0o600
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: "killed" not in jupyter.served())
        wait_for(lambda: not file.exists())
