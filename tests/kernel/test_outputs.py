# SPDX-License-Identifier: BSD-3-Clause
"""What is kept of a call's prints and displays, without a kernel."""

from __future__ import annotations

import gc
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_jupyter.kernel.outputs import (
    MAX_CHARS,
    MAX_DISPLAYED,
    MAX_LINES,
    MAX_LOG_CHARS,
    MAX_PRINTED_CHARS,
    MAX_UNPUBLISHED,
    CallOutput,
    Display,
)


class Kept:
    def __init__(self) -> None:
        self.logs: list[tuple[str, str]] = []
        self.output = CallOutput(lambda level, text: self.logs.append((level, text)))

    @property
    def displayed(self) -> list[str]:
        return [shown.bundle["text/plain"] for shown in self.output.displays]


@pytest.fixture
def kept() -> Kept:
    return Kept()


def message(kind: str, text: str = "", display_id: str | None = None) -> dict[str, object]:
    transient = {} if display_id is None else {"display_id": display_id}
    content = {"data": {"text/plain": text}, "transient": transient}
    return {"header": {"msg_type": kind}, "content": content}


def test_lines_are_sent_as_they_end(kept: Kept) -> None:
    kept.output.write("stdout", "one\ntw")
    assert kept.logs == [("info", "one")]
    kept.output.write("stderr", "err\n")
    kept.output.write("stdout", "o\n")
    assert kept.logs == [("info", "one"), ("warning", "err"), ("info", "two")]


def test_a_line_without_its_end_is_sent_at_the_end_once(kept: Kept) -> None:
    kept.output.write("stdout", "rest")
    assert kept.logs == []
    kept.output.close()
    kept.output.close()
    assert kept.logs == [("info", "rest")]
    assert kept.output.closed


def test_empty_lines_are_no_messages(kept: Kept) -> None:
    kept.output.write("stdout", "\n\na\r\n\n")
    kept.output.close()
    assert kept.logs == [("info", "a")]


def test_of_a_progress_bar_the_last_state_is_sent(kept: Kept) -> None:
    for done in range(4):
        kept.output.write("stderr", f"\r{done} %")
    kept.output.write("stderr", "\n")
    assert kept.logs == [("warning", "3 %")]


def test_a_long_line_is_sent_in_pieces(kept: Kept) -> None:
    kept.output.write("stdout", "x" * (2 * MAX_LOG_CHARS + 1) + "\n")
    assert [len(text) for _, text in kept.logs] == [MAX_LOG_CHARS, MAX_LOG_CHARS, 1]


def test_lines_over_the_limit_are_counted(kept: Kept) -> None:
    for _ in range(MAX_LINES + 7):
        kept.output.write("stdout", "line\n")
    kept.output.close()
    assert len(kept.logs) == MAX_LINES + 1
    assert kept.logs[-1] == ("warning", "... 7 more lines")


@given(st.lists(st.text(st.sampled_from("ab\r\n"), max_size=50)))
def test_nothing_of_a_text_is_lost(pieces: list[str]) -> None:
    kept = Kept()
    for piece in pieces:
        kept.output.write("stdout", piece)
    kept.output.close()
    lines = [line.rstrip("\r").rpartition("\r")[2] for line in "".join(pieces).split("\n")]
    assert [text for _, text in kept.logs] == [line for line in lines if line]


@given(st.lists(st.integers(0, 3 * MAX_LOG_CHARS), max_size=40))
def test_what_is_sent_and_what_is_kept_has_a_bound(lengths: list[int]) -> None:
    kept = Kept()
    for length in lengths:
        kept.output.write("stdout", "x" * length)
    kept.output.close()
    assert sum(len(text) for level, text in kept.logs if level == "info") <= MAX_CHARS + MAX_LOG_CHARS


def test_displays_are_kept_in_order_and_updated_in_place(kept: Kept) -> None:
    assert kept.output.publish(message("display_data", "a", "id")) is None
    assert kept.output.publish(message("display_data", "b")) is None
    assert kept.output.publish(message("update_display_data", "A", "id")) is None
    assert kept.displayed == ["A", "b"]


def test_an_update_of_something_else_is_given_back(kept: Kept) -> None:
    other = message("update_display_data", "A", "a cell's")
    assert kept.output.publish(other) is other


def test_clearing_clears_what_was_displayed(kept: Kept) -> None:
    kept.output.publish(message("display_data", "a"))
    assert kept.output.publish(message("clear_output")) is None
    assert kept.displayed == []


def test_a_clearing_that_waits_keeps_the_last_display(kept: Kept) -> None:
    """`clear_output(wait=True)` clears when something else is displayed (1.19)."""
    waiting = message("clear_output")
    waiting["content"] = {"wait": True}
    kept.output.publish(message("display_data", "a"))
    kept.output.publish(waiting)
    assert kept.displayed == ["a"]
    kept.output.publish(message("display_data", "b"))
    assert kept.displayed == ["b"]


def test_a_display_with_the_id_of_another_takes_its_place(kept: Kept) -> None:
    """A display with an id is its last state (1.19)."""
    kept.output.publish(message("display_data", "a", "id"))
    kept.output.publish(message("display_data", "other"))
    kept.output.publish(message("display_data", "b", "id"))
    assert kept.displayed == ["b", "other"]


