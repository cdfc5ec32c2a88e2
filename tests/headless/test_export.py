# SPDX-License-Identifier: BSD-3-Clause
"""A notebook as a script: what its cells become, and that it serves the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mcp_jupyter import Client
from mcp_jupyter.headless.export import ExportError, HeadlessError, export
from tests.cli.support import JUPYTER_MCP

pytestmark = pytest.mark.anyio

QUICKSTART = Path(__file__).parents[2] / "notebooks" / "quickstart.ipynb"


def script(write_notebook, *cells: str) -> str:
    return export(write_notebook(*cells)).script


async def served(tmp_path: Path, text: str) -> Client:
    file = tmp_path / "server.py"
    file.write_text(text)
    return Client([sys.executable, str(file)])


async def test_the_quickstart_serves_the_same_as_a_script(tmp_path):
    async with await served(tmp_path, export(QUICKSTART).script) as client:
        tools = {tool.name: tool for tool in await client.list_tools()}
        assert tools.keys() == {"top_customers", "count_rows"}
        assert tools["top_customers"].annotations.readOnlyHint
        top = await client.call_tool("top_customers", {"n": 1})
        assert "Curie" in top.content[0].text
        text, _ = await client.read_resource("notebook://variables/sales")
        assert text.splitlines()[:2] == ["customer,region,revenue", "Ada,north,1200.0"]
        prompt = await client.get_prompt("summarise", {"region": "north"})
        assert "the region north" in prompt.messages[0].content.text


CELLS = [
    "%load_ext mcp_jupyter",
    "import os\n%matplotlib inline\nvalues = [1, 2]",
    "%%mcp_tool --title Total --destructive\nfactor = 2\n\n@staticmethod\ndef _helper(): ...\n\n"
    "async def total(n: int = 1) -> int:\n    return sum(values) * factor * n\n\n"
    "def other() -> str:\n    return 'o'",
    "%%mcp_resource data://doubled --mime-type application/json\n"
    "double = [2 * value for value in values]\ndouble",
    "%%mcp_resource data://{key}/item --paths\ndef item(key: str) -> str:\n    return key",
    "%mcp_resource values --description 'The values'",
    "%%mcp_prompt\ndef ask(what: str) -> str:\n    return f'Ask {what}'",
    "%%mcp_prompt plain\nBraces {{}} and {what}, {what}.",
    "from mcp_jupyter import notebook\n\n@notebook.tool()\ndef decorated() -> str:\n    return 'd'",
    "%mcp_status",
    "%%mcp_instructions\nAsk for values.",
]


async def test_each_of_our_magics_becomes_a_decorator(tmp_path, write_notebook):
    async with await served(tmp_path, script(write_notebook, *CELLS)) as client:
        assert client.instructions == "Ask for values."
        assert [tool.name for tool in await client.list_tools()] == ["total", "other", "decorated"]
        assert (await client.call_tool("total", {"n": 2})).structuredContent == {"result": 12}
        assert tuple(await client.read_resource("data://doubled")) == ("[2,4]", "application/json")
        assert (await client.read_resource("data://x/item")).contents[0].text == "x"
        assert (await client.read_resource("data://C%3A/item")).contents[0].text == "C:"
        assert (await client.read_resource("notebook://variables/values")).contents[0].text == "[1,2]"
        assert (await client.get_prompt("ask", {"what": "me"})).messages[0].content.text == "Ask me"
        plain = await client.get_prompt("plain", {"what": "x"})
        assert plain.messages[0].content.text == "Braces {} and x, x."


ODD_CELLS = [
    "from __future__ import annotations\nfrom mcp_jupyter import notebook as served",
    "%%time\nvalues = [1, 2]",
    "%time more = [3]\ndisplay(more)",
    "served.variable('values', description='It')\nserved.serve('name')",
    "@served.tool()\ndef total() -> int:\n    display(values)\n    return sum(values + more)",
    "%%mcp_resource data://doubled\ndouble = [6]; double",
]


async def test_a_script_runs_without_what_a_notebook_has(tmp_path, write_notebook):
    exported = export(write_notebook(*ODD_CELLS))
    assert exported.notes == [
        "Cell [2]: %%time does not work in a script; its code is kept.",
        "Cell [3]: %time does not work in a script; its code is kept.",
        "display() shows nothing in a script.",
    ]
    async with await served(tmp_path, exported.script) as client:
        assert (await client.call_tool("total")).structuredContent == {"result": 6}
        assert (await client.read_resource("notebook://variables/values")).contents[0].text == "[1,2]"
        assert (await client.read_resource("data://doubled")).contents[0].text == "[6]"


VALUES = [
    "%load_ext mcp_jupyter\nimport numpy as np\nimport pandas as pd",
    "regions = pd.Index(['north', 'south'], name='region')\n"
    "sales = pd.DataFrame({'revenue': [1.5, float('nan')]}, index=regions)\n"
    "scalar, array = np.float32(0.1), np.arange(3)\n"
    "pairs = {('a', 1): float('nan'), ('b', 2): np.int64(3)}",
    "%mcp_resource sales",
    "%mcp_resource sales --mime-type text/markdown --name table\n%mcp_resource scalar\n%mcp_resource array",
    "%mcp_resource pairs --mime-type application/vnd.pairs+json",
    "%%mcp_resource data://report --mime-type text/markdown\nreport = []\nreport.append('# R') or report[0]",
]


async def test_values_are_what_the_notebook_serves(tmp_path, write_notebook):
    """An index, NaN, NumPy's values, keys that are tuples and a MIME type go into the script (1.16)."""
    cells = [*VALUES[:2], *VALUES[3:]]
    async with await served(tmp_path, script(write_notebook, *cells)) as client:
        found = {
            resource.name: tuple(await client.read_resource(str(resource.uri)))
            for resource in await client.list_resources()
        }
    assert list(json.loads(found.pop("pairs")[0]).values()) == [None, 3]
    assert json.loads(found.pop("scalar")[0]) == pytest.approx(0.1)
    markdown = "| region | revenue |\n| --- | --- |\n| north | 1.5 |\n| south |  |"
    assert found == {
        "table": (markdown, "text/markdown"),
        "array": ("[0,1,2]", "application/json"),
        "data://report": ("# R", "text/markdown"),
    }
    async with await served(tmp_path, script(write_notebook, *VALUES[:3])) as client:
        text, mime_type = await client.read_resource("notebook://variables/sales")
    assert (text, mime_type) == ("region,revenue\nnorth,1.5\nsouth,\n", "text/csv")


