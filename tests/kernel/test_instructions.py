# SPDX-License-Identifier: BSD-3-Clause
"""What a live notebook tells a model about itself, and how its user sees and changes it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from mcp_jupyter.protocol.eras import CLIENT_INFO
from tests.conftest import JupyterDirs

from .live import LiveKernel, live_kernel

pytestmark = pytest.mark.anyio

ABOUT = "Report: a live Jupyter notebook. Its functions are tools, its variables resources."
PAGING = "A result that is cut ends in a line that says how to read on."
CODEX = {"name": "codex-mcp-client", "version": "1"}


def write(path: Path, markdown: str) -> None:
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(markdown)]), path)


@pytest.fixture(scope="module")
def notebook(module_jupyter_dirs: JupyterDirs) -> Path:
    path = module_jupyter_dirs.notebooks / "Report.ipynb"
    write(path, "# Sales of 2026\n\nAll of them.")
    return path


@pytest.fixture(scope="module")
def live(module_jupyter_dirs: JupyterDirs, notebook: Path) -> Iterator[LiveKernel]:
    with live_kernel(module_jupyter_dirs.runtime, module_jupyter_dirs.environ, str(notebook)) as kernel:
        assert not kernel.run("%load_ext mcp_jupyter").error
        yield kernel


@pytest.fixture
async def kernel(live: LiveKernel, notebook: Path) -> AsyncIterator[LiveKernel]:
    """The kernel, with nothing served, and the notebook's file as it was."""
    write(notebook, "# Sales of 2026\n\nAll of them.")
    yield live
    live.run(
        "from mcp_jupyter.ipython_extension import engine_of\n"
        "engine = engine_of(get_ipython())\n"
        "engine.instructions.own = None\n"
        "for _name in [*engine.server.tools, *engine.server.resources]: engine.server.remove(_name)"
    )


async def told(kernel: LiveKernel, **meta: Any) -> str:
    async with kernel.connect(initialize=False) as client:
        text = (await client.modern("server/discover", **meta))["instructions"]
    assert isinstance(text, str)
    return text


async def test_data_has_shape_and_columns_and_tools_a_line_each(kernel: LiveKernel) -> None:
    """A model knows what there is before it asks; no value is told (2: instructions)."""
    kernel.run(
        "import pandas as pd, polars as pl, pyarrow as pa\n"
        "sales = pd.DataFrame({'customer': ['Ada'] * 3, 'revenue': [1, 2, 3], 'column_names': 0})\n"
        "wide = pl.DataFrame({f'c{n}': ['secret'] for n in range(22)})\n"
        "table, one, limit = pa.table({'x': [1]}), sales.revenue, 77\n"
    )
    kernel.run("%mcp_resource sales --description 'Revenue by customer'\n%mcp_resource wide")
    kernel.run("%mcp_resource table\n%mcp_resource one\n%mcp_resource limit")
    kernel.run("%%mcp_resource data://report\ndef report():\n    'How it went.\\n\\nMore.'\n    return 1")
    kernel.run("%%mcp_tool\ndef top(n: int) -> int:\n    'The best.\\n\\nMore.'\n    return n\ndef r(): ...")
    columns = ", ".join(f"c{number}" for number in range(20))
    assert (await told(kernel)).splitlines() == [
        f"{ABOUT} Sales of 2026. All of them.",
        "Data:",
        "- sales: Revenue by customer (3 rows; columns customer, revenue, column_names)",
        f"- wide: 1 rows; columns {columns} and 2 more",
        "- table: 1 rows; columns x",
        "- one: Series of 3 rows",
        "- limit: int",
        "- data://report: How it went.",
        "Tools:",
        "- top: The best.",
        "- r",
        PAGING,
    ]
    assert len(await told(kernel, **{CLIENT_INFO: CODEX})) <= 300
    kernel.run("sales = sales.iloc[:2]; del limit")
    assert "(2 rows; columns" in await told(kernel)
    assert "- limit" not in await told(kernel)


