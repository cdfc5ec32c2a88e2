# SPDX-License-Identifier: BSD-3-Clause
"""What a sender may use: patterns, and their form in a message's envelope."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_jupyter.protocol.limits import MAX_URI_CHARS
from mcp_jupyter.protocol.rights import EVERY_RIGHT, NO_RIGHT, Rights


def test_patterns_are_of_whole_names_and_of_uris_without_their_query() -> None:
    """`*` stands for any characters, `?` for one (2: constant tools)."""
    rights = Rights(("count_*", "total"), ("data://sales",))
    assert [rights.may_call(name) for name in ("count_rows", "total", "totals", "recount_rows")] == [
        True,
        True,
        False,
        False,
    ]
    assert rights.may_read("data://sales?offset=3")
    assert not rights.may_read("data://salesmen")
    assert not Rights(resources=("*",)).may_read("x" * (MAX_URI_CHARS + 1))


def test_a_kept_result_is_left_to_whoever_keeps_it() -> None:
    """Its URI is known to the sender of its call alone (2: constant tools)."""
    assert NO_RIGHT.may_read(f"result://{'0' * 32}?offset=1")
    assert not NO_RIGHT.may_read("result://0")
    assert not NO_RIGHT.may_call("anything")
    assert EVERY_RIGHT.may_call("anything")


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"tools": ["*"]},
        {"tools": "*", "resources": []},
        {"tools": [1], "resources": []},
        {"tools": [], "resources": {"a": 1}},
        {"tools": [], "resources": [], "constantTools": "sometimes"},
        {"tools": [], "resources": [], "constantTools": ["yes"]},
    ],
)
def test_what_is_malformed_gives_no_rights(value: Any) -> None:
    """A line of a link with such rights is refused (2: constant tools)."""
    assert Rights.from_wire(value) is None
