# SPDX-License-Identifier: BSD-3-Clause
"""`mcp_notebook`: a notebook is run, and its tools are called."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.testing.conftest import Outcome, Project, new_project

CELLS = (
    ("year = 2025", ["parameters"]),
    "%load_ext mcp_jupyter",
    "import pandas as pd\nsales = pd.DataFrame({'customer': ['Ada', 'Brahe'], 'revenue': [3, year]})",
    "%%mcp_tool\n"
    "def top_customers(n: int = 1) -> pd.DataFrame:\n"
    "    '''Who buys.'''\n"
    "    return sales.nlargest(n, 'revenue')",
    "%mcp_resource sales",
    "%%mcp_prompt summarise\nSummarise {region}.",
)

TESTS = """
import os
import pytest
from pathlib import Path
from mcp_jupyter.testing.notebooks import running_notebook

@pytest.fixture(scope="module")
def sales():
    with running_notebook(Path(__file__).with_name("analysis.ipynb")) as server:
        yield server

def test_tools_are_functions(mcp_notebook):
    sales = mcp_notebook("analysis.ipynb", parameters={"year": 2026})
    assert list(sales.definitions) == ["top_customers"]
    assert list(sales.tools.top_customers(n=2).df().revenue) == [2026, 3]
    assert sales.call("top_customers").data["total"] == 1
    assert sales.read("notebook://variables/sales").text.splitlines()[2] == "Brahe,2026"
    assert sales.prompt("summarise", region="north").text.endswith("Summarise north.")
    assert not list(Path(os.environ["JUPYTER_RUNTIME_DIR"]).iterdir())

def test_one_run_for_a_module(sales):
    assert sales.tools.top_customers().df().revenue[0] == 2025

def test_a_failing_cell(mcp_notebook):
    mcp_notebook("failing.ipynb")

def test_no_notebook(mcp_notebook):
    mcp_notebook("absent.ipynb")

def test_an_endless_notebook(mcp_notebook):
    mcp_notebook("endless.ipynb", timeout=WAIT)
"""


@pytest.fixture(scope="module")
def ran() -> Iterator[tuple[Project, Outcome]]:
    with new_project() as project:
        (project.root / "tests").mkdir()
        project.write("pytest.ini", "[pytest]\n")
        project.notebook("tests/analysis.ipynb", *CELLS)
        project.notebook("failing.ipynb", "x = 1", "def half(n):\n    return 1 / n\nhalf(0)")
        project.notebook("endless.ipynb", "while True:\n    pass")
        project.write("tests/test_analysis.py", TESTS.replace("WAIT", "4"))
        yield project, project.pytest()


def test_its_tools_resources_and_prompts_are_called_from_a_plain_test(ran):
    outcome = ran[1]
    assert outcome.passed == ("test_tools_are_functions", "test_one_run_for_a_module"), outcome.printed


def test_a_cell_that_fails_is_named_with_its_traceback(ran):
    said = ran[1].failed["test_a_failing_cell"]
    assert said.startswith("Cell [2] of failing.ipynb failed: ZeroDivisionError: division by zero\n")
    assert "return 1 / n" in said
    assert "plugin.py" not in said


def test_a_notebook_that_is_not_there_is_said_with_the_folders(ran):
    project, outcome = ran
    said = outcome.failed["test_no_notebook"]
    assert said == f"Notebook not found in {project.root / 'tests'} or {project.root}: absent.ipynb."


def test_a_notebook_that_does_not_end_is_ended(ran):
    said = ran[1].failed["test_an_endless_notebook"]
    assert said == "endless.ipynb did not run to its end within 4 s."


def test_nothing_is_left_behind(ran):
    project, _ = ran
    assert list(project.temporary.iterdir()) == []
    assert not project.dirs.runtime.exists() or list(project.dirs.runtime.iterdir()) == []
