# SPDX-License-Identifier: BSD-3-Clause
"""The item in the notebook's toolbar, in each of its states, and the marks of cells that serve tools."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from .assistant import CALL_SECONDS, Assistant
from .conftest import Jupyter
from .lab import card, empty_notebook, open_in_notebook_7, open_notebook, panel_of, run_cell, write_notebook

pytestmark = pytest.mark.browser

TOOLS = """%%mcp_tool --ask never
import time
from pathlib import Path
def wait(path: str) -> str:
    while not Path(path).exists():
        time.sleep(0.05)
    return "done"
"""
ASKS = """%%mcp_tool --open-world
def mail(to: str) -> str:
    return to
"""


def item(page: Page) -> Locator:
    return page.locator(".jp-McpToolbar-button")


def until_gone(dialog: Locator, act: Callable[[], None]) -> None:
    """Act until the dialog goes: at first it takes no key and no click."""
    for _ in range(20):
        act()
        with suppress(AssertionError):
            expect(dialog).to_have_count(0, timeout=500)
            return
    expect(dialog).to_have_count(0)


def test_the_item_follows_the_notebook_and_opens_the_panel(
    page: Page, jupyter: Jupyter, tmp_path: Path
) -> None:
    write_notebook(jupyter, "bar.ipynb", empty_notebook())
    open_notebook(page, jupyter, "bar.ipynb")
    expect(item(page)).to_have_text("○")
    run_cell(page, "%load_ext mcp_jupyter")
    expect(item(page)).to_have_text("● 0")
    run_cell(page, TOOLS)
    run_cell(page, ASKS)
    expect(item(page)).to_have_text("● 2")
    expect(card(page, "MCP tool")).to_have_count(2)
    expect(page.locator(".jp-McpServes")).to_have_count(2)
    with Assistant(jupyter, "bar") as assistant:
        waits = assistant.call("wait", path="gate")
        expect(item(page)).to_have_text("▶ wait")
        page.screenshot(path=tmp_path / "running.png")
        (jupyter.notebooks / "gate").touch()
        assert waits.result(CALL_SECONDS) == "done"
        expect(item(page)).not_to_have_text("▶ wait")
        asks = assistant.call("mail", to="ann")
        expect(item(page)).to_have_text("! 1")
        expect(item(page)).to_have_attribute("aria-label", "MCP: 1 call waits for you")
        dialog = page.locator(".jp-McpApproval")
        until_gone(dialog, lambda: dialog.press("Escape"))
        item(page).click()
        expect(panel_of(page)).to_contain_text("1 call waits for you")
        page.screenshot(path=tmp_path / "waits.png")
        panel_of(page).get_by_role("button", name="Review").click()
        expect(dialog).to_be_visible()
        until_gone(dialog, lambda: dialog.get_by_role("button", name="Deny").click())
        asks.result(CALL_SECONDS)


def test_the_item_is_in_notebook_7_too(page: Page, jupyter: Jupyter, tmp_path: Path) -> None:
    write_notebook(jupyter, "bar7.ipynb", empty_notebook())
    open_in_notebook_7(page, jupyter, "bar7.ipynb")
    expect(item(page)).to_have_text("○")
    run_cell(page, "%load_ext mcp_jupyter")
    expect(item(page)).to_have_text("● 0")
    page.screenshot(path=tmp_path / "notebook7-toolbar.png")
