# SPDX-License-Identifier: BSD-3-Clause
"""Every run of pytest in the environment loads the plugin: it has to cost nothing, and be in nobody's way."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest


def test_loading_the_plugin_imports_nothing_but_itself():
    script = (
        "import sys, pytest; before = set(sys.modules); import mcp_jupyter.testing.plugin;"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert [name for name in loaded if name.partition(".")[0] not in sys.stdlib_module_names] == [
        "mcp_jupyter",
        "mcp_jupyter._version",
        "mcp_jupyter.testing",
        "mcp_jupyter.testing.plugin",
    ]


def test_pytest_finds_the_plugin():
    [found] = entry_points(group="pytest11", name="mcp_jupyter")
    assert found.value == "mcp_jupyter.testing.plugin"


def test_a_run_that_does_not_use_it_imports_none_of_it(project):
    project.write(
        "test_plain.py",
        "import sys\n\ndef test_plain():\n"
        "    assert not {'IPython', 'jupyter_client', 'mcp_jupyter.client'} & {*sys.modules}",
    )
    # Other plugins of this environment import Jupyter themselves.
    alone = ["-p", "mcp_jupyter.testing.plugin"]
    outcome = project.pytest(*alone, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    assert outcome.passed == ("test_plain",), outcome.printed


ASYNC = """
import pytest
from mcp_jupyter import Client
from mcp_jupyter.server.fastmcp import FastMCP

mcp = FastMCP("Sums")


@mcp.tool()
def add(a: int, b: int) -> int:
    return a + b


def test_plain(mcp_client):
    assert mcp_client(mcp).tools.add(a=1, b=2).text == "3"


MARK
async def test_async(mcp_client, mcp_cassette):
    sums = mcp_client(mcp)
    assert (await sums.aio.tools.add(a=1, b=2)).text == "3"


@pytest.fixture
def anyio_backend():
    return "asyncio"
"""


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_it_works_beside_the_plugins_for_async_tests(project, mode):
    if mode == "strict":  # auto would take pytest-jupyter's own
        project.write("conftest.py", 'pytest_plugins = ["pytest_jupyter.jupyter_server"]\n')
    project.write("test_sums.py", ASYNC.replace("MARK", "@pytest.mark.anyio" if mode == "strict" else ""))
    outcome = project.pytest("-o", f"anyio_mode={mode}")
    passed = {name.partition("[")[0] for name in outcome.passed}  # without the backend
    assert {"test_plain", "test_async"} <= passed, outcome.printed
    assert outcome.failed == {}
