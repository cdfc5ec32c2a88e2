# SPDX-License-Identifier: BSD-3-Clause
"""The magics in a real kernel, and what a client gets of what they serve."""

from __future__ import annotations

import json

import pytest

from mcp_jupyter.errors import McpError

from .live import live_kernel

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def kernel(module_jupyter_dirs):
    dirs = module_jupyter_dirs
    with live_kernel(dirs.runtime, dirs.environ, "work/Sales report.ipynb") as kernel:
        ran = kernel.run("%load_ext mcp_jupyter")
        assert not ran.error
        yield kernel


@pytest.fixture(autouse=True)
def clean(kernel):
    yield
    kernel.run(
        "from mcp_jupyter.ipython_extension import engine_of\n"
        "server = engine_of(get_ipython()).server\n"
        "for _name in [*server.tools, *server.prompts, *server.resources]: server.remove(_name)"
    )


def tool(source: str, options: str = "") -> str:
    return f"%%mcp_tool {options}\n{source}"


async def text_of(client, name, arguments=None):
    result = await client.call(name, arguments)
    return result["content"][0]["text"], result.get("isError", False)


# -- %%mcp_tool ----------------------------------------------------------------------------------


async def test_every_public_function_of_the_cell_becomes_a_tool(kernel):
    ran = kernel.run(
        tool(
            'def a(x: int) -> int:\n    "Adds."\n    return _h(x)\n'
            "async def b(): return 2\ndef _h(x): return x + 1"
        )
    )
    assert ran.error == ""
    assert [each["text/plain"].split("  ")[0] for each in ran.displayed] == ["MCP tool a", "MCP tool b"]
    async with kernel.connect() as client:
        tools = {t["name"]: t for t in (await client.ask("tools/list"))["tools"]}
        assert set(tools) == {"a", "b"}
        assert tools["a"]["description"] == "Adds."
        assert tools["a"]["inputSchema"]["required"] == ["x"]
        assert (await client.call("a", {"x": 1}))["structuredContent"] == {"result": 2}
        assert await text_of(client, "b") == ("2", False)


async def test_the_options_of_a_tool_reach_the_client(kernel):
    options = '--name top --title "Top ones" --description "The best" --read-only --idempotent --open-world'
    assert kernel.run(tool("def f(): return 1", options)).error == ""
    async with kernel.connect() as client:
        (listed,) = (await client.ask("tools/list"))["tools"]
    assert (listed["name"], listed["title"], listed["description"]) == ("top", "Top ones", "The best")
    assert listed["annotations"] == {"readOnlyHint": True, "idempotentHint": True, "openWorldHint": True}


async def test_running_the_cell_again_replaces_the_tool_and_tells_clients(kernel):
    kernel.run(tool("def f(): return 1"))
    async with kernel.connect() as client:
        assert await text_of(client, "f") == ("1", False)
        await kernel.arun(tool("def f(x: int = 5): return x"))
        await client.hear("notifications/tools/list_changed")
        assert await text_of(client, "f") == ("5", False)


async def test_a_cell_with_three_functions_is_one_change(kernel):
    async with kernel.connect() as client:
        await kernel.arun(tool("def f(): pass\ndef g(): pass\ndef h(): pass"))
        await client.ask("ping")
        assert client.methods() == ["notifications/tools/list_changed"]


async def test_a_cell_that_fails_leaves_the_old_tool_and_shows_its_own_error(kernel):
    kernel.run(tool("def f(): return 'old'"))
    ran = kernel.run(tool("def f(): return 'new'\n1/0"))
    assert ran.error == "ZeroDivisionError: division by zero"
    async with kernel.connect() as client:
        assert await text_of(client, "f") == ("old", False)


async def test_a_function_is_served_only_when_all_of_its_cell_can_be(kernel):
    ran = kernel.run(tool("def good(): pass\ndef bad(*args): pass"))
    assert ran.error.startswith("UsageError: %%mcp_tool: bad: parameter *args")
    async with kernel.connect() as client:
        assert (await client.ask("tools/list"))["tools"] == []


