# SPDX-License-Identifier: BSD-3-Clause
"""Heartbeats of calls in a real kernel: a caller hears that its function still runs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest

from tests.conftest import JupyterDirs
from tests.kernel.driven import DrivenKernel, driven_kernel

HEARTBEAT = 0.1

PRELUDE = """
from concurrent.futures import ThreadPoolExecutor
from mcp_jupyter.server.executors import ExecutorCall

hold, hold_async = driver.hold, driver.hold_async

def blocks():
    print("loading")
    driver.started.set()
    driver.released.wait(60)  # in C: no bytecode runs on this thread

def bars():
    print("rows", end="\\r")
    print("10 %\\r20 %", end="", file=sys.stderr)
    hold(60)

def note(): pass

in_pool = ExecutorCall("in_pool", blocks, ThreadPoolExecutor(1))
"""


@pytest.fixture(scope="module")
def kernel(module_jupyter_dirs: JupyterDirs) -> Iterator[DrivenKernel]:
    loading = f"runner = driver.start({{address!r}}, heartbeat={HEARTBEAT})"
    with driven_kernel(module_jupyter_dirs, PRELUDE, loading) as kernel:
        yield kernel


@pytest.mark.parametrize(
    ("name", "concurrent", "line"),
    [
        ("blocks", False, "loading"),
        ("blocks", True, "loading"),
        ("hold_async", False, ""),
        ("hold_async", True, ""),
        ("in_pool", True, "loading"),
        ("bars", False, "20 %"),
    ],
)
def test_a_function_that_runs_is_said_to_run(
    kernel: DrivenKernel, name: str, concurrent: bool, line: str
) -> None:
    """On every thread, also in blocking C code, with what it printed last (2: heartbeats)."""
    call = kernel.begin_call(name, concurrent=concurrent)
    call.wait_for_beats(3)
    kernel.release()
    call.value()
    seconds = [since for since, _ in call.beats]
    assert seconds[0] >= HEARTBEAT
    assert all(later - earlier >= HEARTBEAT / 2 for earlier, later in pairwise(seconds))
    assert {said for _, said in call.beats} <= {"", line}  # the first may come before the first line
    assert call.beats[-1][1] == line


def test_a_call_that_has_ended_is_not_said_to_run(kernel: DrivenKernel) -> None:
    """Its result is the last that its caller hears; the next call goes on speaking (2: heartbeats)."""
    first = kernel.begin_call("hold")
    first.wait_for_beats(1)
    kernel.release()
    first.value()
    heard = len(first.beats)
    second = kernel.begin_call("hold")
    second.wait_for_beats(2)
    kernel.release()
    second.value()
    assert len(first.beats) == heard


def test_a_call_that_waits_is_not_said_to_run(kernel: DrivenKernel) -> None:
    """It says what it waits for, and a short call says nothing (2: heartbeats)."""
    cell = kernel.busy()
    call = kernel.call("note")
    assert call.reported.wait(30)
    assert call.reports[0].startswith("waiting for cell [")
    kernel.release()
    cell.wait()
    call.value()
    assert call.beats == []
