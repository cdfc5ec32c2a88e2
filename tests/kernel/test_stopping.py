# SPDX-License-Identifier: BSD-3-Clause
"""How calls in a real kernel stop: cancelled, out of time, interrupted; and what they leave alone."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator

import pytest

from tests.conftest import JupyterDirs
from tests.kernel.driven import DrivenKernel, driven_kernel

PRELUDE = """
alive = "alive"
stopped = []

def note(mark=None): return mark

def sleeping():
    try:
        driver.started.set()
        time.sleep(60)
    except KeyboardInterrupt:
        stopped.append("sleeping")
        raise

def spinning():
    try:
        number = 0
        driver.started.set()
        while True: number += 1
    finally:
        stopped.append("spinning")

async def awaiting():
    try:
        driver.started.set()
        await asyncio.sleep(60)
    finally:
        stopped.append("awaiting")

async def blocking_async():
    await asyncio.sleep(0)
    try:
        driver.started.set()
        time.sleep(60)
    finally:
        stopped.append("blocking_async")

async def child_blocking():
    await asyncio.gather(blocking_async(), asyncio.sleep(60))

def spin(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end: pass
    return "done"

async def step(seconds):
    for _ in range(10):
        spin(seconds / 10)
        await asyncio.sleep(0)
    return "done"

def stubborn():
    driver.started.set()
    while not driver.released.is_set():
        try: time.sleep(0.05)
        except KeyboardInterrupt: stopped.append("stubborn")

async def stubborn_async():
    driver.started.set()
    while not driver.released.is_set():
        try: await asyncio.sleep(0.05)
        except asyncio.CancelledError: stopped.append("stubborn_async")
"""

SYNC = ["sleeping", "spinning"]
ASYNC = ["awaiting", "blocking_async", "child_blocking"]


@pytest.fixture(scope="module")
def kernel(module_jupyter_dirs: JupyterDirs) -> Iterator[DrivenKernel]:
    with driven_kernel(module_jupyter_dirs, PRELUDE) as kernel:
        yield kernel


@pytest.fixture(autouse=True)
def unharmed(kernel: DrivenKernel) -> Iterator[None]:
    """Whatever a test does to its calls, the kernel goes on, and so do calls and cells."""
    kernel.run("stopped.clear()")
    yield
    kernel.release()
    for concurrent in (False, True):
        assert kernel.call("note", mark="next", concurrent=concurrent).value() == "next"
    assert kernel.evaluate("alive") == "alive"


def settled(kernel: DrivenKernel, name: str) -> None:
    """The function has been stopped: its `finally` ran, and the main thread is free."""
    kernel.call("note").value(5)
    assert kernel.evaluate("stopped") == [name if name != "child_blocking" else "blocking_async"]


# ---------------------------------------------------------------------------------------- cancelled


@pytest.mark.parametrize("name", SYNC + ASYNC)
def test_a_running_call_that_is_cancelled_stops(kernel: DrivenKernel, name: str) -> None:
    call = kernel.begin_call(name)
    kernel.cancel(call)
    assert call.error(2)[0] == "CancelledError"
    settled(kernel, name)


def test_an_async_concurrent_call_that_is_cancelled_stops(kernel: DrivenKernel) -> None:
    call = kernel.begin_call("awaiting", concurrent=True)
    kernel.cancel(call)
    assert call.error(2)[0] == "CancelledError"
    settled(kernel, "awaiting")


def test_a_call_in_a_thread_that_is_cancelled_ends_for_its_caller(kernel: DrivenKernel) -> None:
    call = kernel.begin_call("stubborn", concurrent=True)
    kernel.cancel(call)
    assert call.error(2)[0] == "CancelledError"
    assert kernel.evaluate("stopped") == []


def test_calls_behind_a_cancelled_one_run(kernel: DrivenKernel) -> None:
    call = kernel.begin_call("sleeping")
    waiting = [kernel.call("note", mark=mark) for mark in range(3)]
    kernel.cancel(call)
    assert [each.value(5) for each in waiting] == [0, 1, 2]


@pytest.mark.parametrize("name", ["spin", "step"])
def test_cancelling_never_reaches_the_cell_that_follows(kernel: DrivenKernel, name: str) -> None:
    chance = random.Random(20251122)
    for _ in range(200):
        length = chance.uniform(0, 0.003)
        call = kernel.call_and_cancel(name, after=length + chance.uniform(-0.001, 0.001), seconds=length)
        cell = kernel.send("for number in range(20000): pass\nnumber")
        assert cell.wait().error is None, cell.messages
        assert call._wait(5)["done"] in ("done", None)


# --------------------------------------------------------------------------------------- out of time


@pytest.mark.parametrize("name", SYNC + ASYNC)
def test_a_reported_time_out_means_not_running(kernel: DrivenKernel, name: str) -> None:
    call = kernel.call(name, timeout=0.2)
    kind, message = call.error(3)
    assert (kind, message) == (
        "ToolError",
        f"{name} did not finish within 0.2 s; it is not running and will not run.",
    )
    settled(kernel, name)


def test_a_concurrent_async_call_times_out(kernel: DrivenKernel) -> None:
    message = kernel.call("awaiting", concurrent=True, timeout=0.2).error(2)[1]
    assert message == "awaiting did not finish within 0.2 s; it is not running and will not run."
    settled(kernel, "awaiting")


def test_of_a_thread_the_message_says_that_it_still_runs(kernel: DrivenKernel) -> None:
    kernel.reset()
    message = kernel.call("stubborn", concurrent=True, timeout=0.2).error(1)[1]
    assert message == (
        "stubborn did not finish within 0.2 s. It runs in a thread, where it cannot be stopped: "
        "it is still running."
    )


@pytest.mark.parametrize("name", ["stubborn", "stubborn_async"])
def test_of_code_that_does_not_stop_the_message_says_so(kernel: DrivenKernel, name: str) -> None:
    kernel.run("from mcp_jupyter.server import calls\ncalls.STOP_SECONDS = 1.2")
    kernel.reset()
    message = kernel.call(name, timeout=0.2).error(4)[1]
    assert message == (
        f"{name} did not finish within 0.2 s and did not stop when interrupted: it is still running."
    )
    kernel.release()
    kernel.run("calls.STOP_SECONDS = 5.0")
    # It was asked more than once: the first time may come at a bad moment.
    assert len(kernel.evaluate("stopped")) > 1


def test_a_call_that_ends_in_time_is_not_told_of_its_time_out(kernel: DrivenKernel) -> None:
    assert kernel.call("spin", timeout=5, seconds=0.01).value() == "done"
    assert kernel.call("spin", timeout=5, concurrent=True, seconds=0.01).value() == "done"


# ---------------------------------------------------------------------------------- a person's interrupt


@pytest.mark.parametrize("name", SYNC + ASYNC)
def test_a_persons_interrupt_ends_the_call(kernel: DrivenKernel, name: str) -> None:
    call = kernel.begin_call(name)
    end = time.monotonic() + 10
    while not call.ended and time.monotonic() < end:
        # As a person presses again: a call that has only just begun may not be within reach yet.
        kernel.interrupt()
        with contextlib.suppress(AssertionError):
            call.error(3)
    assert call.error(0) == ("ToolError", f"{name} was interrupted by the user at the notebook.")
    settled(kernel, name)


def test_a_persons_interrupt_leaves_waiting_calls_waiting(kernel: DrivenKernel) -> None:
    call = kernel.begin_call("sleeping")
    waiting = [kernel.call("note", mark=mark) for mark in range(3)]
    assert waiting[-1].reported.wait(5)
    kernel.interrupt()
    assert call.error(3)[1].endswith("was interrupted by the user at the notebook.")
    assert [each.value(5) for each in waiting] == [0, 1, 2]


def test_an_interrupted_cell_leaves_waiting_calls_waiting(kernel: DrivenKernel) -> None:
    cell = kernel.busy("driver.started.set(); time.sleep(60)")
    waiting = [kernel.call("note", mark=mark) for mark in range(3)]
    assert waiting[-1].reported.wait(5)
    kernel.interrupt()
    assert cell.wait().error == "KeyboardInterrupt"
    assert [each.value(5) for each in waiting] == [0, 1, 2]


def test_an_interrupt_of_an_async_cell_reaches_the_cell_and_the_call_in_its_pause(
    kernel: DrivenKernel,
) -> None:
    cell = kernel.busy("driver.started.set(); await asyncio.sleep(60)")
    call = kernel.call("sleeping")
    waiting = kernel.call("note", mark="waits for it")
    assert waiting.reported.wait(5)
    assert waiting.reports[0].startswith("waiting for another call (sleeping)")
    kernel.interrupt()
    assert call.error(3)[1] == "sleeping was interrupted by the user at the notebook."
    assert cell.wait().error == "CancelledError"  # as ipykernel has it for async cells


def test_an_interrupt_of_an_async_cell_leaves_awaited_calls_alone(kernel: DrivenKernel) -> None:
    kernel.run("async def later(): driver.started.set(); await driver.hold_async(); return 'later'")
    call = kernel.begin_call("later")
    cell = kernel.send("print('here', flush=True); await asyncio.sleep(60)")
    cell.wait_for("stream")
    kernel.interrupt()
    assert cell.wait().error == "CancelledError"
    assert not call.ended
    kernel.release()
    assert call.value() == "later"


def test_an_interrupt_with_nothing_to_interrupt_does_nothing(kernel: DrivenKernel) -> None:
    for _ in range(5):
        kernel.interrupt()
        assert kernel.call("note", mark=1).value() == 1
    cell = kernel.busy("driver.started.set(); time.sleep(60)")
    kernel.interrupt()
    assert cell.wait().error == "KeyboardInterrupt"


def test_concurrent_calls_are_not_interrupted_with_a_cell(kernel: DrivenKernel) -> None:
    kernel.run("async def later(): await driver.hold_async(); return 'later'")
    cell = kernel.busy("driver.started.set(); time.sleep(60)")
    calls = [kernel.call("stubborn", concurrent=True), kernel.call("later", concurrent=True)]
    kernel.interrupt()
    assert cell.wait().error == "KeyboardInterrupt"
    assert not any(call.ended for call in calls)
    kernel.release()
    assert [call.value() for call in calls] == [None, "later"]
