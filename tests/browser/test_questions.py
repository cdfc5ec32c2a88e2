# SPDX-License-Identifier: BSD-3-Clause
"""What a tool asks, as the user in front of the notebook sees it while an assistant calls the tool."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import anyio
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from mcp_jupyter.engine.connection import Connection
from mcp_jupyter.ipc.connect import dial
from mcp_jupyter.ipc.discovery import Discovery
from tests.conftest import JupyterDirs
from tests.server.asking import Silent

from .conftest import Jupyter, window
from .lab import card, empty_notebook, open_notebook, run_cell, write_notebook

pytestmark = pytest.mark.browser

CALL_SECONDS = 60
TOOL = """%%mcp_tool
from pydantic import BaseModel
from mcp_jupyter.server.fastmcp import Context

class Choice(BaseModel):
    region: str
    sure: bool = False

async def drop(ctx: Context) -> str:
    answer = await ctx.elicit("Which region is to go? <b>$x$</b>", Choice)
    return f"{answer.action}: {answer.data}"
"""


@pytest.fixture
def notebook(jupyter: Jupyter, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A notebook that serves a tool which asks, named for the test."""
    path = f"{request.function.__name__}.ipynb"
    write_notebook(jupyter, path, empty_notebook())
    with window(browser, height=1200) as page:
        open_notebook(page, jupyter, path)
        run_cell(page, "%load_ext mcp_jupyter")
        expect(card(page, "Live as")).to_be_visible()
        run_cell(page, TOOL)
        expect(card(page, "MCP tool")).to_be_visible()
        yield page


async def _call(runtime: Path, name: str) -> str:
    client = Silent("legacy", name="claude-code")
    with anyio.fail_after(CALL_SECONDS):
        async with anyio.create_task_group() as tasks:
            client.connection = Connection(await dial(await Discovery(runtime).find(name)), client)
            await tasks.start(client.connection.serve)
            await client.open()
            params = {"name": "drop", "arguments": {}}
            result = await client.connection.request("tools/call", params)
            await client.withdrawn.wait()
            client.connection.close()
    return str(result["content"][0]["text"])


def question_in(output: Locator) -> Locator:
    return output.filter(has_text="Which region is to go?")


def test_an_assistants_question_is_answered_below_a_cell(
    notebook: Page, module_jupyter_dirs: JupyterDirs, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Its text is only text, and the form goes (2: questions)."""
    sooner = "from mcp_jupyter.server import client_requests as asked; asked.USER_AFTER_SECONDS = 0.5; 7"
    last = run_cell(notebook, sooner)
    expect(last).to_have_text("7")
    with ThreadPoolExecutor(1) as threads:
        called: Future[str] = threads.submit(
            anyio.run, _call, module_jupyter_dirs.runtime, request.function.__name__
        )
        question = question_in(last)
        expect(question).to_contain_text("drop asks for something to be filled in")
        expect(question).to_contain_text("Claude Code called it, and was asked too. The first answer counts.")
        expect(question).to_contain_text("Which region is to go? <b>$x$</b>")
        question.get_by_role("textbox", name="region (required)").fill("north")
        notebook.screenshot(path=tmp_path / "question.png")
        question.get_by_role("button", name="Accept").click()
        assert called.result(CALL_SECONDS) == "accept: region='north' sure=False"
    expect(question_in(last)).to_contain_text("You answered.")
    expect(notebook.get_by_role("button", name="Accept")).to_have_count(0)
    notebook.screenshot(path=tmp_path / "answered.png")
