# SPDX-License-Identifier: BSD-3-Clause
"""Measure the two sides of a case in turns, so that drift of the machine cancels."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

from .cases import Case
from .workloads import Workload

__all__ = ["Measured", "Side", "measure"]


@dataclass
class Side:
    """The measurements of one side.

    Attributes
    ----------
    cpu : list of float
        Processor time of one repetition, in seconds; one entry per round.
    wall : list of float
        Elapsed time of one repetition, in seconds; one entry per repetition.
    """

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def round(self, work: Workload, times: int) -> None:
        """Do the work `times` times and record processor time and elapsed times."""
        before = work.cpu_seconds()
        taken = work.run(times)
        self.cpu.append((work.cpu_seconds() - before) / len(taken))
        self.wall += taken

    @property
    def cpu_ms(self) -> float:
        """Processor time, median of the rounds, in milliseconds."""
        return statistics.median(self.cpu) * 1000

    @property
    def wall_ms(self) -> float:
        """Elapsed time, median, in milliseconds."""
        return statistics.median(self.wall) * 1000


@dataclass(frozen=True)
class Measured:
    """The result of a case."""

    case: Case
    ours: Side
    peer: Side

    @property
    def ratio(self) -> float:
        """The peer's processor time divided by ours; median of the rounds."""
        return statistics.median(peer / ours for ours, peer in zip(self.ours.cpu, self.peer.cpu, strict=True))

    @property
    def met(self) -> bool:
        """Whether the ratio reaches the target."""
        return self.ratio >= self.case.target


def measure(case: Case, rounds: int, times: int) -> Measured:
    """Measure both sides of a case.

    Parameters
    ----------
    rounds : int
        How often the sides take turns.
    times : int
        How often a side does its work in each of its turns.
    """
    ours, peer = Side(), Side()
    with case.ours() as our_work, case.peer() as peer_work:
        for work in (our_work, peer_work):
            work.run(max(1, times // 4))  # warm up: the first repetitions fill caches
        for _ in range(rounds):
            ours.round(our_work, times)
            peer.round(peer_work, times)
    return Measured(case, ours, peer)
