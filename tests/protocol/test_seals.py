# SPDX-License-Identifier: BSD-3-Clause
"""Sealed text: what the server gave out comes back, and nothing else does."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_jupyter.protocol.seals import MAX_SEALED_CHARS, Seal, SealError

SEAL = Seal(clock=lambda: 0.0)
CLAIMS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@given(CLAIMS, st.text(), st.text())
def test_claims_come_back_to_their_holder_and_purpose(claims, purpose, holder):
    assert SEAL.open(purpose, holder, SEAL.close(purpose, holder, claims, 60)) == claims


@given(st.text(), st.text(), st.text(), st.text())
def test_no_other_holder_or_purpose_is_served(purpose, holder, other_purpose, other_holder):
    text = SEAL.close(purpose, holder, 1, 60)
    if (purpose, holder) != (other_purpose, other_holder):
        with pytest.raises(SealError):
            SEAL.open(other_purpose, other_holder, text)


@given(st.data())
def test_no_changed_character_is_accepted(data):
    text = SEAL.close("p", "h", {"a": [1, 2]}, 60)
    place = data.draw(st.integers(0, len(text) - 1))
    character = data.draw(st.characters(codec="ascii"))
    changed = text[:place] + character + text[place + 1 :]
    if changed != text:
        with pytest.raises(SealError):
            SEAL.open("p", "h", changed)


@given(st.text() | st.binary() | st.none() | st.integers())
def test_whatever_comes_is_refused_in_one_way(value):
    with pytest.raises(SealError):
        SEAL.open("p", "h", value)


def test_a_text_of_another_key_is_refused():
    with pytest.raises(SealError):
        Seal().open("p", "h", SEAL.close("p", "h", 1, 60))


def test_a_text_ends_with_its_time():
    now = [100.0]
    seal = Seal(clock=lambda: now[0])
    text = seal.close("p", "h", 1, 5)
    now[0] = 104.9
    assert seal.open("p", "h", text) == 1
    now[0] = 105.0
    with pytest.raises(SealError, match="too old"):
        seal.open("p", "h", text)


def test_the_time_cannot_be_changed():
    text = SEAL.close("p", "h", 1, 5)
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    later = data[:32] + b"[1,99999999999.0]"
    with pytest.raises(SealError):
        SEAL.open("p", "h", urlsafe_b64encode(later).rstrip(b"=").decode())


def test_an_endless_text_is_not_read():
    with pytest.raises(SealError):
        SEAL.open("p", "h", "A" * (MAX_SEALED_CHARS + 1))
