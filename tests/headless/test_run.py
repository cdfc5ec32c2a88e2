# SPDX-License-Identifier: BSD-3-Clause
"""A notebook that is run to its end and stays, in a real kernel."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest

from mcp_jupyter import Client
from mcp_jupyter.errors import McpError
from mcp_jupyter.headless.run import CellFailed, HeadlessError, run_notebook
from mcp_jupyter.ipc.discovery import Discovery
from tests.conftest import JupyterDirs

pytestmark = pytest.mark.anyio

TOOL = "%%mcp_tool\ndef total() -> int:\n    return sum(values)"


def attached(dirs: JupyterDirs, name: str, **options: Any) -> Client:
    command = [sys.executable, "-m", "mcp_jupyter.cli", "attach", name]
    return Client(command, env=dirs.environ, **options)


@pytest.fixture
def total(jupyter_dirs):
    """Calls the notebook's tool."""

    async def call(name: str = "analysis") -> str:
        async with attached(jupyter_dirs, name) as client:
            return (await client.call_tool("total")).content[0].text

    return call


async def test_what_a_notebook_defines_is_served_when_it_has_run(write_notebook, total):
    path = write_notebook("%load_ext mcp_jupyter", "values = [1, 2]", TOOL)
    before = path.read_bytes()
    async with run_notebook(path) as notebook:
        assert notebook.info.name == "analysis"
        assert await total() == "3"
    assert path.read_bytes() == before
    assert await Discovery().live() == []


async def test_the_extension_is_loaded_for_a_notebook_that_does_not(write_notebook, total):
    path = write_notebook("values = [1]", TOOL, name="plain.ipynb")
    async with run_notebook(path):
        assert await total("plain") == "1"


async def test_parameters_take_the_place_of_defaults(write_notebook, total):
    path = write_notebook(("values = [1]", ["parameters"]), TOOL)
    async with run_notebook(path, parameters={"values": [20, 22]}):
        assert await total() == "42"


async def test_a_notebook_runs_in_its_own_directory(write_notebook, total):
    path = write_notebook("import os\nvalues = [len(os.listdir())]", TOOL)
    (path.parent / "beside.csv").write_text("x")
    async with run_notebook(path):
        assert await total() == "2"


async def test_a_cell_that_fails_is_named_with_its_error(write_notebook):
    path = write_notebook("values = []", "# nothing\n", "values[7]", TOOL)
    with pytest.raises(
        CellFailed, match=r"Cell \[3\] of analysis.ipynb failed: IndexError: list index"
    ) as caught:
        async with run_notebook(path):
            raise AssertionError("it did not run")
    assert "----> 1 values[7]" in caught.value.account
    assert "\x1b" not in caught.value.account
    assert await Discovery().live() == []


async def test_where_errors_are_allowed_what_there_is_is_served(write_notebook, total):
    path = write_notebook("values = [5]", "1 / 0", TOOL)
    async with run_notebook(path, allow_errors=True) as notebook:
        assert [str(failed) for failed in notebook.failed] == [
            "Cell [2] of analysis.ipynb failed: ZeroDivisionError: division by zero"
        ]
        assert await total() == "5"


async def test_a_failing_cell_is_counted_as_in_the_document_also_with_parameters(write_notebook):
    path = write_notebook("values = [1]", "1 / 0")
    with pytest.raises(CellFailed, match=r"Cell \[2\] of analysis.ipynb"):
        async with run_notebook(path, parameters={"other": 1}):
            raise AssertionError("it did not run")


async def test_run_again_it_serves_the_file_as_it_is_now_to_the_same_clients(write_notebook, jupyter_dirs):
    path = write_notebook("values = [1]", TOOL)
    async with run_notebook(path) as notebook, attached(jupyter_dirs, "analysis", era="legacy") as client:
        assert (await client.call_tool("total")).content[0].text == "1"
        write_notebook("values = [1, 1]", TOOL)
        await notebook.again()
        with anyio.fail_after(20):
            while True:
                with suppress(McpError):  # the link has not seen yet that the kernel is back
                    assert (await client.call_tool("total")).content[0].text == "2"
                    break
                await anyio.sleep(0.05)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (None, "cannot be read"),
        (b"{", "is not a valid notebook"),
        (b'{"nbformat": 9}', "is not a valid notebook"),
        (b"[]", "not a valid notebook"),
    ],
)
async def test_what_is_no_notebook_is_said(jupyter_dirs, content, match):
    path = jupyter_dirs.notebooks / "bad.ipynb"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(HeadlessError, match=match):
        async with run_notebook(path):
            raise AssertionError("it did not run")


async def test_a_kernel_that_does_not_exist_is_named(write_notebook):
    with pytest.raises(HeadlessError, match="Unknown kernel 'cobol'"):
        async with run_notebook(write_notebook("1"), kernel="cobol"):
            raise AssertionError("it did not run")


async def test_a_kernel_of_another_language_is_named(jupyter_dirs, write_notebook):
    folder = jupyter_dirs.data / "kernels" / "other"
    folder.mkdir(parents=True)
    program = Path(__file__).with_name("other_kernel.py")
    argv = [sys.executable, str(program), "-f", "{connection_file}"]
    (folder / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "O", "language": "cobol"}))
    with pytest.raises(HeadlessError, match="its kernel runs cobol, and only Python's can"):
        async with run_notebook(write_notebook("1"), kernel="other"):
            raise AssertionError("it did not run")


async def test_a_kernel_that_dies_in_a_cell_is_reported(write_notebook):
    path = write_notebook("import os\nos._exit(3)")
    with pytest.raises(HeadlessError, match=r"Cell \[1\] of analysis.ipynb: Kernel died"):
        async with run_notebook(path):
            raise AssertionError("it did not run")


async def test_a_notebook_that_unloads_the_extension_serves_nothing(write_notebook):
    path = write_notebook("%unload_ext mcp_jupyter")
    with pytest.raises(HeadlessError, match="its kernel serves nothing"):
        async with run_notebook(path):
            raise AssertionError("it did not run")
