# SPDX-License-Identifier: BSD-3-Clause
"""Start and end the measured processes, and read their processor time."""

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
    """Return the processor time of a process so far, with all its threads."""
    if sys.platform == "linux":
        # The clock of clock_getcpuclockid(3) counts nanoseconds; /proc has only hundredths of a second.
        return time.clock_gettime(~pid << 3 | CPUCLOCK_SCHED)
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


@contextmanager
def python(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start Python with pipes; the process is killed when the context closes."""
    command = [sys.executable, *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    with process:
        try:
            yield process
        finally:
            process.kill()
            process.wait(END_SECONDS)
