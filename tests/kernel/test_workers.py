# SPDX-License-Identifier: BSD-3-Clause
"""The threads of concurrent calls: as many as needed, bounded, and in nobody's way at the end."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from queue import SimpleQueue

import pytest

from mcp_jupyter.server.runner import MAX_THREADS, MAX_WORKERS, WORKER_SHARE, Workers

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


class Held:
    """Jobs that hold their thread until they are let go, and the order in which they begin."""

    def __init__(self, workers: Jobs) -> None:
        self.begun: SimpleQueue[str] = SimpleQueue()
        self._workers = workers
        self._hold = threading.Event()

    def submit(self, name: str, sender: str) -> None:
        self._workers.submit(partial(self._work, name), sender)

    def _work(self, name: str) -> None:
        self.begun.put(name)
        self._hold.wait(20)

    def begin(self, number: int) -> list[str]:
        return [self.begun.get(timeout=5) for _ in range(number)]

    def release(self) -> None:
        self._hold.set()


def test_a_sender_has_all_threads_while_no_other_waits(workers: Jobs) -> None:
    """And another its share on top, for nobody can take a thread back (1.28)."""
    held = Held(workers)
    for _ in range(MAX_WORKERS + 5):
        held.submit("greedy", "greedy")
    assert held.begin(MAX_WORKERS) == ["greedy"] * MAX_WORKERS
    for sender in ("b", "c"):
        for _ in range(WORKER_SHARE + 5):
            held.submit(sender, sender)
        assert held.begin(WORKER_SHARE) == [sender] * WORKER_SHARE
    held.submit("d", "d")  # there are as many threads as there may be
    assert held.begun.empty()
    names = [each.name for each in threading.enumerate() if each.name.startswith("mcp-call-")]
    assert len(names) >= MAX_THREADS
    held.release()
    assert sorted(held.begin(16)) == [*"bbbbbcccccd", *["greedy"] * 5]


def test_a_free_thread_serves_the_sender_with_the_fewest() -> None:
    """(1.28)."""
    workers: Jobs = Workers(do, size=2, share=1, most=2)
    held, second = Held(workers), Held(workers)
    held.submit("a", "a")
    held.submit("a", "a")
    assert held.begin(2) == ["a", "a"]
    for sender in "aaabbc":
        second.submit(sender, sender)
    held.release()
    assert sorted(second.begin(2)) == ["a", "b"]
    second.release()
    assert sorted(second.begin(4)) == ["a", "a", "b", "c"]
    workers.close()


def test_threads_beyond_the_usual_number_end() -> None:
    """(1.28)."""
    workers: Jobs = Workers(do, size=1, share=1, most=3)
    held = Held(workers)
    before = set(threading.enumerate())
    for sender in "abc":
        held.submit(sender, sender)
    held.begin(3)
    made = [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("mcp-call-")]
    assert len(made) == 3
    held.release()
    end = time.monotonic() + 20
    while sum(thread.is_alive() for thread in made) > 1:
        assert time.monotonic() < end
        time.sleep(0.01)
    held.submit("d", "d")  # the one that is left
    assert held.begin(1) == ["d"]
    workers.close()


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
    code = "import threading; from mcp_jupyter.server.runner import Workers; "
    code += "Workers(lambda event: event.wait()).submit(threading.Event()); print('over')"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True
    )
    assert ended.stdout == "over\n"
