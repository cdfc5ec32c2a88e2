# SPDX-License-Identifier: BSD-3-Clause
"""JupyterLab and Notebook 7 as a person uses them: open, run, choose from menus. Asserts nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from .conftest import Jupyter

QUICKSTART = Path(__file__).parents[2] / "notebooks" / "quickstart.ipynb"

ALL_CELLS_HEIGHT = 2400
"""Pixels. A cell that is far outside the window is not in the page."""


def copy_quickstart(jupyter: Jupyter, path: str) -> Path:
    """Put a copy of the quickstart, without its outputs, where Jupyter serves it."""
    notebook = json.loads(QUICKSTART.read_text())
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"execution_count": None, "outputs": []}
    return write_notebook(jupyter, path, notebook)


def write_notebook(jupyter: Jupyter, path: str, notebook: dict[str, Any]) -> Path:
    """Put a notebook where Jupyter serves it."""
    file = jupyter.notebooks / path
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(notebook))
    return file


def empty_notebook() -> dict[str, Any]:
    """A notebook with one empty cell, and a kernel, so that opening it asks no questions."""
    cell = {"cell_type": "code", "id": "first", "metadata": {}, "source": "", "outputs": []}
    return {
        "cells": [cell | {"execution_count": None}],
        "metadata": {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def open_notebook(page: Page, jupyter: Jupyter, path: str) -> None:
    """Open a notebook in JupyterLab and wait for its kernel."""
    # In a workspace of its own: that of all windows would bring back what other tests left open.
    _open(page, jupyter, f"lab/workspaces/{Path(path).stem}/tree/{path}", path)


def open_in_notebook_7(page: Page, jupyter: Jupyter, path: str) -> None:
    """Open a notebook in Notebook 7 and wait for its kernel."""
    _open(page, jupyter, f"notebooks/{path}", path)


def _open(page: Page, jupyter: Jupyter, where: str, path: str) -> None:
    page.goto(jupyter.page(where))
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    jupyter.wait_for_kernel(path)


def open_panel(page: Page) -> Locator:
    """Choose the panel's tab in JupyterLab's side bar."""
    page.get_by_role("tab", name="MCP Servers").click()
    return panel_of(page)


def show(page: Page, tab: str) -> Locator:
    """Choose one of the panel's own tabs, and give what it shows."""
    panel = panel_of(page)
    panel.get_by_role("tab", name=tab).click()
    return panel.get_by_role("tabpanel")


def open_from_palette(page: Page) -> Locator:
    """Choose the panel's command, found by its words."""
    command(page, "Show MCP Servers")
    return panel_of(page)


def command(page: Page, label: str) -> None:
    """Execute a command, found in the palette by its words."""
    choose(page, "View", "Activate Command Palette")
    page.locator(".lm-CommandPalette-input").fill(label)
    page.keyboard.press("Enter")


def panel_of(page: Page) -> Locator:
    """The panel."""
    return page.get_by_role("region", name="MCP servers")


def server_in(panel: Locator, name: str) -> Locator:
    """What the panel shows of one notebook."""
    heading = panel.page.get_by_role("heading", name=name, exact=True)
    return panel.get_by_role("listitem").filter(has=heading)


def open_live_notebook(page: Page, jupyter: Jupyter, name: str, first: str, *cells: str) -> None:
    """Open a new notebook beside the panel, make it live with the first cell, and run the others."""
    write_notebook(jupyter, f"{name}.ipynb", empty_notebook())
    open_notebook(page, jupyter, f"{name}.ipynb")
    open_panel(page)
    run_cell(page, first)
    expect(card(page, "Live as")).to_be_visible()
    for cell in cells:
        run_cell(page, cell)


def choose(page: Page, menu: str, item: str) -> None:
    """Choose from the menus."""
    page.get_by_role("menuitem", name=menu, exact=True).click()
    # An item's name has its keys in it; its label has not.
    page.locator(".lm-Menu-itemLabel").get_by_text(item, exact=True).click()


def dark(page: Page) -> None:
    """Choose JupyterLab's dark theme."""
    page.get_by_role("menuitem", name="Settings", exact=True).click()
    page.locator(".lm-Menu-itemLabel").get_by_text("Theme", exact=True).hover()
    page.locator(".lm-Menu-itemLabel").get_by_text("JupyterLab Dark", exact=True).click()
    page.locator("body[data-jp-theme-light='false']").wait_for(state="attached")


def add_cell(page: Page, source: str) -> Locator:
    """Write a new cell at the notebook's end, as typed, and leave the cursor in it."""
    page.locator(".jp-Notebook .jp-Cell").last.click()
    page.keyboard.press("Escape")
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    cell = page.locator(".jp-Notebook .jp-Cell").last
    expect(cell.locator(".cm-content")).to_be_focused()
    page.keyboard.insert_text(source)
    return cell


def run_cell(page: Page, source: str) -> Locator:
    """Run a new cell at the notebook's end, and say where its outputs appear."""
    cell = add_cell(page, source)
    page.keyboard.press("Control+Enter")
    return cell.locator(".jp-OutputArea-output")


def card(page: Page, heading: str) -> Locator:
    """The cards of a kind, or with a heading."""
    named = page.locator("small, strong", has_text=heading)
    return page.locator(".jp-OutputArea-output").filter(has=named)
