# SPDX-License-Identifier: BSD-3-Clause
"""Nothing a function raises ends the kernel, the engine's thread or another call."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import JupyterDirs
from tests.kernel.driven import DrivenKernel, driven_kernel

PRELUDE = """
import builtins, os
variable = "still here"

def note(): return [variable, os.getpid()]

class Odd(BaseException): pass
class Unprintable(Exception):
    def __str__(self): raise ValueError("no text")
class UnprintableExit(SystemExit):
    def __str__(self): raise ValueError("no text")

def raises(error): raise error
def recurses(): return recurses() + 1

ways = dict(
    system_exit=lambda: raises(SystemExit(3)),
    unprintable_exit=lambda: raises(UnprintableExit()),
    sys_exit=lambda: sys.exit("bye"),
    exit=lambda: exit(),
    quit=lambda: quit(),
    builtin_exit=lambda: builtins.exit(),
    keyboard_interrupt=lambda: raises(KeyboardInterrupt()),
    generator_exit=lambda: raises(GeneratorExit()),
    cancelled=lambda: raises(asyncio.CancelledError()),
    base=lambda: raises(Odd("odd")),
    base_group=lambda: raises(BaseExceptionGroup("group", [SystemExit(), ValueError()])),
    group=lambda: raises(ExceptionGroup("group", [ValueError(), TypeError()])),
    stop_iteration=lambda: raises(StopIteration(1)),
    stop_async_iteration=lambda: raises(StopAsyncIteration()),
    memory=lambda: raises(MemoryError()),
    recursion=recurses,
    timeout=lambda: raises(TimeoutError("slow")),
    unprintable=lambda: raises(Unprintable()),
    not_an_error=lambda: raises("text"),
    unicode=lambda: "\\ud800".encode(),
)

def sync(way): return ways[way]()
async def direct(way): return ways[way]()
async def later(way):
    await asyncio.sleep(0)
    return ways[way]()
async def child(way):
    await asyncio.gather(asyncio.sleep(1), asyncio.create_task(later(way)))
async def group(way):
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(later(way))
        tasks.create_task(asyncio.sleep(1))
"""

WAYS = {
    "system_exit": "ToolError",
    "unprintable_exit": "ToolError",
    "sys_exit": "ToolError",
    "exit": "ToolError",
    "quit": "ToolError",
    "builtin_exit": "ToolError",
    "keyboard_interrupt": "ToolError",
    "generator_exit": "ToolError",
    "cancelled": "ToolError",
    "base": "ToolError",
    "base_group": "ToolError",
    "group": "ExceptionGroup",
    "stop_iteration": "ToolError",
    "stop_async_iteration": "StopAsyncIteration",
    "memory": "MemoryError",
    "recursion": "RecursionError",
    "timeout": "TimeoutError",
    "unprintable": "Unprintable",
    "not_an_error": "TypeError",
    "unicode": "UnicodeEncodeError",
}
ASYNC_ANSWERS = {"stop_iteration": "RuntimeError"}  # PEP 479


@pytest.fixture(scope="module")
def kernel(module_jupyter_dirs: JupyterDirs) -> Iterator[DrivenKernel]:
    with driven_kernel(module_jupyter_dirs, PRELUDE) as kernel:
        yield kernel


@pytest.fixture(scope="module")
def alive(kernel: DrivenKernel) -> list[object]:
    found: list[object] = kernel.call("note").value()
    return found


@pytest.mark.parametrize("concurrent", [False, True], ids=["between", "concurrent"])
@pytest.mark.parametrize("function", ["sync", "direct", "later"])
@pytest.mark.parametrize("way", WAYS)
def test_one_answer_and_everything_goes_on(
    kernel: DrivenKernel, alive: list[object], way: str, function: str, concurrent: bool
) -> None:
    kind, _ = kernel.call(function, concurrent=concurrent, way=way).error(5)
    expected = WAYS[way] if function == "sync" else ASYNC_ANSWERS.get(way, WAYS[way])
    assert kind == expected
    assert kernel.call("note").value(2) == alive
    assert kernel.call("note", concurrent=True).value(2) == alive


@pytest.mark.parametrize("concurrent", [False, True], ids=["between", "concurrent"])
@pytest.mark.parametrize("function", ["child", "group"])
@pytest.mark.parametrize("way", WAYS)
def test_nor_does_a_task_that_it_starts_end_anything(
    kernel: DrivenKernel, alive: list[object], way: str, function: str, concurrent: bool
) -> None:
    call = kernel.call(function, concurrent=concurrent, way=way)
    if (way, function) == ("cancelled", "group"):
        call.value(5)  # a task group lets its tasks be cancelled
    else:
        call.error(5)
    assert kernel.call("note").value(2) == alive
    assert kernel.call("note", concurrent=True).value(2) == alive


def test_the_message_says_what_happened(kernel: DrivenKernel) -> None:
    assert kernel.call("sync", way="exit").error()[1] == (
        "sync tried to end the kernel (SystemExit); the kernel goes on."
    )
    assert kernel.call("sync", way="keyboard_interrupt").error()[1] == (
        "sync ended with KeyboardInterrupt, which is not an error a tool can report."
    )


def test_cells_are_as_before(kernel: DrivenKernel) -> None:
    assert kernel.send("raise SystemExit").wait().error == "SystemExit"
    assert kernel.send("1 / 0").wait().error == "ZeroDivisionError"
    assert kernel.evaluate("variable") == "still here"
