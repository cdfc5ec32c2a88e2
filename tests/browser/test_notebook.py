# SPDX-License-Identifier: BSD-3-Clause
"""A notebook that serves, as the person in front of it sees it: cells, cards, and the panel beside them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from .conftest import Jupyter, window
from .lab import (
    ALL_CELLS_HEIGHT,
    QUICKSTART,
    add_cell,
    card,
    choose,
    copy_quickstart,
    empty_notebook,
    open_from_palette,
    open_in_notebook_7,
    open_notebook,
    open_panel,
    panel_of,
    run_cell,
    server_in,
    show,
    write_notebook,
)

pytestmark = pytest.mark.browser

POLL_MILLISECONDS = 2_000  # as the panel's tokens.ts says
BY_ITSELF_MILLISECONDS = 5 * POLL_MILLISECONDS  # the panel follows so soon, also on a busy machine
COUNTS = "2 tools, 1 resource, 1 prompt"


@pytest.fixture(scope="module")
def quickstart(jupyter: Jupyter, browser: Browser) -> Iterator[Page]:
    """The quickstart in JupyterLab, after Run All Cells, beside the panel."""
    copy_quickstart(jupyter, "work/quickstart.ipynb")
    with window(browser, height=ALL_CELLS_HEIGHT) as page:
        open_notebook(page, jupyter, "work/quickstart.ipynb")
        open_panel(page)
        show(page, "All")
        choose(page, "Run", "Run All Cells")
        expect(card(page, "MCP server")).to_be_visible()
        yield page


@pytest.fixture
def new_notebook(jupyter: Jupyter, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """An empty notebook, named for the test, beside the panel."""
    path = f"{request.function.__name__}.ipynb"
    write_notebook(jupyter, path, empty_notebook())
    with window(browser) as page:
        open_notebook(page, jupyter, path)
        open_panel(page)
        show(page, "All")
        yield page


# -- cells -------------------------------------------------------------------------------------------


def test_the_quickstart_shows_its_data_and_a_card_for_each_magic(quickstart: Page, tmp_path: Path) -> None:
    expect(quickstart.locator("table.dataframe").first).to_contain_text("Curie")
    tools = card(quickstart, "MCP tool")
    expect(tools).to_have_count(2)
    expect(tools.first).to_contain_text("n: integer = 5 · region: text, optional -> table")
    expect(tools.last).to_contain_text("no arguments -> integer")
    expect(card(quickstart, "MCP resource")).to_contain_text("Revenue by customer")
    expect(card(quickstart, "MCP prompt")).to_contain_text("region: text")
    status = card(quickstart, "MCP server").last
    for name in ("top_customers", "count_rows", "notebook://variables/sales", "summarise"):
        expect(status).to_contain_text(name)
    quickstart.screenshot(path=tmp_path / "quickstart.png")


def test_cards_look_the_same_in_a_notebook_that_is_not_trusted(
    jupyter: Jupyter, browser: Browser, tmp_path: Path
) -> None:
    shutil.copy(QUICKSTART, jupyter.notebooks / "received.ipynb")
    with window(browser, height=ALL_CELLS_HEIGHT) as page:
        open_notebook(page, jupyter, "received.ipynb")
        expect(
            page.locator("[title^='Active cell not trusted'], [title*='not trusted']").first
        ).to_be_attached()
        status = card(page, "MCP server").last
        expect(status.locator("div").first).to_have_css("border-left", "3px solid rgb(243, 119, 38)")
        expect(status.locator("td").first).to_have_css("text-align", "left")
        hint = card(page, "MCP tool").first.get_by_text("reads only", exact=True)
        expect(hint).to_have_css("color", "rgb(56, 142, 60)")
        expect(status.locator("[data-commandlinker-command]")).to_have_count(0)
        page.screenshot(path=tmp_path / "untrusted.png")


@pytest.mark.parametrize(
    ("typed", "offered", "accepted"),
    [
        ("%%mcp_tool --re", ["--read-only"], "%%mcp_tool --read-only"),
        (
            "%mcp_remove ",
            ["count_rows", "notebook://variables/sales", "sales", "summarise", "top_customers"],
            "%mcp_remove count_rows",
        ),
    ],
)
def test_tab_completes_options_and_served_names(
    quickstart: Page, typed: str, offered: list[str], accepted: str
) -> None:
    cell = add_cell(quickstart, typed)
    quickstart.keyboard.press("Tab")
    # Below those of the kernel, JupyterLab adds words of the cell.
    ours = quickstart.locator(".jp-Completer-item").filter(has_text="magic")
    expect(ours.locator(".jp-Completer-match")).to_have_text(offered)
    quickstart.keyboard.press("Enter")
    expect(cell.locator(".cm-line")).to_have_text(accepted)


def test_a_mistake_is_one_line(quickstart: Page) -> None:
    output = run_cell(quickstart, "%mcp_resource no_such")
    expect(output).to_have_text("UsageError: %mcp_resource: Unknown variable 'no_such'.\n")


def test_an_extension_that_cannot_start_says_why_in_one_line(new_notebook: Page) -> None:
    """Where connection files are kept is not a directory: the engine has no place to listen."""
    source = "import os\nos.environ['JUPYTER_RUNTIME_DIR'] = os.devnull\n%load_ext mcp_jupyter"
    output = run_cell(new_notebook, source)
    expect(output).to_have_text(re.compile(r"UsageError: .*/dev/null.*: Not a directory\.\n"))


# -- the panel ---------------------------------------------------------------------------------------


def test_the_panel_shows_the_notebook_with_its_counts(quickstart: Page) -> None:
    server = server_in(panel_of(quickstart), "quickstart")
    expect(server).to_contain_text(COUNTS, timeout=BY_ITSELF_MILLISECONDS)
    expect(server.get_by_role("button", name="work/quickstart.ipynb")).to_be_visible()
    expect(server).to_contain_text("/mcp-jupyter/quickstart")


def test_the_panel_says_when_a_cell_is_running(quickstart: Page, jupyter: Jupyter, tmp_path: Path) -> None:
    gate = jupyter.notebooks / "work" / "gate"
    state = server_in(panel_of(quickstart), "quickstart").locator(".jp-McpPanel-state")
    run_cell(
        quickstart, "import pathlib, time\nwhile not pathlib.Path('gate').exists():\n    time.sleep(0.05)"
    )
    expect(state).to_have_text("busy", timeout=BY_ITSELF_MILLISECONDS)
    quickstart.screenshot(path=tmp_path / "busy.png")
    gate.touch()
    expect(state).to_have_text("idle", timeout=BY_ITSELF_MILLISECONDS)


def test_a_restarted_kernel_leaves_the_panel(new_notebook: Page) -> None:
    server = server_in(panel_of(new_notebook), "test_a_restarted_kernel_leaves_the_panel")
    run_cell(new_notebook, "%load_ext mcp_jupyter")
    expect(server).to_contain_text("0 tools, 0 resources, 0 prompts")
    choose(new_notebook, "Kernel", "Restart Kernel…")
    new_notebook.get_by_role("button", name="Confirm Kernel Restart").click()
    expect(server).to_have_count(0)


def test_a_panel_that_is_hidden_asks_for_no_calls(quickstart: Page) -> None:
    asked: list[str] = []
    quickstart.on("request", lambda request: asked.append(request.url))
    panel = panel_of(quickstart)
    with quickstart.expect_request("**/mcp-jupyter/api/servers/quickstart/calls*"):
        show(quickstart, "This notebook")
    quickstart.get_by_role("tab", name="MCP Servers").click()
    expect(panel).to_be_hidden()
    asked.clear()
    assert run_cell(quickstart, "1 + 1") is not None
    with quickstart.expect_request("**/mcp-jupyter/api/servers?*"):
        pass  # it hears that the kernel was busy
    assert [url for url in asked if "/calls" in url] == []
    quickstart.get_by_role("tab", name="MCP Servers").click()
    show(quickstart, "All")
    expect(panel).to_contain_text(COUNTS)


def test_a_notebook_that_is_renamed_in_the_page_has_its_new_name(new_notebook: Page) -> None:
    """JupyterLab's own rename reaches panel, URL and cards (1.9)."""
    run_cell(new_notebook, "%load_ext mcp_jupyter")
    panel = panel_of(new_notebook)
    expect(server_in(panel, "test_a_notebook_that_is_renamed_in_the_page_has_its_new_name")).to_be_visible()
    choose(new_notebook, "File", "Rename Notebook…")
    dialog = new_notebook.locator(".jp-Dialog")
    dialog.locator("input").fill("renamed.ipynb")
    dialog.get_by_role("button", name="Rename").click()
    server = server_in(panel, "renamed")
    expect(server).to_contain_text("/mcp-jupyter/renamed", timeout=BY_ITSELF_MILLISECONDS)
    expect(server.get_by_role("button", name="renamed.ipynb")).to_be_visible()
    expect(run_cell(new_notebook, "%mcp_status")).to_contain_text("MCP server renamed")


