# SPDX-License-Identifier: BSD-3-Clause
"""Servers on stdin and stdout: as processes, spoken to in lines and by the official SDK; and the framing."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from mcp_jupyter.errors import INVALID_REQUEST, PARSE_ERROR

from .memory_client import MODERN
from .stdio_peer import HELLO, LIMIT_SECONDS, SERVER, wait_for

# -- a process, in lines ----------------------------------------------------------------------------------


@pytest.mark.parametrize("tool", ["forks", "forks_beside", "forks_async"])
def test_a_forked_child_that_returns_from_a_tool_ends(peers, tool):
    """It neither reads the parent's requests nor writes to its output (1.10)."""
    peer = peers("asyncio")
    peer.open()
    for id in range(3):
        peer.call(id, tool)
        assert peer.text(id) == "0"
    out, _ = peer.leave()
    assert "jsonrpc" not in out


def test_a_forked_child_that_awaits_in_a_tool_ends(peers, tmp_path):
    """It would go on with the parent's other calls, which then happened twice (1.10)."""
    notes = tmp_path / "notes"
    peer = peers("asyncio", str(notes))
    peer.open()
    peer.call(1, "wait", seconds=0.2)
    peer.call(2, "forks_and_awaits", seconds=0.5)
    answers = {message["id"]: message["result"] for message in (peer.read(), peer.read())}
    assert answers[1]["structuredContent"] == {"result": "waited"}
    assert answers[2]["structuredContent"] == {"result": 0}
    assert notes.read_text().count("waited") == 1
    out, _ = peer.leave()
    assert "jsonrpc" not in out


