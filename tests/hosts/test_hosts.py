# SPDX-License-Identifier: BSD-3-Clause
"""What a host hands to its model of a notebook's results.

A host visits once; each test looks at a part of what its model saw.
"""

from __future__ import annotations

import re
import sys

import pytest

from .visit import FRUIT, Visit

pytestmark = [
    pytest.mark.timeout(600),  # the first visit installs the host
    pytest.mark.skipif(sys.platform == "win32", reason="Ends a host by its process group."),
]

HOW = re.compile(r"Rows (\d+) to (\d+) of 5,?000\. To read on")
TITLE = "Yield by week"


def test_tools_are_there_in_the_first_turn(visit: Visit) -> None:
    """A model can call a tool of the notebook without waiting for a second message (2: opening at once)."""
    assert "tree-00000" in visit.text("harvest"), visit.first_tools


def test_a_host_is_known_by_name(visit: Visit) -> None:
    """What a notebook hands over is made for the host that asks, over every transport (2: host profiles)."""
    assert f"You are {visit.host.title}." in visit.text("visitor")


@pytest.mark.parametrize("tool", ["harvest", "harvest_promised"])
def test_the_first_page_of_5000_rows_is_not_cut(visit: Visit, tool: str) -> None:
    """Every row that the page says it has is there, whatever the host cuts (2: pages by characters)."""
    text = visit.text(tool)
    said = HOW.search(text)
    assert said, text[-1000:]
    first, last = int(said[1]), int(said[2])
    missing = [number for number in range(first, last + 1) if f"tree-{number:05}" not in text]
    assert not missing


def test_a_page_says_how_to_read_on_and_the_model_can(visit: Visit) -> None:
    """With what the page says, the model reads the last rows (2: the way to the rest in words)."""
    assert "tree-04990" in visit.text("read_on"), visit.text("harvest")[-1000:]


def test_printed_text_is_seen(visit: Visit) -> None:
    """What a call prints is part of its result (2: what is printed)."""
    assert "731.25" in visit.text("weigh")
    assert "The scales were reset at dawn." in visit.text("weigh")


def test_a_number_is_no_error(visit: Visit) -> None:
    """A tool without a return annotation may return a number (2: Gemini)."""
    assert "5000" in visit.text("count_trees")


def test_a_list_is_no_error(visit: Visit) -> None:
    """A tool without a return annotation may return a list (2: Gemini)."""
    assert re.search(r"11\D+12\D+13", visit.text("list_weeks")), visit.text("list_weeks")


def test_a_lone_picture_leaves_a_word(visit: Visit) -> None:
    """Beside a picture stands a text with its title, for models that get no pictures (2: pictures)."""
    assert re.search(rf"Picture: .*{TITLE}", visit.text("draw"))


@pytest.mark.parametrize("tool", ["draw", "head_and_figure"])
def test_a_host_that_can_show_pictures_gets_them(visit: Visit, tool: str) -> None:
    """Its limit of text is no limit of pictures, and structure does not push them out (2: pictures)."""
    if not visit.host.shows_pictures:
        pytest.skip("This host shows its model no pictures.")
    assert visit.handed[tool].pictures == 1, visit.text(tool)


def test_a_picture_beside_a_frame_is_not_lost(visit: Visit) -> None:
    """A frame with its own structure does not push out the picture, or its text (2: pictures)."""
    text = visit.text("head_and_figure")
    assert "tree-00002" in text
    assert visit.handed["head_and_figure"].pictures or TITLE in text


def test_a_tool_that_is_added_later_can_be_called(visit: Visit) -> None:
    """By its own name, or by `use_tool` where the host reads the list once (2: constant tools)."""
    assert FRUIT in visit.text(visit.late)
