# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp log --to-notebook` and `--check`, with the quickstart notebook in real kernels."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import anyio
import nbformat
import pytest

from tests.conftest import JupyterDirs
from tests.kernel.live import LiveKernel, live_kernel

from .support import JUPYTER_MCP

QUICKSTART = Path(__file__).parents[2] / "notebooks" / "quickstart.ipynb"
RUN_SECONDS = 120  # to start a kernel and run a few cells, on a busy machine

MORE = """%%mcp_tool
import datetime

def total(region: str) -> float:
    print("rows:", len(sales))
    return float(sales[sales.region == region].revenue.sum())

def since(day: datetime.date) -> str: return f"{day:%d %B %Y}"
def unlucky(n: int) -> int:
    print("trying")
    return n // 0
def login(user: str, password: str) -> str: return user
def many() -> pd.DataFrame: return pd.DataFrame({"text": ["x" * 150] * 150})
"""

CALLS = [
    ("top_customers", {"n": 2}),
    ("top_customers", {"region": "south"}),
    ("count_rows", {}),
    ("total", {"region": "north"}),
    ("since", {"day": "2026-01-02"}),
    ("unlucky", {"n": 3}),
    ("login", {"user": "ann", "password": "correct horse 17"}),
    ("many", {}),
    ("total", {"region": 5}),
]


@pytest.fixture(scope="module")
def dirs(module_jupyter_dirs: JupyterDirs) -> JupyterDirs:
    return module_jupyter_dirs


@pytest.fixture(scope="module")
def kernel(dirs: JupyterDirs):
    """The quickstart notebook with some more tools, live, after some calls of two hosts."""
    path = dirs.notebooks / "my work" / "quickstart.ipynb"
    path.parent.mkdir()
    document = nbformat.read(QUICKSTART, as_version=4)
    document.cells.append(nbformat.v4.new_code_cell(MORE))
    nbformat.write(document, path)
    with live_kernel(dirs.runtime, dirs.environ, str(path)) as kernel:
        for cell in document.cells:
            if cell.cell_type == "code":
                assert not kernel.run(cell.source).error
        anyio.run(make_calls, kernel)
        yield kernel


async def make_calls(kernel: LiveKernel) -> None:
    async with kernel.connect(initialize=False) as client, kernel.connect(initialize=False) as other:
        await client.handshake(name="claude-code")
        for name, arguments in CALLS:
            await client.call(name, arguments)
        await client.ask("resources/read", {"uri": "notebook://variables/sales"})
        await client.ask(
            "prompts/get", {"name": "summarise", "arguments": {"region": "<b>[x](http://y)</b>"}}
        )
        await other.handshake(name="codex-mcp-client")
        await other.call("total", {"region": "west"})


def log(dirs: JupyterDirs, *args: str) -> subprocess.CompletedProcess[str]:
    command = [JUPYTER_MCP, "log", *args]
    return subprocess.run(command, env=dirs.environ, capture_output=True, text=True, timeout=RUN_SECONDS)


@pytest.fixture(scope="module")
def written(dirs: JupyterDirs, kernel: LiveKernel) -> Path:
    """The notebook of the calls, in another folder than the notebook that it is about."""
    path = dirs.notebooks / "calls.ipynb"
    ended = log(dirs, "quickstart", "--to-notebook", str(path))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", f"Wrote {path}.\n")
    return path


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def cell_of(path: Path, call: str) -> nbformat.NotebookNode:
    return next(cell for cell in code_cells(path) if cell.source.endswith(call))


def test_each_call_is_a_cell_with_its_answer(written):
    nbformat.validate(nbformat.read(written, as_version=4))
    set_up, shows, first, *_ = code_cells(written)
    assert set_up.source.splitlines() == [
        "%%capture",
        "%load_ext mcp_jupyter",
        '%cd -q "my work"',
        '%run "quickstart.ipynb"',
    ]
    assert shows.source.endswith("mcp_jupyter.notebook.show_answers('claude-code')")
    assert first.source == "top_customers(n=2)"
    assert "| Curie | north | 2310.25 |" in first.outputs[0].data["text/plain"]
    assert cell_of(written, "since(day=date(2026, 1, 2))").source.startswith("from datetime import date\n")
    printed, value = cell_of(written, "total(region='north')").outputs
    assert (printed.text, value.data["text/plain"]) == ("rows: 6\n", "3510.25")
    assert cell_of(written, "sales").outputs[0].data["text/plain"].startswith("customer,region,revenue")


