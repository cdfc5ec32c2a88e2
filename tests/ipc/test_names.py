# SPDX-License-Identifier: BSD-3-Clause
"""Names of notebooks in URLs."""

from __future__ import annotations

import unicodedata
from hashlib import sha256
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_jupyter.ipc.names import (
    RESERVED_NAMES,
    candidate_names,
    changed_name,
    is_name,
    names_of_file,
    plain_name,
)

KERNEL = "1f2e3d4c-aaaa-bbbb-cccc-0123456789ab"
PATH = "/home/ann/private/analysis.ipynb"


def mark(text: str, length: int = 6) -> str:
    return sha256(text.encode()).hexdigest()[:length]


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("analysis", "analysis"),
        ("Sales 2026 (final)", "Sales-2026-final"),
        ("_private.v2", "_private.v2"),
        ("..", "notebook"),
        ("../../etc/passwd", "etc-passwd"),
        ("", "notebook"),
        ("x" * 100, "x" * 64),
        ("a%2F?b#c&d", "a-2F-b-c-d"),
        ("a--b", "a--b"),
    ],
)
def test_a_file_name_becomes_a_name_for_urls(wanted: str, name: str) -> None:
    assert plain_name(wanted) == name


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("売上", "売上"),
        ("分析 2026", "分析-2026"),
        ("Données d'été", "Données-d-été"),
        ("विश्लेषण", "विश्लेषण"),
        ("e\u0301tude", "\u00e9tude"),
        ("\u0301tude", "tude"),
        ("sales\u200b\u202e\ufe0f\u3164", "sales"),
        ("📈 sales", "sales"),
        ("a 📈 b", "a-b"),
        ("📈", "notebook"),
    ],
)
def test_letters_of_every_script_stay(wanted: str, name: str) -> None:
    """Two notebooks without an ASCII letter are not both "notebook" (1.2)."""
    assert plain_name(wanted) == name
    assert is_name(name)


def test_a_name_that_is_taken_gets_six_characters_of_the_digest_of_the_path() -> None:
    """The same file gets the same name from whatever kernel (1.2)."""
    assert list(islice(candidate_names("analysis", KERNEL, PATH), 2)) == [
        "analysis",
        f"analysis-{mark(PATH)}",
    ]


def test_two_kernels_of_one_notebook_are_told_apart_by_the_kernel() -> None:
    found = list(candidate_names("analysis", KERNEL, PATH))
    assert found[2:4] == [f"analysis-{mark(KERNEL)}", f"analysis-{mark(KERNEL, 7)}"]
    assert list(candidate_names("analysis", KERNEL, None)) == [found[0], *found[2:]]


def test_a_long_name_leaves_room_for_the_mark() -> None:
    found = list(candidate_names("x" * 64, KERNEL, PATH))
    assert found[1] == f"{'x' * 57}-{mark(PATH)}"
    assert all(map(is_name, found))


@pytest.mark.parametrize("reserved", sorted(RESERVED_NAMES))
def test_a_reserved_name_is_taken(reserved: str) -> None:
    assert next(candidate_names(reserved, KERNEL, PATH)) == f"{reserved}-{mark(PATH)}"
    assert changed_name(reserved)


@pytest.mark.parametrize(
    ("wanted", "changed"), [("sales", False), ("e\u0301tude", False), ("a b/c", True), ("a.", True)]
)
def test_a_name_that_cannot_be_had_is_known(wanted: str, changed: bool) -> None:
    assert changed_name(wanted) is changed


@pytest.mark.parametrize("wanted", ["analysis", "api", "x" * 64])
@pytest.mark.parametrize("path", [PATH, None])
def test_the_first_candidates_are_the_same_in_every_kernel(wanted: str, path: str | None) -> None:
    ours, theirs = (list(candidate_names(wanted, kernel, path)) for kernel in (KERNEL, "another"))
    assert [name for name in ours if name in theirs] == names_of_file(wanted, path)


@given(st.text())
def test_whatever_is_wanted_every_candidate_is_a_name(wanted: str) -> None:
    for name in candidate_names(wanted, KERNEL, PATH):
        assert is_name(name), name
        assert unicodedata.is_normalized("NFC", name)
