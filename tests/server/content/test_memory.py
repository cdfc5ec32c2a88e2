# SPDX-License-Identifier: BSD-3-Clause
"""What memory a long frame takes that is read page by page, whichever library's allocator it comes from."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .pages import FORMATS, MAKERS, PROC

ROOT = Path(__file__).parent.parent.parent.parent
FLAT_BYTES = 12 * 2**20
"""More than a page takes in any library (Parquet: 8 MB), less than one column has (16 MB)."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (PROC / "clear_refs").exists(), reason="reads what Linux says of a process"),
]


@pytest.mark.parametrize("library", MAKERS)
def test_two_million_rows_page_by_page_take_the_memory_of_a_page(library):
    command = [sys.executable, "-m", "tests.server.content.pages", library]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert list(found) == list(FORMATS)
    for form, (before, fewest, most) in found.items():
        assert most - min(before, fewest) < FLAT_BYTES, (form, before, fewest, most)
