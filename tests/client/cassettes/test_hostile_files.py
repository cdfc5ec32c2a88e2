# SPDX-License-Identifier: BSD-3-Clause
"""A file that came with a notebook is hostile until read: each is refused with one clear line (T41)."""

from __future__ import annotations

import json
import os
import pickle
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from mcp_jupyter import Client
from mcp_jupyter.client.cassettes import Cassette, CassetteError
from mcp_jupyter.client.cassettes.recording import MAX_INTERACTIONS
from mcp_jupyter.errors import McpError, McpJupyterError

from .support import ALIAS, counting_server, recording, written

pytestmark = pytest.mark.anyio

CALL: dict[str, Any] = {"method": "tools/call", "params": {"name": "t"}, "result": {"content": []}}


class Bomb:
    def __reduce__(self) -> Any:
        return os.system, ("touch /tmp/never",)


def changed(place: str, value: Any) -> bytes:
    """Give a good file with one member that is not what it must be."""
    content = json.loads(written({**CALL, "events": [{"progress": 1}]}))
    *steps, last = place.split(".")
    inner: Any = content
    for step in steps:
        inner = inner[int(step) if step.isdigit() else step]
    inner[last] = value
    return json.dumps(content).encode()


CALLS = f"servers.{ALIAS}.interactions"
CONTENTS: dict[str, bytes] = {
    "nothing": b"",
    "deep lists": b'{"cassette": 1, "servers": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "yaml": b'!!python/object/apply:os.system ["touch /tmp/never"]\n',
    "yaml list": b"- a\n- b\n",
    "pickle": pickle.dumps(Bomb()),
    "nan": b'{"cassette": NaN}',
    "not utf-8": b'{"cassette": "\xff"}',
    "list": b"[]",
    "no version": b'{"servers": {}}',
    "other version": changed("cassette", 2),
    "true": changed("cassette", True),
    "servers": changed("servers", []),
    "many servers": changed("servers", {str(number): 1 for number in range(101)}),
    "server": changed(f"servers.{ALIAS}", None),
    "opening": changed(f"servers.{ALIAS}.opening", 1),
    "opening's method": changed(f"servers.{ALIAS}.opening.method", "tools/call"),
    "opening's version": changed(f"servers.{ALIAS}.opening.version", 1),
    "opening's result": changed(f"servers.{ALIAS}.opening.result", "x"),
    "opening's capabilities": changed(f"servers.{ALIAS}.opening.capabilities", []),
    "calls": changed(CALLS, {}),
    "many calls": changed(CALLS, [1] * (MAX_INTERACTIONS + 1)),
    "call": changed(CALLS, ["\x1b[2J"]),
    "method": changed(f"{CALLS}.0.method", {}),
    "params": changed(f"{CALLS}.0.params", []),
    "result": changed(f"{CALLS}.0.result", None),
    "both": changed(f"{CALLS}.0.error", {"code": 1, "message": ""}),
    "error": changed(CALLS, [{"method": "m", "params": {}, "error": {"code": "1", "message": ""}}]),
    "events": changed(f"{CALLS}.0.events", {}),
    "many events": changed(f"{CALLS}.0.events", [{"progress": 1}] * 1001),
    "event": changed(f"{CALLS}.0.events", [{}]),
    "progress": changed(f"{CALLS}.0.events", [{"progress": "1"}]),
    "notification": changed(f"{CALLS}.0.events", [{"notification": "n", "params": []}]),
}


def refusal(path: Path, mode: Any) -> str:
    with pytest.raises(CassetteError) as caught:
        Cassette.open(path, mode)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 700
    assert path.name in message
    return message


@pytest.mark.parametrize("mode", ["replay", "record"])
@pytest.mark.parametrize("case", CONTENTS)
def test_what_is_no_cassette_is_refused_and_stays(case: str, mode: str, tmp_path: Path) -> None:
    path = tmp_path / "n.cassette.json"
    path.write_bytes(CONTENTS[case])
    began = time.thread_time()
    message = refusal(path, mode)
    assert "record anew" in message or (case == "other version" and "pip install --upgrade" in message)
    assert time.thread_time() - began < 2
    assert path.read_bytes() == CONTENTS[case]
    assert not Path("/tmp/never").exists()


def test_a_gigabyte_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "n.cassette.json"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    tracemalloc.start()
    try:
        assert "more than" in refusal(path, "replay")
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there, pipes are others")
@pytest.mark.parametrize("kind", ["link", "dangling link", "pipe", "folder"])
def test_what_is_no_plain_file_is_neither_read_nor_replaced(kind: str, tmp_path: Path) -> None:
    path, other = tmp_path / "n.cassette.json", tmp_path / "other.json"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(other)
        if kind == "link":
            other.write_text(written())
    for mode in ("replay", "record"):
        assert "not a plain file" in refusal(path, mode)


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
async def test_a_link_that_comes_later_is_not_followed(tmp_path: Path) -> None:
    path, other = tmp_path / "n.cassette.json", tmp_path / "other.json"
    other.write_text("precious")
    async with recording(counting_server(), path) as client:
        await client.call_tool("count", {"name": "a"})
        path.symlink_to(other)
    assert other.read_text() == "precious"
    assert sorted(tmp_path.iterdir()) == [path, other]


OPENINGS: list[dict[str, Any]] = [
    {
        "method": "server/discover",
        "version": "1999-01-01",
        "result": {"supportedVersions": [], "capabilities": {}},
    },
    {"method": "initialize", "version": "2026-07-28", "result": {}},
    {"method": "server/discover", "version": "2026-07-28", "result": {"capabilities": 3}},
]


@pytest.mark.parametrize("opening", OPENINGS)
async def test_an_opening_that_no_server_says_is_refused(opening: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "n.cassette.json"
    path.write_text(json.dumps({"cassette": 1, "servers": {ALIAS: {"opening": opening, "interactions": []}}}))
    with pytest.raises(McpJupyterError) as caught:
        async with Client(None, cassette=Cassette.open(path, "replay").track(ALIAS)):
            pytest.fail("it cannot be replayed")
    assert str(caught.value).isprintable()


async def test_a_result_that_no_server_gives_is_an_error_of_that_call(tmp_path: Path) -> None:
    path = tmp_path / "n.cassette.json"
    path.write_text(written({**CALL, "result": {"content": 3}}))
    async with Client(None, cassette=Cassette.open(path, "replay").track(ALIAS)) as client:
        with pytest.raises(McpError, match="malformed"):
            await client.call_tool("t")
        await client.ping()
