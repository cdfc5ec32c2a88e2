# SPDX-License-Identifier: BSD-3-Clause
"""Reads all pages of a frame and says what memory that took: `python -m tests.server.content.pages LIBRARY`.

In a process of its own, whose memory nothing else grows: polars and pyarrow have allocators that Python's
`tracemalloc` does not see. Prints a JSON object: by format, the bytes resident before the first page, the
fewest after any page, and the most at any moment.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from mcp_jupyter.server.content.resources import read_rows

ROWS = 2_000_000
PAGE = 10_000
FORMATS = ("csv", "arrow", "parquet")
MAKERS = {"pandas": "DataFrame", "polars": "DataFrame", "pyarrow": "table"}
PROC = Path("/proc/self")


def resident(name: str) -> int:
    """Bytes, by the kernel's name for them: VmRSS is now, VmHWM the most there were."""
    return int((PROC / "status").read_text().split(f"{name}:")[1].split()[0]) * 1024


def frame_of(library: str, rows: int) -> Any:
    make = getattr(importlib.import_module(library), MAKERS[library])
    return make({"n": np.arange(rows), "s": np.arange(rows).astype(str)})


def read(frame: Any, form: Any) -> int:
    """Read all pages; the fewest bytes resident after one."""
    fewest = sys.maxsize
    for offset in range(0, len(frame), PAGE):
        page = read_rows(frame, offset, PAGE, format=form)
        assert page.meta is not None
        assert page.meta["rows"] == PAGE
        if form == "csv":
            assert isinstance(page.data, str)
            assert page.data.startswith(f"n,s\n{offset},{offset}\n")
            assert page.data.endswith(f"\n{offset + PAGE - 1},{offset + PAGE - 1}\n")
        fewest = min(fewest, resident("VmRSS"))
    return fewest


def main(library: str) -> None:
    frame, short = frame_of(library, ROWS), frame_of(library, 2 * PAGE)
    found = {}
    for form in FORMATS:
        read(short, form)  # what a library imports and keeps for good is no page's
        before = resident("VmRSS")
        (PROC / "clear_refs").write_text("5")  # the most is from now on
        found[form] = before, read(frame, form), resident("VmHWM")
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
