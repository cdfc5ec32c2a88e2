# SPDX-License-Identifier: BSD-3-Clause
"""Calls in a real kernel: when they run, on which thread, once, and in order."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

import pytest

from tests.conftest import JupyterDirs
from tests.kernel.driven import DrivenKernel, driven_kernel

PRELUDE = """
import threading
runs = []
hold, hold_async = driver.hold, driver.hold_async

def note(mark=None):
    runs.append(mark)
    return len(runs)

def thread():
    return threading.current_thread().name

async def thread_async():
    await asyncio.sleep(0)
    return threading.current_thread().name
"""


@pytest.fixture(scope="module")
def kernel(module_jupyter_dirs: JupyterDirs) -> Iterator[DrivenKernel]:
    with driven_kernel(module_jupyter_dirs, PRELUDE) as kernel:
        yield kernel


@pytest.fixture(autouse=True)
def fresh(kernel: DrivenKernel) -> None:
    kernel.run("runs.clear()")


def test_a_call_runs_on_the_main_thread(kernel: DrivenKernel) -> None:
    assert kernel.call("thread").value() == "MainThread"
    assert kernel.call("thread_async").value() == "MainThread"


def test_a_concurrent_call_runs_elsewhere(kernel: DrivenKernel) -> None:
    assert kernel.call("thread", concurrent=True).value().startswith("mcp-call-")
    assert kernel.call("thread_async", concurrent=True).value() == "engine"


FORKS = """
import contextlib, os, warnings
# From Python 3.12 on a fork in a process with threads warns.
warnings.filterwarnings("ignore", message=".*use of fork", category=DeprecationWarning)

def leave(how):
    if how == "raise":
        raise ValueError("in the child")
    if how == "exit":
        sys.exit(3)
    return "child"

def status_of(child):
    end = time.monotonic() + 10
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return "went on"

def forks(how):
    child = os.fork()
    return status_of(child) if child else leave(how)

async def forks_async(how):
    child = os.fork()
    if child == 0:
        if how == "awaits":
            await asyncio.sleep(0)
            os._exit(9)  # it got back to the loop
        return leave(how)
    return await asyncio.to_thread(status_of, child)
"""


@pytest.mark.parametrize("concurrent", [False, True])
@pytest.mark.parametrize(
    ("name", "how", "status"),
    [
        ("forks", "return", 0),
        ("forks", "raise", 1),
        ("forks", "exit", 3),
        ("forks_async", "return", 0),
        ("forks_async", "awaits", 0),
    ],
)
def test_a_forked_child_that_returns_from_a_call_ends(
    kernel: DrivenKernel, name: str, how: str, status: int, concurrent: bool
) -> None:
    """A child that a tool forks never gets to the kernel's loop, where it would take calls (1.10)."""
    kernel.run(FORKS)
    assert kernel.call(name, how=how, concurrent=concurrent).value() == status
    assert [kernel.call("note", mark=mark).value() for mark in range(5)] == [1, 2, 3, 4, 5]


def test_a_call_waits_for_the_cell_says_so_and_runs_once(kernel: DrivenKernel) -> None:
    cell = kernel.busy("driver.hold()")
    number = cell.wait_for("execute_input")["execution_count"]
    call = kernel.call("note")
    assert call.reported.wait(5)
    assert call.reports == [f"waiting for cell [{number}], {call.reports[0].split()[-2]} s"]
    assert not call.ended
    assert kernel.ask("activity") == ["busy", number, None]
    kernel.release()
    assert call.value() == 1
    cell.wait()
    assert kernel.evaluate("runs") == [None]


def test_a_cell_that_sleeps_is_waited_for(kernel: DrivenKernel) -> None:
    cell = kernel.busy("driver.started.set(); time.sleep(0.3); ended = time.monotonic()")
    call = kernel.call("note")
    assert call.value() == 1
    assert cell.wait().error is None


def test_a_call_that_has_not_to_wait_reports_nothing(kernel: DrivenKernel) -> None:
    call = kernel.call("note")
    call.value()
    assert call.reports == []


def test_a_call_cancelled_while_waiting_never_runs(kernel: DrivenKernel) -> None:
    cell = kernel.busy()
    call = kernel.call("note", mark="cancelled")
    assert call.reported.wait(5)
    kernel.cancel(call)
    assert call.error() == ("CancelledError", "")
    kernel.release()
    cell.wait()
    kernel.call("note", mark="next").value()
    assert kernel.evaluate("runs") == ["next"]


def test_a_call_timed_out_while_waiting_never_runs(kernel: DrivenKernel) -> None:
    cell = kernel.busy()
    call = kernel.call("note", timeout=0.2, mark="late")
    kind, message = call.error(2)
    assert kind == "ToolError"
    assert message.startswith("note did not finish within 0.2 s; it is not running and will not run.")
    assert "It was waiting for cell [" in message
    kernel.release()
    cell.wait()
    kernel.call("note", mark="next").value()
    assert kernel.evaluate("runs") == ["next"]


