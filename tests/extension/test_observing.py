# SPDX-License-Identifier: BSD-3-Clause
"""What the user's page sees of calls, and what becomes an event: a real kernel, a client behind a token."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2
import pytest

from tests.conftest import JupyterDirs
from tests.kernel.live import LiveKernel, live_kernel

from .support import JUPYTER_TOKEN, LegacySession, Served, initialize, open_client, run_server

pytestmark = pytest.mark.anyio

PERSON = {"Authorization": f"token {JUPYTER_TOKEN}"}
NOTEBOOK = "mcp-jupyter/api/servers/Seen"


@pytest.fixture
def kernel(jupyter_dirs: JupyterDirs) -> Any:
    with live_kernel(jupyter_dirs.runtime, jupyter_dirs.environ, "work/Seen.ipynb") as kernel:
        assert not kernel.run("%load_ext mcp_jupyter").error
        assert not kernel.run(
            "%%mcp_tool\nimport time\ndef double(n: int) -> int: return 2 * n\n"
            "def sleeps() -> int:\n    for _ in range(600): time.sleep(0.05)\n    return 1"
        ).error
        yield kernel


@asynccontextmanager
async def session_of(served: Served) -> AsyncIterator[LegacySession]:
    token = served.token(label="My Claude", servers=["Seen"], tools=["*"])
    async with open_client(served) as client:
        yield await initialize(client, f"{served.url}mcp-jupyter/Seen", token)


def open_person(served: Served) -> httpx2.AsyncClient:
    """The user's own page."""
    return httpx2.AsyncClient(base_url=served.url, headers=PERSON, timeout=20)


@asynccontextmanager
async def watched(person: httpx2.AsyncClient) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    async with person.stream("GET", "mcp-jupyter/api/observe") as response:
        assert response.status_code == 200
        lines = response.aiter_lines()

        async def parsed() -> AsyncIterator[dict[str, Any]]:
            async for line in lines:
                said = json.loads(line)
                if said["event"] != "ping":
                    yield said

        yield parsed()


async def until(lines: AsyncIterator[dict[str, Any]], **wanted: Any) -> dict[str, Any]:
    with anyio.fail_after(20):
        async for line in lines:
            if wanted.items() <= line.items():
                return line
    raise AssertionError("the stream ended")


async def followed(kernel: LiveKernel, links: int) -> None:
    """Wait until so many observers have a link to the kernel."""
    engine = "from mcp_jupyter.ipython_extension import engine_of as _e"
    ask = f"{engine}\nprint(len(_e(get_ipython()).journal.listeners))"
    with anyio.fail_after(20):
        while (await kernel.arun(ask)).printed != f"{links}\n":
            await anyio.sleep(0.02)


async def test_a_page_sees_a_call_and_its_details_and_stops_it(served: Served, kernel: LiveKernel) -> None:
    async with (
        open_person(served) as person,
        session_of(served) as session,
        watched(person) as lines,
        anyio.create_task_group() as tasks,
    ):
        await until(lines, event="servers")
        await followed(kernel, 1)
        await session.call("tools/call", {"name": "double", "arguments": {"n": 21}})
        done = await until(lines, event="call", what="done")
        assert (done["notebook"], done["kind"], done["name"]) == ("Seen", "tool", "double")
        entry = (await person.get(f"{NOTEBOOK}/calls/{done['id']}")).json()
        assert entry["principal"] == "My Claude"
        assert (entry["arguments"], entry["answer"]) == ({"n": 21}, "42")

        tasks.start_soon(session.call, "tools/call", {"name": "sleeps"})
        running = await until(lines, event="call", what="running")
        (client,) = (await person.get(NOTEBOOK)).json()["clients"]
        assert client["principals"] == ["My Claude"]
        stopped = await person.post(f"{NOTEBOOK}/calls/{running['id']}/stop")
        assert stopped.json() == {"stopped": True}
        await until(lines, event="call", id=running["id"], what="done")


async def test_without_a_page_no_link_stays_open(served: Served, kernel: LiveKernel) -> None:
    """The kernel says how many observers it has: with each page one link, and none afterwards."""
    async with open_person(served) as person:
        for _ in range(2):
            async with watched(person), watched(person):
                await followed(kernel, 1)
            await followed(kernel, 0)


