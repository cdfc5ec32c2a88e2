# SPDX-License-Identifier: BSD-3-Clause
"""The whole way: a kernel that this Jupyter Server started, its restart and its end."""

from __future__ import annotations

from typing import Any

import anyio
import httpx2
import pytest
from jupyter_client.asynchronous.client import AsyncKernelClient

from tests.conftest import JupyterDirs

from .support import JUPYTER_TOKEN, LegacySession, Served, initialize, open_client

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

PERSON = {"Authorization": f"token {JUPYTER_TOKEN}"}
CELLS = (
    "%load_ext mcp_jupyter",
    "%%mcp_tool\ndef double(n: int) -> int:\n    '''Twice n.'''\n    return 2 * n",
)
PATIENCE_SECONDS = 60.0  # a kernel starts, on a busy machine


async def run_cells(dirs: JupyterDirs, kernel_id: str) -> None:
    client = AsyncKernelClient(connection_file=str(dirs.runtime / f"kernel-{kernel_id}.json"))
    client.load_connection_file()
    # What is sent before the kernel listens waits for it; nobody looks at the output.
    client.start_channels(iopub=False, stdin=False, hb=False, control=False)
    try:
        for cell in CELLS:
            reply = await client.execute(cell, reply=True, timeout=PATIENCE_SECONDS, allow_stdin=False)
            assert reply["content"]["status"] == "ok", reply["content"]
    finally:
        client.stop_channels()


async def double(session: LegacySession) -> Any:
    answer = await session.call("tools/call", {"name": "double", "arguments": {"n": 21}})
    return answer.status_code, answer.json().get("result", {}).get("structuredContent")


async def test_from_start_to_end(served: Served, jupyter_dirs: JupyterDirs) -> None:
    async with (
        httpx2.AsyncClient(base_url=served.url, headers=PERSON, timeout=PATIENCE_SECONDS) as person,
        open_client(served) as client,
    ):
        wish = {"path": "sales.ipynb", "name": "sales", "type": "notebook", "kernel": {"name": "python3"}}
        started = await person.post("api/sessions", json=wish)
        kernel_id = started.json()["kernel"]["id"]
        assert (await person.get("mcp-jupyter/api/servers")).json() == {"servers": []}

        await run_cells(jupyter_dirs, kernel_id)
        (listed,) = (await person.get("mcp-jupyter/api/servers")).json()["servers"]
        assert (listed["name"], listed["kernel_id"], listed["tools"]) == ("sales", kernel_id, 1)
        session = await initialize(client, listed["urls"]["http"], served.token())
        assert await double(session) == (200, {"result": 42})

        assert (await person.post(f"api/kernels/{kernel_id}/restart")).status_code == 200
        answer = await session.call("tools/call", {"name": "double", "arguments": {"n": 21}})
        assert "is not serving" in answer.json()["error"]["message"]
        assert (await session.call("tools/list")).json()["result"] == {"tools": []}
        await run_cells(jupyter_dirs, kernel_id)
        with anyio.fail_after(PATIENCE_SECONDS):
            while await double(session) != (200, {"result": 42}):
                await anyio.sleep(0.05)

        assert (await person.delete(f"api/kernels/{kernel_id}")).status_code == 204
        assert (await person.get("mcp-jupyter/api/servers")).json() == {"servers": []}
        with anyio.fail_after(PATIENCE_SECONDS):
            while (await session.call("ping")).status_code != 404:
                await anyio.sleep(0.05)
