# SPDX-License-Identifier: BSD-3-Clause
"""What the cards of a cell say of what it serves, in a real kernel."""

from __future__ import annotations

import json
import re
from functools import partial

import pytest

from mcp_jupyter._ipython.cards import arguments_text

from .live import in_thread, live_kernel

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def kernel(module_jupyter_dirs):
    dirs = module_jupyter_dirs
    with live_kernel(dirs.runtime, dirs.environ, "work/cards.ipynb") as kernel:
        assert kernel.run("%load_ext mcp_jupyter").error == ""
        yield kernel


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "string"}, "text"),
        ({"type": "boolean", "default": True}, "true or false = true"),
        ({"type": "array", "items": {"type": "number"}}, "list of number"),
        ({"enum": ["c", "f"], "default": "c"}, '"c" or "f" = "c"'),
        ({"enum": [f"value {n}" for n in range(100)]}, "text"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None}, "integer"),
        ({"$ref": "#/$defs/Loop"}, "anything"),
        ({"type": ["string", "object"]}, "object or text"),
        ({}, "anything"),
    ],
)
def test_types_are_said_in_plain_words(schema, text):
    whole = {"properties": {"x": schema}, "$defs": {"Loop": {"$ref": "#/$defs/Loop"}}}
    optional = "" if " = " in text else ", optional"
    assert arguments_text(whole) == f"x: {text}{optional}"
    assert arguments_text({**whole, "required": ["x"]}) == f"x: {text.partition(' = ')[0]}"


def test_a_tools_card_has_what_an_assistant_gets(kernel):
    """Arguments are in plain words; hints, where it runs and a next step are there (1.36)."""
    ran = kernel.run(
        "%%mcp_tool --read-only --concurrent\nimport pandas as pd\n"
        "def best(n: int = 5, region: str | None = None) -> pd.DataFrame:\n"
        '    """The best customers.\n\n    Of all."""'
    )
    assert ran.text == (
        "MCP tool best  reads only · beside cells\n"
        "  n: integer = 5 · region: text, optional -> table\n"
        "  The best customers.\n"
        "Try it in a terminal: `jupyter mcp call cards best`."
    )


def test_hints_are_words_in_the_themes_colours(kernel):
    """The words say it without colour too, and a tool that deletes has no command to try it (1.36)."""
    ran = kernel.run(
        "%%mcp_tool --destructive --idempotent --open-world --timeout 5\n"
        'def drop(region: str) -> int:\n    "Delete sales."'
    )
    hints = "deletes · safe to repeat · reaches beyond the notebook · asks you first"
    marks = f"{hints} · main thread · stops after 5 s"
    assert ran.text == f"MCP tool drop  {marks}\n  region: text -> integer\n  Delete sales."
    assert 'color:var(--jp-error-color1,#d32f2f)">deletes</span>' in ran.displayed[0]["text/html"]
    assert f"tool · {marks}" in kernel.run("%mcp_status").text


def test_every_function_of_a_cell_has_its_card(kernel):
    ran = kernel.run("%%mcp_tool --executor pool\ndef a(x: int): 'A.'\ndef b(): 'B.'\npool = 1")
    assert [bundle["text/plain"].splitlines()[:2] for bundle in ran.displayed] == [
        ["MCP tool a  executor pool", "  x: integer"],
        ["MCP tool b  executor pool", "  no arguments"],
    ]


def test_the_cards_of_resources_and_prompts_have_their_descriptions(kernel):
    ran = kernel.run('%%mcp_resource data://x\ndef f():\n    "What f has."')
    step = "Try it in a terminal: `jupyter mcp read cards 'data://x'`."
    assert ran.text == f"MCP resource data://x\n  What f has.\n{step}"
    ran = kernel.run('%%mcp_prompt\ndef ask(what: str) -> str:\n    "Asks."\n    return what')
    step = "Try it in a terminal: `jupyter mcp prompt cards ask what=...`."
    assert ran.text == f"MCP prompt ask\n  what: text\n  Asks.\n{step}"
    kernel.run("value = 1")
    ran = kernel.run('%mcp_resource value --description "One"')
    assert ran.text.startswith("MCP resource notebook://variables/value  int\n  One\n")


def test_text_of_others_stays_text(kernel):
    """A docstring may hold HTML, TeX and controls; a card shows them (1.36)."""
    ran = kernel.run("%%mcp_tool\ndef f(x: int = 1): 'Costs $5$ <img src=x onerror=alert(1)> \\x1b[31m'")
    shown = ran.displayed[0]["text/html"]
    assert "<img" not in shown
    assert ">Costs $5$ &lt;img src=x onerror=alert(1)&gt;" in shown
    assert "\x1b" not in shown


MISSING = {
    "def f(): pass": ["No docstring: the assistant sees only the name."],
    "def f(x, *, y=2): pass": [
        "No docstring: the assistant sees only the name.",
        "x and y have no type: they are sent as anything.",
    ],
    'def f(x, y: int = 2):\n    "Does."': ["x has no type: it is sent as anything."],
    'def f(x: int):\n    "Does."': [],
    "from mcp_jupyter.server.fastmcp import Context\ndef f(ctx: Context): 'Does.'": [],
}


