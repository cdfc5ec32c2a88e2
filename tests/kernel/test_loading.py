# SPDX-License-Identifier: BSD-3-Clause
"""What loading the extension shows, and that unloading leaves the shell as it was, in a real kernel."""

from __future__ import annotations

import json

import pytest

from .live import live_kernel

TOOL = "%%mcp_tool\ndef f(): pass"


@pytest.fixture
def kernel(jupyter_dirs):
    with live_kernel(jupyter_dirs.runtime, jupyter_dirs.environ, "work/Sales report.ipynb") as kernel:
        yield kernel


LOADED = """MCP server Sales-report
To connect an assistant, run `jupyter mcp connect Sales-report` in a terminal."""


def test_loading_shows_the_notebooks_name_and_how_to_connect_each_time_alike(kernel):
    """Nothing in the card differs from run to run (1.36)."""
    assert kernel.run("%load_ext mcp_jupyter").text == LOADED
    kernel.run(TOOL)
    kernel.run("%unload_ext mcp_jupyter")
    assert kernel.run("from mcp_jupyter import notebook\nnotebook.tool()(len)").text == LOADED


def test_the_card_of_loading_can_be_turned_off(kernel):
    """A trait decides; it can be set before the extension is loaded (1.36)."""
    kernel.run("get_ipython().config.McpMagics.load_card = False")
    ran = kernel.run("%load_ext mcp_jupyter")
    assert (ran.error, ran.displayed) == ("", [])


SNAPSHOT = """
import gc, json, sys, threading
def snapshot():
    shell = get_ipython()
    manager = shell.magics_manager
    return {
        "line": sorted(manager.magics["line"]), "cell": sorted(manager.magics["cell"]),
        "registry": sorted(manager.registry), "matchers": len(shell.Completer.custom_matchers),
        "events": {name: len(found) for name, found in shell.events.callbacks.items()},
        "configurables": len(shell.configurables), "threads": sorted(t.name for t in threading.enumerate()),
        "transformers": len(shell.input_transformers_cleanup),
        "streams": [type(sys.stdout).__name__, type(sys.stderr).__name__, type(sys.stdin).__name__],
        "hooks": len(shell.display_pub._hooks),
    }
"""


def test_unloading_leaves_the_shell_as_it_was(jupyter_dirs):
    with live_kernel(jupyter_dirs.runtime, jupyter_dirs.environ) as kernel:
        kernel.run(SNAPSHOT)
        kernel.run("%load_ext storemagic")  # IPython registers %load_ext itself when it is first used
        before = kernel.run("print(json.dumps(snapshot()))").printed
        kernel.run("%load_ext mcp_jupyter")
        kernel.run(TOOL)
        assert list(jupyter_dirs.runtime.glob("mcp-*.json"))
        ran = kernel.run("%unload_ext mcp_jupyter")
        assert ran.error == ""
        assert json.loads(kernel.run("print(json.dumps(snapshot()))").printed) == json.loads(before)
        assert not list(jupyter_dirs.runtime.glob("mcp-*"))
        kernel.run("%load_ext mcp_jupyter")
        assert "Nothing is served yet" in kernel.run("%mcp_status").text


def test_loading_twice_changes_nothing(kernel):
    kernel.run("%load_ext mcp_jupyter")
    kernel.run(TOOL)
    kernel.run("from mcp_jupyter import load_ipython_extension; load_ipython_extension(get_ipython())")
    assert "f  tool" in kernel.run("%mcp_status").text
