# SPDX-License-Identifier: BSD-3-Clause
"""What calls in a real kernel print and ask for: it is the caller's, never a cell's."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.conftest import JupyterDirs
from tests.kernel.driven import BOUND, DrivenKernel, driven_kernel

PRELUDE = """
import logging, getpass, os, subprocess
from IPython.display import HTML, display

def note(): pass

def prints():
    print("one")
    print("two", end="")
    print(" and", "a half")
    print("careful", file=sys.stderr)
    logging.getLogger("a tool").warning("logged")
    print("no end", end="")
    return "printed"

async def prints_async():
    print("before")
    await asyncio.sleep(0.01)
    print("after")
    await asyncio.gather(child(), child())
    await asyncio.to_thread(print, "from a thread of asyncio")

async def child():
    print("child")

def prints_much():
    for number in range(100_000): print(number)

def prints_without_end():
    for _ in range(3000): print("x" * 100, end="")

def prints_progress():
    for number in range(5): print(f"\\r{number} %", end="", file=sys.stderr)
    print(file=sys.stderr)

def shows():
    display(HTML("<b>first</b>"))
    display({"application/json": {"a": 1}, "text/plain": "x"}, raw=True)
    return "shown"

def asks(): return input("name? ")
async def asks_async(): return input("name? ")
def asks_secret(): return getpass.getpass("secret? ")
def reads(): return sys.stdin.readline()
"""

MODES = [("", False), ("", True), ("_async", False), ("_async", True)]


@pytest.fixture(scope="module")
def kernel(module_jupyter_dirs: JupyterDirs) -> Iterator[DrivenKernel]:
    with driven_kernel(module_jupyter_dirs, PRELUDE) as kernel:
        yield kernel


def silent(kernel: DrivenKernel) -> None:
    """Nothing came up in the notebook: neither in a cell nor anywhere else."""
    kernel.run("")  # what calls did before this is on its way before the end of this
    assert kernel.uninvited() == []


# -------------------------------------------------------------------------------------------- prints


@pytest.mark.parametrize("concurrent", [False, True])
def test_prints_become_log_messages(kernel: DrivenKernel, concurrent: bool) -> None:
    call = kernel.call("prints", concurrent=concurrent)
    assert call.value() == "printed"
    assert call.logs == [
        ("info", "one"),
        ("info", "two and a half"),
        ("warning", "careful"),
        ("warning", "logged"),
        ("info", "no end"),
    ]
    silent(kernel)


@pytest.mark.parametrize("concurrent", [False, True])
def test_prints_of_async_functions_and_what_they_start(kernel: DrivenKernel, concurrent: bool) -> None:
    call = kernel.call("prints_async", concurrent=concurrent)
    call.value()
    lines = ["before", "after", "child", "child", "from a thread of asyncio"]
    assert call.logs == [("info", line) for line in lines]
    silent(kernel)


def test_each_print_goes_to_whose_it_is(kernel: DrivenKernel) -> None:
    kernel.run("""
async def prints_twice(mark):
    print(mark, 1)
    await asyncio.sleep(0.05)
    print(mark, 2)
""")
    cell = kernel.send("print('cell 1')\nawait asyncio.sleep(0.1)\nprint('cell 2')")
    calls = {
        mark: kernel.call("prints_twice", concurrent=concurrent, mark=mark)
        for mark, concurrent in {"a": False, "b": False, "c": True, "d": True}.items()
    }
    for mark, call in calls.items():
        call.value()
        assert call.logs == [("info", f"{mark} 1"), ("info", f"{mark} 2")]
    assert cell.wait().printed == "cell 1\ncell 2\n"


def test_a_concurrent_call_does_not_print_into_a_running_cell(kernel: DrivenKernel) -> None:
    cell = kernel.busy("print('cell'); driver.hold(); print('over')")
    call = kernel.call("prints", concurrent=True)
    call.value()
    assert len(call.logs) == 5
    kernel.release()
    assert cell.wait().printed == "cell\nover\n"
    outputs = kernel.evaluate("repr(get_ipython().history_manager.outputs)")
    assert "two and a half" not in outputs


def test_a_tool_that_prints_much_is_cut(kernel: DrivenKernel) -> None:
    call = kernel.call("prints_much")
    call.value()
    assert [text for _, text in call.logs[:500]] == [str(number) for number in range(500)]
    assert call.logs[500:] == [("warning", "... 99500 more lines")]
    call = kernel.call("prints_without_end")
    call.value()
    assert sum(len(text) for _, text in call.logs[:-1]) <= 110_000
    assert call.logs[-1][1].endswith("more lines")


def test_a_progress_bar_is_one_line(kernel: DrivenKernel) -> None:
    call = kernel.call("prints_progress")
    call.value()
    assert call.logs == [("warning", "4 %")]


def test_cells_print_as_before(kernel: DrivenKernel) -> None:
    kernel.call("prints").value()
    cell = kernel.run("print('a'); print('b', file=sys.stderr); sys.stdout.write('c\\n'); None")
    assert cell.printed in ("a\nb\nc\n", "a\nc\nb\n", "b\na\nc\n")
    assert kernel.evaluate("sys.stdout.isatty()") is False
    assert kernel.evaluate("[type(sys.stdout.parent_header).__name__, sys.stdout.encoding]") == [
        "dict",
        "UTF-8",
    ]
    captured = "%%capture kept\nprint('hidden')\ndisplay('also hidden')"
    assert kernel.run(captured).printed == ""
    assert kernel.evaluate("[kept.stdout, len(kept.outputs)]") == ["hidden\n", 1]
    call = kernel.call("prints")
    call.value()
    assert len(call.logs) == 5


def test_what_a_call_left_running_prints_in_the_notebook(kernel: DrivenKernel) -> None:
    kernel.run("""
