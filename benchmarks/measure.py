# SPDX-License-Identifier: BSD-3-Clause
"""Two sides of a case, measured in turns, so that drift of the machine cancels. Knows no protocol."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

from .cases import Case
from .workloads import Workload

__all__ = ["Measured", "Side", "measure"]


@dataclass
class Side:
    """What one side took.

    Attributes
    ----------
    cpu : list of float
        Processor time of a single time, in seconds; one entry a round.
    wall : list of float
        How long a single time took, in seconds; one entry a time.
    """

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def round(self, work: Workload, times: int) -> None:
        """Do it so often, and keep what it took."""
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
        """Time taken, median, in milliseconds."""
        return statistics.median(self.wall) * 1000


@dataclass(frozen=True)
class Measured:
    """What came of a case."""

    case: Case
    ours: Side
    peer: Side

    @property
    def ratio(self) -> float:
        """How many times less processor time ours took; median of the rounds."""
        return statistics.median(peer / ours for ours, peer in zip(self.ours.cpu, self.peer.cpu, strict=True))

    @property
    def met(self) -> bool:
        """Whether that is as good as it shall be."""
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
            work.run(max(1, times // 4))  # the first times build what the later ones use
        for _ in range(rounds):
            ours.round(our_work, times)
            peer.round(peer_work, times)
    return Measured(case, ours, peer)
