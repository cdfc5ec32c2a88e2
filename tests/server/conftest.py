# SPDX-License-Identifier: BSD-3-Clause
"""Processes of `stdio_server.py`; and which tests `make unit` leaves out.

`make unit` installs neither Dask nor ipyparallel, and goes without their tests; `make test` has both.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from .stdio_peer import Peer

NEEDED = {"test_dask.py": "distributed", "test_ipyparallel.py": "ipyparallel"}

collect_ignore = [
    file
    for file, package in NEEDED.items()
    if find_spec(package) is None and not os.environ.get("MCP_JUPYTER_REQUIRE_ALL")
]


@pytest.fixture
def peers() -> Iterator[Any]:
    started = []

    def start(*args: str) -> Peer:
        started.append(Peer(*args))
        return started[-1]

    yield start
    for peer in started:
        peer.stop()