async def test_names_are_resolved_when_a_call_runs(kernel):
    kernel.run("def helper(): return 'first'")
    kernel.run(tool("def f(): return helper()"))
    async with kernel.connect() as client:
        assert await text_of(client, "f") == ("first", False)
        await kernel.arun("def helper(): return 'second'")
        assert await text_of(client, "f") == ("second", False)


async def test_a_tool_sees_and_changes_the_live_namespace(kernel):
    kernel.run("counter = 1")
    kernel.run(tool("def count():\n    global counter\n    counter += 1\n    return counter"))
    async with kernel.connect() as client:
        assert await text_of(client, "count") == ("2", False)
    assert kernel.run("counter").result["text/plain"] == "2"


async def test_a_tool_that_raises_says_what_and_the_kernel_goes_on(kernel):
    kernel.run(tool("def f(k): return {}[k]\ndef g(): raise SystemExit(3)"))
    async with kernel.connect() as client:
        assert await text_of(client, "f", {"k": "x"}) == ("Error in f: KeyError: 'x'", True)
        message, failed = await text_of(client, "g")
        assert failed
        assert "SystemExit" in message
    assert kernel.run("1 + 1").result["text/plain"] == "2"


async def test_what_a_call_prints_goes_to_the_caller_and_not_into_a_cell(kernel):
    kernel.run(tool("def f():\n    print('to you')\n    return 1"))
    async with kernel.connect() as client:
        await client.call("f")
        said = await client.hear("notifications/message")
        assert (said.params["level"], said.params["data"]) == ("info", "to you")
    assert kernel.run("pass").printed == ""


async def test_a_displayed_value_and_an_open_figure_become_content(kernel):
    kernel.run(
        tool(
            "from IPython.display import display, Markdown\n"
            "import matplotlib; matplotlib.use('agg')\nimport matplotlib.pyplot as plt\n"
            "def f():\n    display(Markdown('**hi**'))\n    plt.plot([1, 2])\n    return 'done'\n"
            "def g():\n    return plt.figure()"
        )
    )
    async with kernel.connect() as client:
        content = (await client.call("f"))["content"]
        assert [block["type"] for block in content] == ["text", "text", "image"]
        assert content[1]["text"] == "**hi**"
        content = (await client.call("g"))["content"]
        assert [block["mimeType"] for block in content] == ["image/png"]


async def test_the_last_expression_of_a_tool_cell_is_shown_as_ever(kernel):
    assert kernel.run(tool("def f(): return 1\nf() + 1")).result["text/plain"] == "2"


async def test_progress_and_log_of_a_tool_on_the_main_thread_reach_the_client(kernel):
    kernel.run(
        tool(
            "from mcp_jupyter.server.fastmcp import Context\n"
            "def f(ctx: Context):\n    ctx.info('on it')\n"
            "    ctx.report_progress(1, 2)\n    ctx.report_progress(2, 2)"
        )
    )
    seen = []

    async def on_progress(progress, total, message):
        seen.append((progress, total))

    async with kernel.connect() as client:
        await client.call("f", on_progress=on_progress)
        assert (await client.hear("notifications/message")).params["data"] == "on it"
    assert seen == [(1, 2), (2, 2)]


# -- resources -------------------------------------------------------------------------------------


async def test_a_variable_is_read_as_it_is_now(kernel):
    kernel.run("import pandas as pd\nsales = pd.DataFrame({'a': [1, 2]})")
    ran = kernel.run('%mcp_resource sales --description "What was sold"')
    assert ran.text.startswith("MCP resource notebook://variables/sales  DataFrame\n  What was sold\n")
    async with kernel.connect() as client:
        *_, listed = (await client.ask("resources/list"))["resources"]
        assert (listed["name"], listed["description"]) == ("sales", "What was sold")
        read = {"uri": listed["uri"]}
        (content,) = (await client.ask("resources/read", read))["contents"]
        assert (content["mimeType"], content["text"]) == ("text/csv", "a\n1\n2\n")
        await kernel.arun("sales.loc[2] = 3")
        (content,) = (await client.ask("resources/read", read))["contents"]
        assert content["text"] == "a\n1\n2\n3\n"
        await kernel.arun("del sales")
        with pytest.raises(McpError, match="'sales' does not exist"):
            await client.ask("resources/read", read)


