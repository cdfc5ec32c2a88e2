# SPDX-License-Identifier: BSD-3-Clause
"""JSON that a terminal is shown (SECURITY.md, T30)."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from mcp_jupyter.cli.output import dumped


@given(st.text())
def test_json_is_ascii_and_means_the_same(text: str) -> None:
    shown = dumped({"a": text})
    assert shown.isascii()
    assert "\x7f" not in shown
    assert json.loads(shown) == {"a": text}
