# SPDX-License-Identifier: BSD-3-Clause
"""The codec of `text/event-stream`: against the algorithm of WHATWG HTML, at every byte boundary."""

from __future__ import annotations

import itertools
import re
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_jupyter.protocol.sse import Decoder, Event, SseError, comment, encode

LINE_ENDS = ("\n", "\r", "\r\n")


def decode(stream: bytes, *cuts: int) -> list[Event]:
    """The events of `stream` fed to a fresh decoder in pieces that end at `cuts`."""
    decoder = Decoder()
    edges = [0, *cuts, len(stream)]
    return [event for start, end in itertools.pairwise(edges) for event in decoder.feed(stream[start:end])]


def oracle(stream: bytes) -> list[Event]:
    """WHATWG HTML, "Interpreting an event stream", on the whole text; and an id alone makes an event."""
    text = stream.decode("utf-8", "replace").removeprefix("\ufeff")
    lines = re.split("\r\n|\n|\r", text)[:-1]  # what has no line end yet is no line
    events = []
    data: list[str] = []
    kind, event_id, retry = "", None, None
    for line in lines:
        name, _, value = line.partition(":")
        value = value[1:] if value[:1] == " " else value
        if not line:
            if data or event_id is not None:
                events.append(Event("\n".join(data), kind or "message", event_id, retry))
            data, kind, event_id, retry = [], "", None, None
        elif name == "data":
            data.append(value)
        elif name == "event":
            kind = value
        elif name == "id" and "\0" not in value:
            event_id = value
        elif name == "retry" and re.fullmatch("[0-9]{1,10}", value):
            retry = int(value)
    return events


# Lines that reach every branch, and bytes around every boundary: CR, LF, BOM, colons, multi-byte characters.
_values = st.text(alphabet=st.sampled_from("a: \0é✓😀\ufeff7"), max_size=5)
_lines = st.one_of(
    st.just(""),
    st.builds(
        "{}{}{}".format,
        st.sampled_from(("data", "event", "id", "retry", "", "dat", "DATA", "\ufeffdata")),
        st.sampled_from((":", ": ", ":  ", "")),
        _values,
    ),
    st.sampled_from(("retry: 250", "id", "id:", "data", "data:", ": keep-alive", ":")),
)
_streams = st.builds(
    lambda bom, lines, tail: (bom + "".join(line + end for line, end in lines) + tail).encode(),
    st.sampled_from(("", "\ufeff", "\ufeff\ufeff")),
    st.lists(st.tuples(_lines, st.sampled_from(LINE_ENDS)), max_size=12),
    _lines,
)
_hostile = st.one_of(
    st.binary(max_size=60),
    st.lists(
        st.sampled_from(
            [b"\r", b"\n", b":", b" ", b"data", b"id", b"\xef", b"\xbb", b"\xbf", b"\xe2\x9c", b"\0"]
        ),
        max_size=40,
    ).map(b"".join),
)


@given(st.one_of(_streams, _hostile))
def test_decodes_as_the_standard_says(stream: bytes) -> None:
    assert decode(stream) == oracle(stream)


@given(st.one_of(_streams, _hostile))
def test_decodes_the_same_at_every_split(stream: bytes) -> None:
    whole = decode(stream)
    for cut in range(len(stream) + 1):
        assert decode(stream, cut) == whole
    assert decode(stream, *range(1, len(stream))) == whole


_texts = st.text(alphabet=st.characters(codec="utf-8"), max_size=30)
_fields = _texts.filter(lambda text: not set(text) & set("\r\n\0"))


@given(_texts, st.none() | _fields, st.none() | _fields, st.none() | st.integers(0, 10**9))
def test_reads_back_what_it_wrote(data: str, event: str | None, id: str | None, retry: int | None) -> None:
    [read] = decode(comment() + encode(data.encode(), event=event, id=id, retry=retry) + comment("x\ny"))
    assert read == Event(re.sub("\r\n|\r", "\n", data), event or "message", id, retry)


def test_a_message_is_written_in_the_plain_form() -> None:
    assert encode(b'{"a":1}') == b'data: {"a":1}\n\n'
    assert (
        encode(b"{}", event="message", id="7", retry=500)
        == b"event: message\nid: 7\nretry: 500\ndata: {}\n\n"
    )


def test_data_of_several_lines_becomes_several_fields() -> None:
    assert encode(b"a\nb\rc\r\nd\n") == b"data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n"


def test_comments_cannot_start_a_field() -> None:
    assert comment() == b":\n\n"
    assert comment("ping") == b": ping\n\n"
    assert decode(comment("ping\ndata: x\r\rdata: y")) == []


@pytest.mark.parametrize(
    "fields",
    [{"event": "a\nb"}, {"event": "a\rb"}, {"id": "1\n2"}, {"id": "1\r2"}, {"id": "1\x002"}, {"retry": -1}],
)
def test_refuses_fields_that_would_break_out(fields: dict[str, object]) -> None:
    with pytest.raises(SseError):
        encode(b"{}", **fields)  # type: ignore[arg-type]


