# SPDX-License-Identifier: BSD-3-Clause
"""Notebooks with recorded calls under nbval, nbmake and papermill: recorded with a server, run without."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mcp_jupyter.notebook_client.connections import notebook_in
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


@pytest.mark.parametrize(
    "command",
    [
        (*PAPERMILL, "--inject-paths"),
        PAPERMILL,
        ("jupyter", "execute", "--output=out.ipynb", "trip.ipynb"),
        ("jupyter", "nbconvert", "--to", "notebook", "--execute", "trip.ipynb", "--output", "out.ipynb"),
    ],
    ids=["papermill with paths", "papermill", "jupyter execute", "nbconvert"],
)
def test_programs_that_run_notebooks_find_the_recording(recorded, command):
    """Also those that do not tell the kernel which notebook it runs (1.37)."""
    ran = recorded.run(*command, MCP_JUPYTER_CASSETTES="replay")
    assert ran.returncode == 0, ran.stderr
    out = recorded.root / "out.ipynb"
    assert '"celsius": 5' in out.read_text().replace("'", '"')
    out.unlink()


def test_a_recording_that_cannot_be_found_is_asked_for_with_the_command_that_works(recorded):
    """Of two notebooks in one command it is not known which one a kernel runs (1.37)."""
    recorded.write("other.ipynb", (recorded.root / "trip.ipynb").read_text())
    ran = recorded.run("jupyter", "execute", "trip.ipynb", "other.ipynb", MCP_JUPYTER_CASSETTES="replay")
    assert ran.returncode != 0
    assert "--cassette FILE" in ran.stderr
    assert "pytest --nbmake --mcp-cassettes=record NOTEBOOK.ipynb" in ran.stderr


@pytest.mark.parametrize(
    ("line", "notebook"),
    [
        ("python -m papermill in.ipynb out.ipynb -p note x.ipynb", "in.ipynb"),
        ("/venv/bin/python /venv/bin/papermill -p a b.ipynb in.ipynb -", "in.ipynb"),
        ("/venv/bin/python /venv/bin/jupyter-execute --output=a.ipynb in.ipynb", "in.ipynb"),
        ("python -m nbconvert --execute --output out.ipynb in.ipynb", "in.ipynb"),
        ("C:\\venv\\Scripts\\jupyter-execute.exe in.ipynb", "in.ipynb"),
        ("jupyter-execute a.ipynb b.ipynb", None),
        ("jupyter-nbconvert --execute *.ipynb a.ipynb", None),
        ("jupyter-lab in.ipynb", None),
        ("python script.py papermill.py in.ipynb", None),
        ("", None),
    ],
)
def test_the_notebook_is_read_from_a_command_line(line, notebook):
    assert notebook_in(line.split()) == notebook


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
