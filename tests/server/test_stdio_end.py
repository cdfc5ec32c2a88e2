# SPDX-License-Identifier: BSD-3-Clause
"""How a server on stdin and stdout ends: with its input, at a signal, with a client that does not read."""

from __future__ import annotations

import itertools
import signal
import time

import pytest

from mcp_jupyter.server.stdio import END_SECONDS, INTERRUPT_SECONDS

from .stdio_peer import wait_for


@pytest.mark.parametrize(
    ("tool", "seconds"), [(None, 0.5), ("wait", 2.0), ("hang", 2.0)], ids=["idle", "async", "in a thread"]
)
@pytest.mark.parametrize("kind", ["asyncio", "trio"])
def test_the_end_of_input_ends_the_process_soon(peers, tmp_path, kind, tool, seconds):
    notes = tmp_path / "notes"
    peer = peers(kind, str(notes))
    peer.open()
    if tool:
        peer.call(1, tool, seconds=60)
        wait_for(notes, tool.removesuffix("e"))
    start = time.monotonic()
    rest, errors = peer.leave()
    assert time.monotonic() - start < seconds + 2.5  # a busy machine takes a while to end an interpreter
    assert (peer.process.returncode, rest) == (0, "printed after\n")
    assert notes.read_text().splitlines()[-1] == "ends"
    assert errors == "printed before\n"


def test_the_end_of_input_interrupts_a_tool_that_blocks(peers, tmp_path):
    """The process would stay as long as the tool, and hosts kill it after two seconds (3.5)."""
    notes = tmp_path / "notes"
    peer = peers("asyncio", str(notes))
    peer.open()
    peer.call(1, "block", seconds=60)
    wait_for(notes, "blocking")
    peer.process.stdin.close()
    peer.process.stdin = None
    assert peer.process.wait(10) == 0
    assert notes.read_text().splitlines()[-1] == "ends"


def test_a_signal_ends_it_though_the_client_does_not_read(peers, tmp_path):
    """The thread of the protocol is stuck in a write, and is left behind (3.5)."""
    notes = tmp_path / "notes"
    peer = peers("quiet", str(notes))
    peer.open()
    peer.call(1, "make", size=5_000_000)
    assert peer.process.stdout.read(1)  # the answer has begun
    peer.process.send_signal(signal.SIGTERM)
    peer.process.wait(10)
    assert notes.read_text().splitlines()[-1] == "ends"


@pytest.mark.parametrize(
    ("kind", "number"),  # on trio an interrupt is raised where the script called `anyio.run`
    [("asyncio", signal.SIGTERM), ("asyncio", signal.SIGINT), ("trio", signal.SIGTERM)],
)
@pytest.mark.parametrize("tool", [None, "wait", "hang"])
def test_a_signal_ends_it_cleanly(peers, tmp_path, kind, number, tool):
    notes = tmp_path / "notes"
    peer = peers(kind, str(notes))
    peer.open()
    if tool:
        peer.call(1, tool, seconds=60)
        wait_for(notes, tool.removesuffix("e"))
    peer.process.send_signal(number)
    peer.process.wait(10)  # stdin is still open
    rest, errors = peer.leave()
    assert (peer.process.returncode, rest) == (0, "printed after\n")
    assert errors == "printed before\n"
    assert notes.read_text().splitlines()[-1] == "ends"


@pytest.mark.parametrize(
    ("kind", "number", "tool"),  # trio has handlers of its own, for interrupts and to wake its loop
    [
        *itertools.product(["asyncio"], [signal.SIGTERM, signal.SIGINT], ["block", "stubborn", "compute"]),
        ("trio", signal.SIGTERM, "block"),
        ("trio", signal.SIGTERM, "stubborn"),
        ("trio", signal.SIGTERM, "compute"),
    ],
)
def test_a_signal_ends_it_while_a_tool_blocks(peers, tmp_path, kind, number, tool):
    """In order where the tool can be interrupted, and within two seconds in any case (1.32)."""
    notes = tmp_path / "notes"
    peer = peers(kind, str(notes))
    peer.open()
    peer.call(1, tool, **({} if tool == "compute" else {"seconds": 60}))
    wait_for(notes, {"block": "blocking", "stubborn": "clinging", "compute": "computing"}[tool])
    peer.process.send_signal(number)
    peer.process.wait(10)  # stdin is still open; a busy machine takes its time
    assert INTERRUPT_SECONDS + END_SECONDS < 2
    in_order = tool == "block" and kind == "asyncio"
    assert peer.process.returncode == (0 if in_order else 128 + number)
    assert (notes.read_text().splitlines()[-1] == "ends") is in_order


def test_a_second_sigterm_ends_what_does_not_end(peers, tmp_path):
    notes = tmp_path / "notes"
    peer = peers("asyncio", str(notes))
    peer.open()
    peer.call(1, "stubborn", seconds=60)
    wait_for(notes, "clinging")
    for _ in range(2):
        peer.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)  # two at once are one
    assert peer.process.wait(10) in (-signal.SIGTERM, 128 + signal.SIGTERM)


def test_a_second_interrupt_ends_what_does_not_end(peers, tmp_path):
    notes = tmp_path / "notes"
    peer = peers("asyncio", str(notes))
    peer.open()
    peer.call(1, "block", seconds=60)
    wait_for(notes, "blocking")
    for _ in range(2):
        peer.process.send_signal(signal.SIGINT)
        time.sleep(0.2)  # two at once are one
    assert peer.process.wait(10) == 0
    assert notes.read_text().splitlines()[-1] == "ends"


def test_a_cancelled_call_holds_nothing_up(peers, tmp_path):
    notes = tmp_path / "notes"
    peer = peers("asyncio", str(notes))
    peer.open()
    peer.call(1, "wait", seconds=60)
    wait_for(notes, "waiting")
    for id in ([1], None, 7, 1):
        peer.say("notifications/cancelled", {"requestId": id})
    peer.call(2, "add", a=1, b=1)
    assert peer.text(2) == "2"
    rest, _ = peer.leave()
    assert (peer.process.returncode, rest) == (0, "printed after\n")


def test_a_tool_that_exits_ends_nothing(peers):
    peer = peers()
    peer.open()
    peer.call(1, "leave")
    assert peer.result(1)["isError"] is True
    peer.call(2, "add", a=1, b=1)
    assert peer.text(2) == "2"


def test_a_client_that_reads_no_more_is_gone(peers):
    peer = peers("quiet")
    peer.open()
    peer.process.stdout.close()
    peer.call(1, "make", size=1_000_000)
    assert peer.process.wait(10) == 0
    assert peer.process.stderr.read() == b"printed before\n"


def test_a_lifespan_that_fails_says_why(peers):
    peer = peers("broken")
    rest, errors = peer.leave()
    assert (peer.process.returncode, rest) == (1, "")
    assert errors.rstrip().endswith("RuntimeError: no database")
