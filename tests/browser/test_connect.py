# SPDX-License-Identifier: BSD-3-Clause
"""Connecting an assistant from the panel: the line that is pasted works, and the dialog sees it arrive."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from mcp_jupyter.errors import McpError

from .assistant import CALL_SECONDS, Assistant
from .conftest import Jupyter
from .lab import card, empty_notebook, open_notebook, open_panel, run_cell, show, write_notebook

pytestmark = pytest.mark.browser

TOOLS = """%%mcp_tool
def count() -> int:
    return 6
"""
DELETES = """%%mcp_tool --destructive
def drop() -> int:
    return 0
"""


def test_the_line_connects_the_host_and_opens_what_was_chosen(
    page: Page, jupyter: Jupyter, tmp_path: Path
) -> None:
    write_notebook(jupyter, "connect.ipynb", empty_notebook())
    open_notebook(page, jupyter, "connect.ipynb")
    open_panel(page)
    run_cell(page, "%load_ext mcp_jupyter")
    run_cell(page, TOOLS)
    run_cell(page, DELETES)
    expect(card(page, "MCP tool")).to_have_count(2)
    content = show(page, "This notebook")
    content.get_by_role("button", name="Connect an Assistant…").click()
    dialog = page.locator(".jp-McpConnect")
    dialog.get_by_label("Assistant").select_option("Claude Code")
    expect(dialog.get_by_label("count")).to_be_checked()
    expect(dialog.get_by_label("drop (deletes)")).not_to_be_checked()
    dialog.get_by_role("button", name="Make a Token").press("Enter")
    line = dialog.locator("pre")
    expect(line).to_contain_text("claude mcp add --transport http")
    expect(dialog.get_by_role("button", name="Copy")).to_be_focused()
    expect(dialog).to_contain_text("Waiting for Claude Code…")
    page.screenshot(path=tmp_path / "connect.png")
    assert "/mcp-jupyter/connect " in line.inner_text()
    (credential,) = re.findall(r"Bearer [\w.-]+", line.inner_text())
    with Assistant(jupyter, "connect", credential) as assistant:
        assert assistant.call("count").result(CALL_SECONDS) == "6"
        with pytest.raises(McpError, match="may not call that tool"):
            assistant.call("drop").result(CALL_SECONDS)
    expect(dialog).to_contain_text("✓ Claude Code 2.1.0 is connected", timeout=CALL_SECONDS * 1000)
    page.screenshot(path=tmp_path / "connected.png")
    dialog.get_by_role("button", name="Close").last.click()
    expect(content).to_contain_text("Claude Code 2.1.0")
    expect(show(page, "Tokens")).to_contain_text("Tools: count")