async def test_a_cell_says_that_its_variables_are_paths(kernel):
    """(1.29)."""
    kernel.run("%%mcp_resource file://{path*}\ndef file(path: str): return path")
    kernel.run("%%mcp_resource disk://{path*} --paths\ndef disk(path: str): return path")
    async with kernel.connect() as client:
        with pytest.raises(McpError, match="is an absolute path"):
            await client.ask("resources/read", {"uri": "file:///etc/passwd"})
        (content,) = (await client.ask("resources/read", {"uri": "disk:///etc/passwd"}))["contents"]
        assert content["text"] == "/etc/passwd"
        with pytest.raises(McpError, match=r"has a '\.\.' segment"):
            await client.ask("resources/read", {"uri": "disk:///etc/../passwd"})


async def test_a_cell_gives_a_resource_by_its_function_or_its_last_value(kernel):
    kernel.run("name = 'not this'\ndef head(): pass")
    kernel.run("%%mcp_resource data://{name}/head\ndef head(name: str): return name * 2")
    kernel.run('%%mcp_resource report://today --mime-type text/markdown\n"# Hi"')
    async with kernel.connect() as client:
        (template,) = (await client.ask("resources/templates/list"))["resourceTemplates"]
        assert template["uriTemplate"] == "data://{name}/head"
        (content,) = (await client.ask("resources/read", {"uri": "data://ab/head"}))["contents"]
        assert content["text"] == "abab"
        (content,) = (await client.ask("resources/read", {"uri": "report://today"}))["contents"]
        assert (content["mimeType"], content["text"]) == ("text/markdown", "# Hi")


async def test_running_a_resource_cell_again_updates_subscribers(kernel):
    kernel.run("%%mcp_resource report://today\n'old'")
    async with kernel.connect() as client:
        await client.ask("resources/subscribe", {"uri": "report://today"})
        await kernel.arun("%%mcp_resource report://today\n'new'")
        assert (await client.hear("notifications/resources/updated")).params == {"uri": "report://today"}


# -- prompts ---------------------------------------------------------------------------------------


async def test_a_prompt_is_a_function_or_plain_text(kernel):
    kernel.run('%%mcp_prompt\ndef review(code: str) -> str:\n    "Reviews."\n    return f"Review {code}"')
    ran = kernel.run("%%mcp_prompt greet\nHello {name}, {{not}} {name}!")
    assert ran.text.startswith("MCP prompt greet\n  name: text\n")
    async with kernel.connect() as client:
        listed = {p["name"]: p for p in (await client.ask("prompts/list"))["prompts"]}
        assert listed["review"]["description"] == "Reviews."
        assert listed["greet"]["arguments"] == [{"name": "name", "required": True}]
        got = await client.ask("prompts/get", {"name": "greet", "arguments": {"name": "Ada"}})
        assert got["messages"][0]["content"]["text"] == "Hello Ada, {not} Ada!"


# -- the rest --------------------------------------------------------------------------------------


async def test_status_shows_what_is_served_and_remove_takes_it_back(kernel):
    kernel.run(tool("def f(x: int): return x"))
    assert kernel.run("%mcp_status").text == (
        "MCP server Sales-report\nServes 1 tool\n  f  x: integer\n      tool · main thread\n"
        "Connect: `jupyter mcp connect Sales-report`. `%mcp_status --instructions` shows "
        "what assistants are told about the notebook."
    )
    async with kernel.connect() as client:
        assert (await kernel.arun("%mcp_remove f")).text == "No longer served\n  f  tools"
        await client.hear("notifications/tools/list_changed")
        assert (await client.ask("tools/list"))["tools"] == []


async def test_a_notebook_can_be_served_under_another_name(kernel):
    assert kernel.run("%mcp_serve --name other").text.startswith("MCP server other")
    assert kernel.run('%mcp_serve --name "Sales report"').text.startswith("MCP server Sales-report")


