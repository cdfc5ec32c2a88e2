# SPDX-License-Identifier: BSD-3-Clause
"""The panel in JupyterLab and Notebook 7, seen as a person sees it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.conftest import isolated_jupyter

from .conftest import Jupyter, run_jupyter
from .lab import open_from_palette, open_panel

pytestmark = pytest.mark.browser

SERVERS = "**/mcp-jupyter/api/servers*"
SALES = {
    "name": "sales",
    "kernel_id": "0b5b2f7e-0000-4000-8000-000000000000",
    "path": "work/sales.ipynb",
    "state": "busy",
    "tools": 1,
    "resources": 2,
    "prompts": 0,
    "urls": {
        "http": "http://localhost:8888/mcp-jupyter/sales",
        "sse": "http://localhost:8888/mcp-jupyter/sales/sse",
    },
}


@pytest.fixture(scope="module")
def bare_jupyter() -> Iterator[Jupyter]:
    """A JupyterLab that has the panel, but in which the server extension is switched off."""
    switched_off = "--ServerApp.jpserver_extensions=mcp_jupyter=False"
    with isolated_jupyter() as dirs, run_jupyter(dirs, switched_off) as server:
        yield server


def open_in_lab(page: Page, jupyter: Jupyter) -> Locator:
    """Open JupyterLab and choose the panel's tab in the side bar."""
    page.goto(jupyter.page("lab") + "&reset")  # the layout that another test left
    page.locator("#jupyterlab-splash").wait_for(state="detached")
    return open_panel(page)


def answer(page: Page, servers: list[dict[str, Any]]) -> None:
    """Let the server extension answer with these servers."""

    def fulfill(route: Route) -> None:
        route.fulfill(content_type="application/json", body=json.dumps({"servers": servers}))

    page.unroute_all()
    page.route(SERVERS, fulfill)


def test_says_how_to_begin_when_no_notebook_serves(page: Page, jupyter: Jupyter, tmp_path: Path) -> None:
    panel = open_in_lab(page, jupyter)
    expect(panel.get_by_role("heading", name="MCP")).to_be_visible()
    expect(panel).to_contain_text("No notebook serves MCP tools now.")
    expect(panel).to_contain_text("%load_ext mcp_jupyter")
    expect(panel).to_contain_text("%%mcp_tool")
    page.screenshot(path=tmp_path / "panel-empty.png")


def test_says_how_to_enable_a_missing_server_extension(
    page: Page, bare_jupyter: Jupyter, tmp_path: Path
) -> None:
    panel = open_in_lab(page, bare_jupyter)
    expect(panel.get_by_role("alert")).to_have_text(
        "The MCP server extension is not running in this Jupyter Server."
    )
    expect(panel).to_contain_text("jupyter server extension enable mcp_jupyter")
    page.screenshot(path=tmp_path / "panel-disabled.png")


def test_opens_from_the_command_palette(page: Page, bare_jupyter: Jupyter) -> None:
    page.goto(bare_jupyter.page("lab") + "&reset")
    page.locator(".jp-LauncherCard").first.wait_for()  # it takes the focus, and the palette needs it
    expect(open_from_palette(page)).to_be_visible()


def test_opens_in_notebook_7(page: Page, bare_jupyter: Jupyter, tmp_path: Path) -> None:
    page.goto(bare_jupyter.page("tree"))
    page.locator(".jp-DirListing-content").wait_for()
    expect(open_from_palette(page).get_by_role("alert")).to_be_visible()
    page.screenshot(path=tmp_path / "panel-notebook7.png")


def test_lists_live_servers_and_refreshes(page: Page, bare_jupyter: Jupyter, tmp_path: Path) -> None:
    answer(page, [SALES])
    panel = open_in_lab(page, bare_jupyter)
    expect(panel.get_by_role("listitem")).to_have_count(1)
    expect(panel.get_by_role("heading", name="sales")).to_be_visible()
    for text in ("busy", "1 tool, 2 resources, 0 prompts", SALES["path"], "/mcp-jupyter/sales"):
        expect(panel).to_contain_text(str(text))
    page.screenshot(path=tmp_path / "panel-list.png")
    kernel_only = SALES | {"name": "console", "path": None, "state": "gone"}
    answer(page, [SALES, kernel_only])
    panel.get_by_role("button", name="Refresh").click()
    expect(panel.get_by_role("listitem")).to_have_count(2)
    expect(panel).to_contain_text("a kernel without a notebook")
    expect(panel).to_contain_text("kernel is gone")


def test_shows_names_as_text_not_as_html(page: Page, bare_jupyter: Jupyter) -> None:
    hostile = "<img src=x onerror=\"document.title='owned'\">"
    answer(page, [SALES | {"name": hostile, "path": hostile}])
    panel = open_in_lab(page, bare_jupyter)
    expect(panel.get_by_role("heading", name=hostile)).to_be_visible()
    expect(panel.locator("img")).to_have_count(0)


def test_reports_a_failing_server_and_recovers(page: Page, bare_jupyter: Jupyter) -> None:
    page.route(SERVERS, lambda route: route.fulfill(status=503, body='{"message": "starting"}'))
    panel = open_in_lab(page, bare_jupyter)
    expect(panel.get_by_role("alert")).to_contain_text("The servers could not be listed")
    answer(page, [])
    panel.get_by_role("button", name="Refresh").click()
    expect(panel).to_contain_text("No notebook serves MCP tools now.")
    expect(panel.get_by_role("alert")).to_have_count(0)
