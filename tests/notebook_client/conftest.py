# SPDX-License-Identifier: BSD-3-Clause
"""A notebook's connections without a notebook: what is for the main thread waits in a queue."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from mcp_jupyter.notebook_client.connections import Connections, ConnectOptions

from .servers import weather

BOUND = 10.0


def eventually(fact: Callable[[], object]) -> None:
    """Wait for a fact of another thread to come about."""
    end = time.monotonic() + BOUND
    while not fact():
        assert time.monotonic() < end, "it did not come about"
        threading.Event().wait(0.01)


class MainThread:
    """Stands for the kernel's main loop: runs what was posted to it."""

    def __init__(self) -> None:
        self._posted: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def post(self, function: Callable[[], None]) -> None:
        self._posted.put(function)

    def run_until(self, fact: Callable[[], object]) -> None:
        """Run what is posted until a fact has come about."""
        while not fact():
            self._posted.get(timeout=BOUND)()


@pytest.fixture
def main_thread() -> MainThread:
    return MainThread()


@pytest.fixture
def connections(main_thread: MainThread) -> Iterator[Connections]:
    made = Connections(main_thread.post)
    yield made
    made.close()


@pytest.fixture
def events() -> list[str]:
    """What happened in the server."""
    return []


@pytest.fixture
def server(connections: Connections, events: list[str]):
    return connections.connect("weather", ConnectOptions(weather(events)))
