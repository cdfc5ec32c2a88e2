# SPDX-License-Identifier: BSD-3-Clause
"""The processes that are measured: their start, their end, and the processor time they took.

Knows no protocol.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil

__all__ = ["cpu_seconds", "python"]

ROOT: Final = Path(__file__).parents[1]
END_SECONDS: Final = 10.0

CPUCLOCK_SCHED: Final = 2


def cpu_seconds(pid: int) -> float:
    """The processor time of a process so far, all its threads."""
    if sys.platform == "linux":
        # In nanoseconds, where /proc has hundredths of a second: the clock of clock_getcpuclockid(3).
        return time.clock_gettime(~pid << 3 | CPUCLOCK_SCHED)
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


@contextmanager
def python(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process with pipes, ended with the context."""
    command = [sys.executable, *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    with process:
        try:
            yield process
        finally:
            process.kill()
            process.wait(END_SECONDS)
