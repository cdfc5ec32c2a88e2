# SPDX-License-Identifier: BSD-3-Clause
"""The thread of the connections, when something on it holds everything up."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError

import anyio
import pytest

from mcp_jupyter.errors import ConnectionClosed
from mcp_jupyter.notebook_client import client_thread as module
from mcp_jupyter.notebook_client.client_thread import ClientThread

from .conftest import BOUND, eventually

SOON = 0.2


@pytest.fixture
def background() -> Iterator[ClientThread]:
    made = ClientThread()
    yield made
    made.stop()


@pytest.fixture
def held_up(background: ClientThread) -> Iterator[None]:
    """Something blocks the loop until the test is over."""
    held, let_go = threading.Event(), threading.Event()

    async def hold() -> None:
        held.set()
        let_go.wait(BOUND)

    background.spawn(hold, name="hold")
    assert held.wait(BOUND)
    yield
    let_go.set()


async def answer(value: int) -> int:
    return value


def test_a_task_gives_its_value_and_its_error(background: ClientThread):
    async def fail() -> None:
        raise ValueError("no")

    assert background.spawn(answer, 3, name="answer").result(BOUND) == 3
    with pytest.raises(ValueError, match="no"):
        background.spawn(fail, name="fail").result(BOUND)
    assert background.spawn(answer, 4, name="answer").result(BOUND) == 4


def test_to_cancel_the_future_cancels_the_task(background: ClientThread):
    began, ended = threading.Event(), threading.Event()

    async def rest() -> None:
        began.set()
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()

    future = background.spawn(rest, name="rest")
    assert began.wait(BOUND)
    future.cancel()
    assert ended.wait(BOUND)


def test_the_end_cancels_what_runs(background: ClientThread):
    future = background.spawn(anyio.sleep_forever, name="rest")
    background.stop()
    with pytest.raises(CancelledError):
        future.result(BOUND)
    assert background.spawn(answer, 5, name="anew").result(BOUND) == 5


@pytest.mark.usefixtures("held_up")
def test_who_wants_a_task_of_a_loop_that_is_held_up_is_told_so_in_time(
    background: ClientThread, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "BEGIN_SECONDS", SOON)
    ran = []

    async def run() -> None:
        ran.append(True)

    with pytest.raises(ConnectionClosed, match="held up"):
        background.spawn(run, name="run")
    assert not ran


def test_what_could_not_begin_in_time_never_runs(background: ClientThread, monkeypatch: pytest.MonkeyPatch):
    let_go, ran = threading.Event(), []

    async def hold() -> None:
        let_go.wait(BOUND)

    async def run() -> None:
        ran.append(True)

    background.spawn(hold, name="hold")
    monkeypatch.setattr(module, "BEGIN_SECONDS", SOON)
    with pytest.raises(ConnectionClosed, match="held up"):
        background.spawn(run, name="run")
    monkeypatch.undo()
    let_go.set()
    assert background.spawn(answer, 6, name="answer").result(BOUND) == 6
    assert not ran


@pytest.mark.usefixtures("held_up")
def test_to_end_a_loop_that_is_held_up_takes_no_longer_than_its_bound(
    background: ClientThread, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "STOP_SECONDS", SOON)
    began = time.monotonic()
    background.stop()
    assert time.monotonic() - began < BOUND / 2


def test_a_thread_that_ended_is_started_anew(background: ClientThread):
    background.spawn(answer, 1, name="answer").result(BOUND)
    background.stop()
    eventually(lambda: not any(thread.name == "mcp-client" for thread in threading.enumerate()))
    assert background.spawn(answer, 2, name="answer").result(BOUND) == 2
