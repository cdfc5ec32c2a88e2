# SPDX-License-Identifier: BSD-3-Clause
"""The command: ``python -m benchmarks [--quick] [CASE ...]``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Final

from .cases import CASES
from .measure import Measured, measure

__all__ = ["main"]

ROUNDS: Final = 7
QUICK_ROUNDS: Final = 2
QUICK_SHARE: Final = 10

_ROW: Final = "{:<33}{:>10}{:>10}{:>8}{:>8}  {:<4}{:>10}{:>10}"
_HEAD: Final = ("", "ours", "SDK", "ratio", "target", "met", "ours p50", "SDK p50")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run cases and print a line for each; return 1 if a target is missed, else 0."""
    names = [case.name for case in CASES]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(names)}; all when left out")
    parser.add_argument("--quick", action="store_true", help="a short run, for a first impression")
    options = parser.parse_args(arguments)
    if unknown := set(options.cases) - set(names):
        parser.error(f"there is no case {', '.join(sorted(unknown))}")
    print("Milliseconds each time: processor time of the measured processes, and p50 of the time taken.")
    print(_ROW.format(*_HEAD), flush=True)
    missed = 0
    for case in CASES:
        if not options.cases or case.name in options.cases:
            rounds, share = (QUICK_ROUNDS, QUICK_SHARE) if options.quick else (ROUNDS, 1)
            measured = measure(case, rounds, -(-case.times // share))
            print(_row(measured), flush=True)
            missed += not measured.met
    return 1 if missed else 0


def _row(measured: Measured) -> str:
    ours, peer = measured.ours, measured.peer
    return _ROW.format(
        measured.case.title,
        f"{ours.cpu_ms:.2f}",
        f"{peer.cpu_ms:.2f}",
        f"{measured.ratio:.1f}x",
        f"{measured.case.target:g}x",
        "yes" if measured.met else "no",
        f"{ours.wall_ms:.2f}",
        f"{peer.wall_ms:.2f}",
    )


if __name__ == "__main__":
    sys.exit(main())
