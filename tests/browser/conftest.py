# SPDX-License-Identifier: BSD-3-Clause
"""A real JupyterLab and a real browser. Knows how to start and stop both, nothing of what is tested."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.conftest import JupyterDirs, absent

START_SECONDS = 60  # JupyterLab with cold caches on a busy two-core machine needs up to half of it
STOP_SECONDS = 20  # kernels get a moment to end before the server does
PAGE_MILLISECONDS = 60_000  # the first load of JupyterLab's scripts
EXPECT_MILLISECONDS = (
    30_000  # what a person sees within a second or two, on a machine with nothing else to do
)

CHROMIUM_FLAGS = [
    "--no-sandbox",  # CI runs as root in a container; every page is our own
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
]


@dataclass(frozen=True)
class Jupyter:
    """A running Jupyter Server."""

    url: str
    token: str
    notebooks: Path

    def page(self, path: str) -> str:
        """The address of a page, with the token that logs the browser in."""
        return f"{self.url}{path}?token={self.token}"

    def wait_for_kernel(self, path: str) -> None:
        """Wait until a notebook that was opened in a browser is connected to its kernel."""
        # The page is no help: it shows "idle" before there is a kernel, and a cell run then asks for one.
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            for session in self._get("api/sessions"):
                kernel = session["kernel"]
                if session["path"] == path and kernel["connections"] and kernel["execution_state"] == "idle":
                    return
            time.sleep(0.05)
        raise TimeoutError(f"{path} has no kernel after {START_SECONDS} s")

    def token_for(self, label: str) -> str:
        """A token that opens every notebook, and all that it has."""
        wanted = {"label": label, "servers": ["*"], "tools": ["*"], "resources": ["*"], "prompts": ["*"]}
        made: dict[str, str] = self._get("mcp-jupyter/api/tokens", json.dumps(wanted).encode())
        return made["token"]

    def _get(self, path: str, body: bytes | None = None) -> Any:
        headers = {"Authorization": f"token {self.token}", "Content-Type": "application/json"}
        with urlopen(Request(self.url + path, body, headers), timeout=START_SECONDS) as response:
            return json.load(response)


@contextmanager
def run_jupyter(dirs: JupyterDirs, *options: str) -> Iterator[Jupyter]:
    """Start `jupyter lab` on a free port with the given options, and stop it at the end."""
    _write_settings(dirs.config)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ServerApp.port=0", *options]
    command += [f"--ServerApp.root_dir={dirs.notebooks}"]
    if os.geteuid() == 0:
        command += ["--allow-root"]
    log_path = dirs.root / "jupyter.log"
    with log_path.open("w") as log:
        process = subprocess.Popen(
            command, cwd=dirs.notebooks, env=dirs.environ, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        url, token = _wait_until_announced(process, dirs.runtime, log_path)
        yield Jupyter(url, token, dirs.notebooks)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def _write_settings(config: Path) -> None:
    """Make the page wait for nobody, and for a slow kernel."""
    settings = {
        # It asks the person about news, and the question covers the page.
        "labconfig/page_config.json": {
            "disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}
        },
        # After a second JupyterLab would show what Tab completes without what the kernel says.
        "lab/user-settings/@jupyterlab/completer-extension/manager.jupyterlab-settings": {
            "providerTimeout": EXPECT_MILLISECONDS
        },
    }
    for name, content in settings.items():
        file = config / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content))


def _wait_until_announced(process: subprocess.Popen[bytes], runtime: Path, log: Path) -> tuple[str, str]:
    """Wait for the file in which a Jupyter Server says where it is, written once it listens."""
    info_file = runtime / f"jpserver-{process.pid}.json"
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"jupyter lab ended with {process.returncode}:\n{log.read_text()}")
        try:
            info = json.loads(info_file.read_text())
        except (FileNotFoundError, json.JSONDecodeError):  # not there yet, or half written
            time.sleep(0.05)
        else:
            return info["url"], info["token"]
    raise TimeoutError(f"jupyter lab did not start in {START_SECONDS} s:\n{log.read_text()}")


@pytest.fixture(scope="module")
def jupyter(module_jupyter_dirs: JupyterDirs) -> Iterator[Jupyter]:
    """A JupyterLab with everything that the install enabled."""
    with run_jupyter(module_jupyter_dirs) as server:
        yield server


# Of a module's scope, not longer: playwright keeps an event loop running in this thread while it is open, and
# asyncio tests of other modules could not run beside it.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's chromium; absent, the tests are skipped unless MCP_JUPYTER_REQUIRE_ALL is set."""
    chromium = shutil.which("chromium")
    if chromium is None:
        absent("chromium", "chromium")
    with sync_playwright() as playwright:
        expect.set_options(timeout=EXPECT_MILLISECONDS)
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@contextmanager
def window(browser: Browser, *, height: int = 800) -> Iterator[Page]:
    """A fresh window without cookies; an uncaught error in the panel's own scripts fails the test."""
    with browser.new_context(viewport={"width": 1280, "height": height}) as context:
        page = context.new_page()
        page.set_default_timeout(PAGE_MILLISECONDS)
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(error.stack or str(error)))
        yield page
    assert [error for error in errors if "extensions/mcp-jupyter" in error] == []


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A window for one test."""
    with window(browser) as page:
        yield page