PRINTING = [
    "%load_ext mcp_jupyter\nimport subprocess, sys\nprint('loading')",
    "subprocess.run([sys.executable, '-c', 'print(1)'], check=True)",
    "%%mcp_tool\nprint('defining')\ndef hello() -> str:\n    print('calling')\n    return 'hello'",
]


async def test_what_cells_print_is_not_in_the_protocol(tmp_path, write_notebook):
    """Over stdio, stdout has the protocol's messages and nothing else (1.16)."""
    file = tmp_path / "server.py"
    file.write_text(script(write_notebook, *PRINTING))
    ping = b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}\n'
    ran = subprocess.run([sys.executable, str(file)], input=ping, capture_output=True, timeout=60, check=True)
    assert [json.loads(line)["id"] for line in ran.stdout.splitlines()] == [1]
    assert ran.stderr.split() == [b"loading", b"1", b"defining"]
    async with Client([sys.executable, str(file)]) as client:
        assert (await client.call_tool("hello")).structuredContent == {"result": "hello"}


async def test_tools_under_one_decorator_keep_their_names(tmp_path, write_notebook):
    """A decorator without `functools.wraps` gives all its functions one name (1.16)."""
    decorator = "def logged(function):\n    def inner():\n        return function()\n    return inner"
    tools = "%%mcp_tool\n@logged\ndef first(): return 1\n@logged\ndef second(): return 2"
    prompts = "%%mcp_prompt\n@logged\ndef third(): return '3'\n@logged\ndef fourth(): return '4'"
    async with await served(tmp_path, script(write_notebook, decorator, tools, prompts)) as client:
        assert [tool.name for tool in await client.list_tools()] == ["first", "second"]
        assert (await client.call_tool("first")).content[0].text == "1"
        assert [prompt.name for prompt in await client.list_prompts()] == ["third", "fourth"]


