# SPDX-License-Identifier: BSD-3-Clause
"""A notebook written as a script runs under the official SDK too, once its imports name that."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from mcp_jupyter import Client
from mcp_jupyter.headless.export import export

from .environments import SECONDS_WITH_INSTALLATION, Environments

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(SECONDS_WITH_INSTALLATION)]

CELLS = [
    "%load_ext mcp_jupyter",
    "values = [1, 2]",
    '%%mcp_tool --title Total --read-only\ndef total(n: int = 1) -> int:\n    """In all."""\n'
    "    return n * sum(values)",
    "%%mcp_resource data://{key}/item\ndef item(key: str) -> str:\n    return key",
    "%%mcp_resource data://doubled --mime-type application/json\n[2 * value for value in values]",
    "%mcp_resource values",
    "%%mcp_prompt ask\nAsk about {what}.",
]


@pytest.mark.parametrize("kind", ["ours", "mcp1"])
async def test_an_exported_notebook_serves(kind: str, environments: Environments, tmp_path: Path) -> None:
    notebook, script = tmp_path / "analysis.ipynb", tmp_path / "server.py"
    cells = [nbformat.v4.new_code_cell(cell) for cell in CELLS]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), notebook)
    text = export(notebook).script
    script.write_text(text if kind == "ours" else text.replace("mcp_jupyter", "mcp"))
    async with Client([environments.python(kind), str(script)]) as client:
        (tool,) = await client.list_tools()
        assert (tool.name, tool.description, tool.annotations.readOnlyHint) == ("total", "In all.", True)
        assert (await client.call_tool("total", {"n": 2})).content[0].text == "6"
        assert (await client.read_resource("data://x/item")).contents[0].text == "x"
        assert json.loads((await client.read_resource("data://doubled")).contents[0].text) == [2, 4]
        uri = "notebook://variables/values"
        assert json.loads((await client.read_resource(uri)).contents[0].text) == [1, 2]
        prompt = await client.get_prompt("ask", {"what": "it"})
        assert prompt.messages[0].content.text == "Ask about it."
