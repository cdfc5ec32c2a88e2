# SPDX-License-Identifier: BSD-3-Clause
"""Every server scenario of the official suite: alone in a process, and live in a kernel behind Jupyter.

The suite runs once a version and server, as its users run it; each scenario's checks are then a test.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal

from tests.conftest import JupyterDirs, isolated_jupyter
from tests.live.parts import jupyter_server

from .conftest import HERE, Suite, checks_of
from .proxy import authorised
from .scenarios import SCENARIOS, SELF_SKIPPED, UNDECLARED, listing, selection

RUN_SECONDS = 100
ROOT = HERE.parent.parent
_NOTHING_EXPECTED_TO_FAIL = "server: []\nclient: []\n"
_SAYS_NOTHING = "wire-schema-valid"  # passes with a dead port
_FILL = f"""%load_ext mcp_jupyter
import sys
sys.path.insert(0, {str(ROOT)!r})
from mcp_jupyter.ipython_extension import engine_of
from tests.conformance.fixture_server import fill
fill(engine_of(get_ipython()).server)"""

CASES = [(version, scenario) for version, scenarios in SCENARIOS.items() for scenario in scenarios]


@contextmanager
def alone(dirs: JupyterDirs) -> Iterator[str]:
    """FastMCP over HTTP in a process of its own."""
    command = [sys.executable, "-m", "tests.conformance.fixture_server"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=dirs.environ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@contextmanager
def live(dirs: JupyterDirs) -> Iterator[str]:
    """A notebook's kernel, through the machine door of a Jupyter Server."""
    with (
        jupyter_server(dirs) as server,
        server.notebook("conformance.ipynb", _FILL),
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(
            authorised(server.endpoint("conformance"), server.token("conformance"))
        ) as url,
    ):
        yield url


@pytest.fixture(scope="module", params=[alone, live], ids=["alone", "live"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where the suite finds the fixture server."""
    with isolated_jupyter() as dirs, request.param(dirs) as url:
        yield url


class Run:
    """One run of the suite: how it ended, and the checks of each scenario."""

    def __init__(self, done: subprocess.CompletedProcess[str], folder: Path) -> None:
        self.done = done
        self.checks: dict[str, list[dict[str, Any]]] = {}
        for one in folder.iterdir():
            name = re.fullmatch(r"server-(.+?)-\d{4}-\d\d-\d\dT.*", one.name)
            assert name, one
            self.checks[name[1]] = checks_of(one)


@pytest.fixture(scope="module")
def run(url: str, suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Run]:
    """Runs the suite at a version, once."""
    runs: dict[str, Run] = {}

    def run_once(version: str) -> Run:
        if version not in runs:
            folder = tmp_path_factory.mktemp(version)
            baseline = folder / "baseline.yml"
            baseline.write_text(_NOTHING_EXPECTED_TO_FAIL)
            out = folder / "out"
            options = ["--expected-failures", str(baseline), "-o", str(out)]
            done = suite.run("server", "--url", url, *selection(version), *options, timeout=RUN_SECONDS)
            runs[version] = Run(done, out)
        return runs[version]

    return run_once


@pytest.mark.parametrize("version", SCENARIOS)
def test_the_suite_is_satisfied_with(version: str, run: Callable[[str], Run]) -> None:
    done = run(version).done
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]


@pytest.mark.parametrize(("version", "scenario"), CASES)
def test_scenario(version: str, scenario: str, run: Callable[[str], Run]) -> None:
    checks = run(version).checks[scenario]
    bad = [check for check in checks if check["status"] not in ("SUCCESS", "INFO")]
    if scenario in SELF_SKIPPED:
        assert [check["status"] for check in bad] == ["SKIPPED"]
        return
    assert not bad, "\n".join(
        f"{check['id']}: {check.get('errorMessage')} {check.get('details')}" for check in bad
    )
    # A scenario that found nothing to check is green as well, and says nothing.
    assert {check["id"] for check in checks if check["status"] == "SUCCESS"} - {_SAYS_NOTHING}


@pytest.mark.parametrize("scenario", UNDECLARED)
def test_an_extension_that_is_not_declared_is_not_tested(
    scenario: str, url: str, suite: Suite, tmp_path: Path
) -> None:
    done = suite.run("server", "--url", url, "--scenario", scenario, "-o", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    said = {check["status"] for check in checks_of(tmp_path) if check["id"] != _SAYS_NOTHING}
    assert said == {"SKIPPED"}


@pytest.mark.parametrize("version", SCENARIOS)
def test_no_scenario_is_forgotten(version: str, suite: Suite) -> None:
    options = selection(version)
    listed = suite.run("list", *(options if options[0] == "--requirements" else ("--server", *options[2:])))
    assert listing(listed.stdout) == set(SCENARIOS[version])
