# SPDX-License-Identifier: BSD-3-Clause
"""What the cards of a cell say of what it serves, in a real kernel."""

from __future__ import annotations

import pytest

from .live import live_kernel

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def kernel(module_jupyter_dirs):
    dirs = module_jupyter_dirs
    with live_kernel(dirs.runtime, dirs.environ, "work/cards.ipynb") as kernel:
        assert kernel.run("%load_ext mcp_jupyter").error == ""
        yield kernel


def test_a_tools_card_has_its_docstring_and_its_hints(kernel):
    """What a user declared can be checked where it was declared, and in the status (1.36)."""
    ran = kernel.run(
        "%%mcp_tool --destructive --idempotent --open-world --concurrent --timeout 5\n"
        'def drop(region: str) -> int:\n    """Delete the sales of a region.\n\n    For good."""'
    )
    assert ran.text == (
        "MCP tool\n  drop  (region: str) -> int\n      Delete the sales of a region.\n"
        "      destructive, idempotent, open-world, concurrent, timeout 5 s"
    )
    assert "Delete the sales of a region.<br>destructive, idempotent" in ran.displayed[0]["text/html"]
    status = kernel.run("%mcp_status").text
    assert "  drop  tool (region: str) -> int\n      destructive, idempotent, open-world" in status


def test_the_cards_of_resources_and_prompts_have_their_descriptions(kernel):
    ran = kernel.run('%%mcp_resource data://x\ndef f():\n    "What f has."')
    assert ran.text == "MCP resource\n  data://x  What f has."
    ran = kernel.run('%%mcp_prompt\ndef ask(what: str) -> str:\n    "Asks."\n    return what')
    assert ran.text == "MCP prompt\n  ask  (what: str) -> str\n      Asks."
    kernel.run("value = 1")
    ran = kernel.run('%mcp_resource value --description "One"')
    assert ran.text == "MCP resource\n  notebook://variables/value  int\n      One"


MISSING = {
    "def f(): pass": ["No docstring: assistants can only guess what it does."],
    "def f(x, *, y=2): pass": [
        "No docstring, and no type hints for x, y: assistants can only guess what it does."
    ],
    'def f(x, y: int = 2):\n    "Does."': [
        "Does.",
        "No type hints for x: assistants can only guess its arguments.",
    ],
    'def f(x: int):\n    "Does."': ["Does."],
    "from mcp_jupyter.server.fastmcp import Context\ndef f(ctx: Context): 'Does.'": ["Does."],
}


@pytest.mark.parametrize("source", MISSING)
def test_a_tool_says_what_assistants_miss(kernel, source):
    """A docstring and type hints are all that an assistant has to go by (1.36)."""
    ran = kernel.run(f"%%mcp_tool\n{source}")
    assert ran.error == ""
    lines = [line.strip() for line in ran.text.splitlines()[2:] if "replaces" not in line]
    assert lines == MISSING[source]


def test_a_description_on_the_line_stands_for_the_docstring(kernel):
    ran = kernel.run('%%mcp_tool --description "Does"\ndef described(): pass')
    assert ran.text == "MCP tool\n  described  ()\n      Does"


def test_an_executor_that_is_not_there_is_said(kernel):
    """It may come later, so the tool is served all the same (1.36)."""
    kernel.run("from concurrent.futures import ThreadPoolExecutor\nworkers = ThreadPoolExecutor(1)\nn = 1")
    ran = kernel.run("%%mcp_tool --executor worker\ndef far(): 'Runs.'")
    assert ran.text.splitlines()[3:] == [
        "      executor worker",
        "      The variable 'worker' does not exist yet: calls fail until it is an executor. "
        "Did you mean workers?",
    ]
    ran = kernel.run("%%mcp_tool --executor n\ndef near(): 'Runs.'")
    assert "'n' is a variable of type int: calls fail until it is an executor." in ran.text
    ran = kernel.run("%%mcp_tool --executor workers\ndef there(): 'Runs.'")
    assert ran.text.splitlines()[3:] == ["      executor workers"]
    kernel.run("workers.shutdown()")


@pytest.mark.parametrize(
    ("head", "kind"),
    [("%%mcp_tool", "tool"), ("%%mcp_resource data://r", "resource"), ("%%mcp_prompt", "prompt")],
)
def test_what_replaces_another_of_its_name_says_so(kernel, head, kind):
    """A cell that is run again shows the same card as before (1.36)."""
    cell = f"{head}\ndef twice():\n    'Gives two.'\n    return '2'"
    first = kernel.run(cell).text
    assert "replaces" not in first
    assert kernel.run(cell).text == first
    other = kernel.run(cell.replace("two", "deux")).text
    assert other.splitlines()[-1] == f"      It replaces another {kind} of this name."


def test_decorators_show_the_same_cards(kernel):
    """Python is another way to write the magics (1.36)."""
    cell = (
        "from mcp_jupyter import notebook\n@notebook.tool(concurrent=True)\ndef decorated(x):\n    'Does.'\n"
        "@notebook.prompt()\ndef asks() -> str: return 'Hello.'\n"
        "@notebook.resource('data://decorated')\ndef data(): 'Data.'"
    )
    first = kernel.run(cell).text
    assert first == (
        "MCP tool\n  decorated  (x)\n      Does.\n      concurrent\n"
        "      No type hints for x: assistants can only guess its arguments.\n"
        "MCP prompt\n  asks  () -> str\nMCP resource\n  data://decorated  Data."
    )
    assert kernel.run(cell).text == first
    other = kernel.run("%%mcp_tool\ndef decorated(): 'Does.'").text
    assert "It replaces another tool of this name." in other


async def test_a_tool_that_a_call_registers_is_not_part_of_its_result(kernel):
    """What a call displays becomes part of its result, and a card is not meant for the caller (1.36)."""
    kernel.run("from mcp_jupyter import notebook\ndef inner(): 'Inner.'")
    source = "def makes() -> str:\n    'Makes.'\n    notebook.tool('made')(inner)\n    return 'ok'"
    assert kernel.run(f"%%mcp_tool\n{source}").error == ""
    async with kernel.connect() as client:
        assert [block["text"] for block in (await client.call("makes"))["content"]] == ["ok"]
        assert "made" in {tool["name"] for tool in (await client.ask("tools/list"))["tools"]}


def test_a_cell_that_was_changed_and_is_run_again_replaces_its_own_tool(kernel):
    """Front ends say which cell runs: its stored output is that of a fresh run (1.36)."""

    def run(cell: str, source: str) -> str:
        content = {"code": source, "silent": False, "store_history": True, "allow_stdin": False}
        message = kernel.client.session.msg("execute_request", content, metadata={"cellId": cell})
        kernel.client.shell_channel.send(message)
        shown = ""
        while True:
            heard = kernel.client.get_iopub_msg(timeout=30)
            if heard["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            if heard["msg_type"] == "display_data":
                shown = heard["content"]["data"]["text/plain"]
            elif heard["content"].get("execution_state") == "idle":
                return shown

    assert "replaces" not in run("a", "%%mcp_tool\ndef edited(): 'One.'")
    assert "replaces" not in run("a", "%%mcp_tool\ndef edited(): 'Two.'")
    assert "replaces another tool" in run("b", "%%mcp_tool\ndef edited(): 'Two.'")
