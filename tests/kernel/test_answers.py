# SPDX-License-Identifier: BSD-3-Clause
"""`notebook.show_answers`: cells show what an assistant got, in a real kernel."""

from __future__ import annotations

import pytest

from mcp_jupyter.ipc.discovery import Discovery
from mcp_jupyter.ipc.owner_link import ask_owner

from .live import live_kernel

pytestmark = pytest.mark.anyio

TOOLS = """%%mcp_tool
import datetime
import pandas as pd
from pydantic import BaseModel

class Region(BaseModel):
    name: str

def rows(n: int = 2) -> pd.DataFrame: return pd.DataFrame({"a": range(n), "b": "x" * 300})
def day() -> datetime.date: return datetime.date(2026, 1, 2)
def region(name: str) -> Region: return {"name": name}
async def later(x: float) -> float: return x
def nothing(): pass
def empty() -> str: return ""
def untyped(n: int): return {"n": n, "text": "two\\nlines"}
"""


@pytest.fixture(scope="module")
def kernel(module_jupyter_dirs):
    dirs = module_jupyter_dirs
    with live_kernel(dirs.runtime, dirs.environ, "work/Answers.ipynb") as kernel:
        ran = kernel.run("%load_ext mcp_jupyter\nsales = {'Ada': 1.5}\nimport mcp_jupyter.notebook")
        assert not ran.error
        assert not kernel.run(TOOLS).error
        assert not kernel.run("%mcp_resource sales").error
        yield kernel


@pytest.mark.parametrize("host", ["claude-code", "mcp_jupyter", "another"])
async def test_a_cell_shows_the_text_that_a_host_got(kernel, host):
    info = await Discovery(kernel.runtime_dir).find("Answers")
    calls = [
        ("rows", {}),
        ("rows", {"n": 150}),
        ("day", {}),
        ("region", {"name": "west"}),
        ("later", {"x": 1.5}),
        ("nothing", {}),
        ("empty", {}),
        ("untyped", {"n": 3}),
    ]
    async with kernel.connect(initialize=False) as client:
        await client.handshake(name=host)
        for name, arguments in calls:
            await client.call(name, arguments)
        await client.ask("resources/read", {"uri": "notebook://variables/sales"})
    entries = (await ask_owner(info, "calls/list", {"last": len(calls) + 1}))["calls"]
    await kernel.arun(f"mcp_jupyter.notebook.show_answers({host!r})")
    for entry in entries:
        assert entry["result"] == "ok"
        ran = await kernel.arun(entry["code"])
        assert ran.error == ""
        shown = (ran.result or {}).get("text/plain", "")
        if entry["cut"]:  # beyond what the journal keeps of one text
            assert shown[:1000] == entry["answer"][:1000]
        elif "result://" in entry["answer"]:  # the address is another one each time
            assert "result://" in shown
        else:
            assert (shown, entry["code"]) == (entry["answer"], entry["code"])
            assert set(ran.result or {}) <= {"text/plain"}


async def test_other_values_are_shown_by_the_content_table(kernel):
    await kernel.arun("mcp_jupyter.notebook.show_answers()")
    assert (await kernel.arun("[day(), None]")).result == {"text/plain": '["2026-01-02",null]'}


async def test_ipython_shows_values_again_without_the_extension(kernel):
    await kernel.arun("mcp_jupyter.notebook.show_answers()")
    assert (await kernel.arun("(1, 2)")).result == {"text/plain": "[1,2]"}
    await kernel.arun("%unload_ext mcp_jupyter")
    assert (await kernel.arun("(1, 2)")).result == {"text/plain": "(1, 2)"}
