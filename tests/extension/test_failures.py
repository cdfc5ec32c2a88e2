# SPDX-License-Identifier: BSD-3-Clause
"""What fails in the Jupyter Server, and ends nothing else: no descriptors, a link, the endpoint of all."""

from __future__ import annotations

import anyio
import httpx2
import pytest

from mcp_jupyter.aggregate.scope import EVERYTHING
from mcp_jupyter.errors import LinkError
from mcp_jupyter.extension import manager
from mcp_jupyter.ipc.discovery import Discovery
from mcp_jupyter.ipc.listener import Listener
from mcp_jupyter.server.http.admission import Refusal
from tests.descriptors import no_descriptors

from .support import NAME, OTHER, OTHER_KERNEL_ID, Served, initialize, modern, open_client, serve_notebook

pytestmark = pytest.mark.anyio

PATIENCE_SECONDS = 10.0


async def aggregate_tools(client: httpx2.AsyncClient, served: Served, token: str) -> httpx2.Response:
    request = modern("tools/list")
    request["headers"] |= {"Authorization": f"Bearer {token}"}
    return await client.post(served.root, **request)


async def test_a_process_without_descriptors_ends_no_session(
    served: Served, notebook: Listener, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One OSError of the look at the runtime directory ends no session, link or endpoint (1.6)."""
    monkeypatch.setattr(manager, "SWEEP_SECONDS", 0.0)
    monkeypatch.setattr(manager, "TICK_SECONDS", 0.01)
    token = served.token()
    async with open_client(served) as client:
        session = await initialize(client, served.notebook_url(), token)
        assert (await aggregate_tools(client, served, token)).status_code == 200
        with no_descriptors(), anyio.fail_after(PATIENCE_SECONDS):
            while "Too many open files" not in caplog.text:
                await anyio.sleep(0.01)
            answer = await session.call("tools/call", {"name": "total", "arguments": {"n": 1}})
            assert answer.json()["result"]["structuredContent"] == {"result": 10}
        answer = await session.call("tools/call", {"name": "total", "arguments": {"n": 2}})
        assert answer.json()["result"]["structuredContent"] == {"result": 20}
        listed = (await aggregate_tools(client, served, token)).json()["result"]["tools"]
        assert f"{NAME}_total" in [tool["name"] for tool in listed]
    assert caplog.text.count("Looking for live notebooks failed") <= 2  # once each: the sweep, the aggregate


async def test_without_descriptors_a_notebook_is_not_said_to_be_gone(
    served: Served, notebook: Listener
) -> None:
    """A notebook that cannot be looked for now is a 503, never a 404 (1.6)."""
    # Not over HTTP: client and server are in this process, and need descriptors themselves.
    notebooks = served.extension.notebooks
    with pytest.raises(Refusal) as refused:
        await notebooks.endpoint("none", EVERYTHING)
    assert refused.value.status == 404
    with no_descriptors():
        with pytest.raises(Refusal, match="cannot be looked for now") as refused:
            await notebooks.endpoint(NAME, EVERYTHING)
        assert refused.value.status == 503
        with pytest.raises(LinkError, match="Too many open files"):
            await notebooks.servers()
    await notebooks.endpoint(NAME, EVERYTHING)  # with descriptors it is found again


async def test_a_link_that_fails_unexpectedly_ends_alone(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each link is a guarded task: its failure is logged and costs its own session (1.6)."""

    async def broken(self: Discovery, kernel_id: str) -> None:
        raise RuntimeError("out of order")

    monkeypatch.setattr(Discovery, "wait_for", broken)
    token = served.token(servers=["*"])
    async with open_client(served) as client, serve_notebook(OTHER, OTHER_KERNEL_ID):
        async with serve_notebook():
            failing = await initialize(client, served.notebook_url(), token)
            other = await initialize(client, served.notebook_url(OTHER), token)
        with anyio.fail_after(PATIENCE_SECONDS):
            while "out of order" not in caplog.text:
                await anyio.sleep(0.01)
        answer = await other.call("tools/call", {"name": "total", "arguments": {"n": 1}})
        assert answer.json()["result"]["structuredContent"] == {"result": 10}
        assert (await failing.call("ping")).status_code == 404


async def test_the_endpoint_of_all_notebooks_starts_again_after_its_tasks_have_ended(
    served: Served, notebook: Listener
) -> None:
    """Whatever ended its tasks, the next request starts them, without a restart of Jupyter (1.6)."""
    token = served.token()
    async with open_client(served) as client:
        assert (await aggregate_tools(client, served, token)).status_code == 200
        owner = served.extension.notebooks._owner
        owner.cancel()
        with anyio.fail_after(PATIENCE_SECONDS):
            while not owner.done():
                await anyio.sleep(0.01)
            listed = (await aggregate_tools(client, served, token)).json()["result"]["tools"]
        assert f"{NAME}_total" in [tool["name"] for tool in listed]