@pytest.mark.parametrize("source", MISSING)
def test_a_tool_says_what_assistants_miss(kernel, source):
    """A docstring and type hints are all that an assistant has to go by (1.36)."""
    ran = kernel.run(f"%%mcp_tool\n{source}")
    assert ran.error == ""
    assert [line[4:] for line in ran.text.splitlines() if line.startswith("  ⚠ ")] == MISSING[source]


def test_a_description_on_the_line_stands_for_the_docstring(kernel):
    ran = kernel.run('%%mcp_tool --description "Does"\ndef described(): pass')
    assert ran.text.splitlines()[1:3] == ["  no arguments", "  Does"]


def test_an_executor_that_is_not_there_is_said(kernel):
    """It may come later, so the tool is served all the same (1.36)."""
    kernel.run("from concurrent.futures import ThreadPoolExecutor\nworkers = ThreadPoolExecutor(1)\nn = 1")
    ran = kernel.run("%%mcp_tool --executor worker\ndef far(): 'Runs.'")
    assert (
        "  ⚠ The variable 'worker' does not exist yet: calls fail until it is an executor. "
        "Did you mean workers?"
    ) in ran.text
    ran = kernel.run("%%mcp_tool --executor n\ndef near(): 'Runs.'")
    assert "  ⚠ 'n' is a variable of type int: calls fail until it is an executor." in ran.text
    ran = kernel.run("%%mcp_tool --executor workers\ndef there(): 'Runs.'")
    assert "⚠" not in ran.text
    kernel.run("workers.shutdown()")


# -- what differs from run to run ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "kind"),
    [("%%mcp_tool", "tool"), ("%%mcp_resource data://r", "resource"), ("%%mcp_prompt", "prompt")],
)
def test_a_user_reads_that_an_earlier_version_is_replaced(kernel, head, kind):
    """A program does not: what it runs is compared with saved outputs (1.36)."""
    cell = f"{head}\ndef twice():\n    'Gives two.'\n    return '2'"
    plain = kernel.run(cell).text
    assert plain.startswith(f"MCP {kind} ")
    assert kernel.run(cell).text == plain
    assert "\nReplaces the earlier version. Try it " in kernel.run(cell, is_interactive=True).text


async def test_a_user_reads_how_many_assistants_were_told(kernel):
    cell = "%%mcp_tool\ndef told(): 'Tells.'"
    async with kernel.connect(), kernel.connect():
        ran = await in_thread(partial(kernel.run, cell, is_interactive=True))
        assert ran.text.splitlines()[-1].startswith("2 assistants were told. Try it ")
        assert "told. " not in (await kernel.arun(cell)).text


def test_the_news_of_a_card_goes_when_the_next_cell_runs(kernel):
    """A notebook that is saved after Run All has the outputs of a headless run (1.36)."""
    cell = "%%mcp_tool\ndef news(): 'News.'"
    plain = kernel.run(cell).displayed
    assert kernel.run(cell, is_interactive=True).displayed != plain
    assert kernel.run("1").updated == plain
    assert kernel.run("1").updated == []


async def test_the_status_lists_the_connected_assistants_to_a_user(kernel):
    async with kernel.connect():
        status = (await in_thread(partial(kernel.run, "%mcp_status", is_interactive=True))).text
        assert re.search(
            r"^Connected assistants\n  mcp_jupyter( \S+)?  since \d\d:\d\d$", status, re.MULTILINE
        )
        assert "Connected assistants" not in (await kernel.arun("%mcp_status")).text


async def test_the_status_counts_what_the_panel_counts(kernel):
    """Both leave out the notebook's own status, and count a variable once (1.36)."""
    kernel.run("shelf = [1]\n%mcp_resource shelf")
    async with kernel.connect() as client:
        (content,) = (await client.ask("resources/read", {"uri": "notebook://status"}))["contents"]
        panel = json.loads(content["text"])
    counts = ", ".join(f"{panel[f'{kind}s']} {kind}s" for kind in ("tool", "resource", "prompt"))
    assert f"\nServes {counts}\n" in (await kernel.arun("%mcp_status")).text


# -- decorators ------------------------------------------------------------------------------------


def test_decorators_show_the_same_cards(kernel):
    """Python is another way to write the magics (1.36)."""
    cell = (
        "from mcp_jupyter import notebook\n@notebook.tool(concurrent=True)\ndef decorated(x):\n    'Does.'\n"
        "@notebook.prompt()\ndef asks() -> str: return 'Hello.'\n"
        "@notebook.resource('data://decorated')\ndef data(): 'Data.'"
    )
    ran = kernel.run(cell)
    assert [bundle["text/plain"].splitlines()[0] for bundle in ran.displayed] == [
        "MCP tool decorated  beside cells",
        "MCP prompt asks",
        "MCP resource data://decorated",
    ]
    assert "⚠ x has no type: it is sent as anything." in ran.text


async def test_a_tool_that_a_call_registers_is_not_part_of_its_result(kernel):
    """What a call displays becomes part of its result, and a card is not meant for the caller (1.36)."""
    kernel.run("from mcp_jupyter import notebook\ndef inner(): 'Inner.'")
    source = "def makes() -> str:\n    'Makes.'\n    notebook.tool('made')(inner)\n    return 'ok'"
    assert kernel.run(f"%%mcp_tool\n{source}").error == ""
    async with kernel.connect() as client:
        assert [block["text"] for block in (await client.call("makes"))["content"]] == ["ok"]
        assert "made" in {tool["name"] for tool in (await client.ask("tools/list"))["tools"]}
