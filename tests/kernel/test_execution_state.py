# SPDX-License-Identifier: BSD-3-Clause
"""What a kernel tells front ends and its server of itself while it works for MCP calls: busy or idle."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from jupyter_client.session import Session

from tests.conftest import JupyterDirs
from tests.kernel.driven import BOUND, DrivenKernel, driven_kernel

CALL, CELL = "mcp_call", "execute_request"

PRELUDE = """
def quick():
    return 1

def held():
    driver.started.set()
    driver.hold()

async def awaited():
    driver.started.set()
    await driver.hold_async()
"""


class Statuses:
    """All status messages of a kernel, in their order, as Jupyter Server and JupyterLab receive them."""

    def __init__(self, kernel: DrivenKernel) -> None:
        self._socket = kernel._manager.connect_iopub()
        self._session = Session(key=kernel._manager.session.key)
        self.seen: list[tuple[str, str]] = []  # state, and type of the request it belongs to
        self._over = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        while not self.seen:  # the subscription takes a moment
            kernel.run("pass")
        self.until_idle()  # of those cells more than one may have been seen late
        self.seen.clear()

    def _read(self) -> None:
        while not self._over:
            if self._socket.poll(50):
                _, message = self._session.recv(self._socket)
                if message["msg_type"] == "status":
                    state = message["content"]["execution_state"]
                    self.seen.append((state, message["parent_header"].get("msg_type", "")))

    def until(self, fact: Callable[[], bool]) -> None:
        end = time.monotonic() + BOUND
        while not fact():
            assert time.monotonic() < end, self.seen
            time.sleep(0.005)

    def until_idle(self) -> None:
        """Wait until the last word is "idle", also after the time that our busy outlasts a call."""
        end = time.monotonic() + BOUND
        quiet, length = time.monotonic(), -1
        while time.monotonic() - quiet < 0.6 or not self.seen or self.seen[-1][0] != "idle":
            if len(self.seen) != length:
                quiet, length = time.monotonic(), len(self.seen)
            assert time.monotonic() < end, self.seen
            time.sleep(0.01)

    def close(self) -> None:
        self._over = True
        self._thread.join(BOUND)
        self._socket.close()


@pytest.fixture(scope="module")
def kernel(module_jupyter_dirs: JupyterDirs) -> Iterator[DrivenKernel]:
    with driven_kernel(module_jupyter_dirs, PRELUDE) as kernel:
        yield kernel


@pytest.fixture
def statuses(kernel: DrivenKernel) -> Iterator[Statuses]:
    kernel.reset()
    statuses = Statuses(kernel)
    yield statuses
    statuses.close()


def test_a_call_on_the_main_thread_holds_the_kernel_busy(kernel: DrivenKernel, statuses: Statuses) -> None:
    """The kernel is busy from the call's first line to its end (1.8)."""
    call = kernel.begin_call("held")
    statuses.until(lambda: ("busy", CALL) in statuses.seen)
    assert statuses.seen[-1] == ("busy", CALL)
    kernel.release()
    call.value()
    statuses.until_idle()
    assert statuses.seen[-2:] == [("busy", CALL), ("idle", CALL)]


