# SPDX-License-Identifier: BSD-3-Clause
"""What a terminal is shown of what others wrote (SECURITY.md, T30)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_jupyter.cli.output import dumped, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("Windows\r\nlines", "Windows\nlines"),
        ("over\rwritten", "over\\rwritten"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\x1b]8;;https://evil\x07x", "\\x1b]8;;https://evil\\x07x"),
        ("a\x9bb\x7f\x00", "a\\x9bb\\x7f\\x00"),
        ("left \u202eright", "left \\u202eright"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("a\u2028b", "a\\u2028b"),
        ("half \ud800", "half \\ud800"),
        ("Ünïcödé, 日本, €\u00a05", "Ünïcödé, 日本, €\u00a05"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_what_is_not_seen_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_nothing_is_left_to_obey(text: str) -> None:
    shown = visible(text)
    assert all(char.isprintable() or char.isspace() for char in shown)
    assert not set(shown) & {"\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"}


@given(st.text())
def test_json_is_ascii_and_means_the_same(text: str) -> None:
    shown = dumped({"a": text})
    assert shown.isascii()
    assert "\x7f" not in shown
    assert json.loads(shown) == {"a": text}
