# SPDX-License-Identifier: BSD-3-Clause
"""Workloads that measure a server: requests to it, or the start of its process.

Each function is a context manager that yields a `Workload`.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from .processes import cpu_seconds, python
from .wire import Client, LegacyClient, ModernClient, SseClient, StdioClient

__all__ = [
    "ADD",
    "COUNT",
    "LIST",
    "Asked",
    "Opener",
    "Workload",
    "http_server",
    "legacy",
    "modern",
    "notebook",
    "sse",
    "stdio",
]


class Workload(Protocol):
    """Work of one side that can be repeated."""

    def cpu_seconds(self) -> float:
        """Return the processor time of the measured processes so far."""

    def run(self, times: int) -> list[float]:
        """Do the work `times` times and return the seconds of each."""


Opener = Callable[[], AbstractContextManager[Workload]]


@dataclass(frozen=True)
class Asked:
    """A request, and a check: the bytes `shows` must appear `times` times in the response."""

    method: str
    params: Mapping[str, Any]
    shows: bytes
    times: int = 1
    more_tools: int = 0

    def of(self, client: Client) -> None:
        """Send the request and check the response."""
        answer = client.request(self.method, self.params)
        if answer.count(self.shows) != self.times:
            raise AssertionError(f"{self.method} was answered with {answer[:500]!r}")


ADD: Final = Asked("tools/call", {"name": "add", "arguments": {"a": 2, "b": 3}}, b'"result":5')
COUNT: Final = Asked(
    "tools/call",
    {"name": "count", "arguments": {"to": 1000}, "_meta": {"progressToken": "p"}},
    b"notifications/progress",
    times=1000,
)
LIST: Final = Asked("tools/list", {}, b'"inputSchema"', times=1000, more_tools=998)


class Requests:
    """Requests to a server: each client has one in flight."""

    def __init__(self, pids: Sequence[int], asked: Asked, clients: Sequence[Client]) -> None:
        self._pids, self._asked, self._clients = pids, asked, clients

    def cpu_seconds(self) -> float:
        return sum(map(cpu_seconds, self._pids))

    def run(self, times: int) -> list[float]:
        each = -(-times // len(self._clients))
        with ThreadPoolExecutor(len(self._clients)) as threads:
            taken = threads.map(lambda client: [self._one(client) for _ in range(each)], self._clients)
            return list(itertools.chain.from_iterable(taken))

    def _one(self, client: Client) -> float:
        began = time.perf_counter()
        self._asked.of(client)
        return time.perf_counter() - began


@contextmanager
def stdio(module: str, asked: Asked = ADD) -> Iterator[Workload]:
    """Requests over stdio."""
    with python("-m", module, "stdio", str(asked.more_tools)) as server:
        yield Requests([server.pid], asked, [StdioClient(server)])


@contextmanager
def legacy(module: str, asked: Asked = ADD, in_flight: int = 1) -> Iterator[Workload]:
    """Requests over Streamable HTTP, in one session."""
    with http_server(module, "http", asked) as (pid, port):
        first = LegacyClient(port)
        yield Requests([pid], asked, [first, *(first.twin() for _ in range(in_flight - 1))])


@contextmanager
def modern(module: str, asked: Asked = ADD) -> Iterator[Workload]:
    """Requests over Streamable HTTP of the modern era."""
    with http_server(module, "http", asked) as (pid, port):
        yield Requests([pid], asked, [ModernClient(port)])


@contextmanager
def sse(module: str, asked: Asked = ADD) -> Iterator[Workload]:
    """Requests over HTTP+SSE."""
    with http_server(module, "sse", asked) as (pid, port):
        yield Requests([pid], asked, [SseClient(port)])


@contextmanager
def http_server(module: str, transport: str, asked: Asked) -> Iterator[tuple[int, int]]:
    """Start a server; yield its process id and port."""
    with python("-m", module, transport, str(asked.more_tools)) as server:
        assert server.stdout is not None
        yield server.pid, int(server.stdout.readline())


WITHOUT_JOURNAL: Final = """
from mcp_jupyter.ipython_extension import engine_of
from mcp_jupyter.server.oversight import no_journal
engine_of(get_ipython()).server._handlers.journal = no_journal
"""
"""A cell that makes a notebook keep no journal, for comparison."""


@contextmanager
def notebook(*more: str) -> Iterator[Workload]:
    """Requests to a notebook, through a Jupyter Server to a live kernel, after further cells."""
    from tests.conftest import isolated_jupyter
    from tests.live.parts import jupyter_server

    cells = "%load_ext mcp_jupyter", "%%mcp_tool\ndef add(a: int, b: int) -> int:\n    return a + b"
    with (
        isolated_jupyter() as dirs,
        jupyter_server(dirs) as server,
        server.notebook("bench.ipynb", *cells, *more),
    ):
        token = server.token("bench")
        host, _, path = server.endpoint("bench").removeprefix("http://").partition("/")
        port = int(host.rpartition(":")[2])
        client = LegacyClient(port, f"/{path}", Authorization=f"Bearer {token}")
        files = [*dirs.runtime.glob("jpserver-*.json"), *dirs.runtime.glob("mcp-*.json")]
        yield Requests([json.loads(file.read_text())["pid"] for file in files], ADD, [client])


class Starts:
    """Starts of a process, up to the first line that it writes.

    Parameters
    ----------
    arguments : sequence of str
        Command-line arguments of Python.
    opening : bytes
        Sent to the process's stdin first.
    """

    def __init__(self, arguments: Sequence[str], opening: bytes = b"") -> None:
        self._arguments, self._opening = arguments, opening
        self._cpu_seconds = 0.0

    def cpu_seconds(self) -> float:
        return self._cpu_seconds

    def run(self, times: int) -> list[float]:
        return [self._one() for _ in range(times)]

    def _one(self) -> float:
        began = time.perf_counter()
        with python(*self._arguments) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(self._opening)
            process.stdin.flush()
            if not process.stdout.readline():
                raise AssertionError(f"{' '.join(self._arguments)} wrote nothing")
            self._cpu_seconds += cpu_seconds(process.pid)
            return time.perf_counter() - began
