# SPDX-License-Identifier: BSD-3-Clause
"""Which era a server speaks, found over a channel and over a process's standard streams."""

from __future__ import annotations

import sys
from typing import Any

import anyio
import pytest

from mcp_jupyter import Client, types
from mcp_jupyter.client import StdioServerParameters, connect
from mcp_jupyter.engine.connection import InboundRequest
from mcp_jupyter.errors import ConnectionClosed, McpError

from .conftest import nothing_left
from .memory_server import Served
from .scripted_http import DISCOVERED

pytestmark = pytest.mark.anyio


def unsupported(*supported: Any) -> McpError:
    data = {"supported": list(supported), "requested": "2026-07-28"}
    return McpError(types.UNSUPPORTED_PROTOCOL_VERSION, "No such version.", data)


async def hang(call: InboundRequest) -> None:
    await anyio.sleep_forever()


@pytest.fixture
def short_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "PROBE_SECONDS", 0.1)


async def opened(server: Served, **options: Any) -> str:
    async with nothing_left(), Client(server, **options) as client:
        return client.protocol_version


@pytest.mark.parametrize(
    "answer",
    [
        McpError(-32601, "What is server/discover?"),
        McpError(-32602, "Not initialized."),
        McpError(0, "Eh?"),
        {"supportedVersions": "all"},
        {**DISCOVERED, "supportedVersions": ["2025-11-25", "2024-11-05"]},
        unsupported("2025-11-25"),
        unsupported("2031-01-01", 7, "2025-06-18"),
    ],
    ids=str,
)
async def test_a_server_that_is_not_of_our_modern_version_is_initialized(answer: Any) -> None:
    server = Served({"server/discover": answer})
    assert await opened(server) == "2025-11-25"
    assert server.asked() == ["server/discover", "initialize"]


@pytest.mark.usefixtures("short_probe")
async def test_a_silent_server_is_initialized() -> None:
    server = Served({"server/discover": hang})
    assert await opened(server) == "2025-11-25"
    assert server.asked() == ["server/discover", "initialize"]


@pytest.mark.parametrize(
    "error",
    [
        unsupported("2031-01-01"),
        unsupported(),
        McpError(types.UNSUPPORTED_PROTOCOL_VERSION, "No.", "no data to speak of"),
        McpError(types.HEADER_MISMATCH, "Your headers lie."),
        McpError(types.MISSING_CLIENT_CAPABILITY, "You cannot do enough."),
    ],
    ids=str,
)
async def test_an_error_of_the_modern_era_is_final(error: McpError) -> None:
    server = Served({"server/discover": error})
    with pytest.raises(McpError) as caught:
        await opened(server)
    assert caught.value.to_dict() == error.to_dict()
    assert server.asked() == ["server/discover"]


async def test_a_server_of_a_later_version_only_is_named() -> None:
    server = Served({"server/discover": {**DISCOVERED, "supportedVersions": ["2031-01-01"]}})
    with pytest.raises(McpError, match=r"speaks protocol version 2031-01-01; this client speaks 2026-07-28"):
        await opened(server)


@pytest.mark.usefixtures("short_probe")
async def test_a_modern_server_that_starts_slowly_is_asked_again() -> None:
    async def discover(call: InboundRequest) -> Any:
        if server.asked() == ["server/discover"]:
            await anyio.sleep_forever()
        return DISCOVERED

    server = Served({"server/discover": discover, "initialize": McpError(-32601, "No handshakes here.")})
    assert await opened(server) == "2026-07-28"


@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.usefixtures("short_probe")
async def test_of_two_refusals_the_one_of_initialize_is_raised(silent: bool) -> None:
    error = McpError(-32601, "What?")
    server = Served({"initialize": McpError(-32000, "Not you."), "server/discover": error})
    if silent:

        async def discover(call: InboundRequest) -> Any:
            if len(server.table.asked) == 1:
                await anyio.sleep_forever()
            raise error

        server.table.answers["server/discover"] = discover
    with pytest.raises(McpError, match=r"Not you\."):
        await opened(server)
    assert len(server.asked()) == (3 if silent else 2)