def test_a_cards_link_shows_the_panel(quickstart: Page) -> None:
    quickstart.get_by_role("tab", name="MCP Servers").click()
    expect(panel_of(quickstart)).to_be_hidden()
    card(quickstart, "MCP server").last.get_by_text("show the MCP panel", exact=True).click()
    expect(panel_of(quickstart)).to_be_visible()


# -- the document ------------------------------------------------------------------------------------


def test_opening_a_notebook_changes_nothing_in_it(page: Page, jupyter: Jupyter) -> None:
    file = copy_quickstart(jupyter, "opened.ipynb")
    open_notebook(page, jupyter, "opened.ipynb")
    # JupyterLab itself adds the version of the kernel's language, once.
    dirty = page.locator(".jp-mod-dirty")
    expect(dirty).not_to_have_count(0)
    choose(page, "File", "Save Notebook")
    expect(dirty).to_have_count(0)
    saved = file.read_bytes()

    page.reload()
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    jupyter.wait_for_kernel("opened.ipynb")
    expect(open_panel(page).get_by_role("list").first).to_be_visible()  # it has asked the server
    expect(dirty).to_have_count(0)
    assert file.read_bytes() == saved


# -- Notebook 7 --------------------------------------------------------------------------------------


def test_the_quickstart_in_notebook_7(jupyter: Jupyter, browser: Browser, tmp_path: Path) -> None:
    copy_quickstart(jupyter, "classic.ipynb")
    with window(browser, height=ALL_CELLS_HEIGHT) as page:
        open_in_notebook_7(page, jupyter, "classic.ipynb")
        choose(page, "Run", "Run All Cells")
        expect(card(page, "MCP server").last).to_contain_text("top_customers")
        panel = open_from_palette(page)
        expect(panel).to_contain_text("Tools (2)")
        show(page, "All")
        expect(server_in(panel, "classic")).to_contain_text(COUNTS)
        page.screenshot(path=tmp_path / "notebook7.png")
