# SPDX-License-Identifier: BSD-3-Clause
"""What ends, and what goes on: tokens that are revoked or expire, kernels that restart or die."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from mcp_jupyter.extension.manager import AWAY_SECONDS
from mcp_jupyter.ipc.listener import Listener
from mcp_jupyter.server.fastmcp import Context, FastMCP
from tests.conftest import JupyterDirs

from .support import (
    JSON,
    JUPYTER_TOKEN,
    KERNEL_ID,
    NAME,
    LegacySession,
    Served,
    events,
    initialize,
    legacy,
    modern,
    open_client,
    serve_notebook,
    stoppable_notebook,
)

pytestmark = pytest.mark.anyio

REVOCATION_SECONDS = 1.0  # promised
PATIENCE_SECONDS = 10.0  # for what is not promised by the second


class Waiting:
    """A notebook with one tool that waits for ever; knows when it began and whether it was cancelled."""

    def __init__(self) -> None:
        self.began = anyio.Event()
        self.cancelled = anyio.Event()
        self.server = FastMCP("waiting")
        self.server.tool()(self.wait)

    async def wait(self, ctx: Context) -> str:
        """Wait for ever."""
        self.began.set()
        try:
            await anyio.sleep_forever()
        finally:
            self.cancelled.set()
        return ""


def revoke_by_rest(served: Served, token_id: str) -> list[str]:
    headers = f"Authorization: token {JUPYTER_TOKEN}"
    code = (
        "import sys, urllib.request as u; name, _, value = sys.argv[2].partition(': ');"
        "u.urlopen(u.Request(sys.argv[1], method='DELETE', headers={name: value}))"
    )
    return [sys.executable, "-c", code, f"{served.root}api/tokens/{token_id}", headers]


def revoke_by_command(served: Served, token_id: str) -> list[str]:
    return [str(Path(sys.executable).with_name("jupyter-mcp")), "token", "revoke", token_id]


@pytest.mark.parametrize("revoke", [revoke_by_rest, revoke_by_command])
async def test_revoking_ends_streams_calls_and_sessions_within_a_second(
    served: Served, jupyter_dirs: JupyterDirs, revoke: Any
) -> None:
    waiting = Waiting()
    token = served.token()
    ended: dict[str, float] = {}
    async with (
        serve_notebook(server=waiting.server),
        open_client(served, token) as client,
        open_client(served, served.token()) as bystander,
        anyio.create_task_group() as tasks,
    ):
        session = await initialize(client, served.notebook_url(), token)
        untouched = await initialize(bystander, served.notebook_url(), served.token())

        async def read(name: str, method: str, url: str, **request: Any) -> None:
            async with client.stream(method, url, **request) as response:
                assert response.status_code == 200
                async for _ in response.aiter_raw():
                    pass
            ended[name] = time.monotonic()

        url = served.notebook_url()
        call = {"content": legacy("tools/call", {"name": "wait"}, id=5), "headers": session.headers}
        tasks.start_soon(lambda: read("call", "POST", url, **call))
        await waiting.began.wait()
        tasks.start_soon(lambda: read("standalone stream", "GET", url, headers=session.headers))
        tasks.start_soon(lambda: read("sse stream", "GET", f"{url}/sse"))
        listen = modern("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
        tasks.start_soon(lambda: read("modern stream", "POST", url, **listen))
        with anyio.fail_after(PATIENCE_SECONDS):
            while len(served.extension.front._under_way) < 4:
                await anyio.sleep(0.01)
        await anyio.to_thread.run_sync(
            lambda: subprocess.run(
                revoke(served, token[5:13]), check=True, env=jupyter_dirs.environ, capture_output=True
            )
        )
        revoked = time.monotonic()
        with anyio.fail_after(REVOCATION_SECONDS):
            await waiting.cancelled.wait()
            while len(ended) < 4:
                await anyio.sleep(0.01)
        assert max(ended.values()) - revoked < REVOCATION_SECONDS
        assert (await session.call("ping", id=6)).status_code == 401
        assert (await untouched.call("ping", id=6)).status_code == 200


async def make_file_briefly_unsafe(served: Served, client: httpx2.AsyncClient) -> None:
    """Let others open the token file until the server has ended what is open, and then no longer."""
    path = served.extension.store.path
    async with client.stream("GET", f"{NAME_URL}/sse") as response:
        lines = response.aiter_lines()
        await anext(lines)
        path.chmod(0o644)
        with anyio.fail_after(PATIENCE_SECONDS):
            async for _ in lines:
                pass
    path.chmod(0o600)


@pytest.mark.parametrize("unsafe_before", [False, True], ids=["", "the file was unsafe for a moment"])
@pytest.mark.parametrize("asks", [True, False], ids=["a call that asks", "a task"])
async def test_revoking_ends_what_goes_on_between_two_requests(
    served: Served, asks: bool, unsafe_before: bool
) -> None:
    """Also those of a token that was in use when the token file was briefly bad (1.31)."""
    waiting = Waiting()

    @waiting.server.tool(task=True)
    async def detached(ctx: Context) -> str:
        waiting.began.set()
        try:
            if asks:
                await ctx.list_roots()
            await anyio.sleep_forever()
        finally:
            waiting.cancelled.set()
        return ""

    token = served.token()
    capabilities = {"roots": {}} if asks else {"extensions": {"io.modelcontextprotocol/tasks": {}}}
    async with serve_notebook(server=waiting.server), open_client(served, token) as client:
        if unsafe_before:
            await make_file_briefly_unsafe(served, client)
        call = modern("tools/call", {"name": "detached", "arguments": {}}, capabilities=capabilities)
        answer = (await client.post(served.notebook_url(), **call)).json()["result"]
        assert answer["resultType"] == ("input_required" if asks else "task")
        with anyio.fail_after(PATIENCE_SECONDS):
            await waiting.began.wait()
        assert not waiting.cancelled.is_set()
        served.extension.store.revoke(token[5:13])
        with anyio.fail_after(REVOCATION_SECONDS):
            await waiting.cancelled.wait()


async def test_expiring_ends_a_stream_within_a_second(served: Served, notebook: Listener) -> None:
    store = served.extension.store
    token = served.token(days=1)
    async with open_client(served, token) as client, client.stream("GET", f"{NAME_URL}/sse") as response:
        lines = response.aiter_lines()
        assert await anext(lines) == "event: endpoint"
        store._clock = lambda: datetime.now(UTC) + timedelta(days=1)
        with anyio.fail_after(REVOCATION_SECONDS):
            async for _ in lines:
                pass


NAME_URL = f"mcp-jupyter/{NAME}"


async def test_a_token_file_that_becomes_unsafe_ends_what_is_open(served: Served, notebook: Listener) -> None:
    async with (
        open_client(served, served.token()) as client,
        client.stream("GET", f"{NAME_URL}/sse") as response,
    ):
        lines = response.aiter_lines()
        await anext(lines)
        served.extension.store.path.chmod(0o644)
        with anyio.fail_after(REVOCATION_SECONDS):
            async for _ in lines:
                pass


# -- kernels ---------------------------------------------------------------------------------------


def kernel(word: str) -> FastMCP:
    server = FastMCP(word)

    @server.tool()
    def say() -> str:
        """Say which kernel this is."""
        return word

    return server


@pytest.fixture
async def session(served: Served) -> AsyncIterator[LegacySession]:
    async with open_client(served) as client:
        async with serve_notebook(server=kernel("first")):
            session = await initialize(client, served.notebook_url(), served.token())
            answer = await session.call("tools/call", {"name": "say"})
            assert answer.json()["result"]["content"][0]["text"] == "first"
        yield session


async def call_until(session: LegacySession, word: str) -> None:
    with anyio.fail_after(PATIENCE_SECONDS):
        while True:
            answer = await session.call("tools/call", {"name": "say"})
            assert answer.status_code == 200
            result = answer.json().get("result")
            if result is not None and result["content"][0]["text"] == word:
                return
            await anyio.sleep(0.05)


async def test_a_session_goes_on_after_a_restart_and_is_told(session: LegacySession) -> None:
    async with session.client.stream("GET", session.url, headers=session.headers) as stream:
        heard = events(stream)
        async with serve_notebook(server=kernel("second")):
            with anyio.fail_after(PATIENCE_SECONDS):
                async for _, data in heard:
                    if json.loads(data)["method"] == "notifications/tools/list_changed":
                        break
            await call_until(session, "second")


async def test_a_session_goes_on_under_another_name(served: Served, session: LegacySession) -> None:
    async with serve_notebook("renamed", server=kernel("second")):
        await call_until(session, "second")


async def test_a_name_that_was_given_up_ends_after_a_while(served: Served, session: LegacySession) -> None:
    notebooks = served.extension.notebooks
    async with serve_notebook("renamed", server=kernel("second")):
        await call_until(session, "second")
        await notebooks._sweep()
        await call_until(session, "second")  # a cell that takes the name again may still have to run
        notebooks._names[NAME].names[NAME] -= AWAY_SECONDS
        await notebooks._sweep()
        assert (await session.call("ping")).status_code == 404


async def test_calls_fail_at_once_while_the_kernel_is_away(session: LegacySession) -> None:
    with anyio.fail_after(2):
        answer = await session.call("tools/call", {"name": "say"})
    assert "is not serving" in answer.json()["error"]["message"]


async def test_a_name_goes_to_the_kernel_that_has_it(served: Served, session: LegacySession) -> None:
    other = "11111111-2222-3333-4444-555555555555"
    async with serve_notebook(kernel_id=other, server=kernel("another")):
        answer = await session.call("ping")
        assert answer.status_code == 404, "a session belongs to its kernel, not to the name"
        fresh = await initialize(session.client, session.url, served.token())
        await call_until(fresh, "another")


async def text_of(client: httpx2.AsyncClient, url: str, token: str) -> str:
    """What the notebook's tool says to one modern call."""
    call = modern("tools/call", {"name": "say", "arguments": {}})
    call["headers"] |= {"Authorization": f"Bearer {token}"}
    answer = await client.post(url, **call)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["result"]["content"][0]["text"])


