# SPDX-License-Identifier: BSD-3-Clause
"""What Jupyter Server sees of MCP calls: a kernel in use is not culled, and its `last_activity` moves."""

from __future__ import annotations

import json
import time

import anyio
import httpx2
import pytest

from tests.cli.support import attach
from tests.extension.support import INITIALIZE, legacy, modern
from tests.kernel.live import in_thread

from .parts import jupyter_server, wait_for

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

CULL_SECONDS = 12
CULLING = (
    f"--MappingKernelManager.cull_idle_timeout={CULL_SECONDS}",
    "--MappingKernelManager.cull_interval=1",
    "--MappingKernelManager.cull_connected=True",
)
LOAD = "%load_ext mcp_jupyter"
TOOLS = """%%mcp_tool
import time
def quick() -> str:
    return "quick"

def slow(seconds: float) -> str:
    global started
    started = True
    time.sleep(seconds)
    return "finished"
"""
CONCURRENT = """%%mcp_tool --concurrent
def beside() -> str:
    return "beside"

def has_started() -> bool:
    return globals().get("started", False)
"""
BOUND_SECONDS = 60.0


@pytest.fixture
def culling(jupyter_dirs):
    with jupyter_server(jupyter_dirs, *CULLING) as server:
        yield server


async def call(client, jupyter, name, tool, token, **arguments):
    asked = modern("tools/call", {"name": tool, "arguments": arguments})
    asked["headers"] |= {"Authorization": f"Bearer {token}"}
    said = (await client.post(jupyter.endpoint(name), **asked)).text
    streamed = [line.removeprefix("data: ") for line in said.splitlines() if line.startswith("data: {")]
    answer = json.loads((streamed or [said])[-1])
    assert "result" in answer, answer
    return answer["result"]["content"][0]["text"]


def kernel_of(jupyter, kernel_id):
    found = [each for each in jupyter.get("api/kernels") if each["id"] == kernel_id]
    return found[0] if found else None


def is_busy(jupyter, notebook):
    return kernel_of(jupyter, notebook.kernel_id)["execution_state"] == "busy"


@pytest.mark.timeout(300)
async def test_a_kernel_that_mcp_clients_use_is_not_culled(culling):
    """Calls over attach and a long call over HTTP keep their kernels; one that is not used ends (1.8)."""
    with (
        culling.notebook("attached.ipynb", LOAD, TOOLS, CONCURRENT) as attached,
        culling.notebook("working.ipynb", LOAD, TOOLS) as working,
        culling.notebook("unused.ipynb", LOAD) as unused,
    ):
        token = culling.token("working")
        for notebook in (attached, working, unused):
            notebook.client.stop_channels()
        async with (
            attach(culling.dirs, "attached") as host,
            httpx2.AsyncClient(timeout=BOUND_SECONDS) as client,
            anyio.create_task_group() as tasks,
        ):
            answers = []

            async def work() -> None:
                answers.append(
                    await call(client, culling, "working", "slow", token, seconds=2.5 * CULL_SECONDS)
                )

            await host.send(INITIALIZE.encode())
            await host.answer(0)
            await host.send(legacy("notifications/initialized", id=None).encode())
            tasks.start_soon(work)
            await in_thread(wait_for, lambda: is_busy(culling, working))
            status = await in_thread(culling.get, "api/status")
            kernel = await in_thread(kernel_of, culling, attached.kernel_id)
            end, number = time.monotonic() + BOUND_SECONDS, 0
            while not answers or await in_thread(kernel_of, culling, unused.kernel_id):
                assert time.monotonic() < end
                number += 1
                tool = ("quick", "beside")[number % 2]
                await host.send(legacy("tools/call", {"name": tool, "arguments": {}}, id=number).encode())
                text = (await host.answer(number))["result"]["content"][0]["text"]
                assert text == tool
                busy = await in_thread(is_busy, culling, working)
                assert busy or answers
                await anyio.sleep(1)
        assert answers == ["finished"]
        now = kernel_of(culling, attached.kernel_id)
        assert now["execution_state"] == "idle"
        assert now["last_activity"] > kernel["last_activity"]
        assert culling.get("api/status")["last_activity"] > status["last_activity"]


async def test_a_call_that_a_shutdown_ends_is_not_said_to_be_interrupted_by_the_user(jupyter):
    """Jupyter interrupts a kernel before it shuts it down; the caller hears of the shutdown (1.8)."""
    with jupyter.notebook("ends.ipynb", LOAD, TOOLS, CONCURRENT) as notebook:
        token = jupyter.token("ends")
        async with httpx2.AsyncClient(timeout=BOUND_SECONDS) as client, anyio.create_task_group() as tasks:
            answers = []

            async def work() -> None:
                asked = modern("tools/call", {"name": "slow", "arguments": {"seconds": BOUND_SECONDS}})
                asked["headers"] |= {"Authorization": f"Bearer {token}"}
                answers.append((await client.post(jupyter.endpoint("ends"), **asked)).text)

            tasks.start_soon(work)
            with anyio.fail_after(BOUND_SECONDS):
                while await call(client, jupyter, "ends", "has_started", token) != "true":
                    await anyio.sleep(0.05)
            notebook.client.stop_channels()
            gone = await in_thread(jupyter.http.delete, f"api/kernels/{notebook.kernel_id}")
            assert gone.status_code == 204
            await in_thread(wait_for, lambda: answers)
        assert "interrupted" not in answers[0]
        assert "kernel was shut down" in answers[0] or "went away" in answers[0], answers
