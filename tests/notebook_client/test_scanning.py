# SPDX-License-Identifier: BSD-3-Clause
"""Where the cursor stands in unfinished code."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_jupyter.notebook_client.completion import place_of


@pytest.mark.parametrize(
    ("code", "kind", "parts"),
    [
        ("f(a, b", "(", ["a", " b"]),
        ("f(g(1, 2), ", "(", ["g(1, 2)", " "]),
        ("f([1, 2], {3: 4}, x", "(", ["[1, 2]", " {3: 4}", " x"]),
        ("f('a, (b', ", "(", ["'a, (b'", " "]),
        (r"f('it\'s, ', x", "(", [r"'it\'s, '", " x"]),
        ("f('''a\n', (''', x", "(", ["'''a\n', ('''", " x"]),
        ("f('', x", "(", ["''", " x"]),
        ("# don't (\nf(x", "(", ["x"]),
        ("!echo don't\nf(x", "(", ["x"]),
        ("f(x)[", "[", [""]),
        ("f(x)", None, []),
    ],
)
def test_brackets_strings_and_commas_are_read(code: str, kind: str | None, parts: list[str]) -> None:
    place = place_of(code)
    assert place is not None
    assert place.string is None
    assert (place.bracket and place.bracket.kind) == kind
    if place.bracket is not None:
        starts = place.bracket.parts
        ends = [*(start - 1 for start in starts[1:]), len(place.text)]
        assert [code[start:end] for start, end in zip(starts, ends, strict=True)] == parts


@pytest.mark.parametrize(
    ("code", "at"), [("f('ab", 2), ("f(\"a'b", 2), ("x = '''a\nb", 4), ("f('a', \"b", 7)]
)
def test_a_string_that_is_open_is_found(code: str, at: int) -> None:
    place = place_of(code)
    assert place is not None
    assert place.string == at


def test_a_comment_is_no_place() -> None:
    assert place_of("f(x  # and (") is None


@given(st.text("'\"()[]{},#\n\\ab.", max_size=100))
def test_no_code_makes_it_fail(code: str) -> None:
    place = place_of(code)
    assert place is None or place.text == code
