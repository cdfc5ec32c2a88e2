# SPDX-License-Identifier: BSD-3-Clause
"""The threads of concurrent calls: as many as needed, bounded, and in nobody's way at the end."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from queue import SimpleQueue

import pytest

from mcp_jupyter.server.workers import MAX_WORKERS, Workers

Jobs = Workers[Callable[[], object]]


def do(job: Callable[[], object]) -> None:
    job()


@pytest.fixture
def workers() -> Iterator[Jobs]:
    workers: Jobs = Workers(do)
    yield workers
    workers.close()


def test_jobs_are_done_at_once(workers: Jobs) -> None:
    meet = threading.Barrier(5)
    for _ in range(4):
        workers.submit(lambda: meet.wait(5))
    meet.wait(5)


def test_a_thread_is_used_again(workers: Jobs) -> None:
    used: SimpleQueue[int] = SimpleQueue()
    for _ in range(50):
        workers.submit(lambda: used.put(threading.get_ident()))
    assert len({used.get(timeout=5) for _ in range(50)}) <= MAX_WORKERS
    threads = [each for each in threading.enumerate() if each.name.startswith("mcp-call-")]
    assert len(threads) <= MAX_WORKERS


def test_beyond_the_bound_jobs_wait_for_a_thread(workers: Jobs) -> None:
    hold = threading.Event()
    begun = threading.Semaphore(0)
    done: SimpleQueue[int] = SimpleQueue()

    def last() -> None:
        begun.release()
        hold.wait(10)

    for _ in range(MAX_WORKERS):
        workers.submit(last)
    for _ in range(MAX_WORKERS):
        assert begun.acquire(timeout=5)
    waiting = [partial(done.put, number) for number in range(10)]
    for job in waiting:
        workers.submit(job)
    workers.withdraw(waiting[3])
    workers.withdraw(waiting[3])
    assert done.empty()
    hold.set()
    assert sorted(done.get(timeout=5) for _ in range(9)) == [0, 1, 2, 4, 5, 6, 7, 8, 9]


def test_threads_are_hidden_from_the_debugger(workers: Jobs) -> None:
    seen: SimpleQueue[threading.Thread] = SimpleQueue()
    workers.submit(lambda: seen.put(threading.current_thread()))
    thread = seen.get(timeout=5)
    assert thread.daemon
    assert thread.is_pydev_daemon_thread  # type: ignore[attr-defined]


def test_threads_end_when_closed(workers: Jobs) -> None:
    seen: SimpleQueue[threading.Thread] = SimpleQueue()
    for _ in range(5):
        workers.submit(lambda: seen.put(threading.current_thread()))
    threads = [seen.get(timeout=5) for _ in range(5)]
    workers.close()
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()


def test_a_job_that_hangs_does_not_keep_the_interpreter() -> None:
    code = "import threading; from mcp_jupyter.server.workers import Workers; "
    code += "Workers(lambda event: event.wait()).submit(threading.Event()); print('over')"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True
    )
    assert ended.stdout == "over\n"