@pytest.mark.alone
@pytest.mark.parametrize("name", ["thread", "thread_async"])
def test_a_concurrent_call_is_answered_while_a_cell_sleeps(kernel: DrivenKernel, name: str) -> None:
    cell = kernel.busy("driver.started.set(); time.sleep(2)")
    spent = []
    for _ in range(100):
        begun = time.perf_counter()
        kernel.call(name, concurrent=True).value(1)
        spent.append(time.perf_counter() - begun)
    assert not cell.ended
    assert statistics.median(spent) < 0.010
    kernel.interrupt()
    assert cell.wait().error == "KeyboardInterrupt"


def test_calls_run_while_an_async_cell_awaits(kernel: DrivenKernel) -> None:
    cell = kernel.busy("await driver.hold_async()")
    assert kernel.call("note").value(5) == 1
    assert kernel.call("thread_async").value(5) == "MainThread"
    kernel.release()
    assert cell.wait().error is None


def test_calls_run_in_the_order_of_their_arrival(kernel: DrivenKernel) -> None:
    cell = kernel.busy()
    calls = [kernel.call("note", mark=number) for number in range(100)]
    kernel.release()
    assert [call.value() for call in calls] == list(range(1, 101))
    cell.wait()
    assert kernel.evaluate("runs") == list(range(100))


def test_cells_get_their_turn_between_calls(kernel: DrivenKernel) -> None:
    kernel.run("def slow(): time.sleep(0.02); return note('call')")
    kernel.busy()
    calls = [kernel.call("slow") for _ in range(50)]
    kernel.release()
    kernel.run("note('cell')")
    for call in calls:
        call.value()
    assert kernel.evaluate("runs.index('cell')") < 50


def test_async_calls_interleave(kernel: DrivenKernel) -> None:
    kernel.run("""
meet = asyncio.Event()
async def wait_for_other(): await meet.wait(); return "met"
async def meet_other(): meet.set()
""")
    first = kernel.call("wait_for_other")
    kernel.call("meet_other").value()
    assert first.value() == "met"


def test_what_a_function_returns_to_be_awaited_is_awaited(kernel: DrivenKernel) -> None:
    kernel.run("def wrapped(): return thread_async()")
    assert kernel.call("wrapped").value() == "MainThread"
    assert kernel.call("wrapped", concurrent=True).value() == "engine"


def test_one_who_waits_for_a_call_is_told_so(kernel: DrivenKernel) -> None:
    kernel.run("hold_here = driver.hold")
    first = kernel.begin_call("hold_here")
    second = kernel.call("note")
    assert second.reported.wait(5)
    assert second.reports[0].startswith("waiting for another call (hold_here), ")
    assert kernel.ask("activity")[0::2] == ["busy", "hold_here"]
    kernel.release()
    first.value()
    assert second.value() == 1
    assert kernel.ask("activity") == ["idle", None, None]


def test_too_many_calls_are_refused_and_the_others_go_on(kernel: DrivenKernel) -> None:
    cell = kernel.busy()
    calls = [kernel.call("note", mark=number) for number in range(256)]
    kind, message = kernel.call("note", mark="too many").error(5)
    assert (kind, message) == (
        "ToolError",
        "256 calls are waiting or running in this kernel; try again later.",
    )
    assert kernel.call("note", mark="always", concurrent=True, always=True).value() == 1
    for call in calls[10:]:
        kernel.cancel(call)
    assert calls[-1].error() == ("CancelledError", "")
    again = kernel.call("note", mark="again")
    kernel.release()
    assert again.value() == 12
    cell.wait()
    assert kernel.evaluate("runs") == ["always", *range(10), "again"]


def test_calls_beyond_a_share_give_way_to_another_client(kernel: DrivenKernel) -> None:
    """The newest of them, one for each that needs the place (1.28)."""
    cell = kernel.busy()
    greedy = [kernel.call("note", mark=number, sender="greedy") for number in range(256)]
    assert "256 calls" in kernel.call("note", mark="one more", sender="greedy").error(5)[1]
    others = [kernel.call("note", mark=f"other {number}", sender="other") for number in range(64)]
    for number in range(64):
        kind, message = greedy[255 - number].error(5)
        assert (kind, "another client needed a place" in message) == ("ToolError", True)
    assert not any(call.ended for call in greedy[:192])
    assert "256 calls" in kernel.call("note", mark="beyond its share", sender="other").error(5)[1]
    third = kernel.call("note", mark="third", sender="third")
    assert "Call again when fewer than 64" in greedy[191].error(5)[1]
    for call in greedy[5:191]:
        kernel.cancel(call)
    for call in greedy[5:191]:
        assert call.error(5)[0] == "CancelledError"
    kernel.release()
    assert third.value() == 70
    assert others[-1].value() == 69
    cell.wait()
    assert kernel.evaluate("runs") == [*range(5), *(f"other {number}" for number in range(64)), "third"]


