# SPDX-License-Identifier: BSD-3-Clause
"""The line format: what is packed comes out the same, whatever comes in ends in a message or one fault."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_jupyter.errors import FrameError
from mcp_jupyter.ipc.wire import LineBuffer, greeted, greeting, pack, unpack
from mcp_jupyter.protocol.frames import Message, Notification, Request, Response, decode, encode
from mcp_jupyter.protocol.limits import MAX_CONTAINERS
from mcp_jupyter.protocol.rights import Rights

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
IDS = st.integers() | st.text(max_size=40)
PING = b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{}}'


GLOBS = st.lists(st.text(), max_size=3).map(tuple)
RIGHTS = st.builds(Rights, GLOBS, GLOBS, st.sampled_from([None, "yes", "no", "auto"]))
HEADERS = st.lists(st.tuples(st.text(), st.text()), max_size=3).map(tuple)


@given(
    IDS,
    st.text(),
    st.dictionaries(st.text(), JSON, max_size=4),
    st.none() | IDS,
    st.text(),
    st.none() | HEADERS,
    st.none() | RIGHTS,
)
def test_a_packed_message_comes_out_the_same(id_, method, params, related, sender, headers, rights) -> None:
    frame = Request(id_, method, params)
    message = Message(frame, encode(frame), related, sender, headers, rights)
    line = pack(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert unpack(line[:-1]) == message


def test_raw_is_what_was_sent_and_not_serialised_again() -> None:
    raw = b'{"method":"a\\u00e9", "jsonrpc" : "2.0","params":{"x":1.50}}'
    assert unpack(pack(Message(decode(raw), raw, "r"))[:-1]).raw == raw


@given(IDS, st.dictionaries(st.text(), JSON, max_size=4))
def test_a_packed_result_comes_out_the_same(id_, result) -> None:
    sent = Message.of(Response(id_, result))
    line = pack(sent)
    assert line.count(b"\n") == 1
    message = unpack(line[:-1])
    assert (message.raw, message.frame.id) == (sent.raw, id_)
    assert message.frame.result == decode(sent.raw).result
    assert pack(message) == line


def test_a_result_is_passed_on_without_being_parsed() -> None:
    message = unpack(b'{"a":7,"m":{"jsonrpc":"2.0","id":7,"result":{not parsed}}')
    assert pack(message) == b'{"a":7,"m":{"jsonrpc":"2.0","id":7,"result":{not parsed}}\n'
    with pytest.raises(FrameError, match="not valid JSON") as caught:
        _ = message.frame.result
    assert caught.value.request_id == 7


def test_a_result_under_the_id_of_another_request_is_refused() -> None:
    message = unpack(b'{"a":7,"m":{"jsonrpc":"2.0","id":8,"result":{}}}')
    with pytest.raises(FrameError, match="not what its envelope says"):
        _ = message.frame.result


def test_a_message_on_many_lines_is_sent_on_one() -> None:
    raw = json.dumps({"jsonrpc": "2.0", "method": "m", "params": {"text": "a\nb"}}, indent=2).encode()
    line = pack(Message(decode(raw), raw))
    assert line.count(b"\n") == 1
    assert unpack(line[:-1]).frame == Notification("m", {"text": "a\nb"})


@pytest.mark.parametrize(
    "line",
    [
        b'{"m": %s, "r": null}' % PING,
        b'{"r":null,"m":%s}' % PING,
        b'{"m":%s}' % PING,
        b'{"m":%s,"x":{"a":1,"r":2}}' % PING,
        b'{"m":%s,"x":{"a":1},"r":null}' % PING,
        b'{"m":1,"m":%s,"r":null}' % PING,
        b'{"m":1,"r":null,"m":%s}' % PING,
        b'{"m":%s,"r":null} ' % PING,
    ],
)
def test_a_line_of_another_shape_gives_the_same_message(line: bytes) -> None:
    message = unpack(line)
    assert message == Message(Request(1, "ping"), PING)


@pytest.mark.parametrize(
    ("line", "id_"),
    [
        (b"", None),
        (b"junk", None),
        (b"[]", None),
        (b"{}", None),
        (b'{"m":5,"r":null}', None),
        (b'{"m":{"jsonrpc":"2.0","id":7,"method":5},"r":null}', 7),
        (b'{"m":%s,"r":true}' % PING, None),
        (b'{"m":%s,"r":1.5}' % PING, None),
        (b'{"m":%s,"r":{}}' % PING, None),
        (b'{"m":%s,"r":}' % PING, None),
        (b'{"a":true,"m":{}}', None),
        (b'{"a":7}', None),
        (b'{"a":,"m":{}}', None),
        (b'{"m":"\xff","r":null}', None),
    ],
)
def test_what_is_no_message_is_a_fault(line: bytes, id_: int | None) -> None:
    with pytest.raises(FrameError) as caught:
        unpack(line)
    assert caught.value.request_id == id_


@given(st.binary() | st.binary().map(lambda b: b'{"m":' + b + b',"r":null}'))
def test_any_bytes_end_in_a_message_or_one_fault(line: bytes) -> None:
    try:
        message = unpack(line)
    except FrameError:
        return
    assert decode(message.raw) == message.frame


def test_a_greeting_shows_its_key() -> None:
    line = greeting("ab" * 32)
    assert line.endswith(b"\n")
    assert greeted(line[:-1]) == ("ab" * 32, False)
    assert greeted(greeting("ab" * 32, owner=True)[:-1]) == ("ab" * 32, True)


@pytest.mark.parametrize(
    "line", [b"", b"GET / HTTP/1.1", b"[]", b"{}", b'{"key":5}', b'{"key":null}', b"\xff"]
)
def test_what_is_no_greeting_has_no_key(line: bytes) -> None:
    assert greeted(line) == (None, False)


def test_lines_are_the_same_at_every_split() -> None:
    stream = b"one\n\ntwo\nthree, unfinished"
    for cut in range(len(stream) + 1):
        buffer = LineBuffer()
        assert buffer.feed(stream[:cut]) + buffer.feed(stream[cut:]) == [b"one", b"", b"two"]


@given(st.lists(st.binary(max_size=30).map(lambda b: b.replace(b"\n", b"")), max_size=20), st.data())
def test_lines_are_the_same_however_they_arrive(lines: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(line + b"\n" for line in lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    buffer = LineBuffer(limit=30)
    got = []
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        got += buffer.feed(stream[begin:end])
    assert got == lines


@pytest.mark.parametrize("chunk", [1, 3, 1000])
@pytest.mark.parametrize("tail", [b"", b"\n"])
def test_a_line_over_the_limit_is_refused_however_it_arrives(chunk: int, tail: bytes) -> None:
    fits, too_long = b"x" * 20 + b"\n", b"x" * 21 + tail
    buffer = LineBuffer(limit=20)
    assert [line for byte in fits for line in buffer.feed(bytes([byte]))] == [fits[:-1]]
    pieces = [too_long[start : start + chunk] for start in range(0, len(too_long), chunk)]
    with pytest.raises(FrameError):
        _ = [buffer.feed(piece) for piece in pieces]


def test_time_grows_with_the_bytes_and_not_faster() -> None:
    def seconds(size: int) -> float:
        buffer, chunk = LineBuffer(), b"x" * 1024
        begin = time.process_time()
        for _ in range(size // len(chunk)):
            buffer.feed(chunk)
        buffer.feed(b"\n")
        return time.process_time() - begin

    small, large = min(seconds(2**20) for _ in range(5)), min(seconds(2**23) for _ in range(3))
    assert large < 8 * small * 4  # quadratic would be 64 times


def test_what_a_program_of_the_same_user_passes_on_is_not_counted_again() -> None:
    """The front that let the message in counted its lists and objects (1.26)."""
    params = {"lists": [[] for _ in range(MAX_CONTAINERS)]}
    message = Message.of(Notification("n", params))
    assert unpack(pack(message)[:-1]) == message