def test_values_that_are_formatted_and_never_published_are_not_kept(kept: Kept) -> None:
    class Value:
        pass

    values = [Value() for _ in range(3 * MAX_UNPUBLISHED)]
    alive = [weakref.ref(value) for value in values]
    for value in values:
        kept.output.mark(value)
    del value, values
    gc.collect()
    assert sum(ref() is not None for ref in alive) == MAX_UNPUBLISHED


def test_displays_over_the_limit_are_counted(kept: Kept) -> None:
    for number in range(MAX_DISPLAYED + 3):
        kept.output.show(Display({"text/plain": str(number)}))
    kept.output.close()
    assert len(kept.displayed) == MAX_DISPLAYED
    assert kept.logs == [("warning", "... 3 more displays")]


# ---------------------------------------------------------------------------------------- printed text


def test_what_is_printed_to_both_channels_is_one_text_in_order(kept: Kept) -> None:
    """A line that has not ended is there too, whenever the text is asked for (2: printed)."""
    kept.output.write("stdout", "one\n\ntw")
    kept.output.write("stderr", "careful\n")
    assert kept.output.printed == "one\n\ncareful\ntw"
    kept.output.write("stdout", "o")
    kept.output.close()
    assert kept.output.printed == "one\n\ncareful\ntwo"


def test_who_prints_nothing_has_an_empty_text(kept: Kept) -> None:
    """Line ends alone are nothing either (2: printed)."""
    assert kept.output.printed == ""
    kept.output.write("stdout", "\n\n")
    kept.output.close()
    assert kept.output.printed == ""


def test_a_long_printed_text_has_its_beginning_its_end_and_what_is_between(kept: Kept) -> None:
    """Cut between lines, and in bounded memory (2: printed)."""
    for number in range(20_000):
        kept.output.write("stdout", f"line {number}\n")
    kept.output.close()
    lines = kept.output.printed.splitlines()
    assert len(kept.output.printed) <= MAX_PRINTED_CHARS
    assert (lines[0], lines[-1]) == ("line 0", "line 19999")
    (at,) = [at for at, line in enumerate(lines) if line.startswith("[...")]
    kept_numbers = [int(line.removeprefix("line ")) for line in lines[:at] + lines[at + 1 :]]
    between = range(kept_numbers[at - 1] + 1, kept_numbers[at])
    left_out = sum(len(f"line {number}\n") for number in between)
    assert abs(int(lines[at].split()[1]) - left_out) <= 3  # the line ends around it
    assert kept_numbers == [*range(between[0]), *range(between[-1] + 1, 20_000)]


def test_a_printed_line_without_end_is_cut_inside(kept: Kept) -> None:
    """No line ends to cut at: still a beginning and an end (2: printed)."""
    for _ in range(100):
        kept.output.write("stdout", "x" * 999)
    kept.output.write("stdout", "\ndone\n")
    kept.output.close()
    assert 3000 < len(kept.output.printed) <= MAX_PRINTED_CHARS
    assert kept.output.printed.endswith("xxx\ndone")


@pytest.mark.parametrize("updates", [5, 5000])
def test_a_printed_progress_bar_is_its_last_state(kept: Kept, updates: int) -> None:
    """Also when its line is longer than a log message (2: printed)."""
    for done in range(updates):
        kept.output.write("stderr", f"\r{done} of {updates}")
    assert kept.output.printed == f"{updates - 1} of {updates}"
    kept.output.write("stderr", "\n")
    kept.output.write("stdout", "over\n")
    kept.output.close()
    assert kept.output.printed == f"{updates - 1} of {updates}\nover"


def test_printed_text_is_inert(kept: Kept) -> None:
    """Escape sequences go, what no eye sees is shown, and the limit holds after that (2: printed)."""
    kept.output.write("stdout", "\x1b[31mred\x1b[0m\n" + "\u202e" * 3000)
    kept.output.close()
    assert kept.output.printed.startswith("red\n⟨U+202E⟩")
    assert len(kept.output.printed) <= MAX_PRINTED_CHARS


@given(st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.text(st.sampled_from("ab\r\n")))))
def test_nothing_of_a_short_printed_text_is_lost(pieces: list[tuple[str, str]]) -> None:
    """The lines of the text are those of the log messages (2: printed)."""
    kept = Kept()
    for channel, piece in pieces:
        kept.output.write(channel, piece)
    kept.output.close()
    assert [line for line in kept.output.printed.split("\n") if line] == [text for _, text in kept.logs]


def test_the_last_line_is_the_one_that_was_printed_to_last(kept: Kept) -> None:
    """A bar that goes on, or the line before an empty one; never more than a line (2: printed)."""
    assert kept.output.last_line == ""
    kept.output.write("stdout", "one\n\n")
    assert kept.output.last_line == "one"
    kept.output.write("stderr", "\r10 %\r20 %")
    assert kept.output.last_line == "20 %"
    kept.output.write("stdout", "two\n")
    assert kept.output.last_line == "two"
    kept.output.write("stdout", "\x1b[1m" + "x" * 5000)
    assert kept.output.last_line.startswith("xxx")
    assert len(kept.output.last_line) < 200
