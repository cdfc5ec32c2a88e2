# SPDX-License-Identifier: BSD-3-Clause
"""A bounded set of daemon threads for calls declared concurrent, shared fairly between those who call.

Not `concurrent.futures`: its threads are joined when the interpreter ends, and a tool that never
returns would keep the process from ending. Knows nothing of what a job is.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Generic, TypeVar

__all__ = ["MAX_THREADS", "MAX_WORKERS", "WORKER_SHARE", "Workers"]

T = TypeVar("T")

MAX_WORKERS: Final = 32
"""Threads that one principal may have while nobody else waits: a thread cannot be stopped, so those that hang
add up; past this, calls wait."""

WORKER_SHARE: Final = 16
"""Threads that a principal gets even when others have taken the rest, half of `MAX_WORKERS`."""

MAX_THREADS: Final = 64
"""Threads in all. Beyond `MAX_WORKERS` they are for principals within their share: a thread that hangs cannot
be taken from its principal, and must not keep the others waiting."""


class Workers(Generic[T]):
    """Does jobs at once while there is a thread, else one principal's in order of arrival.

    A thread that becomes free takes a job of the principal with the fewest threads. Any thread may use this.
    The queue has the bound of those who submit: what is withdrawn leaves it.

    Parameters
    ----------
    work : callable
        Does one job. Must not raise.
    size, share, most : int
        Threads for anybody, for a principal whatever the others hold, and in all.
    """

    def __init__(
        self,
        work: Callable[[T], None],
        *,
        size: int = MAX_WORKERS,
        share: int = WORKER_SHARE,
        most: int = MAX_THREADS,
    ) -> None:
        self._work = work
        self._size, self._share, self._most = size, share, most
        self._changed = threading.Condition()
        self._jobs: dict[str, deque[T]] = {}  # by sender; none is empty
        self._busy: Counter[str] = Counter()  # threads by sender
        self._idle = 0
        self._count = 0
        self._made = 0
        self._closed = False

    def submit(self, job: T, sender: str = "") -> None:
        """Have the job done; never waits for it.

        Parameters
        ----------
        sender : str
            The principal whose job it is.
        """
        with self._changed:
            jobs = self._jobs.setdefault(sender, deque())
            jobs.append(job)
            is_within_share = self._busy[sender] + len(jobs) <= self._share
            if self._waiting <= self._idle or self._count >= (self._most if is_within_share else self._size):
                self._changed.notify()
                return
            self._count += 1
            self._made += 1
            thread = threading.Thread(target=self._run, name=f"mcp-call-{self._made}", daemon=True)
        # As ipykernel does with its own threads: a breakpoint must not stop them all.
        thread.pydev_do_not_trace = True  # type: ignore[attr-defined]
        thread.is_pydev_daemon_thread = True  # type: ignore[attr-defined]
        thread.start()

    def withdraw(self, job: T) -> None:
        """Forget a job that waits."""
        with self._changed:
            for sender, jobs in list(self._jobs.items()):
                with suppress(ValueError):
                    jobs.remove(job)
                    if not jobs:
                        del self._jobs[sender]

    def close(self) -> None:
        """Let the threads end, each after the job it is doing."""
        with self._changed:
            self._closed = True
            self._jobs.clear()
            self._changed.notify_all()

    @property
    def _waiting(self) -> int:
        return sum(map(len, self._jobs.values()))

    def _run(self) -> None:
        sender: str | None = None
        while (taken := self._take(sender)) is not None:
            job, sender = taken
            self._work(job)
            del job, taken  # not kept until the next one

    def _take(self, done: str | None) -> tuple[T, str] | None:
        """Wait for a job; None when the thread is to end.

        Parameters
        ----------
        done : str, optional
            Whose job this thread has just done.
        """
        with self._changed:
            if done is not None:
                self._busy[done] -= 1
                if not self._busy[done]:
                    del self._busy[done]
            self._idle += 1
            while (sender := self._next()) is None:
                if self._closed or self._count > self._size:
                    self._count -= 1
                    self._idle -= 1
                    return None
                self._changed.wait()
            self._idle -= 1
            self._busy[sender] += 1
            jobs = self._jobs.pop(sender)
            job = jobs.popleft()
            if jobs:
                self._jobs[sender] = jobs  # behind the others
            return job, sender

    def _next(self) -> str | None:
        """Whose job comes next: of those who may have a thread, the one with the fewest."""
        is_full = self._busy.total() >= self._size
        may = [sender for sender in self._jobs if not is_full or self._busy[sender] < self._share]
        return min(may, key=self._busy.__getitem__, default=None)
