# SPDX-License-Identifier: BSD-3-Clause
"""Calls that wait for the user's approval, as the user sees them and decides about them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.conftest import JupyterDirs

from .assistant import CALL_SECONDS, Assistant
from .conftest import Jupyter, window
from .lab import card, dark, open_live_notebook, panel_of

pytestmark = pytest.mark.browser

NAME = "approvals"
ASKS_TO_DELETE = "Claude Code 2.1.0 wants to run delete_region"
HOSTILE = "<img src=x onerror=\"document.title='owned'\">"
TOOL = '''%%mcp_tool --destructive --preview would_delete
def delete_region(region: str) -> str:
    """Delete every sale of a region."""
    return f"{region} is gone"
'''
PREVIEW = """def would_delete(region):
    return f"would remove 2 of 6 rows of {region}" """
MAIL = '''%%mcp_tool --open-world
def mail(to: str) -> str:
    """Send a mail."""
    return f"sent to {to}"
'''


@pytest.fixture(scope="module")
def notebook(jupyter: Jupyter, browser: Browser) -> Iterator[Page]:
    """A notebook that serves a tool which deletes, and one which reaches out, beside the panel."""
    with window(browser) as page:
        open_live_notebook(page, jupyter, NAME, "%load_ext mcp_jupyter", PREVIEW, TOOL, MAIL)
        expect(card(page, "MCP tool")).to_have_count(2)
        yield page


@pytest.fixture
def assistant(jupyter: Jupyter) -> Iterator[Assistant]:
    with Assistant(jupyter, NAME) as assistant:
        yield assistant


def question(page: Page) -> Locator:
    return page.locator(".jp-McpApproval")


def decide(page: Page, label: str) -> None:
    """Press a button of the dialog, once it takes clicks."""
    dialog = question(page)

    def pressed() -> bool:
        dialog.get_by_role("button", name=label).click()
        return not dialog.is_visible()

    for _ in range(20):  # for less than a second it takes none
        if pressed():
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"{label} has no effect")


def test_the_user_sees_a_call_in_full_and_allows_it_once(
    notebook: Page, assistant: Assistant, tmp_path: Path
) -> None:
    """Text of the assistant stays text, and invisible characters are visible (T39)."""
    answer = assistant.call("delete_region", region=f"west {HOSTILE}")
    dialog = question(notebook)
    expect(dialog).to_contain_text(ASKS_TO_DELETE)
    for said in ("laptop", "approvals.ipynb, cell [3]", "deletes", "Delete every sale of a region."):
        expect(dialog).to_contain_text(said)
    expect(dialog.locator("dd")).to_contain_text(HOSTILE)
    expect(dialog).to_contain_text("would remove 2 of 6 rows of west")
    expect(dialog.get_by_role("timer")).to_contain_text("counts as no")
    expect(dialog.get_by_role("button", name="Deny")).to_be_focused()
    expect(panel_of(notebook)).to_contain_text("1 call waits for you")
    expect(dialog.locator("img")).to_have_count(0)
    notebook.screenshot(path=tmp_path / "approval.png")
    decide(notebook, "Allow once")
    assert answer.result(CALL_SECONDS) == f"west {HOSTILE} is gone"
    expect(panel_of(notebook)).not_to_contain_text("waits for you")

    again = assistant.call("delete_region", region="no\u202ert\u200bh\x1b[2J")
    expect(dialog.locator("dd pre").first).to_have_text("no⟨U+202E⟩rt⟨U+200B⟩h")
    expect(dialog.locator("dd")).to_contain_text(f"(was: west {HOSTILE})")
    decide(notebook, "Deny")
    assert "denied" in again.result(CALL_SECONDS)


def test_the_model_gets_the_reason_of_a_denial(notebook: Page, assistant: Assistant) -> None:
    answer = assistant.call("delete_region", region="west")
    question(notebook).get_by_label("If you deny it, why?").fill("Ask for one row.")
    decide(notebook, "Deny")
    assert "Ask for one row." in answer.result(CALL_SECONDS)


def test_a_tool_that_is_allowed_until_its_cell_is_run_again_is_not_asked_about(
    notebook: Page, assistant: Assistant
) -> None:
    first = assistant.call("mail", to="ann")
    expect(question(notebook)).to_contain_text("reaches beyond the notebook, with your rights")
    expect(question(notebook).locator(".jp-McpApproval-question")).to_be_focused()
    decide(notebook, "Allow for this host until the cell is run again")
    assert first.result(CALL_SECONDS) == "sent to ann"
    assert assistant.call("mail", to="bob").result(CALL_SECONDS) == "sent to bob"


def test_one_dialog_at_a_time_and_what_is_settled_in_a_terminal_leaves(
    notebook: Page, assistant: Assistant, module_jupyter_dirs: JupyterDirs
) -> None:
    answers = [assistant.call("delete_region", region=region) for region in ("west", "north")]
    dialog = question(notebook)
    expect(dialog).to_contain_text("1 more waits.")
    expect(dialog).to_have_count(1)
    expect(panel_of(notebook)).to_contain_text("2 calls wait for you")
    terminal = [sys.executable, "-m", "mcp_jupyter.cli", "approve"]
    environ = module_jupyter_dirs.environ
    shown = subprocess.run([*terminal, "--json"], env=environ, check=True, capture_output=True)
    ids = [each["id"] for each in json.loads(shown.stdout)]
    for each in ids:
        subprocess.run([*terminal, each, "deny"], env=environ, check=True)
    assert len(ids) == len(answers)
    expect(dialog).to_have_count(0)
    expect(panel_of(notebook)).not_to_contain_text("for you")
    assert all("denied" in answer.result(CALL_SECONDS) for answer in answers)


def test_what_the_user_types_when_a_dialog_comes_decides_nothing(
    notebook: Page, assistant: Assistant
) -> None:
    notebook.evaluate(
        """new MutationObserver((_, observer) => {
             if (document.querySelector('.jp-McpApproval') === null) return;
             observer.disconnect();
             for (const type of ['keydown', 'keyup'])
               document.activeElement.dispatchEvent(new KeyboardEvent(type, {key: 'Enter', bubbles: true}));
             document.activeElement.click();
             window.typed = true;
           }).observe(document.body, {childList: true})"""
    )
    answer = assistant.call("delete_region", region="west")
    dialog = question(notebook)
    expect(dialog).to_be_visible()
    notebook.wait_for_function("window.typed")
    expect(dialog).to_be_visible()
    dialog.get_by_label("If you deny it, why?").press("Enter")
    expect(dialog).to_be_visible()
    notebook.wait_for_timeout(1000)  # keys count from now on
    notebook.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(panel_of(notebook)).to_contain_text("1 call waits for you")
    panel_of(notebook).get_by_role("button", name="Review").click()
    decide(notebook, "Deny")
    assert "denied" in answer.result(CALL_SECONDS)


def test_the_dialog_fits_a_narrow_page_in_the_dark(
    notebook: Page, assistant: Assistant, tmp_path: Path
) -> None:
    dark(notebook)
    notebook.set_viewport_size({"width": 480, "height": 700})
    answer = assistant.call("delete_region", region="x" * 3000)
    dialog = question(notebook)
    expect(dialog.locator("dd")).to_be_visible()
    wide = "node => node.scrollWidth > node.clientWidth"
    assert not dialog.locator(".jp-Dialog-content").evaluate(wide)
    assert not dialog.locator(".jp-McpApproval-question").evaluate(wide)
    notebook.screenshot(path=tmp_path / "approval-narrow.png")
    decide(notebook, "Deny")
    answer.result(CALL_SECONDS)
    notebook.set_viewport_size({"width": 1280, "height": 800})
