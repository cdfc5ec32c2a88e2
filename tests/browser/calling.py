# SPDX-License-Identifier: BSD-3-Clause
"""The panel of a connected server as a person uses it: connect, display, choose, call. Knows no test."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from .lab import card, run_cell

HERE = Path(__file__).parent
CONNECT_MILLISECONDS = 60_000
"""Three Python processes start, on a machine with nothing else to do in a second."""
PANEL_HEIGHT = 1500
"""Pixels: a cell and its panel with a form, a result and a history."""


def connect(page: Page, alias: str, server: str) -> None:
    """Connect one of the servers beside this file."""
    run_cell(page, f"%load_ext mcp_jupyter\n%mcp_connect {alias} {sys.executable} {HERE / server}")
    expect(card(page, f"Connected: {alias}").last).to_be_visible(timeout=CONNECT_MILLISECONDS)


def show(page: Page, alias: str) -> Locator:
    """Display a server."""
    panels = page.locator(".mcp-jupyter-panel")
    panel = panels.nth(panels.count())
    run_cell(page, alias)
    expect(panel.get_by_role("tab", name="Tools")).to_be_visible()
    return panel


def rows_of(panel: Locator) -> Locator:
    """The rows of the list of items."""
    return panel.locator(".mcp-jupyter-has-list .mcp-jupyter-row:visible")


def choose(panel: Locator, name: str) -> None:
    """Choose an item by the first line of its row."""
    rows_of(panel).filter(has_text=re.compile(rf"^{re.escape(name)}\s")).click()
    expect(panel.get_by_role("heading", name=name, exact=True)).to_be_visible()


def call(panel: Locator, name: str) -> None:
    """Call a tool with what its form holds."""
    choose(panel, name)
    panel.get_by_role("button", name="Call", exact=True).click()


def result_of(panel: Locator) -> Locator:
    """What a call gave."""
    return panel.locator(".jp-OutputArea-output:visible")


def tree_of(panel: Locator) -> Locator:
    """The result as a tree."""
    return panel.locator(".widget-html:visible").filter(has_text="Oslo:")


def history_of(panel: Locator) -> Locator:
    """The rows of the calls made before."""
    return panel.locator(".mcp-jupyter-row:visible").filter(has_text=re.compile(r"^\d\d:\d\d:\d\d"))


def tab_to(control: Locator) -> None:
    """Press Tab until a control has the focus."""
    for _ in range(20):
        if control.evaluate("control => control === document.activeElement"):
            return
        control.page.keyboard.press("Tab")
    expect(control).to_be_focused()


def runs(page: Page, source: str, output: str) -> None:
    """The kernel runs a cell, and says so."""
    expect(run_cell(page, source)).to_contain_text(output)
