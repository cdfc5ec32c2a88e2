# SPDX-License-Identifier: BSD-3-Clause
"""What is kept, when it is written, and what stands when two write."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from mcp_jupyter import Client
from mcp_jupyter._util import private_files
from mcp_jupyter.client.cassettes import Cassette
from mcp_jupyter.client.cassettes import cassette as cassette_module
from mcp_jupyter.client.cassettes import recorder as recorder_module
from mcp_jupyter.client.cassettes.cassette import CassetteFile
from mcp_jupyter.errors import CassetteError, RequestTimeout
from mcp_jupyter.server.fastmcp import Context, FastMCP

from .support import ALIAS, calls_in, counting_server, recording, replaying, written

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "n.cassette.json"


def slow_server() -> FastMCP:
    mcp = FastMCP("slow")

    @mcp.tool()
    async def never(ctx: Context) -> str:
        mcp.add_tool(lambda: "new", name="new")
        await ctx.info("waiting")
        await anyio.sleep_forever()
        raise AssertionError

    @mcp.tool()
    def quick() -> str:
        return "done"

    return mcp


async def test_calls_without_an_answer_are_no_answers(path: Path) -> None:
    async with recording(slow_server(), path) as client:
        with pytest.raises(RequestTimeout):
            await client.call_tool("never", timeout=0.1)
        with anyio.move_on_after(0.1):
            await client.call_tool("never")
        await client.call_tool("quick")
    assert [call["params"]["name"] for call in calls_in(path)] == ["quick"]


async def test_the_form_of_the_file(path: Path) -> None:
    async with recording(counting_server(), path) as client:
        await client.call_tool("forecast", {"days": 2, "city": "Zürich"})
    text = path.read_text()
    content = json.loads(text)
    assert list(content) == ["cassette", "servers"]
    assert list(content["servers"][ALIAS]) == ["opening", "interactions"]
    assert list(content["servers"][ALIAS]["opening"]) == ["method", "version", "capabilities", "result"]
    (call,) = calls_in(path)
    assert list(call) == ["method", "params", "result"]
    assert list(call["params"]["arguments"]) == ["city", "days"]
    assert text == json.dumps(content, indent=2, ensure_ascii=False) + "\n"


async def test_a_server_is_recorded_anew_once_it_has_answered(path: Path) -> None:
    async with recording(counting_server(), path) as client:
        await client.call_tool("count", {"name": "a"})
    async with recording(counting_server(), path, alias="other") as client:
        await client.call_tool("count", {"name": "b"})
    async with recording(counting_server(), path):
        pass
    assert [call["params"]["arguments"] for call in calls_in(path)] == [{"name": "a"}]
    async with recording(counting_server(), path) as client:
        await client.call_tool("count", {"name": "c"})
    assert [call["params"]["arguments"] for call in calls_in(path)] == [{"name": "c"}]
    assert [call["params"]["arguments"] for call in calls_in(path, "other")] == [{"name": "b"}]


async def test_two_that_record_at_once_keep_what_is_of_others(path: Path) -> None:
    one, two = Cassette.open(path, "record"), Cassette.open(path, "record")
    async with (
        Client(counting_server(), cassette=one.track("a")) as first,
        Client(counting_server(), cassette=two.track("b")) as second,
    ):
        await first.call_tool("count", {"name": "one"})
        await second.call_tool("count", {"name": "two"})
        one.save()
        two.save()
        await first.call_tool("count", {"name": "three"})
    assert [len(calls_in(path, alias)) for alias in "ab"] == [2, 1]


@contextmanager
def while_writing(monkeypatch: pytest.MonkeyPatch, work: Callable[[], None]) -> Iterator[None]:
    """Have `work` begin, in another thread, when a file is about to be written the first time."""
    write, threads = CassetteFile.write, []

    def held(self: CassetteFile, content: bytes) -> None:
        if not threads:
            threads.append(threading.Thread(target=work))
            threads[0].start()
            threads[0].join(0.3)  # it is over by then, unless it has to wait
        write(self, content)

    monkeypatch.setattr(CassetteFile, "write", held)
    yield
    threads[0].join(10)
    assert not threads[0].is_alive()


async def test_waiting_for_another_process_that_writes_does_not_hold_up_calls(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Other tasks of the loop run while a file lock is waited for (1.23)."""
    waits, lock_file = anyio.Event(), private_files._lock

    def noted(lock: int) -> bool:
        if not (is_taken := lock_file(lock)):
            waits.set()
        return is_taken

    async with Client(counting_server(), cassette=Cassette.open(path, "record").track(ALIAS)) as client:
        with private_files.FileLock(path):
            monkeypatch.setattr(private_files, "_lock", noted)
            await client.call_tool("count", {"name": "one"})
            with anyio.fail_after(30):
                await waits.wait()
                await client.call_tool("count", {"name": "two"})
    assert len(calls_in(path)) == 2
    assert caplog.messages == []


