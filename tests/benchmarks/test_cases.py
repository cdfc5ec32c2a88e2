# SPDX-License-Identifier: BSD-3-Clause
"""The command that compares."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.cases import CASES, Case

ROOT = Path(__file__).parents[2]
SECONDS = 115


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_both_sides_of_a_case_do_their_work(case: Case) -> None:
    command = [sys.executable, "-m", "benchmarks", "--quick", case.name]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS)
    # 1 says that a target was missed, which on a busy machine says nothing.
    assert done.returncode in (0, 1), done.stderr
    assert done.stdout.splitlines()[-1].startswith(case.title)


def test_a_case_that_is_not_there_is_named() -> None:
    command = [sys.executable, "-m", "benchmarks", "nonsense"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 2
    assert "there is no case nonsense" in done.stderr
