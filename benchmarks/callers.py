# SPDX-License-Identifier: BSD-3-Clause
"""Workloads that measure a client: each side makes calls to our server.

Each function is a context manager that yields a `Workload`. The server's processor time does not count.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final, cast

from .processes import cpu_seconds, python
from .workloads import ADD, Workload, http_server

__all__ = ["caller", "cell"]

SERVER: Final = "benchmarks.server_ours"
COMMAND: Final = (sys.executable, "-m", SERVER, "stdio")

_CONNECT: Final = """%load_ext mcp_jupyter
import json, os, time
%mcp_connect server {command}"""
_CALLS: Final = """taken = []
for _ in range({times}):
    began = time.perf_counter()
    result = server.tools.add(a=2, b=3)
    taken.append(time.perf_counter() - began)
    assert result.data == 5, result
print(json.dumps(taken))"""


class Caller:
    """A client's process: it reads how many calls to make and writes the seconds of each."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._pid, self._to, self._from = process.pid, process.stdin, process.stdout

    def cpu_seconds(self) -> float:
        return cpu_seconds(self._pid)

    def run(self, times: int) -> list[float]:
        self._to.write(b"%d\n" % times)
        self._to.flush()
        return cast("list[float]", json.loads(self._from.readline()))


@contextmanager
def caller(module: str, transport: str) -> Iterator[Workload]:
    """Calls of an asynchronous client, over stdio or Streamable HTTP."""
    with ExitStack() as opened:
        target: tuple[str, ...] = COMMAND
        if transport == "http":
            _, port = opened.enter_context(http_server(SERVER, "http", ADD))
            target = (f"http://127.0.0.1:{port}/mcp",)
        yield Caller(opened.enter_context(python("-m", module, *target)))


class Cell:
    """A cell in a live kernel, which makes blocking calls."""

    def __init__(self, kernel: Any) -> None:
        self._kernel = kernel
        self._pid = int(self._printed("print(os.getpid())"))

    def cpu_seconds(self) -> float:
        return cpu_seconds(self._pid)

    def run(self, times: int) -> list[float]:
        return cast("list[float]", json.loads(self._printed(_CALLS.format(times=times))))

    def _printed(self, source: str) -> str:
        ran = self._kernel.run(source)
        if ran.error:
            raise AssertionError(ran.error)
        return cast("str", ran.printed)


@contextmanager
def cell() -> Iterator[Workload]:
    """Calls from a notebook's cell, over stdio."""
    from tests.conftest import isolated_jupyter
    from tests.kernel.live import LiveKernel

    with isolated_jupyter() as dirs, ExitStack() as opened:
        kernel = LiveKernel(dirs.runtime, dirs.environ)
        opened.callback(kernel.stop)
        kernel.start()
        ran = kernel.run(_CONNECT.format(command=shlex.join(COMMAND)))
        if ran.error:
            raise AssertionError(ran.error)
        yield Cell(kernel)
