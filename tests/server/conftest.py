# SPDX-License-Identifier: BSD-3-Clause
"""`make unit` installs neither Dask nor ipyparallel, and goes without their tests; `make test` has both."""

from __future__ import annotations

import os
from importlib.util import find_spec

NEEDED = {"test_dask.py": "distributed", "test_ipyparallel.py": "ipyparallel"}

collect_ignore = [
    file
    for file, package in NEEDED.items()
    if find_spec(package) is None and not os.environ.get("MCP_JUPYTER_REQUIRE_ALL")
]