async def test_a_question_ends_when_its_token_is_revoked(served: Served, kernel: LiveKernel) -> None:
    cell = "%%mcp_tool --destructive\ndef wipe() -> int: return 0"
    assert not (await kernel.arun(cell)).error
    async with (
        open_person(served) as person,
        session_of(served) as session,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(session.call, "tools/call", {"name": "wipe"})
        approvals = "mcp-jupyter/api/approvals"
        with anyio.fail_after(20):
            while not (waiting := (await person.get(approvals)).json()["approvals"]):
                await anyio.sleep(0.02)
            assert waiting[0]["principal"] == "My Claude"
            (token,) = (await person.get("mcp-jupyter/api/tokens")).json()["tokens"]
            await person.delete(f"mcp-jupyter/api/tokens/{token['id']}")
            while (await person.get(approvals)).json()["approvals"]:
                await anyio.sleep(0.02)


async def test_a_paused_notebook_refuses_calls(served: Served, kernel: LiveKernel) -> None:
    async with (
        open_person(served) as person,
        session_of(served) as session,
    ):
        assert (await person.post(f"{NOTEBOOK}/pause", json={"paused": True})).json() == {"paused": True}
        refused = (await session.call("tools/call", {"name": "double", "arguments": {"n": 1}})).json()
        await person.post(f"{NOTEBOOK}/pause", json={"paused": False})
        taken = (await session.call("tools/call", {"name": "double", "arguments": {"n": 1}})).json()
        names = [each["name"] for each in (await person.get(f"{NOTEBOOK}/calls")).json()["calls"]]
        missing = [(await person.get(path)).status_code for path in (f"{NOTEBOOK}/calls/999", f"{NOTEBOOK}s")]
    assert "the user of the notebook has paused all calls" in refused["result"]["content"][0]["text"]
    assert taken["result"]["structuredContent"] == {"result": 2}
    assert names == ["double", "double"]
    assert missing == [404, 404]


async def test_calls_tokens_and_approvals_are_events_that_can_be_routed(
    jupyter_dirs: JupyterDirs, kernel: LiveKernel
) -> None:
    """The audit log: ids and digests, and no arguments unless they are asked for."""
    events: list[dict[str, Any]] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            events.append(json.loads(self.format(record)))

    routed = {"EventLogger": {"handlers": [Keep()]}}
    async with (
        run_server(jupyter_dirs, more=routed) as served,
        open_person(served) as person,
    ):
        await served.extension.started()
        wish = {"any_notebook_of_this_name": True, "label": "x", "servers": ["Seen"], "tools": ["*"]}
        made = (await person.post("mcp-jupyter/api/tokens", json=wish)).json()
        async with open_client(served) as client, watched(person) as lines:
            await followed(kernel, 1)
            session = await initialize(client, f"{served.url}mcp-jupyter/Seen", made["token"])
            await session.call("tools/call", {"name": "double", "arguments": {"n": 123_456}})
            await until(lines, event="call", what="done")
        with anyio.fail_after(10):
            while not any("call" in event for event in events):
                await anyio.sleep(0.02)
        await person.delete(f"mcp-jupyter/api/tokens/{made['id']}")
    assert made["token"] not in json.dumps(events)
    assert "123456" not in json.dumps(events)
    tokens = [event["action"] for event in events if event["__schema__"].endswith("/token/v1")]
    assert tokens == ["created", "revoked"]
    (call,) = [event for event in events if event["__schema__"].endswith("/call/v1")]
    assert (call["notebook"], call["name"], call["principal"], call["result"]) == (
        "Seen",
        "double",
        "x",
        "ok",
    )
    assert len(call["arguments_sha256"]) == 64


async def test_metrics_have_no_words_of_clients(served: Served, kernel: LiveKernel) -> None:
    await served.extension.started()
    async with open_person(served) as person, session_of(served) as session:
        await session.call("tools/call", {"name": "double", "arguments": {"n": 1}})
        await session.call("evil/method", {})
        async with open_client(served) as client:
            await client.post("mcp-jupyter/Seen", json={}, headers={"Authorization": "Bearer x"})
            without_login = await client.get("metrics")
        metrics = (await person.get("metrics")).text
    lines = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if line.startswith("mcp_jupyter_"))
    assert float(lines['mcp_jupyter_requests_total{era="legacy",method="tools/call",status="200"}']) >= 1
    assert float(lines['mcp_jupyter_requests_total{era="legacy",method="other",status="200"}']) >= 1
    assert float(lines['mcp_jupyter_refusals_total{status="401"}']) >= 1
    assert float(lines["mcp_jupyter_call_seconds_count"]) >= 1
    assert (lines["mcp_jupyter_sessions"], lines["mcp_jupyter_notebooks_live"]) == ("1.0", "1.0")
    assert lines["mcp_jupyter_approvals_waiting"] == "0.0"
    assert "evil" not in metrics
    assert without_login.status_code in (302, 403)