def test_a_burst_of_calls_is_few_messages(kernel: DrivenKernel, statuses: Statuses) -> None:
    """Status messages do not grow with the number of calls, and the last one is "idle" (1.8)."""
    begun = time.monotonic()
    for _ in range(200):
        kernel.call("quick").value()
    took = time.monotonic() - begun
    statuses.until_idle()
    assert len(statuses.seen) <= 2 * (took / 0.25 + 1)
    assert statuses.seen == [("busy", CALL), ("idle", CALL)] * (len(statuses.seen) // 2)


def test_a_concurrent_call_is_activity_and_leaves_the_kernel_idle(
    kernel: DrivenKernel, statuses: Statuses
) -> None:
    """A concurrent call is a pair at its start, while it runs, and one at its end (1.8)."""
    kernel.run("from mcp_jupyter.kernel import execution_state as es; es.REST_SECONDS = 0")
    call = kernel.begin_call("held", concurrent=True)
    pair = [("busy", CALL), ("idle", CALL)]
    statuses.until(lambda: [each for each in statuses.seen if each[1] == CALL] == pair)
    assert not call.ended
    kernel.release()
    call.value()
    statuses.until(lambda: [each for each in statuses.seen if each[1] == CALL] == pair * 2)
    kernel.run("es.REST_SECONDS = 1")


def test_long_calls_are_activity_again_and_again(kernel: DrivenKernel, statuses: Statuses) -> None:
    """While a call runs, concurrent or not, the kernel says so at intervals (1.8)."""
    kernel.run("from mcp_jupyter.kernel import execution_state as es; es.PULSE_SECONDS = 0.05")
    kernel.run("es.REST_SECONDS = 0")
    for concurrent in (False, True):
        statuses.seen.clear()
        call = kernel.begin_call("held", concurrent=concurrent)
        statuses.until(lambda: statuses.seen.count(("busy", CALL)) > 3)
        assert (statuses.seen.count(("idle", CALL)) > 1) is concurrent
        kernel.release()
        call.value()
        statuses.until_idle()
    kernel.run("es.PULSE_SECONDS = 30; es.REST_SECONDS = 1")


def test_a_cell_beside_an_async_call_does_not_end_its_busy(kernel: DrivenKernel, statuses: Statuses) -> None:
    """After a cell's "idle" the kernel is said to be busy again while a call awaits (1.8)."""
    call = kernel.begin_call("awaited")
    kernel.run("1 + 1")
    statuses.until(lambda: ("idle", CELL) in statuses.seen and statuses.seen[-1] == ("busy", CALL))
    kernel.release()
    call.value()
    statuses.until_idle()
    assert statuses.seen[-1] == ("idle", CALL)


def test_a_call_in_the_pause_of_an_async_cell_does_not_end_the_cells_busy(
    kernel: DrivenKernel, statuses: Statuses
) -> None:
    """A call's "idle" is followed at once by "busy" for the cell that still runs (1.8)."""
    cell = kernel.send("await driver.hold_async()")
    cell.wait_for("execute_input")
    kernel.call("quick").value()
    statuses.until(lambda: ("idle", CALL) in statuses.seen)
    statuses.until(lambda: statuses.seen[-1] == ("busy", CELL))
    kernel.release()
    cell.wait()
    statuses.until_idle()
    assert statuses.seen[-1] == ("idle", CELL)
    assert statuses.seen.count(("idle", CELL)) == 1


def test_however_cells_and_calls_mix_the_last_word_is_true(kernel: DrivenKernel, statuses: Statuses) -> None:
    """No "idle" of ours stands while a cell runs, and the kernel is idle in the end (1.8)."""
    kernel.run("from mcp_jupyter.kernel import execution_state as es; es.REST_SECONDS = 0")
    statuses.until_idle()
    statuses.seen.clear()
    calls = []
    for number in range(60):
        calls += [kernel.call("quick", concurrent=number % 2 == 0) for _ in range(3)]
        if number % 3 == 0:
            kernel.run("await asyncio.sleep(0.002)" if number % 2 else "time.sleep(0.002)")
    for call in calls:
        call.value()
    statuses.until_idle()
    in_cell = False
    for (state, kind), after in zip(statuses.seen, [*statuses.seen[1:], ("", "")], strict=True):
        if kind == CELL:
            in_cell = state == "busy"
        elif in_cell and state == "idle":
            assert after[0] == "busy", statuses.seen
    assert not in_cell
    kernel.run("es.REST_SECONDS = 1")


def test_when_the_runner_closes_nothing_is_left(kernel: DrivenKernel, statuses: Statuses) -> None:
    """What stood in front of the kernel's own method is gone after `close` (1.8)."""
    expression = "'_publish_status' in get_ipython().kernel.__dict__"
    assert kernel.evaluate(expression) is True
    kernel.call("quick").value()
    kernel.run("runner.close()")
    assert kernel.evaluate(expression) is False
    statuses.until_idle()
    kernel.run("runner.open()")
    assert kernel.call("quick").value() == 1
    statuses.until_idle()
