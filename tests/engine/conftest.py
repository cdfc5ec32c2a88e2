# SPDX-License-Identifier: BSD-3-Clause
"""The engine runs on both of anyio's backends: the loop of kernels and of Jupyter Server, and trio."""

from __future__ import annotations

import pytest


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    backend: str = request.param
    return backend
