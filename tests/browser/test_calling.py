# SPDX-License-Identifier: BSD-3-Clause
"""The panel of a connected server, as the person in front of it sees it and uses it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from .calling import (
    PANEL_HEIGHT,
    call,
    choose,
    connect,
    history_of,
    result_of,
    rows_of,
    runs,
    show,
    tab_to,
    tree_of,
)
from .conftest import Jupyter, window
from .lab import add_cell, card, empty_notebook, open_notebook, run_cell, write_notebook
from .poisoned_server import HOST, POISON

pytestmark = pytest.mark.browser


@pytest.fixture
def notebook(jupyter: Jupyter, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """An empty notebook, named for the test."""
    path = f"{request.function.__name__}.ipynb"
    write_notebook(jupyter, path, empty_notebook())
    with window(browser, height=PANEL_HEIGHT) as page:
        open_notebook(page, jupyter, path)
        yield page


@pytest.fixture
def trips(notebook: Page) -> Locator:
    """The panel of the well-behaved server."""
    connect(notebook, "trips", "trips_server.py")
    return show(notebook, "trips")


# -- calls -------------------------------------------------------------------------------------------------


def test_a_tool_is_found_filled_in_and_called_with_the_keyboard_alone(
    notebook: Page, trips: Locator, tmp_path: Path
) -> None:
    expect(trips).to_contain_text("open · 13 tools, 2 resources, 1 prompt")
    cells = notebook.locator(".jp-Notebook .jp-Cell")
    before = cells.count()
    keys = notebook.keyboard
    trips.get_by_role("textbox", name="Filter").focus()
    keys.type("forecast")
    keys.press("Tab")
    rows = rows_of(trips)
    expect(rows).to_have_count(2)
    tab_to(rows.first)
    expect(rows).to_contain_text(["forecast", "extend"])
    keys.type("bdd")  # to a notebook these are commands: add a cell, delete one
    keys.press("ArrowDown")
    expect(rows.last).to_be_focused()
    keys.press("Enter")
    city = trips.get_by_label("city (required)", exact=True).first
    expect(city).not_to_be_visible()  # the form goes a moment after the heading
    keys.press("Home")
    keys.press("Enter")
    expect(city).to_be_visible()
    keys.press("Tab")
    expect(city).to_be_focused()
    keys.type("Oslo")
    days = trips.get_by_role("spinbutton", name="days")
    tab_to(days)
    keys.press("ArrowUp")
    keys.press("ArrowUp")
    expect(trips.get_by_role("slider", name="days")).to_have_attribute("aria-valuenow", re.compile(r"^3\b"))
    keys.press("Enter")
    expect(result_of(trips)).to_contain_text("Oslo, day 3: sunny, 22°")
    expect(trips.get_by_role("status")).to_contain_text("Done after")
    expect(days).to_be_focused()
    button = trips.get_by_role("button", name="Call", exact=True)
    tab_to(button)
    keys.press("Enter")
    expect(history_of(trips)).to_have_count(2)
    expect(button).to_be_focused()
    assert cells.count() == before
    notebook.screenshot(path=tmp_path / "called.png")


def test_progress_is_seen_and_a_long_call_is_cancelled_at_the_server(
    notebook: Page, trips: Locator, tmp_path: Path
) -> None:
    call(trips, "search")
    bar = trips.get_by_role("progressbar")
    expect(bar).to_have_attribute("value", re.compile(r"0\.(0[1-9]|[1-9])|1\.0"))  # ten of a thousand steps
    expect(trips).to_contain_text(re.compile(r"\d+ of 1000 · airline \d+"))
    notebook.screenshot(path=tmp_path / "progress.png")
    trips.get_by_role("button", name="Cancel", exact=True).click()
    expect(trips.get_by_role("status")).to_contain_text("Cancelled after")
    expect(bar).to_have_count(0)
    expect(trips.get_by_role("button", name="Call", exact=True)).to_be_focused()
    runs(notebook, "print(trips.tools.cancellations().data)", "search")


def test_a_picture_and_a_failure_are_shown(notebook: Page, trips: Locator, tmp_path: Path) -> None:
    call(trips, "picture")
    expect(result_of(trips).filter(has_text="The sea, today:")).to_be_visible()
    expect(result_of(trips).locator("img")).to_have_js_property("naturalWidth", 240)
    notebook.screenshot(path=tmp_path / "picture.png")
    call(trips, "fail")
    expect(trips.get_by_role("alert")).to_contain_text("the agency is closed")
    notebook.screenshot(path=tmp_path / "failure.png")


def test_a_nested_form_says_what_is_missing_and_is_then_sent(
    notebook: Page, trips: Locator, tmp_path: Path
) -> None:
    call(trips, "plan")
    expect(trips.get_by_role("alert").filter(has_text="Please correct 2 fields.")).to_be_visible()
    expect(trips.get_by_role("alert").filter(has_text="Required")).to_have_count(2)
    expect(trips.get_by_label("traveller (required)", exact=True)).to_be_focused()
    notebook.screenshot(path=tmp_path / "nested.png")
    trips.get_by_role("textbox", name="traveller (required)").fill("Ada")
    trips.get_by_role("textbox", name="city (required)").first.fill("Oslo")
    trips.get_by_role("textbox", name="secret").fill("s3cret")
    trips.get_by_role("checkbox", name="museum").check()
    trips.get_by_role("button", name="Call", exact=True).click()
    expect(tree_of(trips)).to_contain_text("Oslo: 1")


def test_a_click_counts_though_its_button_moves(notebook: Page, trips: Locator) -> None:
    """A field is checked when it is left, and a note that goes moves the button. (2: slow or odd)."""
    call(trips, "plan")
    problem = trips.get_by_role("alert").filter(has_text="Required")
    expect(problem).to_have_count(2)
    trips.get_by_role("textbox", name="traveller (required)").fill("Ada")
    trips.get_by_role("textbox", name="city (required)").first.focus()
    expect(problem).to_have_count(1)
    notebook.keyboard.type("Oslo")
    trips.get_by_role("button", name="Call", exact=True).hover(position={"x": 10, "y": 20})
    notebook.mouse.down()
    expect(problem).to_have_count(0)
    notebook.mouse.up()
    expect(tree_of(trips)).to_contain_text("Oslo: 1")


def test_resources_and_prompts(notebook: Page, trips: Locator, tmp_path: Path) -> None:
    trips.get_by_role("tab", name="Resources").click()
    trips.get_by_role("button", name="Read").click()
    expect(result_of(trips)).to_contain_text("Mountains, and the sea.")
    choose(trips, "guide {…}")
    trips.get_by_role("textbox", name="city (required)").fill("New York")
    trips.get_by_role("button", name="Read").click()
    expect(result_of(trips)).to_contain_text("A guide of New York")
    notebook.screenshot(path=tmp_path / "resources.png")
    trips.get_by_role("tab", name="Prompts").click()
    trips.get_by_role("textbox", name="city (required)").fill("Oslo")
    trips.get_by_role("button", name="Get").click()
    expect(result_of(trips)).to_contain_text("user: What should I pack for 2 nights in Oslo?")
    trips.get_by_role("tab", name="Log").click()
    expect(trips).to_contain_text("call pack: ended")
    notebook.screenshot(path=tmp_path / "log.png")


def test_a_tool_that_deletes_is_called_once_the_person_confirms(
    notebook: Page, trips: Locator, tmp_path: Path
) -> None:
    choose(trips, "cancel_trip")
    expect(rows_of(trips).filter(has_text="cancel_trip · deletes")).to_be_visible()
    trips.get_by_label("number (required)", exact=True).fill("7")
    notebook.keyboard.press("Control+Enter")  # to a notebook: run the cell
    keep = trips.get_by_role("button", name="Cancel", exact=True)
    expect(keep).to_be_focused()
    expect(trips).to_contain_text("Call cancel_trip?")
    expect(trips).to_contain_text("number = 7")
    notebook.screenshot(path=tmp_path / "confirm.png")
    keep.press("Enter")
    expect(keep).to_have_count(0)
    expect(trips).not_to_contain_text("Done after")
    again = trips.get_by_role("button", name="Cancel trip (deletes)")
    expect(again).to_be_focused()
    again.press("Enter")
    expect(keep).to_be_focused()
    again.last.click()
    expect(result_of(trips)).to_contain_text("cancelled trip 7")


# -- questions ---------------------------------------------------------------------------------------------


def test_questions_are_answered_and_declined_in_the_panel(
    notebook: Page, trips: Locator, tmp_path: Path
) -> None:
    call(trips, "book")
    expect(trips).to_contain_text("Which room shall it be?")
    expect(trips.get_by_label("city (required)", exact=True).first).to_be_focused()
    expect(trips.get_by_label("nights", exact=True).first).to_have_value("2")
    notebook.screenshot(path=tmp_path / "elicitation.png")
    trips.get_by_role("textbox", name="city (required)").fill("Oslo")
    trips.get_by_role("button", name="Accept").click()
    expect(result_of(trips)).to_contain_text("booked 2 nights in Oslo")
    expect(trips).not_to_contain_text("Which room shall it be?")

    call(trips, "book")
    trips.get_by_role("button", name="Decline").click()
    expect(result_of(trips)).to_contain_text("not booked: decline")

    call(trips, "pay")
    link = trips.get_by_role("link", name="Open bank.example in a new tab")
    expect(link).to_have_attribute("href", "https://bank.example/pay?id=1")
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    notebook.screenshot(path=tmp_path / "url.png")
    trips.get_by_role("button", name="I am done").click()
    expect(result_of(trips)).to_contain_text("accept")

    call(trips, "postcard")
    trips.get_by_role("textbox", name="Your answer").fill("Wish you were here")
    notebook.screenshot(path=tmp_path / "sampling.png")
    trips.get_by_role("button", name="Send").click()
    expect(result_of(trips)).to_contain_text("The postcard says: Wish you were here")


def test_an_async_cell_without_a_panel_has_the_form_below_it(notebook: Page, tmp_path: Path) -> None:
    connect(notebook, "trips", "trips_server.py")
    outputs = run_cell(notebook, "print((await trips.aio.tools.book()).text)")
    notebook.get_by_role("textbox", name="city (required)").fill("Oslo")
    notebook.screenshot(path=tmp_path / "async.png")
    notebook.get_by_role("button", name="Accept").click()
    expect(outputs.filter(has_text="booked 2 nights in Oslo")).to_be_visible()


def test_a_cell_that_blocks_asks_by_itself_though_there_is_a_panel(notebook: Page, trips: Locator) -> None:
    outputs = run_cell(notebook, "print(trips.tools.book().text)")
    answer = notebook.locator(".jp-Stdin-input")
    expect(answer).to_be_focused()
    answer.fill("/decline")
    answer.press("Enter")
    expect(outputs.filter(has_text="not booked: decline")).to_be_visible()


# -- history -----------------------------------------------------------------------------------------------


def test_a_call_becomes_a_cell_below_that_runs(notebook: Page, trips: Locator, tmp_path: Path) -> None:
    choose(trips, "forecast")
    trips.get_by_role("textbox", name="city (required)").first.fill('O"slo\\')
    trips.get_by_role("button", name="Call", exact=True).click()
    expect(result_of(trips)).to_contain_text("day 1")
    trips.get_by_role("button", name="Insert as code").click()
    expect(trips.get_by_role("status").filter(has_text="Inserted as a new cell below.")).to_be_visible()
    cell = notebook.locator(".jp-Notebook .jp-Cell").last
    expect(cell.locator(".cm-content")).to_have_text(
        """trips.tools.forecast(city='O"slo\\\\', unit='celsius', days=1)"""
    )
    notebook.screenshot(path=tmp_path / "inserted.png")
    expect(cell.locator(".jp-OutputArea-output")).to_have_count(0)  # nobody ran it
    cell.locator(".cm-content").click()
    notebook.keyboard.press("Control+Enter")
    expect(cell.locator(".jp-OutputArea-output")).to_contain_text('O"slo\\, day 1: sunny')


# -- servers that misbehave --------------------------------------------------------------------------------


def test_a_server_that_dies_in_a_call_is_said_and_the_kernel_lives(
    notebook: Page, trips: Locator, tmp_path: Path
) -> None:
    call(trips, "die")
    alerts = trips.get_by_role("alert")
    expect(alerts.first).to_contain_text(
        "The connection failed. Run its %mcp_connect again, and then this cell."
    )
    expect(alerts.last).to_contain_text("The server process ended (exit code 3)")
    expect(trips.get_by_role("button", name="Call", exact=True)).to_be_disabled()
    notebook.screenshot(path=tmp_path / "died.png")
    runs(notebook, "print('alive')", "alive")
    connect(notebook, "trips", "trips_server.py")
    again = show(notebook, "trips")
    call(again, "cancellations")
    expect(again.get_by_role("status")).to_contain_text("Done after")


def test_a_server_that_floods_leaves_the_page_and_the_kernel_usable(notebook: Page, trips: Locator) -> None:
    trips.get_by_role("tab", name="Log").click()
    trips.get_by_role("tab", name="Tools").click()
    call(trips, "flood")
    trips.get_by_role("tab", name="Log").click()
    expect(trips).to_contain_text("line 4999")
    runs(notebook, "print('alive')", "alive")


def test_a_tool_that_changes_is_called_once_the_person_agrees_and_what_was_typed_stays(
    notebook: Page, trips: Locator, tmp_path: Path
) -> None:
    choose(trips, "forecast")
    trips.get_by_role("textbox", name="city (required)").first.fill("Oslo")
    trips.get_by_label("days", exact=True).first.fill("3")
    add_cell(notebook, "trips.tools.extend()")
    notebook.keyboard.press("Control+Enter")
    button = trips.get_by_role("button", name="Call", exact=True)
    expect(trips.get_by_role("alert")).to_contain_text("the argument days is gone")
    expect(button).to_be_disabled()
    notebook.screenshot(path=tmp_path / "changed.png")
    trips.get_by_role("button", name="Use it as it is now").click()
    expect(trips.get_by_role("alert")).to_have_count(0)
    expect(button).to_be_focused()
    expect(trips.get_by_role("textbox", name="city (required)").first).to_have_value("Oslo")
    expect(trips.get_by_label("days", exact=True)).to_have_count(0)
    button.click()
    expect(result_of(trips)).to_contain_text("Oslo: celsius, wind False")


def test_poison_in_every_text_creates_no_element_and_sends_no_request(notebook: Page, tmp_path: Path) -> None:
    """SECURITY, T30."""
    foreign: list[str] = []

    def note(url: str) -> None:
        if urlsplit(url).hostname not in (None, "localhost", "127.0.0.1"):
            foreign.append(url)

    notebook.on("request", lambda request: note(request.url))
    title = notebook.title()
    connect(notebook, "bad", "poisoned_server.py")
    panel = show(notebook, "bad")
    panel.get_by_role("button", name="Call", exact=True).click()
    decline = panel.get_by_role("button", name="Decline")
    expect(decline).to_have_count(3)
    notebook.screenshot(path=tmp_path / "poison-questions.png")
    assert harmful(panel) == []
    for left in (2, 1, 0):
        decline.first.click()
        expect(decline).to_have_count(left)
    expect(panel.get_by_role("status")).to_contain_text("Done after")
    assert harmful(panel) == []
    panel.get_by_role("button", name="Raw").click()
    expect(result_of(panel)).to_contain_text('"resource_link"')
    assert harmful(panel) == []
    call(panel, "fail")
    expect(panel.get_by_role("alert").filter(has_text="Failed after")).to_be_visible()
    for tab, verb in (("Resources", "Read"), ("Prompts", "Get")):
        panel.get_by_role("tab", name=tab).click()
        panel.get_by_role("button", name=verb, exact=True).click()
        expect(panel.get_by_role("status")).to_contain_text("Done after")
        panel.get_by_role("button", name="Insert as code").click()
        expect(panel.get_by_role("status").filter(has_text="Inserted")).to_be_visible()
        assert harmful(panel) == []
    panel.get_by_role("tab", name="Log").click()
    expect(panel).to_contain_text("⟨U+202E⟩gnp.exe⟨U+202C⟩")
    notebook.screenshot(path=tmp_path / "poison-log.png")
    assert harmful(panel) == []
    ours = harmful(card(notebook, "Live as"))  # the link to the panel, in a card without foreign text
    assert (len(ours), harmful(notebook.locator(".jp-Notebook"))) == (1, ours)
    shown = notebook.locator(".jp-Notebook").inner_text()
    assert not set(shown) & set("\u202e\u202c\u200b\x1b\U000e0041")
    assert (notebook.title().split(" ")[0], foreign) == (title.split(" ")[0], [])
    assert "<script>" in POISON
    assert HOST in shown


def harmful(within: Locator) -> list[str]:
    """Elements that no text may become. A link that JupyterLab makes of an address it shows is none."""
    found: list[str] = within.evaluate(
        """root => [...root.querySelectorAll(
            '.jp-OutputArea-output :is(img, script, svg, style, iframe, object, mjx-container, a), ' +
            '.jp-OutputArea-output [data-commandlinker-command]')]
          .filter(e => !(e.matches('a') && e.textContent === e.getAttribute('href')))
          .map(e => e.outerHTML.slice(0, 200))"""
    )
    return found


# -- over the life of a connection -------------------------------------------------------------------------


def test_what_one_cell_connects_another_disconnects(notebook: Page, trips: Locator, tmp_path: Path) -> None:
    call(trips, "search")
    expect(trips.get_by_role("progressbar")).to_be_visible()
    run_cell(notebook, "%mcp_disconnect trips")
    expect(card(notebook, "Disconnected: trips")).to_be_visible()
    expect(trips).to_contain_text("closed · 13 tools")
    expect(trips).to_contain_text("Disconnected.")
    expect(trips.get_by_role("alert")).to_contain_text("Failed after")
    expect(trips.get_by_role("button", name="Call", exact=True)).to_be_disabled()
    notebook.screenshot(path=tmp_path / "disconnected.png")


def test_a_second_display_takes_the_place_of_the_first(notebook: Page, trips: Locator) -> None:
    choose(trips, "forecast")
    trips.get_by_role("textbox", name="city (required)").first.fill("Oslo")
    trips.get_by_label("days", exact=True).first.focus()
    call(trips, "book")
    expect(trips).to_contain_text("Which room shall it be?")
    run_cell(notebook, "trips")
    expect(notebook.locator(".jp-OutputArea-output", has_text="displayed again")).to_be_visible()
    expect(notebook.locator(".mcp-jupyter-panel")).to_have_count(1)
    expect(notebook.get_by_text("Which room shall it be?")).to_have_count(1)
    choose(trips, "forecast")
    expect(trips.get_by_role("textbox", name="city (required)").first).to_have_value("Oslo")


def test_all_of_it_has_the_font_of_the_theme(trips: Locator) -> None:
    choose(trips, "forecast")
    trips.get_by_role("button", name="Call", exact=True).press("Enter")
    expect(trips.get_by_role("alert").filter(has_text="Please correct 1 field.")).to_be_visible()
    fonts = trips.evaluate(
        """root => [...root.querySelectorAll('input, select, button, label, code, [role=tab], [role=alert]')]
          .map(each => getComputedStyle(each).fontFamily)"""
    )
    assert len(fonts) > 20
    assert len(set(fonts)) == 1


def test_it_fits_a_narrow_window(notebook: Page, trips: Locator, tmp_path: Path) -> None:
    notebook.set_viewport_size({"width": 700, "height": PANEL_HEIGHT})
    expect(rows_of(trips)).to_have_count(0)
    trips.get_by_role("combobox", name="Tools").select_option(label="plan")
    expect(trips.get_by_role("heading", name="plan", exact=True)).to_be_visible()
    trips.get_by_role("combobox", name="Tools").select_option(label="forecast")
    expect(trips.get_by_role("heading", name="forecast", exact=True)).to_be_visible()
    field = trips.get_by_role("textbox", name="city (required)").first
    for part in (
        trips.get_by_role("tab", name="Log"),
        field,
        trips.get_by_role("button", name="Call", exact=True),
    ):
        outer, inner = trips.bounding_box(), part.bounding_box()
        assert outer is not None
        assert inner is not None
        assert outer["x"] <= inner["x"]
        assert inner["x"] + inner["width"] <= outer["x"] + outer["width"]
    notebook.screenshot(path=tmp_path / "narrow.png")