@pytest.mark.parametrize(("era", "asked"), [("legacy", "initialize"), ("modern", "server/discover")])
async def test_a_forced_era_is_the_only_one_tried(era: Any, asked: str) -> None:
    server = Served({asked: McpError(-32601, "Not that.")})
    with pytest.raises(McpError, match=r"Not that\."):
        await opened(server, era=era)
    assert server.asked() == [asked]


async def test_a_server_that_leaves_is_not_asked_again() -> None:
    async def leave(call: InboundRequest) -> None:
        call.connection.close()

    server = Served({"server/discover": leave})
    with pytest.raises(ConnectionClosed):
        await opened(server)
    assert server.asked() == ["server/discover"]


# -- over stdio: the same process ----------------------------------------------------------------------

LEGACY_CHILD = """
import json, os, sys
import time
known, said = sys.argv[1:], []
if "late" in known:
    time.sleep(0.5)
for line in sys.stdin:
    message = json.loads(line)
    said.append(message["method"])
    answer = {"jsonrpc": "2.0", "id": message.get("id")}
    if "spoiled" in known and said[0] != "initialize":
        answer["error"] = {"code": -32600, "message": "The first message was not initialize."}
    elif message["method"] == "initialize":
        info = {"name": "child", "version": "1"}
        answer["result"] = {"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": info,
                            "instructions": " ".join(said)}
    elif "touchy" in known:
        sys.exit("I expected initialize")
    elif "silent" in known or "id" not in message:
        continue
    else:
        answer["error"] = {"code": -32602, "message": "Initialize first."}
    print(json.dumps(answer), flush=True)
"""


@pytest.mark.parametrize(
    ("manner", "patience", "said"),
    [
        ("loud", 30.0, "server/discover initialize"),
        ("silent", 0.1, "server/discover notifications/cancelled initialize"),
        # These have a process of their own.
        ("touchy", 30.0, "initialize"),
        ("late touchy", 0.1, "initialize"),
        ("spoiled", 30.0, "initialize"),
        ("late spoiled", 0.1, "initialize"),
    ],
)
async def test_a_child_is_initialized_whatever_it_makes_of_the_probe(
    manner: str, patience: float, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that the question spoiled is replaced by a new one (2: slow or odd)."""
    monkeypatch.setattr(connect, "PROCESS_PROBE_SECONDS", patience)
    child = StdioServerParameters(command=sys.executable, args=["-c", LEGACY_CHILD, *manner.split()])
    async with nothing_left(), Client(child) as client:
        assert client.protocol_version == "2025-06-18"
        assert client.instructions == said


async def test_a_process_has_longer_to_answer_than_a_server_that_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may have to import what it needs first (2: slow or odd)."""
    assert connect.PROCESS_PROBE_SECONDS >= 10
    monkeypatch.setattr(connect, "PROBE_SECONDS", 0.1)
    code = "import json, sys, time; time.sleep(0.5); id = json.loads(sys.stdin.readline())['id']; "
    code += f"print(json.dumps({{'jsonrpc': '2.0', 'id': id, 'result': {DISCOVERED!r}}}), flush=True); "
    code += "sys.stdin.read()"
    async with nothing_left(), Client([sys.executable, "-c", code]) as client:
        assert client.protocol_version == "2026-07-28"


async def test_a_process_that_refuses_a_client_says_why() -> None:
    """What the second process says is raised, as it is (2: slow or odd)."""
    refusing = """
import json, sys
for line in sys.stdin:
    error = {"code": -32000, "message": "You have no licence."}
    print(json.dumps({"jsonrpc": "2.0", "id": json.loads(line).get("id"), "error": error}), flush=True)
"""
    with pytest.raises(McpError, match=r"You have no licence\.") as caught:
        async with nothing_left(), Client([sys.executable, "-c", refusing]):
            pytest.fail("it refuses")
    assert caught.value.code == -32000


async def test_a_child_that_dies_says_why() -> None:
    with pytest.raises(ConnectionClosed, match=r"exit code 3\)\. Its last words: no licence"):
        async with Client(
            [sys.executable, "-c", "import sys; print('no licence', file=sys.stderr); sys.exit(3)"]
        ):
            pytest.fail("it has died")


async def test_a_command_that_does_not_exist_is_an_os_error() -> None:
    with pytest.raises(FileNotFoundError, match="no-such-command"):
        async with nothing_left(), Client("no-such-command --at all"):
            pytest.fail("it does not exist")