# ---- one rule a test, so that a failure has a name


def test_the_priming_event_is_seen() -> None:
    assert decode(encode(b"", id="s1-0", retry=500)) == [Event("", id="s1-0", retry=500)]


def test_an_id_without_data_is_seen_but_a_type_or_retry_alone_is_not() -> None:
    decoder = Decoder()
    assert decoder.feed(b"id: 3\n\n") == [Event("", id="3")]
    assert decoder.feed(b"event: x\n\nretry: 40\n\n") == []
    assert (decoder.last_event_id, decoder.retry) == ("3", 40)


def test_last_event_id_outlives_events_without_one_and_counts_from_the_blank_line() -> None:
    decoder = Decoder()
    assert decoder.last_event_id == ""
    decoder.feed(b"id: 1\ndata: a\n")
    assert decoder.last_event_id == ""
    decoder.feed(b"\ndata: b\n\n")
    assert decoder.last_event_id == "1"
    decoder.feed(b"id\ndata: c\n\n")
    assert decoder.last_event_id == ""


def test_an_id_with_nul_is_ignored() -> None:
    assert decode(b"id: 1\n\nid: a\0b\ndata: x\n\n") == [Event("", id="1"), Event("x")]


@pytest.mark.parametrize("retry", [b"", b"-1", b"1.5", b"1e3", b"0x10", "\u0661".encode(), b"9" * 11])
def test_a_retry_that_is_no_sane_number_is_ignored(retry: bytes) -> None:
    assert decode(b"retry: " + retry + b"\ndata: x\n\n") == [Event("x")]


def test_only_one_space_and_only_one_bom_are_dropped() -> None:
    assert decode(b"\xef\xbb\xbfdata:  x\n\n") == [Event(" x")]
    assert decode(b"\xef\xbb\xbf\xef\xbb\xbfdata: x\n\ndata: y\n\n") == [Event("y")]


def test_a_block_cut_off_by_the_end_is_no_event() -> None:
    assert decode(b"data: a\n\ndata: b\n") == [Event("a")]


def test_a_carriage_return_ends_a_line_at_once() -> None:
    decoder = Decoder()
    assert decoder.feed(b"data: a\r") == []
    assert decoder.feed(b"\r") == [Event("a")]
    assert decoder.feed(b"\n") == []
    assert decoder.feed(b"") == []
    assert decoder.feed(b"data: b\r\n\r\n") == [Event("b")]


# ---- limits


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(b"data: " + b"x" * 100, id="one endless line"),
        pytest.param(b":" * 101, id="an endless comment"),
        pytest.param(b"data\n" * 30, id="endless empty lines of data"),
        pytest.param(b"id: 1\n" * 30 + b"\n", id="fields that replace each other"),
        pytest.param(b"data: " + b"x" * 50 + b"\ndata: " + b"x" * 50 + b"\n\n", id="two lines"),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_an_event_over_the_limit_ends_the_stream(stream: bytes, size: int) -> None:
    decoder = Decoder(max_event_bytes=100)
    assert decoder.feed(b"data: before\n\n") == [Event("before")]
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    with pytest.raises(SseError, match="larger than 100 bytes"):
        assert [decoder.feed(piece) for piece in pieces] == []
    with pytest.raises(SseError):
        decoder.feed(b"\n\ndata: after\n\n")


def test_the_limit_is_on_one_event_not_on_the_stream() -> None:
    decoder = Decoder(max_event_bytes=100)
    line = b"data: " + b"x" * 93 + b"\n"
    assert len(line) == 100
    assert decoder.feed((line + b"\n") * 50) == [Event("x" * 93)] * 50
    assert decoder.feed(b": keep-alive\n" * 50) == []
    assert decoder.feed(line + b"\n") == [Event("x" * 93)]


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(b"data: " + b"x" * 400_000 + b"\n\n", id="one long line"),
        pytest.param(b"data\n" * 80_000 + b"\n", id="many short lines"),
        pytest.param(b"\r" * 400_000, id="only line ends"),
        pytest.param(b"id\n\n" * 100_000, id="many small events"),
    ],
)
def test_the_cost_is_linear_even_byte_by_byte(stream: bytes) -> None:
    """What rescans or copies its buffer takes minutes for this."""
    decoder = Decoder()
    started = time.process_time()
    for i in range(len(stream)):
        decoder.feed(stream[i : i + 1])
    assert time.process_time() - started < 10


def test_memory_stays_near_the_size_of_the_event() -> None:
    size = 200_000
    decoder = Decoder()
    tracemalloc.start()
    try:
        decoder.feed(b"data: ")
        for _ in range(size // 2):
            decoder.feed(b"xy")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * size
