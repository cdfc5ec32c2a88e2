# SPDX-License-Identifier: BSD-3-Clause
"""What several tests of the command line need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_jupyter.client.config.hosts import HOSTS
from mcp_jupyter.ipc.rendezvous import announce, callback_under, withdraw
from tests.conftest import JupyterDirs

VARIABLES = (
    *("CLAUDE_CONFIG_DIR", "CODEX_HOME", "GEMINI_CLI_HOME", "QWEN_HOME", "COPILOT_HOME"),
    *("CLINE_MCP_SETTINGS_PATH", "CONTINUE_GLOBAL_DIR"),
)


@pytest.fixture
def jupyter_url(jupyter_dirs: JupyterDirs) -> Iterator[str]:
    """The URL of a Jupyter Server that runs: this process, as far as the command line can see."""
    announce(callback_under("http://localhost:8899/user/ann"), jupyter_dirs.runtime)
    yield "http://localhost:8899/user/ann/mcp-jupyter/"
    withdraw(jupyter_dirs.runtime)


@pytest.fixture
def home(jupyter_dirs: JupyterDirs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home where every host has been started once."""
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("APPDATA", str(home / "config"))
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    for host in HOSTS.values():
        host.locate().parent.mkdir(parents=True, exist_ok=True)
    return home
