# SPDX-License-Identifier: BSD-3-Clause
"""Which recorded call answers, and what is said when none does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from mcp_jupyter import Client, types
from mcp_jupyter.client.cassettes import Cassette, CassetteError, CassetteMiss, cassette_path
from mcp_jupyter.client.cassettes.cassette import mode_from_environment
from mcp_jupyter.errors import ConfigError, ConnectionClosed, McpError

from .support import ALIAS, calls_in, counting_server, recording, replaying, written

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "n.cassette.json"


async def count(client: Client, name: str) -> int:
    result = await client.call_tool("count", {"name": name})
    assert result.structuredContent is not None
    return int(result.structuredContent["result"])


async def test_equal_calls_are_answered_in_order_and_the_last_one_again(path: Path) -> None:
    async with recording(counting_server(), path) as client:
        assert [await count(client, name) for name in "aabab"] == [1, 2, 1, 3, 2]
    async with replaying(path) as client:
        assert [await count(client, name) for name in "baaaaabb"] == [1, 1, 2, 3, 3, 3, 2, 2]
    async with replaying(path) as client:
        assert await count(client, "a") == 1


async def test_calls_at_the_same_time_are_kept_in_the_order_they_were_asked_in(path: Path) -> None:
    async with recording(counting_server(), path) as client, anyio.create_task_group() as tasks:
        for name in "edcba":
            tasks.start_soon(count, client, name)
    assert [call["params"]["arguments"]["name"] for call in calls_in(path)] == [*"edcba"]


async def test_a_miss_shows_the_nearest_call(path: Path) -> None:
    async with recording(counting_server(), path) as client:
        await client.call_tool("forecast", {"city": "Paris", "days": 3})
        await client.call_tool("forecast", {"city": "Rome", "days": 1})
    async with replaying(path) as client:
        with pytest.raises(CassetteMiss) as caught:
            await client.call_tool("forecast", {"city": "Paris", "days": 4})
        assert str(caught.value).splitlines() == [
            "tools/call forecast with these params is not in the recording of 'ours'. "
            "The nearest call that is there:",
            "  --- recorded",
            "  +++ asked",
            "  @@ -1,7 +1,7 @@",
            "   {",
            '     "arguments": {',
            '       "city": "Paris",',
            '  -    "days": 3',
            '  +    "days": 4',
            "     },",
            '     "name": "forecast"',
            "   }",
            "Record anew with MCP_JUPYTER_CASSETTES=record (or %mcp_connect --record).",
        ]
        with pytest.raises(CassetteMiss, match=r"The tool 'count' was never .* were: forecast\. Record anew"):
            await count(client, "a")
        with pytest.raises(CassetteMiss, match=r"prompts/list is not in .* which has tools/call\."):
            await client.list_prompts()


async def test_a_miss_shows_no_secret_and_nothing_a_terminal_obeys(path: Path) -> None:
    params = {"name": "t", "arguments": {"note": "\x1b[2J\u202e", "password": "[redacted]"}}
    path.write_text(written({"method": "tools/call", "params": params, "result": {"content": []}}))
    async with replaying(path) as client:
        with pytest.raises(CassetteMiss) as caught:
            await client.call_tool("t", {"note": "n", "password": "hunter2"})
        message = str(caught.value)
        with pytest.raises(CassetteMiss) as caught:
            await client.call_tool("t", {"other": "x" * 10_000, "token": "hunter2", "lines": [*range(1000)]})
    assert "hunter2" not in message + str(caught.value)
    assert all(char.isprintable() or char == "\n" for char in message)
    assert len(str(caught.value)) < 10_000


async def test_errors_are_the_same_errors(path: Path) -> None:
    seen: list[Any] = []

    async def ask(client: Client) -> None:
        for question in (client.call_tool("nothing"), client.read_resource("nothing://there")):
            with pytest.raises(McpError) as caught:
                await question
            seen.append((type(caught.value), caught.value.to_dict()))

    async with recording(counting_server(), path) as client:
        await ask(client)
    async with replaying(path) as client:
        await ask(client)
    assert seen[:2] == seen[2:]


async def test_what_needs_no_recording(path: Path) -> None:
    path.write_text(written())
    async with replaying(path) as client:
        await client.ping()
        await client.set_logging_level("debug")
        async with client.subscribed(tools=True, uris=["a://b"]) as granted:
            assert (granted.toolsListChanged, granted.resourceSubscriptions) == (True, ["a://b"])
    async with recording(counting_server(), path, era="legacy") as client:
        await client.list_tools()
    async with replaying(path) as client:
        await client.ping()
        await client.set_logging_level("debug")
        async with client.subscribed(tools=True, uris=["a://b"]) as granted:
            assert granted.resourceSubscriptions == ["a://b"]
        await client.session.send_roots_list_changed()
        with pytest.raises(ConnectionClosed, match="a recording"):
            await client.session.initialize()


async def test_what_is_given_may_be_changed(path: Path) -> None:
    async with recording(counting_server(), path) as client:
        await count(client, "a")
    async with replaying(path) as client:
        for _ in range(2):
            result = await client.call_tool("count", {"name": "a"})
            assert result.structuredContent == {"result": 1}
            result.structuredContent.clear()


async def test_events_of_other_kinds_are_not_handed_out(path: Path) -> None:
    heard: list[Any] = []

    async def handler(notification: types.Notification) -> None:
        heard.append(notification.method)

    events = [
        {"notification": "notifications/cancelled", "params": {"requestId": 1}},
        {"notification": "notifications/message", "params": {"level": 3}},
        {"notification": "notifications/tools/list_changed"},
    ]
    call = {"method": "tools/call", "params": {"name": "t"}, "events": events, "result": {"content": []}}
    path.write_text(written(call))
    async with replaying(path, message_handler=handler, logging_callback=handler) as client:
        await client.call_tool("t")
        assert heard == ["notifications/tools/list_changed"]


@pytest.mark.parametrize("target", [None, "https://nowhere.invalid/mcp", ["/no/such/program"], 3])
async def test_the_target_is_not_looked_at(path: Path, target: Any) -> None:
    path.write_text(written({"method": "tools/call", "params": {"name": "t"}, "result": {"content": []}}))
    track = Cassette.open(path, "replay").track(ALIAS)
    async with Client(target, headers={"a": "b"}, env={"c": "d"}, cassette=track) as client:
        assert (await client.call_tool("t")).content == []
        assert client.server_info is None


async def test_off_is_as_without(path: Path) -> None:
    async with Client(counting_server(), cassette=Cassette.open(path, "off").track(ALIAS)) as client:
        assert await count(client, "a") == 1
    assert not path.exists()
    with pytest.raises(ValueError, match="target=None"):
        Client(None)


def test_nothing_to_replay_is_said(path: Path) -> None:
    with pytest.raises(CassetteError, match=r"Recording not found: .*MCP_JUPYTER_CASSETTES=record"):
        Cassette.open(path, "replay")
    path.write_text(written(alias="weather"))
    with pytest.raises(CassetteError, match="no recording of 'ours'; it has weather"):
        Cassette.open(path, "replay").track(ALIAS)
    with pytest.raises(CassetteError, match="the folder does not exist"):
        Cassette.open(path.parent / "none" / "a.json", "record")


@pytest.mark.parametrize(
    ("said", "mode"), [("", "off"), ("record", "record"), (" Replay ", "replay"), ("off", "off")]
)
def test_the_mode_is_in_the_environment(said: str, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_JUPYTER_CASSETTES", said)
    assert mode_from_environment() == mode


def test_another_mode_is_refused(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    monkeypatch.setenv("MCP_JUPYTER_CASSETTES", "yes")
    with pytest.raises(ConfigError, match="must be record, replay or off, not 'yes'"):
        mode_from_environment()
    with pytest.raises(ConfigError, match="mode must be"):
        Cassette.open(path, "yes")  # type: ignore[arg-type]


def test_a_cassette_lies_beside_its_notebook() -> None:
    assert cassette_path(Path("a/b.c.ipynb")) == Path("a/b.c.cassette.json")


def test_who_records_nothing_imports_nothing() -> None:
    code = (
        "import sys, mcp_jupyter.client.client\n"
        "print([name for name in sys.modules if 'cassettes' in name or name == 'difflib'])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