left = []
async def lingers():
    async def later():
        await driver.hold_async()
        print("afterwards")
    left.append(asyncio.create_task(later()))
""")
    kernel.reset()
    call = kernel.call("lingers")
    call.value()
    kernel.release()
    cell = kernel.run("await left.pop()")
    assert call.logs == []
    assert cell.printed + "".join(kernel.uninvited()) == "afterwards\n"


@pytest.mark.parametrize("concurrent", [False, True])
def test_what_goes_round_the_streams_stays_out_of_the_answer(kernel: DrivenKernel, concurrent: bool) -> None:
    # From Python 3.12 on a fork in a process with threads warns, and the warning would be a log message.
    kernel.run("""
import multiprocessing, os, subprocess, warnings
warnings.filterwarnings("ignore", message=".*use of fork", category=DeprecationWarning)
def beneath():
    os.write(1, b"descriptor\\n")
    subprocess.run(["echo", "child"], check=True)
    thread = threading.Thread(target=print, args=["thread"])
    thread.start(); thread.join()
    forked = os.fork()
    if not forked:
        print("forked", flush=True)
        os._exit(0)
    os.waitpid(forked, 0)
    return "value"
""")
    call = kernel.call("beneath", concurrent=concurrent)
    assert call.value() == "value"
    assert call.logs == []
    expected = {"descriptor", "child", "thread", "forked"}
    seen = ""
    end = time.monotonic() + BOUND
    # The notebook gets them, as from a cell's threads and children; which comes first is chance.
    while not all(word in seen for word in expected):
        assert time.monotonic() < end, seen
        seen += kernel.run("").printed + "".join(kernel.uninvited())


@pytest.mark.parametrize("concurrent", [False, True])
def test_prints_are_kept_for_the_result(kernel: DrivenKernel, concurrent: bool) -> None:
    """Both channels, sync and async, in order; nothing where nothing was printed (2: printed)."""
    call = kernel.call("prints", concurrent=concurrent)
    assert call.printed() == "one\ntwo and a half\ncareful\nlogged\nno end"
    assert call.failed_after is None
    shown = kernel.call("prints_async", concurrent=concurrent).printed()
    assert shown == "before\nafter\nchild\nchild\nfrom a thread of asyncio"
    assert kernel.call("note", concurrent=concurrent).printed() == ""


def test_of_many_prints_the_result_has_the_first_and_the_last(kernel: DrivenKernel) -> None:
    """More lines than there are log messages (2: printed)."""
    lines = kernel.call("prints_much").printed().splitlines()
    assert (lines[0], lines[-1]) == ("0", "99999")
    assert sum(map(len, lines)) < 4000


@pytest.mark.parametrize("concurrent", [False, True])
def test_what_a_failing_call_printed_comes_before_its_error(kernel: DrivenKernel, concurrent: bool) -> None:
    """An exception, and a time-out while it still prints (2: printed)."""
    kernel.run("""
def prints_and_fails():
    print("loaded 5 rows")
    raise ValueError("row 6")
def prints_and_holds():
    print("begun")
    print("half a line", end="")
    driver.hold(60)
""")
    call = kernel.call("prints_and_fails", concurrent=concurrent)
    assert call.error() == ("ValueError", "row 6")
    assert call.failed_after == "loaded 5 rows"
    kernel.reset()
    call = kernel.call("prints_and_holds", concurrent=concurrent, timeout=1)
    assert "did not finish within 1 s" in call.error()[1]
    kernel.release()
    assert call.failed_after == "begun\nhalf a line"


# ---------------------------------------------------------------------------------------------- input


@pytest.mark.parametrize(("name", "concurrent"), MODES)
def test_input_is_refused(kernel: DrivenKernel, name: str, concurrent: bool) -> None:
    kind, message = kernel.call(f"asks{name}", concurrent=concurrent).error(5)
    assert kind == "ToolError"
    assert message.startswith("A tool cannot ask for input at the keyboard")
    silent(kernel)


@pytest.mark.parametrize("name", ["asks", "asks_async", "asks_secret"])
def test_input_is_refused_while_a_cell_may_ask(kernel: DrivenKernel, name: str) -> None:
    cell = kernel.busy("driver.hold(); answer = input('whose? ')")
    kind, message = kernel.call(name, concurrent=True).error(5)
    assert kind == "ToolError"
    assert message.startswith("A tool cannot ask for input at the keyboard")
    kernel.release()
    kernel.answer("the person's")
    assert cell.wait().error is None
    assert kernel.evaluate("answer") == "the person's"


def test_stdin_cannot_be_read(kernel: DrivenKernel) -> None:
    assert kernel.call("reads").error(5)[0] == "ToolError"


# -------------------------------------------------------------------------------------- loaded in a cell


def test_a_runner_opened_within_a_capturing_cell_captures_afterwards(
    module_jupyter_dirs: JupyterDirs,
) -> None:
    loading = "%%capture\nrunner = driver.start({address!r})"
    with driven_kernel(module_jupyter_dirs, PRELUDE, loading) as kernel:
        call = kernel.call("prints")
        call.value()
        assert len(call.logs) == 5
        assert len(kernel.call("shows").displayed()) == 2
        assert kernel.run("print('mine')").printed == "mine\n"
        silent(kernel)
