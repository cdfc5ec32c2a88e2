# SPDX-License-Identifier: BSD-3-Clause
"""A runner in a real kernel: what it leaves behind, and kernels that run their loop in other ways."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import JupyterDirs
from tests.kernel.driven import DrivenKernel, driven_kernel

PRELUDE = """
import getpass, json, signal
from IPython import get_ipython
runs = []
def note(mark=None):
    runs.append(mark)
    return len(runs)

shell = get_ipython()
loop = shell.kernel.io_loop.asyncio_loop

def state():
    return [
        repr(each) for each in (
            sys.stdout, sys.stderr, sys.stdin, sys.displayhook, shell.display_pub._hooks,
            {name: list(map(str, them)) for name, them in shell.events.callbacks.items()},
            loop.get_task_factory(), "ask_exit" in vars(shell), "_input_request" in vars(shell.kernel),
            "_showtraceback" in vars(shell), "format" in vars(shell.display_formatter),
            shell.displayhook._hooks, sys.meta_path,
        )
    ]

def look_between_cells():
    # Within a cell the cell's own handler is in place: the loop looks when this cell has ended.
    loop.call_soon(lambda: handlers.append(repr(signal.getsignal(signal.SIGINT))))

handlers = []
before = state()
"""


@pytest.fixture
def kernel(jupyter_dirs: JupyterDirs) -> Iterator[DrivenKernel]:
    with driven_kernel(jupyter_dirs, PRELUDE) as kernel:
        yield kernel


def test_a_closed_runner_leaves_the_kernel_as_it_was(kernel: DrivenKernel) -> None:
    kernel.call("note").value()
    kernel.call("note", concurrent=True).value()
    assert kernel.evaluate("before == state()") is False
    cell = kernel.busy("await driver.hold_async()")
    kernel.release()
    cell.wait()
    kernel.run("runner.close()")
    assert kernel.evaluate("before") == kernel.evaluate("state()")
    kernel.run("look_between_cells()")
    assert kernel.evaluate("handlers") == ["<Handlers.SIG_IGN: 1>"]
    assert kernel.call("note").error()[1] == "note did not run: its notebook serves no calls any more."
    kernel.interrupt()
    assert kernel.evaluate("1") == 1


def test_a_closed_runner_gives_back_what_others_had_put_there(kernel: DrivenKernel) -> None:
    """An attribute that the shell or its kernel had of its own is there again (house 8.14)."""
    kernel.run("runner.close()")
    kernel.run("mine = lambda *args: None; shell.ask_exit = shell.kernel._input_request = mine")
    kernel.run("import matplotlib.pyplot as plt; from matplotlib._pylab_helpers import Gcf; figs = Gcf.figs")
    kernel.run("runner.open()")
    assert kernel.evaluate("shell.ask_exit is mine") is False
    kernel.run("later = lambda *args: None; shell.display_formatter.format = later")
    kernel.run("runner.close()")
    assert kernel.evaluate("[shell.ask_exit is mine, shell.kernel._input_request is mine]") == [True, True]
    assert kernel.evaluate("[shell.display_formatter.format is later, Gcf.figs is figs]") == [True, True]
    kernel.run("del shell.display_formatter.format")


def test_closing_ends_the_calls_there_are(kernel: DrivenKernel) -> None:
    kernel.run("async def later(): driver.started.set(); await asyncio.sleep(60)")
    awaited = kernel.begin_call("later")
    here = kernel.begin_call("later", concurrent=True)
    kernel.run("def stuck(): driver.started.set(); time.sleep(60)")
    thread = kernel.begin_call("stuck", concurrent=True)
    cell = kernel.busy("driver.hold(); runner.close()")
    waiting = kernel.call("note")
    assert waiting.reported.wait(5)
    kernel.release()
    cell.wait()
    for call in (awaited, here, thread, waiting):
        assert call.error(5)[1].endswith(" was stopped: its notebook serves no calls any more.")
    assert kernel.evaluate("runs") == []


def test_a_runner_can_be_opened_again(kernel: DrivenKernel) -> None:
    kernel.run("""
runner.close()
from mcp_jupyter.kernel.runner import KernelRunner
runner = KernelRunner(shell, loop)
runner.open()
""")
    kernel.run("runner.close()")
    assert kernel.evaluate("before") == kernel.evaluate("state()")


def test_a_loop_run_from_inside_does_not_run_calls_in_the_midst(kernel: DrivenKernel) -> None:
    kernel.run("""
import nest_asyncio2
nest_asyncio2.apply()

def runs_the_loop(mark):
    note(f"{mark} begins")
    loop.run_until_complete(driver.hold_async())
    note(f"{mark} ends")
""")
    first = kernel.begin_call("runs_the_loop", mark="call")
    second = kernel.call("note", mark="second")
    assert second.reported.wait(5)
    kernel.release()
    first.value()
    second.value()
    cell = kernel.busy("runs_the_loop('cell')")
    third = kernel.call("note", mark="third")
    assert third.reported.wait(5)
    assert third.reports[0].startswith("waiting for cell [")
    kernel.release()
    third.value()
    assert cell.wait().error is None
    assert kernel.evaluate("runs") == [
        "call begins",
        "call ends",
        "second",
        "cell begins",
        "cell ends",
        "third",
    ]


def test_a_cell_run_inside_a_call_is_not_interrupted_with_it(kernel: DrivenKernel) -> None:
    kernel.run("""
import nest_asyncio2
nest_asyncio2.apply()
def runs_the_loop(): driver.started.set(); loop.run_until_complete(asyncio.sleep(60))
""")
    call = kernel.begin_call("runs_the_loop")
    cell = kernel.send("print('in', flush=True); time.sleep(1); print('over')")
    cell.wait_for("stream")
    kernel.cancel(call)
    assert cell.wait().error is None
    assert cell.printed == "in\nover\n"
    assert kernel.call("note").value() == 1


def test_calls_run_beside_a_gui(kernel: DrivenKernel) -> None:
    kernel.run("""
import select
from ipykernel import eventloops

@eventloops.register_integration("patient")
def loop_patient(kernel):
    # What the integrations of Tk and Qt do: hold the main thread until the shell gets a message.
    stream = eventloops.get_shell_stream(kernel)
    while not stream.flush(limit=1):
        select.select([], [], [], 0.01)
""")
    kernel.run("%gui patient")
    assert [kernel.call("note").value(5) for _ in range(20)] == list(range(1, 21))


def test_a_function_may_run_a_cell(kernel: DrivenKernel) -> None:
    kernel.run("""
def runs_a_cell():
    print("before")
    result = shell.run_cell("print('within'); 6 * 7")
    print("after")
    return result.result
""")
    call = kernel.call("runs_a_cell")
    assert call.value() == 42
    assert [text for _, text in call.logs if text != "42"] == ["before", "within", "after"]
    assert kernel.run("print('mine')").printed == "mine\n"


def test_another_shell_of_the_kernel_does_not_count_as_a_cell(kernel: DrivenKernel) -> None:
    kernel.run("""
class Elsewhere(threading.Thread):
    def run(self): shell.events.trigger("pre_run_cell", object())
elsewhere = Elsewhere(); elsewhere.start(); elsewhere.join()
""")
    assert kernel.ask("activity") == ["idle", None, None]


@pytest.mark.parametrize("word", ["exit", "quit()"])
def test_a_person_can_still_end_the_kernel(kernel: DrivenKernel, word: str) -> None:
    kernel.call("note").value()
    kernel.send(word).wait()
    assert kernel.ends()