async def test_a_name_that_another_notebook_takes_is_served_by_that_one(served: Served) -> None:
    """A name belongs to the kernel that has it now, whatever kernel had it before (1.1)."""
    token = served.token(servers=["*"])
    other = "11111111-2222-3333-4444-555555555555"
    async with open_client(served) as client, serve_notebook(server=kernel("first")) as first:
        assert await text_of(client, NAME_URL, token) == "first"
        await first.rename("renamed")
        assert await text_of(client, "mcp-jupyter/renamed", token) == "first"
        async with serve_notebook(kernel_id=other, server=kernel("another")):
            assert await text_of(client, NAME_URL, token) == "another"
            assert await text_of(client, "mcp-jupyter/renamed", token) == "first"


async def test_the_old_name_of_a_renamed_notebook_is_not_served(served: Served) -> None:
    """A live kernel that takes another name gives up its own at once: there is no alias (1.1)."""
    async with open_client(served, served.token()) as client, serve_notebook(server=kernel("first")) as first:
        session = await initialize(client, served.notebook_url(), served.token())
        await first.rename("renamed")
        assert (await session.call("tools/call", {"name": "say"})).status_code == 404
        assert (await client.post(NAME_URL, **modern("tools/list"))).status_code == 404


async def test_who_is_connected_under_an_old_name_hears_that_it_ended(served: Served) -> None:
    """Streams of a renamed notebook end; calls that run are answered (1.1)."""
    released = anyio.Event()
    began = anyio.Event()
    server = FastMCP("slow")

    @server.tool()
    async def slow() -> str:
        began.set()
        await released.wait()
        return "finished"

    async with (
        open_client(served, served.token()) as client,
        serve_notebook(server=server) as listener,
        anyio.create_task_group() as tasks,
    ):
        session = await initialize(client, served.notebook_url(), served.token())
        answers: dict[str, Any] = {}

        async def call() -> None:
            answers["call"] = await session.call("tools/call", {"name": "slow"}, id=7)

        async def read(name: str, method: str, url: str, **request: Any) -> None:
            async with client.stream(method, url, **request) as response:
                answers[name] = "".join([line async for line in response.aiter_lines()])

        listen = modern("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
        idle = await initialize(client, served.notebook_url(), served.token())
        tasks.start_soon(call)
        tasks.start_soon(lambda: read("stream", "GET", idle.url, headers=idle.headers))
        tasks.start_soon(lambda: read("listen", "POST", NAME_URL, **listen))
        await began.wait()
        with anyio.fail_after(PATIENCE_SECONDS):
            while served.extension.front.under_way < 3:
                await anyio.sleep(0.01)
            await listener.rename("renamed")
            while not {"stream", "listen"} <= answers.keys():
                await anyio.sleep(0.01)
            assert '"resultType":"complete"' in answers["listen"]
            released.set()
            while "call" not in answers:
                await anyio.sleep(0.01)
        assert "finished" in answers["call"].text
        with anyio.fail_after(PATIENCE_SECONDS):
            while len(served.extension.notebooks._served[KERNEL_ID].endpoint.sessions):
                await anyio.sleep(0.01)


async def test_modern_calls_find_the_new_kernel(served: Served) -> None:
    async with open_client(served, served.token()) as client:
        for word in ("first", "second"):
            async with serve_notebook(server=kernel(word)):
                with anyio.fail_after(PATIENCE_SECONDS):
                    while True:
                        answer = await client.post(NAME_URL, **modern("tools/call", {"name": "say"}))
                        if "result" in answer.json():
                            break
                        await anyio.sleep(0.05)
                assert answer.json()["result"]["content"][0]["text"] == word


async def test_a_listening_modern_client_hears_of_a_restart(served: Served) -> None:
    listen = modern("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
    async with (
        open_client(served, served.token()) as client,
        stoppable_notebook(kernel("first")) as stop,
        client.stream("POST", NAME_URL, **listen) as stream,
    ):
        heard = events(stream)
        with anyio.fail_after(PATIENCE_SECONDS):
            _, data = await anext(heard)
            assert json.loads(data)["method"] == "notifications/subscriptions/acknowledged"
            await stop()
            _, data = await anext(heard)
            assert json.loads(data)["method"] == "notifications/tools/list_changed"
        async with serve_notebook(server=kernel("second")):
            with anyio.fail_after(PATIENCE_SECONDS):
                _, data = await anext(heard)
            assert json.loads(data)["method"] == "notifications/tools/list_changed"


async def test_a_kernel_that_its_server_has_shut_down_is_forgotten(
    served: Served, session: LegacySession, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebooks = served.extension.notebooks
    managed = {next(iter(notebooks._served))}
    monkeypatch.setattr(notebooks, "_manages", managed.__contains__)
    await notebooks._sweep()
    assert (await session.call("ping")).status_code == 200, "it may be restarting"
    managed.clear()
    with anyio.fail_after(PATIENCE_SECONDS):
        while (await session.call("ping")).status_code != 404:
            await anyio.sleep(0.05)


async def test_stopping_ends_every_stream(served: Served, notebook: Listener) -> None:
    async with (
        open_client(served, served.token()) as client,
        client.stream("GET", f"{NAME_URL}/sse") as response,
    ):
        lines = response.aiter_lines()
        await anext(lines)
        with anyio.fail_after(PATIENCE_SECONDS):
            await served.extension.stop_extension()
            async for _ in lines:
                pass
    assert served.extension.notebooks._owner is None
    assert logging.getLogger("mcp_jupyter").parent is logging.getLogger()


async def test_a_server_that_nobody_called_has_no_task(served: Served, notebook: Listener) -> None:
    async with open_client(served) as client:
        await client.post(NAME_URL, headers=JSON, content=legacy("ping"))
    assert served.extension.notebooks._owner is None