def test_calls_that_run_leave_room_for_another_client(kernel: DrivenKernel) -> None:
    """They cannot give way (1.28)."""
    kernel.reset()
    greedy = [kernel.call("hold_async", sender="greedy", concurrent=True) for _ in range(256)]
    assert kernel.ask("started")
    assert "256 calls" in kernel.call("note", mark="one more", sender="greedy").error(5)[1]
    assert kernel.call("note", mark="other", sender="other").value() == 1
    kernel.release()
    assert [call.value() for call in greedy] == [None] * 256


def test_threads_that_one_client_holds_keep_no_other_waiting(kernel: DrivenKernel) -> None:
    """Nor the reads of variables, which have threads of their own (1.28)."""
    kernel.reset()
    greedy = [kernel.call("hold", concurrent=True, sender="greedy") for _ in range(40)]
    assert kernel.call("note", mark="lookup", concurrent=True, lookup=True, sender="greedy").value() == 1
    for number in range(2, 5):
        assert kernel.call("note", mark=number, concurrent=True, sender="other").value() == number
    late = kernel.call("note", mark="late", concurrent=True, sender="greedy")
    assert late.reported.wait(10)
    assert late.reports[0] == "waiting for a free worker thread"
    kernel.release()
    assert [call.value() for call in greedy] == [None] * 40
    assert late.value() == 5


def test_a_connection_bound_to_the_main_thread_works(kernel: DrivenKernel) -> None:
    kernel.run("""
import sqlite3
db = sqlite3.connect(":memory:")
db.execute("create table t (x)")
db.execute("insert into t values (42)")
def query(): return db.execute("select x from t").fetchone()[0]
""")
    assert kernel.call("query").value() == 42
    assert kernel.call("query", concurrent=True).error()[0] == "ProgrammingError"
    kernel.run("db.close()")


def test_a_redefined_helper_changes_the_next_call(kernel: DrivenKernel) -> None:
    kernel.run("def helper(): return 'old'\ndef use(): return helper()")
    assert kernel.call("use").value() == "old"
    kernel.run("def helper(): return 'new'")
    assert kernel.call("use").value() == "new"
    assert kernel.call("use", concurrent=True).value() == "new"


def test_exceptions_arrive_as_they_are(kernel: DrivenKernel) -> None:
    kernel.run("def fails(): raise ZeroDivisionError('by hand')\nasync def fails_async(): fails()")
    for name in ("fails", "fails_async"):
        for concurrent in (False, True):
            assert kernel.call(name, concurrent=concurrent).error() == ("ZeroDivisionError", "by hand")


def test_what_a_person_sees_of_the_history_is_untouched(kernel: DrivenKernel) -> None:
    look = "[repr(_), sorted(Out), len(In), get_ipython().execution_count]"
    kernel.run("'a result'")
    latest, outs, ins, count = kernel.evaluate(look)
    for name in ("note", "thread_async"):
        kernel.call(name).value()
        kernel.call(name, concurrent=True).value()
    assert kernel.evaluate(look) == [latest, outs, ins + 1, count + 1]


@pytest.mark.parametrize("concurrent", [False, True])
def test_functions_see_the_context_of_their_request(kernel: DrivenKernel, concurrent: bool) -> None:
    kernel.run("""
def request(): driver.REQUEST.set([driver.REQUEST.get(), "mine"]); return driver.REQUEST.get()[0]
async def request_async(): await asyncio.sleep(0.01); return request()
""")
    calls = [kernel.call(name, concurrent=concurrent) for name in ("request", "request_async") * 3]
    assert [call.value() for call in calls] == [call.number for call in calls]
    assert kernel.evaluate("driver.REQUEST.get()") is None


def test_a_tool_may_use_anyio_on_the_main_thread(kernel: DrivenKernel) -> None:
    kernel.run("""
import anyio
async def bounded():
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.sleep, 60)
        with anyio.move_on_after(0.05) as scope:
            await anyio.sleep(60)
        group.cancel_scope.cancel()
    return scope.cancelled_caught
""")
    assert kernel.call("bounded").value(5) is True


def test_results_are_not_kept(kernel: DrivenKernel) -> None:
    kernel.run("""
import gc, weakref
class Big: pass
kept = weakref.WeakSet()
def big(): kept.add(it := Big()); return it
async def big_async(): return big()
def big_failing(): it = big(); raise ValueError
gc.disable()
""")
    for name in ("big", "big_async"):
        kernel.call(name).value()
        kernel.call(name, concurrent=True).value()
    kernel.call("big_failing").error()
    kernel.call("note", concurrent=True).value()
    kernel.call("note").value()
    assert kernel.evaluate("(gc.enable(), len(kept))[1]") == 0