def test_a_call_that_failed_is_a_cell_that_fails(written):
    cell = cell_of(written, "unlucky(n=3)")
    printed, error = cell.outputs
    assert printed.text == "trying\n"
    assert (error.ename, error.evalue) == ("ZeroDivisionError", "integer division or modulo by zero")
    assert cell.metadata.tags == ["raises-exception"]


def test_what_cannot_be_repeated_or_compared_is_tagged_or_told(written):
    assert cell_of(written, "many()").metadata.tags == ["nbval-ignore-output"]
    assert cell_of(written, "login(user='ann', password='[redacted]')").metadata.tags == [
        "nbval-skip",
        "skip-execution",
    ]
    assert "correct horse" not in written.read_text()
    prose = [
        cell.source for cell in nbformat.read(written, as_version=4).cells if cell.cell_type == "markdown"
    ]
    (refused,) = [text for text in prose if "region: 5" in text]
    assert "No cell repeats it: the arguments were refused" in refused


def test_prose_says_who_asked_and_renders_nothing_foreign(written):
    head, *told = [
        cell.source for cell in nbformat.read(written, as_version=4).cells if cell.cell_type == "markdown"
    ]
    assert "* `claude-code 1` (`a program of yours`)\n* `codex-mcp-client 1`" in head
    assert "makes the calls again" in head
    (prompt,) = [text for text in told if "took the prompt `summarise`" in text]
    assert "\n    region: <b>[x](http://y)</b>\n" in prompt
    assert all(line.startswith("    ") for line in prompt.splitlines() if "<b>" in line)


def test_a_host_with_other_answers_gets_its_own(written):
    sources = [cell.source for cell in code_cells(written)]
    at = sources.index("total(region='west')")
    assert sources[at - 1].endswith("show_answers('codex-mcp-client')")


def test_a_file_is_written_over_only_by_force(dirs, written):
    before = written.read_bytes()
    refused = log(dirs, "quickstart", "--to-notebook", str(written))
    assert refused.returncode == 1
    assert "is there already: use --force to write over it." in refused.stderr
    assert written.read_bytes() == before
    assert log(dirs, "--to-notebook", str(written), "--force").returncode == 0


def test_nothing_differs_while_the_notebook_is_the_same(dirs, written):
    ended = log(dirs, "--check", str(written))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    lines = ended.stdout.splitlines()
    assert "same          top_customers(n=2)" in lines
    assert "same          unlucky(n=3)" in lines
    assert "not compared  many()" in lines
    assert "different" not in ended.stdout


def test_nbval_passes_while_the_notebook_is_the_same(dirs, written):
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "--nbval", "-W", "error", "-p", "no:cacheprovider", written.name],
        cwd=written.parent,
        env=dirs.environ,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "1 skipped" in ran.stdout


def test_answers_that_differ_are_named(dirs, written):
    folder = dirs.notebooks / "changed"
    (folder / "my work").mkdir(parents=True)
    document = nbformat.read(dirs.notebooks / "my work" / "quickstart.ipynb", as_version=4)
    for cell in document.cells:
        cell.source = cell.source.replace("2310.25", "2310.75")
    nbformat.write(document, folder / "my work" / "quickstart.ipynb")
    copy = folder / "calls.ipynb"
    copy.write_bytes(written.read_bytes())
    ended = log(dirs, "--check", str(copy))
    assert ended.returncode == 1
    lines = ended.stdout.splitlines()
    at = lines.index("different     total(region='north')")
    assert [line.strip() for line in lines[at + 1 : at + 3]] == ["- 3510.25", "+ 3510.75"]
    assert "different     top_customers(n=2)" in lines
    assert "same          top_customers(region='south')" in lines
    assert "same          count_rows()" in lines
    assert ended.stderr.endswith("3 of 10 answers are different.\n")


def test_a_notebook_that_no_longer_runs_is_one_clear_error(dirs, written):
    folder = dirs.notebooks / "broken"
    folder.mkdir()
    copy = folder / "calls.ipynb"
    copy.write_bytes(written.read_bytes())  # without the notebook that it is about
    ended = log(dirs, "--check", str(copy))
    assert ended.returncode == 1
    assert "The first cell of calls.ipynb failed: " in ended.stderr
    assert "quickstart.ipynb" in ended.stderr
