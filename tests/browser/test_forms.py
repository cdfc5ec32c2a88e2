# SPDX-License-Identifier: BSD-3-Clause
"""A form as a person has it: its fields have names and keep their keys, and no server does anything in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from .conftest import Jupyter
from .lab import ALL_CELLS_HEIGHT, empty_notebook, open_notebook, write_notebook

pytestmark = pytest.mark.browser

FORM = r"""
from mcp_jupyter.widgets.forms import SchemaForm

place = {"type": "object", "properties": {"street": {"type": "string"}}, "required": ["street"]}
from mcp_jupyter.widgets.html import framed

form = SchemaForm({
    "type": "object",
    "properties": {
        "city": {"type": "string", "minLength": 2, "description": "Where it is."},
        "days": {"type": "integer", "minimum": 1, "default": 3},
        "unit": {"oneOf": [{"const": "c", "title": "Celsius"}, {"const": "f", "title": "Fahrenheit"}]},
        "wood": {"enum": ["oak", "ash", "elm", "fir", "yew"]},
        "hourly": {"type": "boolean"},
        "day": {"type": "string", "format": "date"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "parts": {"type": "array", "items": {"enum": ["wind", "rain"]}},
        "home": place,
        "where": {"anyOf": [{"type": "string"}, place]},
    },
    "required": ["city", "hourly", "home"],
})
framed(form.widget)
"""

EVIL_FORM = r"""
from mcp_jupyter.widgets.forms import SchemaForm

math = r"$\frac{1}{2}$ $$x^2$$ \(y\) \[z\] \begin{equation}w\end{equation}"
html = "<img src=x><b data-commandlinker-command='apputils:reset'>bold</b>"
texts = {"title": html + math, "description": html + math}
evil = SchemaForm({
    "type": "object",
    "properties": {
        "a": {"type": "string", **texts},
        "b": {"type": "boolean", **texts},
        "c": {"oneOf": [{"const": 1, "title": math}, {"const": 2, "title": html}], **texts},
        "d": {"type": "array", "items": {"enum": [math, html]}, **texts},
        "e": {"type": "array", "items": {"type": "string", **texts}, **texts},
        math: {"type": "string"},
    },
    "required": ["a", "b", "e"],
})
evil.set({"e": ["x"]})
evil.widget
"""


CHECK = """
form.value() == {
    "city": "Oslo",
    "days": 3,
    "unit": "f",
    "wood": "elm",
    "hourly": True,
    "day": "2026-01-31",
    "tags": ["x"],
    "parts": ["rain"],
    "home": {"street": "High Street"},
    "where": "here",
}
"""
LATEX = "from IPython.display import Latex; Latex('$x^2$')"


def opened(page: Page, jupyter: Jupyter, path: str, *sources: str) -> list[Locator]:
    """Open a notebook with some cells, in a window that shows all."""
    notebook = empty_notebook()
    (cell,) = notebook["cells"]
    notebook["cells"] = [{**cell, "id": f"c{number}", "source": text} for number, text in enumerate(sources)]
    write_notebook(jupyter, path, notebook)
    page.set_viewport_size({"width": 1280, "height": ALL_CELLS_HEIGHT})
    open_notebook(page, jupyter, path)
    return [page.locator(".jp-Notebook .jp-Cell").nth(number) for number in range(len(sources))]


def run(cell: Locator) -> Locator:
    """Run a cell, and say where its outputs appear."""
    cell.locator(".cm-content").click()
    cell.page.keyboard.press("Control+Enter")
    return cell.locator(".jp-OutputArea-output")


def test_a_form_is_filled_in_with_the_keyboard(page: Page, jupyter: Jupyter, tmp_path: Path) -> None:
    first, value, closing = opened(page, jupyter, "form.ipynb", FORM, CHECK, "form.close()")
    form, keys = run(first), page.keyboard
    city, days = form.get_by_label("city (required)", exact=True), form.get_by_label("days", exact=True)
    celsius, wood = form.get_by_label("Celsius", exact=True), form.get_by_label("wood", exact=True)
    expect(city).to_be_visible()
    expect(run(value)).to_contain_text("city: required")
    expect(form.get_by_role("alert").first).to_have_text("⚠ Required")
    city.focus()
    keys.type("Oslo")
    keys.press("Tab")
    small = form.get_by_role("button", name="What is sent while city is empty")
    expect(small).to_be_focused()
    keys.press("Tab")
    expect(form.get_by_label("hourly", exact=True)).to_be_focused()
    keys.press("Space")
    form.get_by_role("button", name="More").press("Enter")
    expect(days).to_be_visible()
    keys.press("Tab")
    expect(days).to_be_focused()
    expect(days).to_have_attribute("type", "number")
    keys.press("ArrowUp")
    keys.press("ArrowDown")
    keys.press("Tab")
    expect(form.get_by_label("(not sent)", exact=True).first).to_be_focused()
    keys.press("ArrowDown")
    expect(celsius).to_be_checked()
    keys.press("ArrowDown")
    keys.press("Tab")
    expect(wood).to_be_focused()
    keys.type("elm")
    form.get_by_label("day", exact=True).fill("2026-01-31")
    form.get_by_role("button", name="Add to tags").press("Enter")
    form.get_by_label("tags 1 (required)", exact=True).fill("x")
    form.get_by_label("rain", exact=True).press("Space")
    form.get_by_label("street (required)", exact=True).fill("High Street")
    form.get_by_role("radiogroup", name="where, as").get_by_label("string", exact=True).check()
    form.get_by_label("where: string (required)", exact=True).fill("here")
    keys.press("Enter")
    expect(form.get_by_role("alert")).to_have_count(0)
    page.screenshot(path=tmp_path / "form.png")
    expect(run(value)).to_have_text("True")
    run(closing)
    expect(city).to_have_count(0)


def test_a_servers_texts_do_nothing(page: Page, jupyter: Jupyter, tmp_path: Path) -> None:
    first, latex = opened(page, jupyter, "evil.ipynb", EVIL_FORM, LATEX)
    form = run(first)
    expect(form.get_by_label("(required)").first).to_be_visible()
    expect(run(latex).locator("mjx-container")).to_be_visible()  # what is typeset is typeset by now
    page.screenshot(path=tmp_path / "evil.png")
    expect(form.get_by_role("checkbox")).to_have_count(4)
    expect(form.locator("mjx-container")).to_have_count(0)
    expect(form.locator("img, [data-commandlinker-command]")).to_have_count(0)
