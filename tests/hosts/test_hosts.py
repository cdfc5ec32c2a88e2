# SPDX-License-Identifier: BSD-3-Clause
"""What a host hands to its model of a notebook's results.

A host visits once; each test looks at a part of what its model saw.
"""

from __future__ import annotations

import sys

import pytest

from .visit import FRUIT, Visit

pytestmark = [
    pytest.mark.timeout(600),  # the first visit installs the host
    pytest.mark.skipif(sys.platform == "win32", reason="Ends a host by its process group."),
]


def test_tools_are_there_in_the_first_turn(visit: Visit) -> None:
    """A model can call a tool of the notebook without waiting for a second message (2: opening at once)."""
    assert "tree-00000" in visit.text("harvest"), visit.first_tools


def test_a_host_is_known_by_name(visit: Visit) -> None:
    """What a notebook hands over is made for the host that asks, over every transport (2: host profiles)."""
    assert f"You are {visit.host}." in visit.text("visitor")


def test_a_tool_that_is_added_later_can_be_called(visit: Visit) -> None:
    """By its own name, or by `use_tool` where the host reads the list once (2: constant tools)."""
    assert FRUIT in visit.text(visit.late)
