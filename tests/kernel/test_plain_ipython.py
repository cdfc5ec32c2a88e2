# SPDX-License-Identifier: BSD-3-Clause
"""The extension in plain IPython: a real `ipython` process, which reads its lines from a pipe."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.conftest import JupyterDirs

ROOT = Path(__file__).parents[2]
SERVER = ROOT / "notebooks/servers/weather.py"
CANNOT = (
    "UsageError: Plain IPython cannot serve tools. Start `jupyter console`, or use FastMCP in a script.\n"
)

RUN_SECONDS = 120
"""Seconds. A process starts, imports and connects a server, on a busy machine."""


def ipython(dirs: JupyterDirs, *lines: str) -> subprocess.CompletedProcess[str]:
    """Type lines into IPython, and end it."""
    command = [sys.executable, "-m", "IPython", "--simple-prompt", "--colors=NoColor", "--no-banner"]
    return subprocess.run(
        [*command, "--no-confirm-exit"],
        input="\n".join([*lines, ""]),
        capture_output=True,
        text=True,
        env=dict(dirs.environ),
        timeout=RUN_SECONDS,
        check=True,
    )


def test_servers_are_called_from_plain_ipython(jupyter_dirs: JupyterDirs) -> None:
    """The calling half needs no kernel (1.34)."""
    ran = ipython(
        jupyter_dirs,
        "%load_ext mcp_jupyter",
        f"%mcp_connect weather {sys.executable} {SERVER}",
        "weather",
        "%mcp_call weather forecast city=Bergen days=1",
        "weather.tools.forecast(city='Lisbon', days=1).data",
        "(await weather.aio.tools.forecast(city='Lisbon', days=1)).data == _",
        "%mcp_status",
        "from mcp_jupyter import notebook",
        f"other = notebook.connect('other', [{sys.executable!r}, {str(SERVER)!r}])",
        "other",
        "%unload_ext mcp_jupyter",
        "%mcp_call weather forecast city=Bergen",
    )
    assert "In [1]: MCP client\nPlain IPython cannot serve tools." in ran.stdout
    assert "Out[3]: <MCP server weather: open; 2 tools, 1 resource, 1 prompt>\n  forecast(" in ran.stdout
    assert 'Out[4]: [{"day":1,"temperature":12.4,"rain":true}]' in ran.stdout
    assert "Out[5]: [{'day': 1, 'temperature': 19.6, 'rain': False}]" in ran.stdout
    assert "Out[6]: True" in ran.stdout
    assert "Connected servers\n  other" not in ran.stdout
    assert "Connected servers\n  weather  open; 2 tools" in ran.stdout
    assert "<MCP server other: open;" in ran.stdout
    assert ran.stderr == "UsageError: Line magic function `%mcp_call` not found.\n"


def test_a_question_is_put_by_the_cell_that_waits_and_else_cancelled(jupyter_dirs: JupyterDirs) -> None:
    """Plain IPython has no forms, and runs nothing between cells (1.34)."""
    ran = ipython(
        jupyter_dirs,
        "%load_ext mcp_jupyter",
        f"%cd -q {ROOT}",
        f"%mcp_connect weather {sys.executable} -m tests.notebook_client.servers",
        "weather.tools.book().text",
        "Oslo",
        "3",
        "(await weather.aio.tools.book()).text",
    )
    assert "weather asks: Where do you want to go?" in ran.stdout
    assert "Out[4]: '3 nights in Oslo'" in ran.stdout
    assert "Out[5]: 'cancel'" in ran.stdout


SERVING = [
    "%mcp_resource x",
    "%mcp_serve --name other",
    "%mcp_remove x",
    "get_ipython().run_cell_magic('mcp_tool', '', 'ran = True')",
    "get_ipython().run_cell_magic('mcp_prompt', 'greet', 'Hello {name}')",
    "from mcp_jupyter import notebook; notebook.tool()(len)",
]


def test_serving_says_in_one_line_that_plain_ipython_cannot(jupyter_dirs: JupyterDirs) -> None:
    """No traceback, and no cell is run in vain (1.34)."""
    ran = ipython(jupyter_dirs, "%load_ext mcp_jupyter", "x = 1", *SERVING, "'ran' in globals()")
    assert ran.stderr == CANNOT * len(SERVING)
    assert "Out[9]: False" in ran.stdout


def test_a_kernel_that_is_still_starting_says_when_the_extension_can_be_loaded(
    jupyter_dirs: JupyterDirs,
) -> None:
    """IPython's configuration names extensions that are loaded before the kernel has a loop (1.34)."""
    code = (
        "from ipykernel.kernelapp import IPKernelApp\n"
        "IPKernelApp.instance(extensions=['mcp_jupyter'], reraise_ipython_extension_failures=True)"
        ".initialize([])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=dict(jupyter_dirs.environ),
        timeout=RUN_SECONDS,
        check=False,
    )
    assert "UsageError: The kernel is still starting. Run `%load_ext mcp_jupyter` in a cell." in ran.stderr
