# SPDX-License-Identifier: BSD-3-Clause
"""The orchard as each host is told of it, and one visit of each host."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from tests.cli.support import JUPYTER_MCP
from tests.conftest import JupyterDirs
from tests.live.parts import JupyterServer, jupyter_server

from .fake_model import fake_model
from .installed import installed, run_host
from .programs import HOSTS, SERVER, Server, Setup
from .visit import Visit

NOTEBOOK = Path(__file__).with_name("orchard.ipynb")
TRANSPORTS = ("attach", "run", "http")

_QUICK = (("claude", "http"), ("codex", "run"), ("gemini", "attach"))
"""Three hosts, each over another transport: what runs with all other tests."""


def _visits() -> list[tuple[str, str]]:
    """`MCP_JUPYTER_HOSTS` chooses: "all", or "claude,codex@http"."""
    chosen = os.environ.get("MCP_JUPYTER_HOSTS")
    if not chosen:
        return list(_QUICK)
    pairs = []
    for one in HOSTS if chosen == "all" else chosen.split(","):
        host, _, transport = one.partition("@")
        pairs += [(host, each) for each in ([transport] if transport else TRANSPORTS)]
    return pairs


@pytest.fixture(scope="module")
def jupyter(module_jupyter_dirs: JupyterDirs) -> Iterator[JupyterServer]:
    """A Jupyter Server in which the orchard is live."""
    cells = [cell.source for cell in nbformat.read(NOTEBOOK, 4).cells if cell.cell_type == "code"]
    with jupyter_server(module_jupyter_dirs) as server, server.notebook(NOTEBOOK.name, *cells):
        yield server


@pytest.fixture(scope="module", params=_visits(), ids="@".join)
def chosen(request: pytest.FixtureRequest) -> tuple[str, str]:
    """A host that is installed, and a transport."""
    name, transport = request.param
    installed(HOSTS[name])
    return name, transport


@pytest.fixture(scope="module")
def visit(chosen: tuple[str, str], jupyter: JupyterServer, tmp_path_factory: pytest.TempPathFactory) -> Visit:
    """What one host showed its model over one transport."""
    name, transport = chosen
    host = HOSTS[name]
    seen = Visit(host, f"fruit_of_{name.replace('-', '_')}_{transport}")
    with fake_model(seen.play) as model:
        run_host(host, Setup(tmp_path_factory.mktemp(name), model, _server(transport, jupyter)))
    return seen


def _server(transport: str, jupyter: JupyterServer) -> Server:
    if transport == "http":
        authorization = f"Bearer {jupyter.token(SERVER)}"
        return Server(url=jupyter.endpoint(SERVER), headers={"Authorization": authorization})
    # Hosts pass little of their environment on, each another part.
    settings = [f"{variable}={value}" for variable, value in jupyter.dirs.settings.items()]
    command = ("attach", SERVER) if transport == "attach" else ("run", str(NOTEBOOK))
    return Server(("/usr/bin/env", *settings, JUPYTER_MCP, *command))
