# SPDX-License-Identifier: BSD-3-Clause
"""One contract over every transport, in both eras: what a real server said is replayed without it."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from mcp_jupyter import Client, types
from mcp_jupyter.client import StdioServerParameters
from mcp_jupyter.client.cassettes import Cassette, Mode
from mcp_jupyter.errors import McpError
from mcp_jupyter.server.http.app import serve_http

from ..conftest import nothing_left
from ..our_server import our_server

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[3]
KINDS = [
    ("memory", "auto"), ("memory", "legacy"), ("stdio", "auto"), ("stdio", "legacy"), ("http", "auto"),
    ("http", "legacy"), ("sse", "auto"),
]  # fmt: skip


@pytest.fixture
async def target(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """Point a client at a server of ours, over a transport; it is gone when this ends."""
    kind = request.param
    if kind in ("http", "sse"):
        async with serve_http(our_server(), port=0) as port:
            yield f"http://127.0.0.1:{port}/{'mcp' if kind == 'http' else 'sse'}"
    elif kind == "memory":
        yield our_server()
    else:
        command = ["-m", "tests.client.our_server"]
        env = {"PYTHONPATH": str(ROOT)}
        yield StdioServerParameters(command=sys.executable, args=command, env=env, cwd=ROOT)


class Visit:
    """All that a client can do with the server, and what it came to."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.heard: list[str] = []
        self.steps: list[Any] = []
        self.questions = 0
        self._changes: set[str] = set()
        self._both_changes = anyio.Event()
        self._logged = anyio.Event()

    async def progress(self, *step: Any) -> None:
        self.steps.append(step)

    async def log(self, params: types.LoggingMessageNotificationParams) -> None:
        self.heard.append(f"{params.level}: {params.data}")
        self._logged.set()

    async def message(self, notification: types.Notification) -> None:
        self._changes.add(notification.method)
        if len(self._changes) == 2:
            self._both_changes.set()

    async def elicit(self, params: types.ElicitRequestParams) -> types.ElicitResult:
        self.questions += 1
        return types.ElicitResult(action="accept", content={"name": "Ada"})

    async def make(self, target: Any, path: Path, mode: Mode, **options: Any) -> None:
        track = Cassette.open(path, mode).track("ours")
        client = Client(
            target,
            cassette=track,
            logging_callback=self.log,
            message_handler=self.message,
            elicitation_callback=self.elicit,
            **options,
        )
        with anyio.fail_after(30):
            async with client:
                await self._visit(client)

    async def _visit(self, client: Client) -> None:
        self.seen += [client.protocol_version, client.server_info, client.instructions]
        self.seen += [client.server_capabilities, await client.list_tools()]
        for _ in range(2):
            called = await client.call_tool("add", {"a": 1, "b": 2}, progress_callback=self.progress)
            self.seen.append(called)
        await self._logged.wait()
        self.seen.append(await client.call_tool("who"))
        async with client.subscribed(tools=True, uris=["note://today"]) as granted:
            self.seen.append(granted)
            self.seen.append(await client.call_tool("grow", {"name": "new"}))
            await self._both_changes.wait()
        self.heard += sorted(self._changes)
        self.seen += [await client.list_tools(), await client.list_resources(), await client.list_prompts()]
        self.seen += [await client.read_resource("note://today"), await client.read_resource("note://monday")]
        self.seen.append(await client.get_prompt("greet", {"name": "Ada"}))
        self.seen.append(await client.call_tool("add", {"a": "no number"}))
        with pytest.raises(McpError) as caught:
            await client.read_resource("nothing://there")
        self.seen.append(caught.value.to_dict())
        await client.ping()


@pytest.mark.parametrize(("target", "era"), KINDS, indirect=["target"])
async def test_a_replay_gives_the_same_with_the_server_gone(target: Any, era: Any, tmp_path: Path) -> None:
    path = tmp_path / "analysis.cassette.json"
    recorded = Visit()
    await recorded.make(target, path, "record", era=era)
    before = path.read_bytes()
    replayed = Visit()
    async with nothing_left():
        await replayed.make(None, path, "replay")
    assert replayed.seen == recorded.seen
    assert replayed.heard == recorded.heard
    assert (replayed.steps, recorded.steps) == ([(1, 2, None)] * 2, [(1, 2, None)] * 2)
    assert (recorded.questions, replayed.questions) == (1, 0)
    assert path.read_bytes() == before
    if sys.platform != "win32":
        assert path.stat().st_mode & 0o777 == 0o600
