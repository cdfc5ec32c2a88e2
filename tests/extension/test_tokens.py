# SPDX-License-Identifier: BSD-3-Clause
"""What a token is and opens, without a file."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_jupyter.extension.tokens import BoundNotebook, Token, TokenRefused, authenticate, mint, split

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def make(**wishes: Any) -> tuple[Token, str]:
    wishes = {"label": "test", "servers": ["sales"], "tools": ["*"], "issuer": "ann", "now": NOW} | wishes
    return mint(**wishes)


def secret_of(text: str) -> str:
    parts = split(text)
    assert parts is not None
    return parts[1]


def test_text_has_the_documented_form() -> None:
    token, text = make()
    prefix, id_, secret = text[:5], text[5:13], text[14:]
    assert (prefix, id_, text[13], len(secret)) == ("mcpj_", token.id, "_", 43)


def test_the_secret_is_nowhere_in_the_record() -> None:
    token, text = make()
    secret = secret_of(text)
    assert secret not in repr(token)
    assert secret not in token.model_dump_json()
    assert token.digest not in repr(token)


def test_a_right_secret_opens() -> None:
    token, text = make()
    assert authenticate(secret_of(text), token, audience=None, now=NOW) is token


@pytest.mark.parametrize("known", [True, False])
def test_a_wrong_secret_is_not_told_what_is_wrong(known: bool) -> None:
    token, _ = make()
    _, other = make()
    with pytest.raises(TokenRefused, match="not known"):
        authenticate(secret_of(other), token if known else None, audience=None, now=NOW)


def test_it_expires_on_the_second() -> None:
    token, text = make(days=1)
    authenticate(secret_of(text), token, audience=None, now=NOW + timedelta(days=1, seconds=-1))
    with pytest.raises(TokenRefused, match="expired"):
        authenticate(secret_of(text), token, audience=None, now=NOW + timedelta(days=1))


def test_one_without_a_term_stays_good() -> None:
    token, text = make(days=None)
    authenticate(secret_of(text), token, audience=None, now=NOW + timedelta(days=36500))


def test_it_is_good_for_its_own_server_only() -> None:
    token, text = make(audience="http://127.0.0.1:8888/")
    authenticate(secret_of(text), token, audience="http://127.0.0.1:8888/", now=NOW)
    with pytest.raises(TokenRefused, match="another Jupyter Server"):
        authenticate(secret_of(text), token, audience="http://127.0.0.1:8889/", now=NOW)


def test_globs_name_notebooks_and_tools() -> None:
    token, _ = make(servers=["sales", "team-*"], tools=["top_?", "read.*"])
    assert [token.opens(name) for name in ("sales", "team-a", "sale", "payroll")] == [
        True,
        True,
        False,
        False,
    ]
    assert [token.may_call(name) for name in ("top_5", "read.all", "top_10", "erase")] == [
        True,
        True,
        False,
        False,
    ]


PATH = "/home/ann/private/z.ipynb"


def test_a_notebook_is_opened_by_its_path_whatever_its_name() -> None:
    """A token of one z.ipynb does not open another (1.2)."""
    token, _ = make(servers=[], notebooks=[BoundNotebook(path=PATH)])
    assert token.opens("z", PATH)
    assert token.opens("renamed", PATH)
    assert not token.opens("z", "/home/ann/public/z.ipynb")
    assert not token.opens("z")


def test_it_moves_with_its_notebook() -> None:
    token, _ = make(servers=["sales"], notebooks=[BoundNotebook(path=PATH, root="/home/ann")])
    moved = token.moved("/home/ann/private", "/home/ann/done")
    assert [bound.path for bound in moved.notebooks] == ["/home/ann/done/z.ipynb"]
    assert moved.opened == ("done/z.ipynb (in /home/ann)", "any notebook named sales")
    assert token.moved("/home/ann/priv", "/x") is token
    assert token.moved("/home/ann/private/z.ipynb.bak", "/x") is token


def test_a_token_of_the_first_edition_opens_by_name() -> None:
    """Old token files have no paths, and still load (1.2)."""
    token, _ = make()
    old = token.model_dump(mode="json", exclude={"notebooks", "resources", "prompts"})
    read = Token.model_validate_json(json.dumps(old))
    assert read.notebooks == ()
    assert read.opens("sales", "/any/sales.ipynb")


def test_names_are_case_sensitive() -> None:
    token, _ = make()
    assert not token.opens("Sales")


def test_no_tools_means_none() -> None:
    token, _ = make(tools=[])
    assert not token.may_call("anything")


@pytest.mark.parametrize(
    "wish",
    [
        {"servers": []},
        {"servers": ["a;b"]},
        {"notebooks": [{"path": "relative.ipynb"}]},
        {"notebooks": [{"path": "/nul\0.ipynb"}]},
        {"servers": ["a b"]},
        {"servers": ["[a-z]"]},
        {"servers": ["a\n"]},
        {"servers": ["x" * 129]},
        {"servers": ["x"] * 65},
        {"tools": ["é"]},
        {"label": "two\nlines"},
        {"label": "\x1b[31mred"},
        {"label": "x" * 101},
    ],
)
def test_malformed_wishes_are_refused(wish: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        make(**wish)


@given(st.text())
def test_split_takes_any_text(text: str) -> None:
    assert split(text) is None or text.startswith("mcpj_")


def test_a_pattern_of_stars_costs_nothing() -> None:
    token, _ = make(tools=["*a" * 64])
    assert not token.may_call("a" * 63 + "b" * 10_000)


def test_a_token_of_the_first_edition_reads_all() -> None:
    """An old file says nothing of resources and prompts, and its tokens go on as before (1.27)."""
    record = make()[0].model_dump(mode="json", exclude={"resources", "prompts"})
    token = Token.model_validate(record)
    assert (token.resources, token.prompts) == (("*",), ("*",))
    assert token.may_read("data://any")
    assert token.may_get("any")


def test_a_new_token_allows_nothing_that_it_does_not_name() -> None:
    token, _ = mint(label="", servers=["sales"], issuer="ann")
    allowed = [
        token.may_call("x"),
        token.may_get("x"),
        token.may_read("x://y"),
        token.may_read_some("x://{y}"),
    ]
    assert not any(allowed)
