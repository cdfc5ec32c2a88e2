# SPDX-License-Identifier: BSD-3-Clause
"""Names of notebooks in URLs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_jupyter.link.names import RESERVED_NAMES, claim_name, is_name

KERNEL = "1f2e3d4c-aaaa-bbbb-cccc-0123456789ab"


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("analysis", "analysis"),
        ("Sales 2026 (final)", "Sales-2026-final"),
        ("Données d'été", "Donnees-d-ete"),
        ("_private.v2", "_private.v2"),
        ("..", "notebook"),
        ("../../etc/passwd", "etc-passwd"),
        ("", "notebook"),
        ("売上", "notebook"),
        ("x" * 100, "x" * 64),
        ("a%2F?b#c&d", "a-2F-b-c-d"),
    ],
)
def test_a_file_name_becomes_a_name_for_urls(wanted: str, name: str) -> None:
    assert claim_name(wanted, KERNEL, ()) == name


def test_a_name_that_is_taken_gets_the_first_characters_of_the_kernel_id() -> None:
    assert claim_name("analysis", KERNEL, {"analysis"}) == "analysis-1f2e"


def test_a_suffix_that_is_taken_grows() -> None:
    assert claim_name("analysis", KERNEL, {"analysis", "analysis-1f2e"}) == "analysis-1f2e3"


def test_a_long_name_leaves_room_for_the_suffix() -> None:
    name = claim_name("x" * 64, KERNEL, {"x" * 64})
    assert name == "x" * 59 + "-1f2e"


@pytest.mark.parametrize("reserved", sorted(RESERVED_NAMES))
def test_a_reserved_name_is_taken(reserved: str) -> None:
    assert claim_name(reserved, KERNEL, ()) == f"{reserved}-1f2e"


def test_a_short_kernel_id_is_enough() -> None:
    assert claim_name("a", "7", {"a"}) == "a-7"
    assert claim_name("a", "7", {"a", "a-7"}) == "a-7"


@given(st.text(), st.sets(st.text(max_size=10)))
def test_whatever_is_wanted_the_name_is_valid_and_free(wanted: str, taken: set[str]) -> None:
    name = claim_name(wanted, KERNEL, taken)
    assert is_name(name)
    assert name not in taken
