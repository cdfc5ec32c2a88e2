# SPDX-License-Identifier: BSD-3-Clause
"""Known secrets in texts: every mixture of escapes, and never much time."""

from __future__ import annotations

import base64
import html
import json
import time
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_jupyter.client.secrets import MARK, KnownSecrets

SECRETS = st.text('ZQ"/ Ø😀:<é\n', min_size=4, max_size=12)
"""Characters that are escaped, and none that an escape is made of."""
AROUND = st.text("xyz. ", max_size=5)

HARD_SECRETS = ["\\" * 12 + "a", "/" * 20, "+" * 9, "%5c" * 6, "redacted", "[redacted]x", "    "]
HARD_TEXTS = ["\\" * 300_000, "\\/" * 150_000, "%5c" * 100_000, "&amp;" * 60_000, "+" * 300_000]


def known(*secrets: str) -> KnownSecrets:
    made = KnownSecrets()
    for secret in secrets:
        made.add(secret)
    return made


def units(char: str) -> str:
    return "".join(f"\\u{unit:04x}" for unit in memoryview(char.encode("utf-16-le")).cast("H"))


WAYS: dict[str, tuple[Callable[[str], str], ...]] = {
    "url": (str, lambda char: quote(char, safe="")),
    "json": (lambda char: json.dumps(char, ensure_ascii=False)[1:-1], lambda c: json.dumps(c)[1:-1], units),
    "html": (str, html.escape, lambda char: f"&#{ord(char)};", lambda char: f"&#x{ord(char):X};"),
}  # fmt: skip


@given(SECRETS, AROUND, AROUND, st.sampled_from(sorted(WAYS)), st.data())
def test_whichever_characters_are_escaped(
    secret: str, before: str, after: str, kind: str, data: st.DataObject
) -> None:
    written = "".join(data.draw(st.sampled_from(WAYS[kind]))(char) for char in secret)
    assert known(secret).without(f"{before}#{written}#{after}") == f"{before}#{MARK}#{after}"
    if kind == "json":  # in a text of JSON that is in a text of JSON
        inner = json.dumps(f"#{written}#")
        assert known(secret).without(inner) == f'"#{MARK}#"'


@given(st.binary(max_size=9), SECRETS, st.binary(max_size=9))
def test_base64_is_left_out_with_all_around_it(before: bytes, secret: str, after: bytes) -> None:
    secret = secret * 3
    text = base64.b64encode(before + secret.encode() + after).decode()
    assert known(secret).without(f"see {text} there") == f"see {MARK} there"


@given(st.text(max_size=30))
def test_a_text_without_secrets_stays(text: str) -> None:
    assert known("canary-7f3c9d21").without(text) == text


@pytest.mark.parametrize("secret", HARD_SECRETS, ids=range(len(HARD_SECRETS)))
@pytest.mark.parametrize("text", HARD_TEXTS, ids=range(len(HARD_TEXTS)))
def test_no_secret_and_no_text_take_long(secret: str, text: str) -> None:
    secrets = known(secret)
    began = time.perf_counter()
    secrets.without(text)
    assert time.perf_counter() - began < 5
