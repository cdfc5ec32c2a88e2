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


LOADED = (
    "Live as Sales-report\n`%%mcp_tool` over a cell offers its functions to assistants. "
    "To connect an assistant, run `jupyter mcp connect Sales-report` in a terminal."
)
STATUS = (
    "MCP server Sales-report\nNothing is served yet: `%%mcp_tool` over a cell offers its functions to "
    "assistants. Connect: `jupyter mcp connect Sales-report`."
)


def test_loading_shows_the_notebooks_name_and_how_to_connect_each_time_alike(kernel):
    """Nothing in the card differs from run to run (1.36)."""
    assert kernel.run("%load_ext mcp_jupyter").text == LOADED
    kernel.run(TOOL)
    kernel.run("%unload_ext mcp_jupyter")
    ran = kernel.run("from mcp_jupyter import notebook\nnotebook.status()")
    assert ran.text == LOADED  # the first use from Python loads the extension
    assert ran.result["text/plain"] == STATUS


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


SLOW = """
import threading, time
from mcp_jupyter.kernel import engine
from mcp_jupyter.ipc import listener
engine.START_SECONDS = 0.2
fast, make = threading.Event(), listener.make_private_directory
def slow(directory):
    fast.wait(30)
    make(directory)
listener.make_private_directory = slow
"""
END_OF_ENGINE = "[t.join(20) for t in threading.enumerate() if t.name == 'mcp-engine']"


def test_a_start_that_takes_too_long_is_one_line_and_leaves_nothing(kernel, jupyter_dirs):
    """No TimeoutError with a traceback, and no connection file of a kernel that does not serve (1.6)."""
    kernel.run(SLOW)
    error = kernel.run("%load_ext mcp_jupyter").error
    assert error.startswith("UsageError: The engine did not start within 0.2 s: the file system of ")
    kernel.run("fast.set()")
    kernel.run(END_OF_ENGINE)
    assert not list(jupyter_dirs.runtime.glob("mcp-*"))
    kernel.run("engine.START_SECONDS = 10")
    assert kernel.run("%load_ext mcp_jupyter").text == LOADED
    assert list(jupyter_dirs.runtime.glob("mcp-*.json"))


def test_a_change_that_takes_too_long_is_one_line(kernel):
    """What waits for the engine's thread fails in words, too (1.6)."""
    kernel.run("%load_ext mcp_jupyter")
    kernel.run("import threading, time\nfrom mcp_jupyter import ipython_extension as extension")
    kernel.run("from mcp_jupyter.kernel import engine")
    kernel.run("served = extension.engine_of(get_ipython()); held = threading.Event()")
    kernel.run("engine.START_SECONDS = 0.1; served.post(held.wait, 30)")
    error = kernel.run("%mcp_serve --name other").error
    assert error.startswith("UsageError: %mcp_serve: The engine did not answer within 0.1 s.")
    kernel.run("held.set(); engine.START_SECONDS = 10")
    assert "MCP server other" in kernel.run("%mcp_serve --name other").text


def test_loading_twice_changes_nothing(kernel):
    kernel.run("%load_ext mcp_jupyter")
    kernel.run(TOOL)
    kernel.run("from mcp_jupyter import load_ipython_extension; load_ipython_extension(get_ipython())")
    assert "  f  no arguments\n      tool" in kernel.run("%mcp_status").text
