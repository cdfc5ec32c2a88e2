# SPDX-License-Identifier: BSD-3-Clause
"""Projects with notebooks and tests, and runs of pytest in them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import JupyterDirs, isolated_jupyter

RUN_SECONDS = 100
CELL_SECONDS = 60

SERVER = '''
from mcp_jupyter.server.fastmcp import Context, FastMCP

mcp = FastMCP("Weather")


@mcp.tool()
def forecast(city: str) -> dict[str, int]:
    """The weather."""
    return {"celsius": len(city)}


@mcp.tool()
async def book(ctx: Context) -> str:
    """Ask."""
    answer = await ctx.elicit("Where to?", {"type": "object", "properties": {"city": {"type": "string"}}})
    return answer.action


mcp.run()
'''


@dataclass
class Outcome:
    """What a run of pytest printed, and what became of each test."""

    printed: str
    failed: Mapping[str, str] = field(default_factory=dict)
    passed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Project:
    """A folder with its own Jupyter, and a private place for temporary files."""

    dirs: JupyterDirs

    @property
    def root(self) -> Path:
        return self.dirs.notebooks

    @property
    def temporary(self) -> Path:
        return self.dirs.root / "t"

    def environ(self, **variables: str) -> dict[str, str]:
        inherited = {
            name: value
            for name, value in self.dirs.environ.items()
            if not name.startswith(("PYTEST", "MCP_JUP"))
        }
        return {**inherited, "TMPDIR": str(self.temporary), **variables}

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.write_text(text)
        return path

    def notebook(self, name: str, *cells: str | tuple[str, list[str]]) -> Path:
        """Write a notebook of cells; a cell is its source, or (source, tags)."""
        notebook = nbformat.v4.new_notebook()
        notebook.metadata["kernelspec"] = {
            "name": "python3",
            "display_name": "Python 3",
            "language": "python",
        }
        for cell in cells:
            source, tags = (cell, []) if isinstance(cell, str) else cell
            notebook.cells.append(nbformat.v4.new_code_cell(source, metadata={"tags": tags}))
        nbformat.write(notebook, self.root / name)
        return self.root / name

    def execute(self, path: Path, **variables: str) -> None:
        """Run a notebook as Jupyter does, and keep its outputs."""
        notebook = nbformat.read(path, as_version=4)
        client = NotebookClient(notebook, timeout=CELL_SECONDS, record_timing=False)
        manager = client.create_kernel_manager()
        manager.connection_file = str(self.dirs.runtime / "kernel-by-hand.json")
        client.execute(cwd=str(path.parent), env=self.environ(JPY_SESSION_NAME=str(path), **variables))
        nbformat.write(notebook, path)

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a module of Python."""
        return subprocess.run(
            [sys.executable, "-m", *command],
            cwd=self.root,
            env=self.environ(**variables),
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
        )

    def pytest(self, *arguments: str, **variables: str) -> Outcome:
        """Run pytest; warnings are errors."""
        report = self.dirs.root / "report.xml"
        options = [
            "-W",
            "error",
            "-p",
            "no:cacheprovider",
            f"--junitxml={report}",
            "-o",
            "junit_family=xunit1",
        ]
        done = self.run("pytest", *options, *arguments, **variables)
        outcome = Outcome(done.stdout + done.stderr)
        if not report.exists():
            return outcome
        for case in ElementTree.parse(report).getroot().iter("testcase"):  # noqa: S314 - pytest's own
            name = case.get("name", "")
            wrong = [found for kind in ("failure", "error") for found in case.iter(kind)]
            if wrong:
                outcome.failed = {**outcome.failed, name: wrong[0].text or ""}
            else:
                outcome.passed = (*outcome.passed, name)
        report.unlink()
        return outcome


@contextmanager
def new_project() -> Iterator[Project]:
    with isolated_jupyter() as dirs:
        project = Project(dirs)
        project.temporary.mkdir()
        yield project


@pytest.fixture
def project() -> Iterator[Project]:
    with new_project() as project:
        yield project
