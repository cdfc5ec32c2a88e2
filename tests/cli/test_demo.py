# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp demo`: the whole way, with a real Jupyter Server and a real kernel."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mcp_jupyter.cli.demo import _find_notebook, _stopped_by_signals
from tests.conftest import JupyterDirs

from .support import JUPYTER_MCP

SECONDS = 110


@contextmanager
def demo(dirs: JupyterDirs, *args: str, **environ: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [JUPYTER_MCP, "demo", *args],
        env=dirs.environ | {"TMPDIR": str(dirs.root), **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=SECONDS)


def leftovers(dirs: JupyterDirs) -> list[str]:
    """What a demo may leave behind, apart from the secret that all Jupyter Servers of a user share."""
    runtime = [path.name for path in dirs.runtime.iterdir() if path.name != "jupyter_cookie_secret"]
    return runtime + [path.name for path in dirs.root.glob("jupyter-mcp-*")]


@pytest.mark.slow
def test_once_goes_the_whole_way_and_ends(jupyter_dirs: JupyterDirs) -> None:
    with demo(jupyter_dirs, "--once") as process:
        shown, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, errors
    for words in (
        "protocol version 2025-11-25",
        "protocol version 2026-07-28",
        "top_customers(n=3) answers",
        "notebook://variables/sales holds",
        "Curie",
        "Claude Code",
        "Claude Desktop",
        "VS Code",
        "Cursor",
    ):
        assert words in shown
    token = re.search(r"mcpj_[a-z2-7]{8}_[\w-]{43}", shown)
    assert token is not None
    with_token = [line for line in shown.splitlines() if token[0] in line]
    assert all("Authorization" in line for line in with_token)
    assert leftovers(jupyter_dirs) == []
    assert list(jupyter_dirs.config.iterdir()) == []
    assert not (jupyter_dirs.data / "mcp_jupyter").exists()


@pytest.mark.slow
def test_it_serves_until_ctrl_c(jupyter_dirs: JupyterDirs) -> None:
    with demo(jupyter_dirs) as process:
        assert process.stdout is not None
        while (line := process.stdout.readline()) != "Serving until Ctrl-C.\n":
            assert line, process.communicate()[1]
        listed = subprocess.run(
            [JUPYTER_MCP, "list"], env=jupyter_dirs.environ, capture_output=True, text=True, check=True
        )
        assert "quickstart" in listed.stdout
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    assert leftovers(jupyter_dirs) == []


@pytest.mark.slow
def test_a_step_that_fails_is_named(jupyter_dirs: JupyterDirs) -> None:
    # A kernel without pandas, as where the extra was not installed.
    (jupyter_dirs.root / "pandas.py").write_text("raise ModuleNotFoundError(\"No module named 'pandas'\")")
    with demo(jupyter_dirs, "--once", PYTHONPATH=str(jupyter_dirs.root)) as process:
        _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert "quickstart.ipynb failed: ModuleNotFoundError" in errors
    assert "jupyter-mcp-engine[lab]" in errors
    assert "Traceback" not in errors
    assert leftovers(jupyter_dirs) == []


@pytest.mark.slow
def test_a_server_that_does_not_start_shows_its_log(jupyter_dirs: JupyterDirs) -> None:
    (jupyter_dirs.root / "tornado.py").write_text("raise SystemExit('no server today')")
    started = time.monotonic()
    with demo(jupyter_dirs, "--once", PYTHONPATH=str(jupyter_dirs.root)) as process:
        _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert "did not start" in errors
    assert "no server today" in errors
    assert time.monotonic() - started < 60
    assert leftovers(jupyter_dirs) == []


LATE = """
import json, os, pathlib, signal, sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer
server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler, bind_and_activate=False)
server.server_bind()
info = {"url": "http://127.0.0.1:%d/" % server.server_address[1]}
file = pathlib.Path(os.environ["JUPYTER_RUNTIME_DIR"], "jpserver-%d.json" % os.getpid())
file.write_text(json.dumps(info))
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
try:
    time.sleep(1)  # a busy machine
    if os.environ.get("NEVER"):
        sys.exit("no port today")
    server.server_activate()
    server.serve_forever()
finally:
    file.unlink()
"""
"""A server that says where it is before it listens there, and then understands no request."""


@pytest.mark.parametrize(
    ("environ", "words"),
    [({}, "The Jupyter Server answered POST api/sessions with 501"), ({"NEVER": "1"}, "no port today")],
)
def test_a_server_is_asked_once_its_port_listens(
    jupyter_dirs: JupyterDirs, environ: dict[str, str], words: str
) -> None:
    """The file that says where it is comes first (1.40)."""
    (jupyter_dirs.root / "jupyterlab.py").write_text(LATE)
    with demo(jupyter_dirs, "--once", PYTHONPATH=str(jupyter_dirs.root), **environ) as process:
        _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert words in errors
    assert leftovers(jupyter_dirs) == []


def test_sigterm_is_as_good_as_ctrl_c() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), _stopped_by_signals():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_notebook_is_found() -> None:
    assert _find_notebook().is_file()
