# SPDX-License-Identifier: BSD-3-Clause
"""What a client reads of the notebook as a whole, also while a cell runs."""

from __future__ import annotations

import json

import pytest

from mcp_jupyter.errors import McpError

from .live import live_kernel

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def kernel(module_jupyter_dirs):
    dirs = module_jupyter_dirs
    with live_kernel(dirs.runtime, dirs.environ, "work/Inspected.ipynb") as kernel:
        assert not kernel.run("%load_ext mcp_jupyter\nimport pandas as pd, numpy as np").error
        kernel.run(
            "%%mcp_tool --concurrent\nimport threading\n_go, _in = threading.Event(), threading.Event()\n"
            "def go(): _go.set()\ndef inside(): _in.wait(10)"
        )
        yield kernel


async def read(client, what):
    (content,) = (await client.ask("resources/read", {"uri": f"notebook://{what}"}))["contents"]
    assert content["mimeType"] == "application/json"
    return json.loads(content["text"])


async def test_the_status_is_answered_also_while_a_cell_runs(kernel):
    async with kernel.connect() as client:
        listed = (await client.ask("resources/list"))["resources"]
        assert [each["uri"] for each in listed] == ["notebook://status"]
        idle = await read(client, "status")
        assert (idle["state"], idle["cell"], idle["waiting"], idle["tools"]) == ("idle", None, 0, 2)
        kernel.client.execute("_in.set(); _go.wait(10); _go.clear()")
        await client.call("inside")
        try:
            busy = await read(client, "status")
        finally:
            await client.call("go")
        assert (busy["state"], busy["path"]) == ("busy", "work/Inspected.ipynb")
        assert busy["cell"] > 1
        assert busy["seconds"] >= 0


async def test_the_status_says_who_is_connected(kernel):
    """By the client's own name and version, since its handshake (2: doctor)."""
    async with kernel.connect() as client:
        (named,) = (await read(client, "status"))["clients"]
        assert named["name"] == "mcp_jupyter"
        assert named["since"].endswith("Z")
        assert set(named) == {"name", "version", "since"}


async def test_variables_and_cells_are_read_only_where_the_person_lets_it(kernel):
    async with kernel.connect() as client:
        for what in ("variables", "cells"):
            with pytest.raises(McpError, match="Unknown resource"):
                await read(client, what)


async def test_variables_and_cells(kernel):
    kernel.run(
        "sales = pd.DataFrame({'n': [1, 2]})\narray = np.zeros((2, 3))\nwords = ['a']\n"
        "class Sly:\n    def __len__(self): raise SystemExit\nsly = Sly()"
    )
    kernel.run("print('said'); 40 + 2")
    assert kernel.run("1/0").error
    ran = kernel.run("%mcp_serve --inspect")
    assert "notebook://cells" in ran.text
    async with kernel.connect() as client:
        found = {each.pop("name"): each for each in (await read(client, "variables"))["variables"]}
        assert (found["sales"]["kind"], found["sales"]["shape"]) == ("DataFrame", [2, 1])
        assert found["array"]["shape"] == [2, 3]
        assert found["words"]["length"] == 1
        assert found["sly"] == {"kind": "Sly", "module": "__main__"}
        cells = (await read(client, "cells"))["cells"]
        said = next(cell for cell in cells if cell["source"].startswith("print"))
        assert said["outputs"] == ["said\n", "42"]
        failed = next(cell for cell in cells if cell["source"] == "1/0")
        assert failed["error"] == "ZeroDivisionError: division by zero"
    kernel.run("%mcp_remove notebook://cells notebook://variables")


async def test_the_budget_of_results(kernel):
    assert "1000 to 50000000" in kernel.run("%mcp_serve --budget 3").error
    assert not kernel.run("%mcp_serve --budget 2000").error
    kernel.run("%%mcp_tool\ndef long(): return 'x' * 3000")
    async with kernel.connect() as client:
        preview, link = (await client.call("long"))["content"]
        assert link["uri"] in preview["text"]
        (content,) = (await client.ask("resources/read", {"uri": link["uri"]}))["contents"]
        assert content["text"] == "x" * 3000
    kernel.run("%mcp_serve --budget 1000000\n%mcp_remove long")