async def test_a_card_is_the_same_from_run_to_run(kernel):
    assert kernel.run(tool("def f(): pass")) == kernel.run(tool("def f(): pass"))


async def test_markup_in_a_docstring_is_shown_and_not_run(kernel):
    (bundle,) = kernel.run('%%mcp_resource data://x\ndef f():\n    "<script>alert(1)</script>"').displayed
    assert "<script>" not in bundle["text/html"]
    assert "&lt;script&gt;" in bundle["text/html"]


async def test_the_same_from_python(kernel):
    ran = kernel.run(
        "from mcp_jupyter import notebook\nrows = [1, 2]\n"
        "@notebook.tool()\ndef count() -> int:\n    return len(rows)\n"
        "@notebook.prompt()\ndef ask(what: str): return what\n"
        "notebook.variable('rows')\nprint(notebook.status())"
    )
    assert ran.error == ""
    assert "notebook://variables/rows  resource" in ran.printed
    async with kernel.connect() as client:
        assert (await client.call("count"))["structuredContent"] == {"result": 2}
        (content,) = (await client.ask("resources/read", {"uri": "notebook://variables/rows"}))["contents"]
        assert (content["mimeType"], json.loads(content["text"])) == ("application/json", [1, 2])
        await client.ask("resources/subscribe", {"uri": "notebook://variables/rows"})
        await kernel.arun("notebook.updated('rows')")
        await client.hear("notifications/resources/updated")


async def test_discover_says_what_the_notebook_is_doing(kernel):
    kernel.run(tool("def f(): pass"))
    async with kernel.connect(initialize=False) as client:
        said = (await client.modern("server/discover"))["_meta"]["mcp-jupyter/notebook"]
    assert (said["path"], said["state"], said["tools"]) == ("work/Sales report.ipynb", "idle", 1)


# -- mistakes --------------------------------------------------------------------------------------

MISTAKES = {
    "%%mcp_tool\n# later": "%%mcp_tool: The cell is empty.",
    "%%mcp_tool\nx = 1": "%%mcp_tool: The cell defines no public function",
    "%%mcp_tool --nme x\ndef f(): pass": "%%mcp_tool: Unrecognized arguments: --nme x. Did you mean --name?",
    "%%mcp_tool --timeout -3\ndef f(): pass": "%%mcp_tool: Argument --timeout: give seconds, more than 0",
    '%%mcp_tool --name "x\ndef f(): pass': "%%mcp_tool: No closing quotation in the line",
    "%%mcp_tool --name x\ndef f(): pass\ndef g(): pass": "%%mcp_tool: The cell defines f, g, but",
    '%%mcp_tool --name "a b"\ndef f(): pass': "%%mcp_tool: 'a b' is not a name that every host "
    "takes, which is 1 to 128 of A-Z a-z 0-9 _ - . / Choose another, such as 'a_b'.",
    "%%mcp_tool --read-only --destructive\ndef f(): pass": "%%mcp_tool: A tool cannot be both",
    "%%mcp_tool\nimport asyncio\nawait asyncio.sleep(0)": "%%mcp_tool: A cell under this magic cannot await",
    "%mcp_resource": "%mcp_resource: Give the name of a variable",
    "slaes = 1\n%mcp_resource sales_x": "%mcp_resource: Unknown variable 'sales_x'",
    "a = 1\n%mcp_resource a --paths": "%mcp_resource: --paths is for a cell",
    "%%mcp_resource\n1": "%%mcp_resource: Give the URI",
    "%%mcp_resource nouri\n1": "%%mcp_resource: 'nouri' is not a URI",
    "%%mcp_resource data://{x}\ndef f(): pass": "%%mcp_resource: 'data://{x}' has x, but",
    "%%mcp_resource data://x\ndef f(y): pass": "%%mcp_resource: The function needs y",
    "%%mcp_resource data://x\ny = 1": "%%mcp_resource: The cell defines no public function",
    "%%mcp_prompt\nJust text": "%%mcp_prompt: A prompt in plain text needs a name",
    "%%mcp_prompt p\nHello {a.b}": "%%mcp_prompt: The placeholder {a.b} is not a plain name",
    "%%mcp_prompt p\nHello\n{name": "%%mcp_prompt: Unclosed { in the line '{name'. Write {{ for ",
    "%%mcp_prompt p\n{name} said }": "%%mcp_prompt: Unopened } in the line '{name} said }'. Write }} for",
    "%%mcp_tool --readonly\ndef f(): pass": "%%mcp_tool: Unrecognized arguments: --readonly. Did you mean --",
    "%mcp_remove": "%mcp_remove: Say what to remove",
    "%mcp_remove nothing": "%mcp_remove: Unknown tool, resource or prompt 'nothing'.",
    "%mcp_status x": "%mcp_status: Unrecognized arguments: x",
}


