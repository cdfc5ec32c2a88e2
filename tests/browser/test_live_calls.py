# SPDX-License-Identifier: BSD-3-Clause
"""The panel beside a notebook that an assistant uses: who is connected, what is served, and each call."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from .assistant import CALL_SECONDS, Assistant
from .conftest import Jupyter, window
from .lab import card, command, dark, open_live_notebook, run_cell, show

pytestmark = pytest.mark.browser

NAME = "live"
HOSTILE = "<img src=x onerror=\"document.title='owned'\">"
COUNT = '''%%mcp_tool --read-only
def count(region: str = "north") -> str:
    """Count the sales of a region."""
    return f"{region}: {len(sales)} <b>rows</b>"
'''
WAIT = """%%mcp_tool --ask never
import time
def wait(path: str) -> str:
    while not gate.exists():
        time.sleep(0.05)
    return "done"
"""


@pytest.fixture(scope="module")
def notebook(jupyter: Jupyter, browser: Browser) -> Iterator[Page]:
    first = "%load_ext mcp_jupyter\nfrom pathlib import Path\ngate = Path('gate')\nsales = [1, 2]"
    with window(browser, height=1200) as page:
        open_live_notebook(page, jupyter, NAME, first, "%mcp_resource sales", COUNT, WAIT)
        expect(card(page, "MCP tool")).to_have_count(2)
        yield page


@pytest.fixture
def assistant(jupyter: Jupyter) -> Iterator[Assistant]:
    with Assistant(jupyter, NAME) as assistant:
        yield assistant


def calls_in(content: Locator, text: str) -> Locator:
    """The calls in the feed that have a text."""
    return content.locator(".jp-McpPanel-calls > li").filter(has_text=text)


def test_the_panel_shows_what_the_notebook_serves(notebook: Page, tmp_path: Path) -> None:
    content = show(notebook, "This notebook")
    tool = content.get_by_role("listitem").filter(has_text="Count the sales")
    expect(tool).to_contain_text('region: text = "north"')
    expect(tool).to_contain_text("reads only")
    expect(content).to_contain_text("Resources (1)")
    expect(content).to_contain_text("No call yet.")
    tool.get_by_role("button", name="Jump to Cell").click()
    expect(notebook.locator(".jp-Notebook .jp-Cell.jp-mod-active")).to_contain_text("def count")
    notebook.screenshot(path=tmp_path / "serves.png")


def test_the_panel_shows_each_call_and_writes_it_as_a_cell(
    notebook: Page, assistant: Assistant, tmp_path: Path
) -> None:
    content = show(notebook, "This notebook")
    assert assistant.call("count", region=HOSTILE).result(CALL_SECONDS) == f"{HOSTILE}: 2 <b>rows</b>"
    call = calls_in(content, "count").first
    for said in ("✓ ok", "Claude Code", "ms", "region="):
        expect(call).to_contain_text(said)
    call.get_by_role("button", name="Answer").click()
    expect(call.locator("pre")).to_contain_text(f"{HOSTILE}: 2 <b>rows</b>")
    expect(content.locator("img")).to_have_count(0)
    run_cell(notebook, "sales.append(3)")
    expect(call).to_contain_text("sales changed after this answer")
    notebook.screenshot(path=tmp_path / "calls.png")
    call.get_by_role("button", name="Insert as Cell").click()
    expect(notebook.locator(".jp-Notebook .jp-Cell.jp-mod-active .cm-content")).to_contain_text(
        "count(region="
    )


def test_a_call_that_runs_can_be_stopped_and_is_in_the_failed_ones(
    notebook: Page, assistant: Assistant
) -> None:
    content = show(notebook, "This notebook")
    answer = assistant.call("wait", path="x")
    call = calls_in(content, "wait").first
    expect(call).to_contain_text("▶ runs")
    expect(content.locator(".jp-McpPanel-state")).to_have_text("runs wait")
    call.get_by_role("button", name="Stop").click()
    assert "stopped by the user" in answer.result(CALL_SECONDS)
    expect(call.get_by_role("button", name="Stop")).to_have_count(0)
    content.get_by_role("button", name="Failed").click()
    expect(content.locator(".jp-McpPanel-calls > li")).to_have_count(1)
    content.get_by_role("button", name="All", exact=True).click()


def test_a_paused_notebook_refuses_calls_until_it_goes_on(notebook: Page, assistant: Assistant) -> None:
    content = show(notebook, "This notebook")
    content.get_by_role("button", name="Pause").click()
    expect(content.locator(".jp-McpPanel-state")).to_have_text("paused")
    assert "rows" not in assistant.call("count").result(CALL_SECONDS)
    content.get_by_role("button", name="Go On").click()
    expect(content.locator(".jp-McpPanel-state")).to_have_text(re.compile("idle|busy"))
    assert "rows" in assistant.call("count").result(CALL_SECONDS)


def test_the_actions_are_commands_in_the_palette(notebook: Page) -> None:
    content = show(notebook, "This notebook")
    command(notebook, "Pause Calls of Assistants")
    expect(content.locator(".jp-McpPanel-state")).to_have_text("paused")
    command(notebook, "Take Calls of Assistants Again")
    expect(content.locator(".jp-McpPanel-state")).not_to_have_text("paused")
    command(notebook, "Jump to a Cell That Serves Tools")
    expect(notebook.locator(".jp-Notebook .jp-Cell.jp-mod-active")).to_contain_text("def count")


def test_a_token_is_revoked_in_the_panel(notebook: Page, assistant: Assistant, tmp_path: Path) -> None:
    content = show(notebook, "Tokens")
    token = content.get_by_role("listitem").filter(has_text="laptop")
    expect(token.first).to_contain_text("Expires")
    count = token.count()
    notebook.screenshot(path=tmp_path / "tokens.png")
    token.first.get_by_role("button", name="Revoke…").click()
    notebook.locator(".jp-Dialog").get_by_role("button", name="Revoke", exact=True).click()
    expect(token).to_have_count(count - 1)


def test_the_panel_has_no_sideways_scrolling_at_240_pixels(notebook: Page, tmp_path: Path) -> None:
    dark(notebook)
    show(notebook, "This notebook")
    panel = notebook.locator("#mcp-jupyter-panel")
    panel.evaluate("node => { node.style.minWidth = '0'; node.style.width = '240px' }")
    for tab in ("All", "Tokens", "This notebook"):
        content = show(notebook, tab)
        expect(content).not_to_be_empty()
        assert not content.evaluate("node => node.scrollWidth > node.clientWidth")
    notebook.screenshot(path=tmp_path / "narrow-dark.png")


def test_arrows_go_from_tab_to_tab(notebook: Page) -> None:
    panel = notebook.locator("#mcp-jupyter-panel")
    show(notebook, "This notebook")
    panel.get_by_role("tab", name="This notebook").press("ArrowLeft")
    expect(panel.get_by_role("tab", name="Tokens")).to_be_focused()
    expect(panel.get_by_role("tab", name="Tokens")).to_have_attribute("aria-selected", "true")
