# SPDX-License-Identifier: BSD-3-Clause
"""What a call into C code does to time-outs and to other calls, as the README says it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import JupyterDirs
from tests.kernel.driven import DrivenKernel, driven_kernel

PRELUDE = """
import ctypes, signal, sys
over = False
def is_over(): return over

def wait_in(library):
    # As C code that goes on when a signal comes: it is seen once Python runs again.
    global over
    over = False
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    usual = sys.getswitchinterval()
    sys.setswitchinterval(10)  # no other thread runs between the next two lines
    try:
        driver.started.set()
        library.usleep(990_000)
        over = True
    finally:
        sys.setswitchinterval(usual)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    time.sleep(20 if threading.current_thread() is threading.main_thread() else 0)

def holds(): wait_in(ctypes.PyDLL(None))
def lets_go(): wait_in(ctypes.CDLL(None))
"""


@pytest.fixture(scope="module")
def kernel(module_jupyter_dirs: JupyterDirs) -> Iterator[DrivenKernel]:
    with driven_kernel(module_jupyter_dirs, PRELUDE) as kernel:
        yield kernel


def test_while_c_code_holds_the_lock_nothing_is_answered_and_the_time_out_comes_after(
    kernel: DrivenKernel,
) -> None:
    call = kernel.begin_call("holds", timeout=0.2)
    assert kernel.call("is_over", concurrent=True).value() is True
    assert call.error() == (
        "ToolError",
        "holds did not finish within 0.2 s; it is not running and will not run.",
    )


def test_while_c_code_has_let_go_of_the_lock_others_are_answered(kernel: DrivenKernel) -> None:
    call = kernel.begin_call("lets_go", timeout=0.2)
    assert kernel.call("is_over", concurrent=True).value() is False
    assert call.error() == (
        "ToolError",
        "lets_go did not finish within 0.2 s; it is not running and will not run.",
    )
    assert kernel.call("is_over").value() is True


def test_a_thread_that_is_in_c_code_is_let_go_at_once(kernel: DrivenKernel) -> None:
    call = kernel.begin_call("lets_go", timeout=0.2, concurrent=True)
    assert "it is still running" in call.error()[1]
    assert kernel.call("is_over", concurrent=True).value() is False
