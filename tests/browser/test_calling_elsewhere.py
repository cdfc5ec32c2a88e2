# SPDX-License-Identifier: BSD-3-Clause
"""The panel of a connected server where the page is another one: Notebook 7, and without our extension."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from .calling import PANEL_HEIGHT, choose, connect, result_of, show
from .conftest import Jupyter, window
from .lab import empty_notebook, open_in_notebook_7, open_notebook, write_notebook

pytestmark = pytest.mark.browser


def test_without_our_extension_the_code_is_there_to_copy(
    jupyter: Jupyter, browser: Browser, tmp_path: Path
) -> None:
    write_notebook(jupyter, "copy.ipynb", empty_notebook())
    with window(browser, height=PANEL_HEIGHT) as page:
        page.route("**/extensions/mcp-jupyter/**", lambda route: route.abort())
        open_notebook(page, jupyter, "copy.ipynb")
        connect(page, "trips", "trips_server.py")
        panel = show(page, "trips")
        choose(panel, "cancellations")
        # With the keyboard: without our extension a click is lost when a form that is drawn moves the button.
        panel.get_by_role("button", name="Call", exact=True).press("Enter")
        expect(panel.get_by_role("status")).to_contain_text("Done after")
        panel.get_by_role("button", name="Insert as code").press("Enter")
        expect(panel.get_by_role("textbox", name="Code")).to_have_value("trips.tools.cancellations()")
        expect(panel).to_contain_text("To copy:")
        page.screenshot(path=tmp_path / "copy.png")


def test_the_panel_in_notebook_7(jupyter: Jupyter, browser: Browser, tmp_path: Path) -> None:
    write_notebook(jupyter, "calling7.ipynb", empty_notebook())
    with window(browser, height=PANEL_HEIGHT) as page:
        open_in_notebook_7(page, jupyter, "calling7.ipynb")
        connect(page, "trips", "trips_server.py")
        panel = show(page, "trips")
        choose(panel, "forecast")
        panel.get_by_role("textbox", name="city (required)").first.fill("Oslo")
        panel.get_by_role("button", name="Call", exact=True).click()
        expect(result_of(panel)).to_contain_text("Oslo, day 1: sunny")
        panel.get_by_role("button", name="Insert as code").click()
        cell = page.locator(".jp-Notebook .jp-Cell").last
        expect(cell.locator(".cm-content")).to_contain_text("trips.tools.forecast(city='Oslo'")
        page.screenshot(path=tmp_path / "notebook7-calling.png")
