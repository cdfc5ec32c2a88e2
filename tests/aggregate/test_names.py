# SPDX-License-Identifier: BSD-3-Clause
"""Names of the aggregate: readable, allowed everywhere, one's own, and with a way back."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from mcp_jupyter._util.names import MAX_NAME_CHARS
from mcp_jupyter.aggregate.names import NameTable, aggregate_uri, labels, split_uri

LABELS = st.text("ab_.-", min_size=1, max_size=64)
NAMES = st.text("ab_./ é", min_size=1, max_size=128)


@given(st.dictionaries(LABELS, st.lists(NAMES, max_size=4), max_size=4))
def test_every_name_is_allowed_and_leads_back(notebooks: dict[str, list[str]]) -> None:
    table = NameTable(notebooks)
    own = {(label, name) for label, names in notebooks.items() for name in names}
    outside = {table.outside(*pair) for pair in own}
    assert len(outside) == len(own)
    assert all(re.fullmatch(rf"[A-Za-z0-9_-]{{1,{MAX_NAME_CHARS}}}", name) for name in outside)
    assert {table.inside(name) for name in outside} == own


def test_a_plain_name_is_the_notebooks_and_the_tools() -> None:
    table = NameTable({"sales": ["total"], "v1.2": ["total"]})
    assert table.outside("sales", "total") == "sales_total"
    assert table.outside("v1.2", "total") == "v1_2_total"


def test_a_notebook_without_ascii_letters_has_a_name_of_its_own_in_the_aggregate() -> None:
    """Names of tools are ASCII, those of notebooks are not; a URI has them percent-encoded (1.2)."""
    table = NameTable({"売上": ["total"], "分析": ["total"], "été": ["total"]})
    names = {label: table.outside(label, "total") for label in ("売上", "分析", "été")}
    assert re.fullmatch("notebook_[0-9a-f]{6}_total", names["売上"])
    assert re.fullmatch("ete_[0-9a-f]{6}_total", names["été"])
    assert {table.inside(name) for name in names.values()} == {(label, "total") for label in names}
    assert table.inside(names["分析"].replace("total", "new")) == ("分析", "new")
    assert aggregate_uri("売上", "data://x") == "hub://%E5%A3%B2%E4%B8%8A/data://x"
    assert split_uri("hub://%E5%A3%B2%E4%B8%8A/data://x") == ("売上", "data://x")


def test_of_two_that_clash_neither_has_the_plain_name() -> None:
    table = NameTable({"a": ["b_c"], "a_b": ["c"]})
    both = {table.outside("a", "b_c"), table.outside("a_b", "c")}
    assert len(both) == 2
    assert all(name.startswith("a_b_c_") for name in both)
    assert table.inside("a_b_c") is None


def test_the_ending_of_a_long_name_stays_the_same() -> None:
    long = "x" * 100
    name = NameTable({"a": [long]}).outside("a", long)
    assert name == NameTable({"a": [long, "y"], "b": ["z"]}).outside("a", long)
    assert len(name) == MAX_NAME_CHARS


def test_a_name_newer_than_the_table_goes_to_the_notebook_it_begins_with() -> None:
    table = NameTable({"a": [], "a_b": []})
    assert table.inside("a_b_new") == ("a_b", "new")
    assert table.inside("a_new") == ("a", "new")
    assert table.inside("a_") is None
    assert table.inside("c_new") is None


def test_two_notebooks_that_claim_one_name_are_told_apart() -> None:
    assert labels([("a", "11111111-x"), ("b", "2"), ("a", "33333333-y")]) == {
        "11111111-x": "a-11111111",
        "33333333-y": "a-33333333",
        "2": "b",
    }


def test_uris_are_prefixed_and_lead_back() -> None:
    for uri in ("notebook://variables/sales", "file:///a b", "https://x.org/?q=hub://a/b#c", "data://{n}"):
        assert split_uri(aggregate_uri("sales", uri)) == ("sales", uri)
    for foreign in ("notebook://variables/sales", "hub://sales", "hub://sales/", "hub:///x"):
        assert split_uri(foreign) is None
