# SPDX-License-Identifier: BSD-3-Clause
"""Notebooks that are renamed in Jupyter while they serve."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.cli.support import JUPYTER_MCP

from .parts import sdk_client, wait_for

pytestmark = pytest.mark.anyio

LOAD = "%load_ext mcp_jupyter"
TOOL = "%%mcp_tool\ndef where() -> str:\n    import os\n    return os.environ['JPY_SESSION_NAME']"
EMPTY = {"type": "notebook", "content": {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}}


def patch(jupyter, path, body):
    jupyter.http.patch(path, json=body).raise_for_status()


def save(jupyter, path):
    jupyter.http.put(f"api/contents/{path}", json=EMPTY).raise_for_status()


def session_of(jupyter, notebook):
    sessions = jupyter.get("api/sessions")
    return next(each for each in sessions if each["kernel"]["id"] == notebook.kernel_id)


def rename(jupyter, notebook, old, new):
    """Rename as JupyterLab does: first the file, then the session."""
    patch(jupyter, f"api/contents/{old}", {"path": new})
    session = session_of(jupyter, notebook)["id"]
    patch(jupyter, f"api/sessions/{session}", {"path": new, "name": new.rpartition("/")[2]})


def listed(jupyter):
    ran = subprocess.run([JUPYTER_MCP, "list", "--json"], env=jupyter.dirs.environ, capture_output=True)
    return {each["name"]: each["path"] for each in json.loads(ran.stdout)}


@pytest.fixture
def notebook(jupyter):
    save(jupyter, "Untitled.ipynb")
    with jupyter.notebook("Untitled.ipynb", LOAD, TOOL) as notebook:
        yield notebook


async def test_a_notebook_that_is_renamed_is_served_under_its_new_name(jupyter, notebook):
    """URL, card, list, attach and path say the new name; the token goes with it (1.9, 1.2)."""
    new = str(jupyter.dirs.notebooks / "sales.ipynb")
    token = jupyter.token("Untitled")
    rename(jupyter, notebook, "Untitled.ipynb", "sales.ipynb")
    wait_for(lambda: jupyter.served().get("sales", {}).get("path") == new)
    assert "Untitled" not in jupyter.served()
    assert listed(jupyter) == {"sales": new}
    assert notebook.run("%mcp_status").text.startswith("MCP server sales\n")
    async with sdk_client("auto", jupyter.endpoint("sales"), token) as client:
        assert (await client.do("call", name="where"))["structuredContent"]["result"] == new
    request = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    headers = {"Authorization": f"Bearer {token}"}
    old = jupyter.http.post(jupyter.endpoint("Untitled"), json=request, headers=headers)
    assert old.status_code == 404
    assert "is called 'sales' now" in old.json()["error"]["message"]
    call = [JUPYTER_MCP, "call", new, "where"]
    ran = subprocess.run(call, env=jupyter.dirs.environ, capture_output=True, text=True)
    assert ran.stdout.strip() == new, ran.stderr


def test_a_restarted_kernel_has_the_new_name_at_once(jupyter, notebook):
    rename(jupyter, notebook, "Untitled.ipynb", "restarted.ipynb")
    wait_for(lambda: "restarted" in jupyter.served())
    notebook.restart()
    assert notebook.run(LOAD).text.startswith("Live as restarted\n")


def test_a_renamed_folder_takes_its_notebooks_along(jupyter):
    """Also where no page is open that would change the session (1.9)."""
    folder = jupyter.dirs.notebooks
    jupyter.http.put("api/contents/open", json={"type": "directory"}).raise_for_status()
    save(jupyter, "open/q3.ipynb")
    with jupyter.notebook("open/q3.ipynb", LOAD):
        wait_for(lambda: jupyter.served()["q3"]["path"] == str(folder / "open" / "q3.ipynb"))
        patch(jupyter, "api/contents/open", {"path": "done"})
        wait_for(lambda: jupyter.served()["q3"]["path"] == str(folder / "done" / "q3.ipynb"))


def test_a_notebook_that_is_saved_as_another_has_that_ones_name(jupyter, notebook):
    """Only the session's path changes then; the first file is still there (1.9)."""
    save(jupyter, "copy.ipynb")
    session = session_of(jupyter, notebook)["id"]
    patch(jupyter, f"api/sessions/{session}", {"path": "copy.ipynb", "name": "copy.ipynb"})
    wait_for(lambda: "copy" in jupyter.served())
    assert "Untitled" not in jupyter.served()


def test_a_console_at_a_notebooks_kernel_changes_nothing(jupyter, notebook):
    body = {"path": "console-1", "name": "Console 1", "type": "console", "kernel": {"id": notebook.kernel_id}}
    console = jupyter.post("api/sessions", body)
    patch(jupyter, f"api/sessions/{console['id']}", {"path": "console-2"})
    rename(jupyter, notebook, "Untitled.ipynb", "after.ipynb")
    wait_for(lambda: "after" in jupyter.served())