async def test_of_two_that_write_at_the_same_moment_neither_is_lost(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = Cassette.open(path, "record"), Cassette.open(path, "record")
    async with (
        Client(counting_server(), cassette=one.track("a")) as first,
        Client(counting_server(), cassette=two.track("b")) as second,
    ):
        await first.call_tool("count", {"name": "one"})
        await second.call_tool("count", {"name": "two"})
        with while_writing(monkeypatch, two.save):
            one.save()
        assert [len(calls_in(path, alias)) for alias in "ab"] == [1, 1]


async def test_who_writes_all_the_time_is_waited_for_within_a_bound(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_files, "LOCK_SECONDS", 0.05)
    cassette = Cassette.open(path, "record")
    async with Client(counting_server(), cassette=cassette.track(ALIAS)) as client:
        await client.call_tool("count", {"name": "one"})
        with private_files.FileLock(path), pytest.raises(CassetteError, match="another process"):
            cassette.save()
        assert not cassette.is_saved
    assert len(calls_in(path)) == 1


async def test_of_the_same_server_the_last_one_to_write_stands(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cassette_module, "SAVE_SECONDS", 60.0)  # each writes when it closes, and only then
    one, two = Cassette.open(path, "record"), Cassette.open(path, "record")
    async with Client(counting_server(), cassette=two.track(ALIAS)) as second:
        await second.call_tool("count", {"name": "two"})
        async with Client(counting_server(), cassette=one.track(ALIAS)) as first:
            await first.call_tool("count", {"name": "one"})
    assert [call["params"]["arguments"]["name"] for call in calls_in(path)] == ["two"]


def named(path: Path) -> list[str]:
    """The names that were counted, in the order of the recording."""
    calls = [call for call in calls_in(path) if call["method"] == "tools/call"]
    return [call["params"]["arguments"]["name"] for call in calls]


async def count(cassette: Cassette, place: str | None, *names: str) -> list[Any]:
    """Connect once, and count."""
    async with Client(counting_server(), cassette=cassette.track(ALIAS, place)) as client:
        await client.list_tools()
        return [(await client.call_tool("count", {"name": name})).structuredContent for name in names]


async def test_a_server_that_is_connected_twice_is_recorded_whole_and_played_in_that_order(
    path: Path,
) -> None:
    cassette = Cassette.open(path, "record")
    recorded = [*await count(cassette, None, "a", "a"), *await count(cassette, None, "b", "a")]
    assert named(path) == ["a", "a", "b", "a"]
    cassette = Cassette.open(path, "replay")
    assert [*await count(cassette, None, "a", "a"), *await count(cassette, None, "b", "a")] == recorded
    assert [value["result"] for value in recorded] == [1, 2, 1, 1]


async def test_a_cell_that_connects_again_is_recorded_anew_with_what_came_after_it(path: Path) -> None:
    cassette = Cassette.open(path, "record")
    await count(cassette, "cell 1", "a")
    await count(cassette, "cell 2", "b")
    await count(cassette, "cell 2", "c")
    assert named(path) == ["a", "c"]
    await count(cassette, "cell 1", "d")
    assert named(path) == ["d"]
    await count(cassette, "cell 2", "e")
    assert named(path) == ["d", "e"]


async def test_a_cell_that_connects_again_is_played_anew(path: Path) -> None:
    await count(Cassette.open(path, "record"), None, "a", "a")
    cassette = Cassette.open(path, "replay")
    first = await count(cassette, "cell 1", "a", "a")
    assert await count(cassette, "cell 1", "a", "a") == first


async def test_drift_is_told_of_each_connection(path: Path) -> None:
    cassette = Cassette.open(path, "record")
    await count(cassette, None, "a")
    track = cassette.track(ALIAS)
    async with Client(counting_server(with_unit=True), cassette=track) as client:
        await client.list_tools()
    assert track.drift == ["forecast: the argument unit (required, string) is new"]


async def test_notebooks_with_the_same_alias_do_not_mix(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.cassette.json" for name in "ab"]
    for path in paths:
        async with recording(counting_server(), path) as client:
            await client.call_tool("count", {"name": path.stem})
    assert [calls_in(path)[0]["params"]["arguments"]["name"] for path in paths] == [
        "a.cassette",
        "b.cassette",
    ]


async def test_it_is_saved_while_calls_go_on(path: Path) -> None:
    async with recording(counting_server(), path) as client:
        await client.call_tool("count", {"name": "a"})
        with anyio.fail_after(5):
            while not path.exists():
                await anyio.sleep(0.01)
        assert len(calls_in(path)) == 1


async def test_saving_costs_little_however_many_calls_there_are(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saves: list[float] = []
    save = Cassette.save

    def counted(self: Cassette) -> None:
        began = time.perf_counter()
        save(self)
        saves.append(time.perf_counter() - began)

    monkeypatch.setattr(Cassette, "save", counted)
    began = time.perf_counter()
    async with recording(counting_server(), path) as client:
        for number in range(2000):
            await client.call_tool("forecast", {"city": str(number)})
    took = time.perf_counter() - began
    assert len(calls_in(path)) == 2000
    assert len(saves) <= took / cassette_module.SAVE_SECONDS + 2
    assert sum(saves) < 0.25 * took + 0.5


async def test_what_changed_meanwhile_is_kept_with_the_call_before(path: Path) -> None:
    mcp, heard = counting_server(), anyio.Event()

    async def handler(_notification: Any) -> None:
        heard.set()

    async with recording(mcp, path, era="legacy", message_handler=handler) as client:
        await client.call_tool("count", {"name": "a"})
        mcp.add_tool(lambda: "new", name="new")
        with anyio.fail_after(5):
            await heard.wait()
    assert calls_in(path)[-1]["afterwards"] == [
        {"notification": "notifications/tools/list_changed", "params": {}}
    ]
    heard = anyio.Event()
    async with replaying(path, message_handler=handler) as client:
        await client.call_tool("count", {"name": "a"})
        with anyio.fail_after(5):
            await heard.wait()


async def test_drift_is_told_when_tools_are_listed(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with recording(counting_server(), path) as client:
        await client.list_tools()
    changed = counting_server(with_unit=True)
    track = Cassette.open(path, "record").track(ALIAS)
    async with Client(changed, cassette=track) as client:
        assert track.drift == []
        with caplog.at_level(logging.WARNING):
            await client.list_tools()
    assert track.drift == ["forecast: the argument unit (required, string) is new"]
    assert track.drift[0] in caplog.text
    track = Cassette.open(path, "record").track(ALIAS)
    async with Client(changed, cassette=track) as client:
        await client.list_tools()
    assert track.drift == []


async def test_what_is_beyond_the_limits_is_left_out_and_said_once(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recorder_module, "MAX_INTERACTIONS", 3)
    with caplog.at_level(logging.WARNING):
        async with recording(counting_server(), path) as client:
            for _ in range(6):
                await client.call_tool("count", {"name": "a"})
    assert len(calls_in(path)) == 3
    assert len(caplog.records) == 1


async def test_the_limit_on_a_servers_calls_is_in_bytes_of_the_file(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recorder_module, "MAX_BYTES", 8_000)
    async with recording(counting_server(), path) as client:
        for _ in range(8):
            await client.call_tool("count", {"name": "売" * 400})  # three bytes each
    calls = json.dumps(calls_in(path), ensure_ascii=False).encode()
    assert 2_000 < len(calls) <= 8_000
    assert "takes no more" in caplog.text


async def test_what_no_reader_could_read_is_left_out(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    mcp = FastMCP("deep")

    @mcp.tool()
    def dig(levels: int) -> dict[str, Any]:
        made: Any = "bottom"
        for _ in range(levels):
            made = [made]
        return {"made": made}

    with caplog.at_level(logging.WARNING):
        async with recording(mcp, path) as client:
            for levels in (50, 170):
                assert not (await client.call_tool("dig", {"levels": levels})).isError
    assert [call["params"]["arguments"]["levels"] for call in calls_in(path)] == [50]
    assert "incomplete" in caplog.text
    async with replaying(path) as client:
        await client.call_tool("dig", {"levels": 50})


async def test_a_file_that_cannot_be_written_fails_no_call(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        async with recording(counting_server(), path) as client:
            path.mkdir()
            assert not (await client.call_tool("count", {"name": "a"})).isError
    assert "The recording is not saved" in caplog.text


async def test_a_read_only_recording_is_not_replaced(path: Path) -> None:
    path.write_text(written())
    path.chmod(0o444)
    with pytest.raises(CassetteError, match="read-only"):
        Cassette.open(path, "record")
    path.chmod(0o644)
    cassette = Cassette.open(path, "record")
    path.chmod(0o444)
    async with Client(counting_server(), cassette=cassette.track(ALIAS)) as client:
        assert not (await client.call_tool("count", {"name": "a"})).isError
        with pytest.raises(CassetteError, match="read-only"):
            cassette.save()
    assert path.read_text() == written()
    Cassette.open(path, "replay")


async def test_what_is_there_is_read_first(path: Path) -> None:
    path.write_text(written(alias="old"))
    async with recording(counting_server(), path) as client:
        await client.call_tool("count", {"name": "a"})
    assert sorted(json.loads(path.read_text())["servers"]) == ["old", ALIAS]