async def test_what_a_client_may_not_use_is_not_named(kernel: LiveKernel) -> None:
    """They name no more than the client's lists do (2: instructions)."""
    kernel.run("sales, salaries = 1, 2\n%mcp_resource sales")
    kernel.run("%mcp_resource sales\n%mcp_resource salaries")
    kernel.run("%%mcp_tool\ndef top(): ...\ndef erase(): ...")
    ran = kernel.run(
        "from mcp_jupyter.protocol.rights import Rights\n"
        "from mcp_jupyter.ipython_extension import engine_of\n"
        "told = engine_of(get_ipython()).instructions\n"
        "print(told(2000, Rights(('top',), ('notebook://variables/sales',))))\nprint(told(2000, Rights()))"
    )
    about = f"{ABOUT} Sales of 2026. All of them."
    assert ran.printed.splitlines() == [
        *(about, "Data:", "- sales: int", "Tools:", "- top", PAGING),
        *(about, PAGING),
    ]


async def test_a_frame_whose_class_misbehaves_costs_nothing_but_its_shape(kernel: LiveKernel) -> None:
    """Instructions come in spite of what a user's class does (2: instructions)."""
    kernel.run(
        "import pandas as pd\nclass Odd(pd.DataFrame):\n    def __len__(self): raise OSError\n"
        "odd = Odd({'a\\n- b\\u202e': [1]}); lines = pd.DataFrame({'a\\n- b\\u202e': [1]})"
    )
    kernel.run("%mcp_resource odd\n%mcp_resource lines")
    lines = (await told(kernel)).splitlines()
    assert lines[2:4] == ["- odd: Odd", "- lines: 1 rows; columns a - b⟨U+202E⟩"]


async def test_the_user_s_own_text_replaces_them(kernel: LiveKernel) -> None:
    """`%%mcp_instructions` and `notebook.instructions` say what assistants are told (2: instructions)."""
    ran = kernel.run("%%mcp_instructions\nAsk for a region.\n\nThen call top.\n")
    assert (ran.error, "Ask for a region." in ran.printed) == ("", True)
    assert await told(kernel) == "Ask for a region.\n\nThen call top."
    assert not kernel.run("from mcp_jupyter import notebook\nnotebook.instructions = 'By hand.'").error
    assert await told(kernel) == "By hand."
    assert kernel.run("print(notebook.instructions)").printed == "By hand.\n"
    assert kernel.run("notebook.instructions = 5").error.startswith("TypeError: Instructions are a text")
    kernel.run("notebook.instructions = None")
    assert (await told(kernel)).startswith(ABOUT)
    assert kernel.run("%%mcp_instructions x\ny").error.startswith("UsageError: %%mcp_instructions: ")
    assert "Usage: %%mcp_instructions" in kernel.run("%%mcp_instructions --help").printed


async def test_status_shows_them_as_hosts_get_them(kernel: LiveKernel) -> None:
    """The user sees both forms, with their length (2: instructions)."""
    kernel.run("notebook.instructions = 'A line of words.\\n' * 200")
    shown = kernel.run("%mcp_status --instructions").printed
    usual, _, codex = shown.partition("Instructions for Codex")
    assert usual.startswith("Instructions for most hosts (1988 of at most 2000 characters):\n\nA line")
    assert codex.startswith(" (288 of at most 300 characters):\n\nA line of words.\n")
    assert f"\n\n{await told(kernel)}\n" in usual
    assert f"\n\n{await told(kernel, **{CLIENT_INFO: CODEX})}\n" in codex


async def test_the_file_is_read_again_when_it_was_saved(kernel: LiveKernel, notebook: Path) -> None:
    """Title and first paragraph are those of the last save (2: instructions)."""
    assert (await told(kernel)).splitlines()[0] == f"{ABOUT} Sales of 2026. All of them."
    write(notebook, "# Sales of this and the last year")
    assert (await told(kernel)).splitlines()[0] == f"{ABOUT} Sales of this and the last year."
    notebook.unlink()
    assert (await told(kernel)).splitlines() == [ABOUT, PAGING]


async def test_a_host_that_connects_during_a_cell_gets_them(kernel: LiveKernel) -> None:
    """They wait for no cell (2: instructions)."""
    kernel.run("import threading; go = threading.Event()")
    kernel.run("%%mcp_tool --concurrent\ndef end_cell() -> None:\n    go.set()")
    cell = kernel.client.execute("go.wait(120)")
    async with kernel.connect() as client:
        assert (await told(kernel)).startswith(ABOUT)
        await client.call("end_cell")
    assert kernel.client.get_shell_msg(timeout=60)["parent_header"]["msg_id"] == cell