@pytest.mark.parametrize("source", MISTAKES)
def test_a_mistake_is_one_clear_line(kernel, source):
    ran = kernel.run(source)
    assert ran.error.removeprefix("UsageError: ").startswith(MISTAKES[source])
    # IPython prints a usage error as one line, without a traceback.
    assert ran.printed == f"{ran.error}\n"


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("g = lambda: 1", "g is a lambda; use def."),
        ("class C: pass", "C is a class; its methods are not served."),
        ("def _f(): pass", "_f begins with an underscore, so it is a helper."),
    ],
)
def test_a_cell_without_functions_says_what_it_has(kernel, cell, found):
    error = kernel.run(tool(cell)).error
    assert error.endswith(f": The cell defines no public function at its top level. {found}")


def test_a_near_miss_is_offered(kernel):
    kernel.run("sales_2026 = 1")
    assert "Did you mean sales_2026?" in kernel.run("%mcp_resource sales_2025").error
    kernel.run(tool("def nohints(): pass"))  # which nobody means who types "nothing"
    assert "Did you mean" not in kernel.run("%mcp_remove nothing").error


LINE_MAGICS = ["resource", "status", "remove", "serve", "connect", "call", "read", "prompt", "disconnect"]
CELL_MAGICS = ["tool", "resource", "prompt", "call"]


@pytest.mark.parametrize(
    "magic", [*(f"%mcp_{name}" for name in LINE_MAGICS), *(f"%%mcp_{name}" for name in CELL_MAGICS)]
)
def test_help_alone_in_a_cell_shows_the_usage_and_an_example_and_does_nothing_else(kernel, magic):
    """As typed, a cell magic has two percent signs, and nothing is reStructuredText (1.35)."""
    for flag in ("--help", "-h"):
        ran = kernel.run(f"{magic} {flag}")
        assert ran.error == ""
        usage, _, rest = ran.printed.partition("\n\n")
        assert usage.startswith("Usage: %")
        assert magic in [line.split()[0] for line in usage.removeprefix("Usage: ").splitlines()]
        assert f"    {magic}" in rest.partition("Example:\n\n")[2]
        assert "::" not in ran.printed
        assert ran.displayed == []


def test_help_over_a_cell_does_not_run_it(kernel):
    ran = kernel.run("%%mcp_tool --help\n1/0")
    assert (ran.error, ran.printed[:6]) == ("", "Usage:")


def test_help_says_the_defaults_of_that_magic(kernel):
    """No magic's help says what is true of another one (1.35)."""
    assert "(default: the docstring)" in kernel.run("%%mcp_tool --help").printed
    served = " ".join(kernel.run("%mcp_serve --help").printed.split())
    assert "last part of the notebook's URL (default: its file name)" in served
    assert "(default: 1000000)" in served
    assert "function" not in served


# -- completion ------------------------------------------------------------------------------------


def test_options_and_names_are_completed(kernel):
    kernel.run(tool("def forecast(): pass\ndef fit(): pass"))
    kernel.run("revenue_by_month = 1")
    assert kernel.complete("%%mcp_tool --re") == ["--read-only"]
    assert kernel.complete("%%mcp_tool --read-only --tim") == ["--timeout"]
    assert kernel.complete("%mcp_remove fo") == ["forecast"]
    assert kernel.complete("%mcp_resource revenue_b") == ["revenue_by_month"]
