# SPDX-License-Identifier: BSD-3-Clause
"""Notebooks with recorded calls under nbval, nbmake and papermill: recorded with a server, run without."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.testing.conftest import SERVER, Project, new_project

CELLS = (
    "%load_ext mcp_jupyter",
    "import sys\n%mcp_connect weather {sys.executable} weather_server.py",
    "weather.tools.forecast(city='Paris').data",
    "%mcp_call weather forecast city=Oslo",
)

PAPERMILL = ("papermill", "trip.ipynb", "out.ipynb", "--no-progress-bar")


@pytest.fixture(scope="module")
def recorded() -> Iterator[Project]:
    """A notebook that was run with its server, which is gone now."""
    with new_project() as project:
        server = project.write("weather_server.py", SERVER)
        project.execute(project.notebook("trip.ipynb", *CELLS), MCP_JUPYTER_CASSETTES="record")
        server.unlink()
        assert (project.root / "trip.cassette.json").exists()
        yield project


def test_nbval_compares_what_is_replayed(recorded):
    outcome = recorded.pytest("--nbval", "--mcp-cassettes=replay", "trip.ipynb")
    assert outcome.passed == tuple(f"Cell {number}" for number in range(4)), outcome.printed


def test_nbval_fails_where_the_recording_says_something_else(recorded):
    cassette = recorded.root / "trip.cassette.json"
    before = cassette.read_text()
    cassette.write_text(before.replace('"celsius": 5', '"celsius": 6'))
    try:
        outcome = recorded.pytest("--nbval", "trip.ipynb", MCP_JUPYTER_CASSETTES="replay")
    finally:
        cassette.write_text(before)
    assert list(outcome.failed) == ["Cell 2"], outcome.printed


def test_nbmake_runs_what_is_replayed(recorded):
    outcome = recorded.pytest("--nbmake", "--mcp-cassettes=replay", "trip.ipynb")
    assert outcome.failed == {}, outcome.printed
    assert len(outcome.passed) == 1


def test_papermill_runs_what_is_replayed(recorded):
    ran = recorded.run(*PAPERMILL, "--inject-paths", MCP_JUPYTER_CASSETTES="replay")
    assert ran.returncode == 0, ran.stderr
    assert '"celsius": 5' in (recorded.root / "out.ipynb").read_text().replace("'", '"')


def test_papermill_without_its_paths_is_told_what_is_missing(recorded):
    ran = recorded.run(*PAPERMILL, MCP_JUPYTER_CASSETTES="replay")
    assert "give --cassette FILE" in ran.stderr


@pytest.mark.parametrize("runner", ["--nbval-lax", "--nbmake"])
@pytest.mark.parametrize("line", ["%mcp_call weather forecast town=Oslo", "%mcp_call weather gone"])
def test_a_line_whose_tool_or_argument_is_gone_fails(recorded, runner, line):
    notebook = recorded.notebook("gone.ipynb", *CELLS[:2], line)
    (recorded.root / "gone.cassette.json").write_text((recorded.root / "trip.cassette.json").read_text())
    outcome = recorded.pytest(runner, "--mcp-cassettes=replay", notebook.name)
    assert len(outcome.failed) == 1, outcome.printed


def test_without_a_mode_a_notebook_calls_its_server(recorded):
    outcome = recorded.pytest("--nbmake", "trip.ipynb")
    assert "weather_server.py" in outcome.printed
    assert outcome.passed == ()


@pytest.mark.parametrize("runner", ["--nbval-lax", "--nbmake"])
def test_a_run_of_pytest_records(project, runner):
    server = project.write("weather_server.py", SERVER)
    project.notebook("trip.ipynb", *CELLS)
    outcome = project.pytest(runner, "--mcp-cassettes=record", "trip.ipynb")
    assert outcome.failed == {}, outcome.printed
    server.unlink()
    outcome = project.pytest(runner, "--mcp-cassettes=replay", "trip.ipynb")
    assert outcome.failed == {}, outcome.printed