@pytest.mark.parametrize("kind", ["asyncio", "trio"])
def test_a_conversation_in_either_era(peers, kind):
    peer = peers(kind)
    peer.say("tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}, "_meta": MODERN}, 1)
    result = peer.result(1)
    assert (result["structuredContent"], result["resultType"]) == ({"result": 3}, "complete")
    peer.open()
    peer.call(2, "add", a=2, b=3)
    assert peer.result(2) == {
        "content": [{"type": "text", "text": "5"}],
        "structuredContent": {"result": 5},
    }
    rest, errors = peer.leave()
    assert (peer.process.returncode, rest) == (0, "printed after\n")
    assert errors == "printed before\n"


@pytest.mark.parametrize("kind", ["asyncio", "trio"])
def test_nothing_that_a_tool_prints_or_reads_touches_the_protocol(peers, kind):
    peer = peers(kind)
    peer.open()
    peer.call(1, "noisy")
    assert peer.result(1)["structuredContent"] == {"result": ["", "nothing"]}
    peer.call(2, "add", a=1, b=1)
    assert peer.text(2) == "2"
    rest, errors = peer.leave()
    assert rest == "printed after\n"
    for line in ("from print", "from the descriptor", "from a child"):
        assert line in errors


@pytest.mark.parametrize("kind", ["asyncio", "trio"])
def test_user_code_has_the_thread_and_the_loop_of_the_program(peers, kind):
    """What a program or a lifespan has opened there works in a tool (3.5)."""
    peer = peers(kind)
    peer.open()
    for id, tool in enumerate(["at_home", "at_home_async"]):
        peer.call(id, tool)
        assert peer.result(id)["structuredContent"] == {"result": True}


@pytest.mark.parametrize("kind", ["asyncio", "trio"])
def test_a_tool_can_ask_from_the_loop_of_the_program(peers, kind):
    peer = peers(kind)
    peer.say("initialize", {**HELLO, "capabilities": {"elicitation": {}}}, "hello")
    peer.result("hello")
    peer.say("notifications/initialized")
    peer.call(1, "ask")
    question = peer.read()
    assert question["method"] == "elicitation/create"
    answer = {"action": "accept", "content": {"name": "x"}}
    peer.write(json.dumps({"jsonrpc": "2.0", "id": question["id"], "result": answer}).encode() + b"\n")
    assert peer.text(1) == "accept {'name': 'x'} True"


@pytest.mark.parametrize("kind", ["asyncio", "trio"])
def test_a_tool_that_blocks_holds_up_nothing_but_tools_that_take_turns(peers, tmp_path, kind):
    """No ping, list or concurrent tool; and a call that waits for its turn can be cancelled (3.5)."""
    notes = tmp_path / "notes"
    peer = peers(kind, str(notes))
    peer.open()
    peer.call(1, "block", seconds=60)
    wait_for(notes, "blocking")
    peer.call(2, "wait", seconds=0)
    peer.say("ping", id=3)
    assert peer.result(3) == {}
    peer.say("tools/list", id=4)
    assert peer.result(4)["tools"]
    peer.call(5, "beside")
    assert peer.text(5) == "beside"
    peer.say("notifications/cancelled", {"requestId": 2})
    peer.say("ping", id=6)
    assert peer.result(6) == {}
    peer.process.send_signal(signal.SIGTERM)
    peer.process.wait(10)
    assert "waiting" not in notes.read_text()


def test_junk_is_answered_and_the_connection_goes_on(peers):
    peer = peers()
    peer.open()
    for junk, code in (
        (b"junk\n", PARSE_ERROR),
        (b"\xff\xfe\x00\n", PARSE_ERROR),
        (b"[]\n", INVALID_REQUEST),
        (b'{"jsonrpc":"2.0"}\n', INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}\n', INVALID_REQUEST),
        (b"[" * 100_000 + b"\n", PARSE_ERROR),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[' + b"NaN" + b"]}\n", PARSE_ERROR),
    ):
        peer.write(junk)
        assert peer.read()["error"]["code"] == code
    peer.write(b"\n  \n\r\n")  # blank lines are none
    peer.write(b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}\r\n')
    assert peer.read() == {"jsonrpc": "2.0", "id": 1, "result": {}}


def test_what_was_asked_before_the_end_of_input_is_answered(peers):
    peer = peers()
    peer.say("initialize", HELLO, 0)
    for id in range(1, 301):  # more than are read ahead
        peer.call(id, "add", a=id, b=0)
    peer.call(301, "wait", seconds=0.2)
    peer.process.stdin.write(b'{"jsonrpc":"2.0","id":302,"method":"ping"}')  # without an end of line
    rest, _ = peer.leave()
    *lines, last = rest.splitlines()
    assert last == "printed after"
    assert {json.loads(line)["id"] for line in lines} == set(range(303))
    assert peer.process.returncode == 0


def test_a_large_answer_is_not_lost_at_the_end(peers):
    peer = peers()
    peer.say("initialize", HELLO, 0)
    peer.call(1, "make", size=5_000_000)
    rest, _ = peer.leave()
    assert json.loads(rest.splitlines()[1])["result"]["content"][0]["text"] == "x" * 5_000_000


def test_many_requests_of_a_client_that_reads_late(peers):
    peer = peers()
    peer.open()
    text = "x" * 500

    def ask() -> None:
        for id in range(2_000):
            peer.call(id, "echo", text=text)

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.2)  # both pipes fill meanwhile
    answers = {peer.read()["id"] for _ in range(2_000)}
    asking.join()
    assert answers == set(range(2_000))


def test_a_client_that_reads_slowly_gets_all_its_answers(peers):
    """Also when it has said that it will ask no more (1.32)."""
    peer = peers()
    peer.open()
    for id in range(80):
        peer.call(id, "make", size=50_000)
    peer.process.stdin.close()
    peer.process.stdin = None
    answers = []
    while line := peer.process.stdout.readline():
        answers.append(line)
        time.sleep(0.04)  # 64 of them take longer than a client that does not read is waited for
    assert answers.pop() == b"printed after\n"
    assert {json.loads(line)["id"] for line in answers} == set(range(80))
    assert peer.process.wait(10) == 0


def test_a_lone_surrogate_is_answered(peers):
    """In an argument and in a result (1.32)."""
    peer = peers()
    peer.open()
    peer.call(1, "echo", text="cut \ud83d")
    assert peer.text(1) == "cut \ufffd"
    peer.write(b'{"jsonrpc":"2.0","id":"\\udead","method":"ping"}\n')
    assert peer.read() == {"jsonrpc": "2.0", "id": "\ufffd", "result": {}}
    peer.call(2, "broken_text")
    assert peer.result(2)["structuredContent"] == {"text": ["a\ufffdb"]}
    peer.call(3, "add", a=1, b=1)
    assert peer.text(3) == "2"


def test_progress_and_log_messages_stand_before_the_result(peers):
    peer = peers()
    peer.open()
    meta = {"progressToken": "p"}
    peer.say("tools/call", {"name": "count", "arguments": {"to": 100}, "_meta": meta}, 1)
    said = [peer.read() for _ in range(201)]
    assert [message["method"] for message in said[:-1]] == [
        "notifications/progress",
        "notifications/message",
    ] * 100
    assert said[-1]["id"] == 1


# -- the official SDK's client -----------------------------------------------------------------------------


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["legacy", "auto", "2026-07-28"])
async def test_the_official_client(mode, tmp_path):
    notes = tmp_path / "notes"
    server = StdioServerParameters(command=sys.executable, args=[str(SERVER), "asyncio", str(notes)])
    logged, steps = [], []

    async def log(params: Any) -> None:
        logged.append(params.data)

    async def progress(done: float, total: float | None, message: str | None) -> None:
        steps.append((done, total))

    with anyio.fail_after(LIMIT_SECONDS), open(os.devnull, "w") as nowhere:
        transport = stdio_client(server, errlog=nowhere)
        async with Client(transport, mode=mode, logging_callback=log, log_level="debug") as client:
            assert "add" in [tool.name for tool in (await client.list_tools()).tools]
            result = await client.call_tool("add", {"a": 1, "b": 2})
            assert (result.structured_content, result.is_error) == ({"result": 3}, False)
            result = await client.call_tool("noisy", {})
            assert result.structured_content == {"result": ["", "nothing"]}
            result = await client.call_tool("leave", {})
            assert result.is_error
            result = await client.call_tool("count", {"to": 3}, progress_callback=progress)
            assert result.structured_content == {"result": 3}
            assert steps == [(0, 3), (1, 3), (2, 3)]
            while len(logged) < 3:
                await anyio.sleep(0.01)
            assert logged == ["step 0", "step 1", "step 2"]
            async with anyio.create_task_group() as tasks:
                for _ in range(20):
                    tasks.start_soon(client.call_tool, "add", {"a": 1, "b": 2})
    assert notes.read_text().splitlines() == ["begins", "ends"]
