# SPDX-License-Identifier: BSD-3-Clause
"""A bounded set of daemon threads for calls declared concurrent.

Not `concurrent.futures`: its threads are joined when the interpreter ends, and a tool that never
returns would keep the process from ending. Knows nothing of what a job is.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Generic, TypeVar

__all__ = ["MAX_WORKERS", "Workers"]

T = TypeVar("T")

MAX_WORKERS: Final = 32
"""Threads at most: a thread cannot be stopped, so those that hang add up; past this, calls wait."""


class Workers(Generic[T]):
    """Does each job at once while fewer than `MAX_WORKERS` are being done, else in order of arrival.

    Any thread. The queue has the bound of those who submit: what is withdrawn leaves it.

    Parameters
    ----------
    work : callable
        Does one job. Must not raise.
    """

    def __init__(self, work: Callable[[T], None]) -> None:
        self._work = work
        self._changed = threading.Condition()
        self._jobs: deque[T] = deque()
        self._idle = 0
        self._count = 0
        self._closed = False

    def submit(self, job: T) -> None:
        """Have the job done; never waits for it."""
        with self._changed:
            self._jobs.append(job)
            if len(self._jobs) <= self._idle or self._count == MAX_WORKERS:
                self._changed.notify()
                return
            self._count += 1
            thread = threading.Thread(target=self._run, name=f"mcp-call-{self._count}", daemon=True)
        # As ipykernel does with its own threads: a breakpoint must not stop them all.
        thread.pydev_do_not_trace = True  # type: ignore[attr-defined]
        thread.is_pydev_daemon_thread = True  # type: ignore[attr-defined]
        thread.start()

    def withdraw(self, job: T) -> None:
        """Forget a job that waits."""
        with self._changed, suppress(ValueError):
            self._jobs.remove(job)

    def close(self) -> None:
        """Let the threads end, each after the job it is doing."""
        with self._changed:
            self._closed = True
            self._jobs.clear()
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._idle += 1
                self._changed.wait_for(lambda: self._jobs or self._closed)
                self._idle -= 1
                if self._closed:
                    return
                job = self._jobs.popleft()
            self._work(job)
            del job  # not kept until the next one
