# SPDX-License-Identifier: BSD-3-Clause
"""Twenty notebooks in twenty kernels behind one aggregate; some are killed in mid-call, one is restarted."""

from __future__ import annotations

import os
import signal

import anyio
import pytest
from jupyter_client.asynchronous.client import AsyncKernelClient

from .parts import START_SECONDS, JupyterServer, SdkClient, sdk_client

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

NAMES = [f"nb{number:02}" for number in range(20)]
TOOLS = ["who", "pid", "hold", "release"]
AT_ONCE = 4
"""Kernels that start at the same time: each wants a processor for a second."""

LOAD = "%load_ext mcp_jupyter"
CELL = """%%mcp_tool --concurrent
import os, threading
from mcp_jupyter.server.fastmcp import Context
gate = threading.Event()
def who() -> str:
    return {name!r}
def pid() -> int:
    return os.getpid()
def hold(ctx: Context) -> bool:
    ctx.report_progress(0, 1, "holds")
    return gate.wait(100)
def release() -> None:
    gate.set()
"""


class Kernels:
    """The kernels by notebook, which the server has started."""

    def __init__(self, jupyter: JupyterServer) -> None:
        self._jupyter = jupyter
        self.ids: dict[str, str] = {}

    async def post(self, path: str, body: object) -> dict[str, dict[str, str]]:
        return await anyio.to_thread.run_sync(self._jupyter.post, path, body)

    async def start_all(self) -> None:
        limiter = anyio.CapacityLimiter(AT_ONCE)

        async def start(name: str) -> None:
            async with limiter:
                path = f"{name}.ipynb"
                model = {"path": path, "name": path, "type": "notebook", "kernel": {"name": "python3"}}
                self.ids[name] = (await self.post("api/sessions", model))["kernel"]["id"]
                await self.run_cells(name)

        async with anyio.create_task_group() as tasks:
            for name in NAMES:
                tasks.start_soon(start, name)

    async def run_cells(self, name: str) -> None:
        file = self._jupyter.dirs.runtime / f"kernel-{self.ids[name]}.json"
        client = AsyncKernelClient(connection_file=str(file))
        client.load_connection_file()
        # What is sent before the kernel listens waits for it; nobody looks at the output.
        client.start_channels(iopub=False, stdin=False, hb=False, control=False)
        try:
            for cell in (LOAD, CELL.format(name=name)):
                reply = await client.execute(cell, reply=True, timeout=START_SECONDS, allow_stdin=False)
                assert reply["content"]["status"] == "ok", reply["content"]
        finally:
            client.stop_channels()

    async def restart(self, name: str) -> None:
        await self.post(f"api/kernels/{self.ids[name]}/restart", {})


async def each(client: SdkClient, tool: str, names: set[str]) -> dict[str, object]:
    """What a tool of every notebook answers, all called at once."""
    keys = {name: await client.begin("call", name=f"{name}_{tool}") for name in sorted(names)}
    answers = {name: await client.answer(key) for name, key in keys.items()}
    wrong = {name: answer for name, answer in answers.items() if "ok" not in answer}
    assert not wrong
    return {name: answer["ok"]["structuredContent"]["result"] for name, answer in answers.items()}


async def listed(client: SdkClient, names: set[str]) -> None:
    """Be told of a change, and wait until the tools of these notebooks are listed, and no others."""
    wanted = [f"{name}_{tool}" for name in sorted(names) for tool in TOOLS]
    await client.hear(heard="notifications/tools/list_changed")
    with anyio.fail_after(START_SECONDS):
        while await client.do("tools") != wanted:
            await client.hear(heard="notifications/tools/list_changed")


async def test_twenty_kernels(jupyter: JupyterServer) -> None:
    kernels, all_names = Kernels(jupyter), set(NAMES)
    with anyio.fail_after(100):
        await kernels.start_all()
    aggregate = jupyter.endpoint("").rstrip("/")
    async with sdk_client("legacy", aggregate, jupyter.token("*")) as client:
        assert await client.do("tools") == [f"{name}_{tool}" for name in NAMES for tool in TOOLS]
        assert await each(client, "who", all_names) == {name: name for name in NAMES}
        pids = await each(client, "pid", all_names)
        assert len(set(pids.values())) == len(NAMES)

        # Two die in the middle of a call, and nobody else hears of it but by the list.
        held = {name: await client.begin("call", name=f"{name}_hold") for name in ("nb05", "nb07", "nb11")}
        for key in held.values():
            await client.hear(progress=key, message="holds")
        gone = {"nb07", "nb11"}
        for name in gone:
            os.kill(pids[name], signal.SIGKILL)
        await listed(client, all_names - gone)
        for name in gone:
            ended = await client.answer(held[name])
            assert (
                f"The kernel of notebook {name!r} went away while this request was running" in ended["error"]
            )
            again = await client.answer(await client.begin("call", name=f"{name}_who"))
            assert "No live notebook" in again["error"]
        left = {name: pid for name, pid in pids.items() if name not in gone}
        assert await each(client, "pid", set(left)) == left

        # One is restarted: its tools go, and come back when its cells are run.
        await kernels.restart("nb13")
        await listed(client, set(left) - {"nb13"})
        await kernels.run_cells("nb13")
        await listed(client, set(left))
        assert await each(client, "who", set(left)) == {name: name for name in left}
        now = await each(client, "pid", set(left))
        assert {name for name in left if now[name] != left[name]} == {"nb13"}

        await client.do("call", name="nb05_release")
        assert (await client.answer(held["nb05"]))["ok"]["structuredContent"] == {"result": True}
