# SPDX-License-Identifier: BSD-3-Clause
"""What a notebook is called and where it is: a real kernel that is told of a rename."""

from __future__ import annotations

import json

import pytest

from mcp_jupyter.ipc.discovery import Discovery
from mcp_jupyter.ipc.owner_link import tell_moved

from .live import live_kernel

pytestmark = pytest.mark.anyio

LOAD = "%load_ext mcp_jupyter"


@pytest.fixture
def kernel(jupyter_dirs):
    with live_kernel(
        jupyter_dirs.runtime, jupyter_dirs.environ, str(jupyter_dirs.notebooks / "Untitled.ipynb")
    ) as kernel:
        kernel.run(LOAD)
        yield kernel


def test_a_name_that_was_changed_is_said(kernel):
    """The card gives the reason where the name is not the chosen one (1.36)."""
    text = kernel.run('%mcp_serve --name "Sales report"').text
    assert text.startswith("MCP server Sales-report")
    assert "`Sales report` cannot be the name of a notebook. This notebook is `Sales-report`." in text
    assert "cannot be" in kernel.run("%mcp_status").text


def test_a_name_that_another_notebook_has_is_said(kernel, jupyter_dirs):
    """A notebook that did not get its plain name says whose it is (1.36)."""
    other = jupyter_dirs.notebooks / "old" / "Untitled.ipynb"
    other.parent.mkdir()
    (jupyter_dirs.notebooks / "Untitled.ipynb").touch()
    with live_kernel(jupyter_dirs.runtime, jupyter_dirs.environ, str(other)) as second:
        shown = second.run(LOAD).text
        assert f"The name `Untitled` belongs to {jupyter_dirs.notebooks / 'Untitled.ipynb'}." in shown


async def test_a_renamed_notebook_has_its_new_name_everywhere(kernel, jupyter_dirs):
    """Card, status, server's name, connection file and the kernel's own variable follow (1.9)."""
    new = str(jupyter_dirs.notebooks / "sub" / "sales.ipynb")
    discovery = Discovery(jupyter_dirs.runtime)
    await tell_moved(await discovery.find("Untitled"), new)
    info = await discovery.find("sales")
    assert info.path == new
    assert kernel.run("%mcp_status").text.startswith("MCP server sales\n")
    assert kernel.run("import os; os.environ['JPY_SESSION_NAME']").result["text/plain"] == repr(new)
    async with kernel.connect(initialize=False) as client:
        answer = await client.handshake()
        assert answer["serverInfo"]["name"] == "sales"
        status = await client.ask("resources/read", {"uri": "notebook://status"})
        said = json.loads(status["contents"][0]["text"])
        assert (said["name"], said["path"]) == ("sales", new)
