# SPDX-License-Identifier: BSD-3-Clause
"""The clients with a notebook: tools in a live kernel, behind Jupyter Server and by `jupyter mcp attach`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.cli.support import JUPYTER_MCP
from tests.conftest import JupyterDirs
from tests.live.parts import JupyterServer, jupyter_server

from .conftest import Inspector, Outcomes
from .environments import SECONDS_WITH_INSTALLATION
from .programs.operations import TABLE

pytestmark = pytest.mark.timeout(SECONDS_WITH_INSTALLATION)

TOOLS = '''%%mcp_tool
def add(a: int, b: int) -> int:
    """The sum of two integers."""
    return a + b

def fail() -> str:
    raise ValueError("this tool always fails")

def count(to: int, ctx: Context) -> str:
    for step in range(1, to + 1):
        ctx.report_progress(step, to, f"step {step}")
    return f"counted to {to}"

def say(text: str, ctx: Context) -> str:
    ctx.info(text)
    return "said"

async def wait(key: str, ctx: Context) -> str:
    ctx.report_progress(1, 2, "waiting")
    try:
        await asyncio.sleep(60)
    finally:
        over.add(key)

def ended(key: str) -> bool:
    return key in over

async def ask_name(ctx: Context) -> str:
    return (await ctx.elicit("Who are you?", Person)).data.name

async def ask_model(question: str, ctx: Context) -> str:
    return (await ctx.sample(question, max_tokens=10)).content.text

async def ask_roots(ctx: Context) -> list[str]:
    return [root.uri for root in await ctx.list_roots()]

async def change(ctx: Context) -> str:
    await ctx.session.send_tool_list_changed()
    return "changed"
'''
CELLS = (
    "%load_ext mcp_jupyter",
    "import asyncio, pydantic\nfrom mcp_jupyter.server.fastmcp import Context\nover = set()",
    "class Person(pydantic.BaseModel):\n    name: str",
    TOOLS,
    "%%mcp_prompt greet\nSay hello to {name}.",
)
OPERATIONS = [
    *("a_definition", "a_call", "calls_at_once", "a_failing_tool", "arguments_that_do_not_fit", "a_prompt"),
    *("progress", "log_messages", "elicitation", "sampling", "roots", "a_changed_list", "cancellation"),
]
WAYS = ["http legacy", "http modern", "sse legacy", "stdio legacy", "stdio modern"]
CLIENTS = ["ours", "mcp1", "mcp2", "fastmcp"]


@pytest.fixture(scope="module")
def jupyter(module_jupyter_dirs: JupyterDirs) -> Iterator[JupyterServer]:
    with jupyter_server(module_jupyter_dirs) as server, server.notebook("Live.ipynb", *CELLS):
        yield server


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_uses_a_notebook(
    jupyter: JupyterServer, run_client: Callable[..., Outcomes], client: str
) -> None:
    headers = {"Authorization": f"Bearer {jupyter.token('Live')}"}
    attach = [JUPYTER_MCP, "attach", "Live"]  # the other way in: no token, but the user's own socket
    targets = {"http": jupyter.endpoint("Live"), "sse": jupyter.endpoint("Live/sse"), "stdio": attach}
    wishes = {
        way: {
            "era": way.split()[1],
            "transport": way.split()[0],
            "target": targets[way.split()[0]],
            "headers": None if way.startswith("stdio") else headers,
            "leave_out": [name for name in TABLE if name not in OPERATIONS],
        }
        for way in WAYS
        if client != "mcp1" or not way.endswith("modern")  # it knows no later version than 2025-11-25
    }
    expected = {name: TABLE[name][0] for name in OPERATIONS}
    assert run_client(client, wishes, jupyter.dirs.environ) == dict.fromkeys(wishes, expected)


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_the_inspector_uses_a_notebook_only_with_a_token(
    jupyter: JupyterServer, inspector: Inspector, era: str
) -> None:
    asked = ["--cli", jupyter.endpoint("Live"), "--transport", "http", "--protocol-era", era]
    asked += ["--method", "tools/call", "--tool-name", "add", "--tool-arg", "a=1", "--tool-arg", "b=2"]
    token = ["--header", f"Authorization: Bearer {jupyter.token('Live')}"]
    with_token, without = inspector.run(*asked, *token), inspector.run(*asked)
    assert with_token.returncode == 0, with_token.stderr
    assert '"result": 3' in with_token.stdout
    assert without.returncode == 3, without.stderr
