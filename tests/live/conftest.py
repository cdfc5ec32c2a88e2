# SPDX-License-Identifier: BSD-3-Clause
"""One Jupyter Server for a module's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import JupyterDirs

from .parts import JupyterServer, jupyter_server


@pytest.fixture(scope="module")
def jupyter(module_jupyter_dirs: JupyterDirs) -> Iterator[JupyterServer]:
    """A Jupyter Server with the extension, in a process of its own."""
    with jupyter_server(module_jupyter_dirs) as server:
        yield server
