# SPDX-License-Identifier: BSD-3-Clause
"""When two calls are the same call: properties over arbitrary JSON."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_jupyter import types
from mcp_jupyter.client.cassettes.compare import canonical, key_of, matches, pretty, same_text
from mcp_jupyter.client.secrets import MARK

TEXT = st.text(st.characters(codec="utf-8"), max_size=8).filter(lambda text: MARK not in text)
NUMBERS = st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=12,
)
PARAMS = st.dictionaries(TEXT, VALUES, max_size=4)


def shuffled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: shuffled(value[key]) for key in reversed(list(value))}
    return [shuffled(item) for item in value] if isinstance(value, list) else value


def is_same(left: dict[str, Any], right: dict[str, Any]) -> bool:
    same = key_of("m", canonical("m", left)) == key_of("m", canonical("m", right))
    assert matches(canonical("m", left), canonical("m", right)) is same
    return same


@given(PARAMS)
def test_the_order_of_keys_never_matters(params: dict[str, Any]) -> None:
    assert is_same(params, shuffled(params))


@given(PARAMS, PARAMS)
def test_different_values_never_match(left: dict[str, Any], right: dict[str, Any]) -> None:
    assert is_same(left, right) is (_plain(left) == _plain(right))


def _plain(value: Any) -> Any:
    """Give another account of what makes two values the same."""
    if isinstance(value, dict):
        return ("object", {key: _plain(item) for key, item in value.items() if key != "_meta"})
    if isinstance(value, list):
        return ("list", [_plain(item) for item in value])
    if isinstance(value, float) and value.is_integer():
        return ("number", int(value))
    return (type(value).__name__.replace("int", "number").replace("float", "number"), value)


@pytest.mark.parametrize(
    ("left", "right"),
    [({"a": 1}, {"a": 1.0}), ({"a": math.nan}, {"a": None}), ({"a": 1, "_meta": {"x": 2}}, {"a": 1})],
)
def test_same(left: dict[str, Any], right: dict[str, Any]) -> None:
    assert is_same(left, right)


@pytest.mark.parametrize(
    ("left", "right"),
    [({"a": 1}, {"a": True}), ({"a": "1"}, {"a": 1}), ({"a": 0}, {"a": None}),
     ({"a": 2**53}, {"a": 2**53 + 1}), ({"a": 0}, {"a": False}), ({}, {"a": None}), ({"a": []}, {"a": {}})],
)  # fmt: skip
def test_not_the_same(left: dict[str, Any], right: dict[str, Any]) -> None:
    assert not is_same(left, right)


def test_arguments_left_out_are_empty_ones() -> None:
    assert canonical("tools/call", {"name": "t"}) == canonical("tools/call", {"name": "t", "arguments": {}})


def test_models_are_as_on_the_wire() -> None:
    params = {"ref": types.PromptReference(name="p"), "argument": {"name": "a", "value": "b"}}
    assert canonical("completion/complete", params)["ref"] == {"name": "p", "type": "ref/prompt"}


@given(TEXT, TEXT, TEXT, TEXT)
def test_a_mark_stands_for_any_text(before: str, secret: str, between: str, after: str) -> None:
    recorded = f"{before}{MARK}{between}{MARK}{after}"
    assert same_text(recorded, f"{before}{secret}{between}x{after}")
    assert not same_text(f"a{recorded}", f"b{before}{secret}{between}{after}")
    assert not same_text(f"{recorded}a", f"{before}{secret}{between}{after}b")


def test_a_mark_stands_for_no_other_place() -> None:
    recorded = {"user": "ada", "password": MARK, f"x-{MARK}": [1, MARK]}
    assert matches(recorded, {"password": "other", "user": "ada", "x-y": [1, {"any": "thing"}]})
    assert not matches(recorded, {"password": "other", "user": "bob", "x-y": [1, 2]})
    assert not matches(recorded, {"password": "other", "user": "ada", "y": [1, 2]})
    assert not matches(recorded, {"user": "ada", "x-y": [1, 2]})


def test_what_cannot_be_seen_is_marked() -> None:
    shown = pretty({"a": "\x1b[2J\x9b2J\u202e\u200b\u2028é"})
    assert shown == '{\n  "a": "\\u001b[2J⟨U+202E⟩⟨U+200B⟩⟨U+2028⟩é"\n}'