async def test_a_magic_around_ours_or_under_it_is_left_out(tmp_path, write_notebook):
    cells = ["%%time\n%%mcp_tool\ndef a(): return 1", "%%mcp_tool --name b\n%%capture out\ndef f(): return 2"]
    exported = export(write_notebook(*cells))
    assert exported.notes == [
        "Cell [1]: %%time does not work in a script; its code is kept.",
        "Cell [2]: %%capture does not work in a script; its code is kept.",
    ]
    async with await served(tmp_path, exported.script) as client:
        assert [tool.name for tool in await client.list_tools()] == ["a", "b"]


def test_an_export_of_nothing_is_said(write_notebook):
    """A notebook without tools, perhaps not saved, gives a server of nothing (1.16, 1.36)."""
    exported = export(write_notebook("%load_ext mcp_jupyter", "x = 1"))
    said = (
        "analysis.ipynb serves nothing: no cell has %%mcp_tool, %%mcp_resource or %%mcp_prompt. Is it saved?"
    )
    assert exported.notes == [said]


SERVING = "%%mcp_tool\ndef serves(): ..."


def test_what_will_be_missed_within_a_function_is_named(write_notebook):
    update = "from mcp_jupyter import notebook\ndef sell():\n    notebook.updated('sales')"
    assert export(write_notebook("def files():\n    !ls", update, SERVING)).notes == [
        "Cell [1]: files uses IPython, which a script does not have.",
        "Cell [2]: notebook.updated is not there in a script.",
    ]


def test_what_has_no_place_in_a_script_is_left_out_and_named(write_notebook):
    exported = export(
        write_notebook("%matplotlib inline\nx = 1", "!ls", "%%bash\necho", "%mcp_serve --name a", SERVING)
    )
    assert exported.notes == [
        "Cell [1]: %matplotlib inline does not work in a script and is left out.",
        "Cell [2]: get_ipython().system('ls') does not work in a script and is left out.",
        "Cell [3]: %%bash does not work in a script; its cell is left out.",
    ]
    assert "\nx = 1\n" in exported.script
    compile(exported.script, "script", "exec")


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("await x", r"Cell \[2\] of analysis.ipynb: it awaits at its top level"),
        ("[x async for x in y]", "it awaits at its top level"),
        ("x = = 1", "it is not Python: invalid syntax, line 1"),
        ("%%mcp_tool --nope\ndef f(): ...", "--nope"),
        ("%%mcp_resource\n1", "needs a URI"),
        ("%mcp_resource", "needs the name of a variable"),
        ("%%mcp_prompt p\n{0}", "is not a plain name"),
    ],
)
def test_a_cell_that_cannot_be_a_script_is_named(write_notebook, cell, said):
    with pytest.raises(ExportError, match=said):
        export(write_notebook("1", cell))


def test_what_is_no_notebook_is_said(tmp_path):
    with pytest.raises(HeadlessError, match="cannot be read"):
        export(tmp_path / "none.ipynb")


def test_the_command_writes_a_file_and_never_over_one(jupyter_dirs, tmp_path, write_notebook):
    path, output = write_notebook(*CELLS), tmp_path / "server.py"

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        command = [JUPYTER_MCP, "export", str(path), *options]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, env=jupyter_dirs.environ)

    shown = run()
    assert shown.returncode == 0
    assert "Cell [2]: %matplotlib inline" in shown.stderr
    assert run("-o", str(output)).returncode == 0
    assert output.read_text() == shown.stdout
    again = run("-o", str(output))
    assert (again.returncode, again.stdout) == (1, "")
    assert "is there already: use --force" in again.stderr
    assert run("-o", str(output), "--force").returncode == 0
