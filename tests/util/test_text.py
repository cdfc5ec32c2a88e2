# SPDX-License-Identifier: BSD-3-Clause
"""Make foreign text safe to show (SECURITY, T30)."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_jupyter._util.text import MAX_NAMED, is_safe_line, join_names, safe_block, safe_line, shorten

PLAIN_FORMATS = {  # of category Cf, but visible: signs that span Arabic numbers, and the like
    *range(0x600, 0x606),
    *[0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD],
}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\n\ttext", "plain\n\ttext"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x9b31mred", "red"),
        ("a\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x07b", "alinkb"),
        ("\x1b]0;title\x07rest", "rest"),
        ("\x1b]0;no end", "0;no end"),
        ("\x1bPq#0\x1b\\x", "x"),
        ("\x1b(Bx\x1b7y", "xy"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("nul\x00 bell\x07", "nul⟨U+0000⟩ bell⟨U+0007⟩"),
        ("\u202eevil", "⟨U+202E⟩evil"),
        ("ad\u200bmin", "ad⟨U+200B⟩min"),
        ("\ufeffx", "⟨U+FEFF⟩x"),
        ("x\U000e0041", "x⟨U+E0041⟩"),
        ("half \ud83d", "half ⟨U+D83D⟩"),
        ("a\u2028b\u2029c\x85d", "a⟨U+2028⟩b⟨U+2029⟩c⟨U+0085⟩d"),
        ("over\x0bwritten\x0c\x1c", "over⟨U+000B⟩written⟨U+000C⟩⟨U+001C⟩"),
        ("own \ue0b0\U000f0000", "own ⟨U+E0B0⟩⟨U+F0000⟩"),
        ("none \ufdd0\uffff\U00050000", "none ⟨U+FDD0⟩⟨U+FFFF⟩⟨U+50000⟩"),
        ("fillers \u3164\u115f\u034f", "fillers ⟨U+3164⟩⟨U+115F⟩⟨U+034F⟩"),
        ("Ünïcödé, 日本, €\u00a05", "Ünïcödé, 日本, €\u00a05"),
        ("trailing \x1b", "trailing ⟨U+001B⟩"),
    ],
)
def test_text_shows_all_it_holds_and_does_nothing(text: str, shown: str) -> None:
    assert safe_block(text) == shown


@pytest.mark.parametrize(
    "text",
    ["👩‍👩‍👧 ⚠️ 1️⃣", "می‌خواهم", "क्‍ष", "naïve café", "東京", "🇫🇷"],
)
def test_what_scripts_and_emoji_need_stays(text: str) -> None:
    assert safe_block(text) == text


def test_joiners_between_latin_letters_are_shown() -> None:
    assert safe_block("ad\u200dmin") == "ad⟨U+200D⟩min"


def test_variation_selectors_that_carry_data_are_shown() -> None:
    assert safe_block("👍\ufe0f\ufe0f\ufe01") == "👍\ufe0f⟨U+FE0F⟩⟨U+FE01⟩"
    assert safe_block("h\ufe0fi\ufe0e 7\ufe0f") == "h⟨U+FE0F⟩i⟨U+FE0E⟩ 7⟨U+FE0F⟩"
    assert safe_block("東\ufe0e\u3164\ufe0f") == "東⟨U+FE0E⟩⟨U+3164⟩⟨U+FE0F⟩"


def test_long_text_is_cut_and_says_so() -> None:
    assert safe_block("x" * 1000, 10) == "xxxxxxxxxx\n[cut here: 1,000 characters in all]"


def test_a_block_without_limit_is_whole() -> None:
    assert safe_block("\u200b" * 60_000, None) == "⟨U+200B⟩" * 60_000


def test_marks_count_towards_the_limit() -> None:
    assert len(safe_block("\u200b" * 100, 100)) < 200


@given(st.text(st.characters(codec=None), max_size=300))
def test_nothing_is_left_that_is_obeyed_or_unseen(text: str) -> None:
    for char in safe_block(text):
        assert char in "\n\t" or unicodedata.category(char) not in ("Cc", "Co", "Cs", "Zl", "Zp")
        if unicodedata.category(char) == "Cf" and ord(char) not in PLAIN_FORMATS:
            assert char in "\u200c\u200d"


@given(st.text(st.sampled_from("\x1b[]8;m\\\x07\x9b\x9d\u200d\ufe0fa👍\u202e\r\n"), max_size=200))
def test_what_is_safe_stays_as_it_is(text: str) -> None:
    assert safe_block(safe_block(text)) == safe_block(text)


@pytest.mark.parametrize("piece", ["\x1b[", "\x1b]", "\x1b[0", "\x9d", "\x1b ", "\u200d", "\x1bP;", "[0;"])
def test_hostile_text_takes_linear_time(piece: str) -> None:
    text = (piece * 1_000_000)[:1_000_000]
    started = time.process_time()
    safe_block(text, len(text))
    assert time.process_time() - started < 3


def test_a_line_is_one_short_line() -> None:
    assert safe_line("two\nlines  of\ttext") == "two lines of text"
    assert safe_line("x" * 1000, 10) == "xxxxxxxxx…"


def test_safe_lines_are_told_from_others() -> None:
    assert is_safe_line("get-forecast")
    assert not is_safe_line("get\u200bforecast")
    assert not is_safe_line("two\nlines")


def test_names_are_listed_safe_and_bounded() -> None:
    assert join_names([]) == ""
    assert join_names(["a", "b\u202e"]) == "a, b⟨U+202E⟩"
    assert join_names(map(str, range(MAX_NAMED))).endswith(", 18, 19")
    assert join_names(map(str, range(MAX_NAMED + 1))).endswith(", 18, 19, ...")


def test_a_long_text_is_shortened_to_its_beginning_or_both_ends() -> None:
    assert shorten("abcdef", 6) == "abcdef"
    assert shorten("abcdefg", 6) == "abcde…"
    assert shorten("abcdefghi", 6, end=2) == "abc…hi"
