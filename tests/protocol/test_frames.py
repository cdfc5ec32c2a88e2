# SPDX-License-Identifier: BSD-3-Clause
"""From bytes to frames and back."""

from __future__ import annotations

import contextlib
import gc
import json
import time
import tracemalloc

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mcp_jupyter.errors import INVALID_REQUEST, PARSE_ERROR, FrameError, TooManyContainers
from mcp_jupyter.protocol.frames import (
    ErrorResponse,
    Message,
    Notification,
    Request,
    Response,
    Serialised,
    decode,
    dumps,
    encode,
    has_too_many_containers,
    matching_id,
    parse,
)
from mcp_jupyter.protocol.limits import MAX_BODY_BYTES, MAX_CONTAINERS, MAX_REQUEST_ID_CHARS
from mcp_jupyter.types import CallToolResult, TextContent


@pytest.mark.parametrize(
    "frame",
    [
        Request(0, "ping"),
        Request("listen:0", "tools/list", {"cursor": "a"}),
        Notification("notifications/initialized"),
        Response(7, {"a": [1, None, "ü"]}),
        ErrorResponse(None, {"code": -32700, "message": "no"}),
    ],
    ids=lambda frame: type(frame).__name__,
)
def test_a_frame_survives_the_wire(frame):
    assert decode(encode(frame)) == frame


@pytest.mark.parametrize(
    ("text", "code", "request_id"),
    [
        ("{", PARSE_ERROR, None),
        ("", PARSE_ERROR, None),
        ('{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":NaN}}', PARSE_ERROR, None),
        ('"\\ud800', PARSE_ERROR, None),
        ('"\\ud8', PARSE_ERROR, None),
        ("[" * 5000 + "]" * 5000, PARSE_ERROR, None),
        ("[]", INVALID_REQUEST, None),
        ("7", INVALID_REQUEST, None),
        ('{"id":1,"method":"x"}', INVALID_REQUEST, 1),
        ('{"jsonrpc":"1.0","id":"a","method":"x"}', INVALID_REQUEST, "a"),
        ('{"jsonrpc":"2.0","id":1}', INVALID_REQUEST, 1),
        ('{"jsonrpc":"2.0","id":1,"method":7}', INVALID_REQUEST, 1),
        ('{"jsonrpc":"2.0","id":1,"method":"x","params":[1]}', INVALID_REQUEST, 1),
        ('{"jsonrpc":"2.0","id":null,"method":"x"}', INVALID_REQUEST, None),
        ('{"jsonrpc":"2.0","id":true,"method":"x"}', INVALID_REQUEST, None),
        ('{"jsonrpc":"2.0","id":1.5,"method":"x"}', INVALID_REQUEST, None),
        ('{"jsonrpc":"2.0","id":{},"method":"x"}', INVALID_REQUEST, None),
        ('{"jsonrpc":"2.0","id":1,"result":3}', INVALID_REQUEST, 1),
        ('{"jsonrpc":"2.0","result":{}}', INVALID_REQUEST, None),
        ('{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}', INVALID_REQUEST, 1),
        ('{"jsonrpc":"2.0","id":1,"error":"boom"}', INVALID_REQUEST, 1),
        ('{"jsonrpc":"2.0","id":1,"error":{"code":"1"}}', INVALID_REQUEST, 1),
        ('{"jsonrpc":"2.0","id":1.5,"error":{"code":1,"message":""}}', INVALID_REQUEST, None),
        ('{"jsonrpc":"2.0","id":1,"result":null,"error":null}', INVALID_REQUEST, 1),
        ('{"jsonrpc":"2.0","id":1,"error":null}', INVALID_REQUEST, 1),
        ('{"jsonrpc":"2.0","id":1.0,"method":"x"}', INVALID_REQUEST, None),
    ],
)
def test_what_is_no_message_is_one_typed_error_with_the_id_where_it_can_be_read(text, code, request_id):
    with pytest.raises(FrameError) as caught:
        decode(text)
    assert (caught.value.code, caught.value.request_id) == (code, request_id)


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ('{"jsonrpc":"2.0","id":1,"method":"x","params":null}', Request(1, "x")),
        ('{"jsonrpc":"2.0","method":"x","params":null}', Notification("x")),
        ('{"jsonrpc":"2.0","id":1,"result":{"a":1},"error":null}', Response(1, {"a": 1})),
        ('{"jsonrpc":"2.0","id":1,"result":null,"error":{"code":1}}', ErrorResponse(1, {"code": 1})),
        ('{"jsonrpc":"2.0","id":1.0,"result":{}}', Response(1, {})),
    ],
)
def test_null_members_are_taken_for_absent(text, frame):
    """`"params": null` is none, and of a result and an error the one that is null does not count (1.22)."""
    assert decode(text) == frame


@pytest.mark.parametrize(
    ("given", "known", "found"),
    [
        (7, [7], 7), ("7", [7], 7), (7, ["7"], "7"), ("7", [7, "7"], "7"), (7, [7, "7"], 7),
        (-7, ["-7"], "-7"), ("07", [7], None), ("7.0", [7], None), ("\u0667", [7], None),
        (8, [7], None), ("1" * 400, [7], None),
    ],
)  # fmt: skip
def test_an_id_is_found_in_either_spelling_where_that_is_unambiguous(given, known, found):
    """An equal id goes before one that is only written alike (1.22)."""
    assert matching_id(given, known) == found


def test_an_endless_id_is_refused():
    text = json.dumps({"jsonrpc": "2.0", "id": "x" * (MAX_REQUEST_ID_CHARS + 1), "method": "ping"})
    with pytest.raises(FrameError, match="id must be"):
        decode(text)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_one_typed_error(data):
    with contextlib.suppress(FrameError):
        decode(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_any_json_object_survives_as_params(params):
    assert decode(encode(Request(1, "x", params))) == Request(1, "x", params)


def test_an_encoded_message_is_one_line():
    assert b"\n" not in Message.of(Notification("x", {"text": "a\r\nb"})).raw


def test_nan_and_infinity_become_null():
    assert dumps({"a": float("nan"), "b": float("-inf")}) == b'{"a":null,"b":null}'


def test_a_lone_surrogate_is_replaced_rather_than_never_answered():
    result = CallToolResult(content=[TextContent(text="a\ud800b")], structuredContent={"k\udfff": ["\ud83d"]})
    plain = json.loads(dumps(result))
    assert plain["content"][0]["text"] == "a�b"
    assert plain["structuredContent"] == {"k�": ["�"]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (rb"a\ud800b", "a\ufffdb"),
        (rb"\ud83d", "\ufffd"),
        (rb"\uDE00x", "\ufffdx"),
        (rb"\ud83d\ude00", "😀"),
        (rb"\ud83d\ud83d\ude00\ude00", "\ufffd😀\ufffd"),
        (rb"\\ud800", "\\ud800"),
        (rb"\\\ud800\n\u0041", "\\\ufffd\nA"),
        (b"a\xed\xa0\x80b\xc3\xa9", "a\ufffdbé"),
    ],
)
def test_a_lone_surrogate_in_what_arrives_is_replaced_and_answered(text, said):
    """A text that was cut within a character does not cost the id of its request (1.32)."""
    lone = rb"\udfff"
    raw = b'{"jsonrpc":"2.0","id":7,"method":"x","params":{"%s":["%s","%s"]}}' % (lone, text, lone)
    frame = decode(raw)
    assert (frame.id, frame.params) == (7, {"\ufffd": [said, "\ufffd"]})
    assert decode(raw.decode("utf-8", "surrogatepass")) == frame


def test_a_lone_surrogate_is_replaced_in_a_key_too():
    """(1.32)."""
    assert json.loads(dumps({"k\ud800": {"\udfff": "\ud800"}})) == {"k\ufffd": {"\ufffd": "\ufffd"}}


@pytest.mark.parametrize(
    "piece", [b"\\", b"\\\\u", rb"\ud800", rb"\ud83d\ude00", b"\xed", b"\xed\xa0\x80", b'"']
)
def test_looking_for_surrogates_costs_linear_time(piece):
    """What goes back takes minutes for this (1.32)."""
    started = time.process_time()
    with pytest.raises(FrameError):
        parse(rb'{"\ud800' + piece * (1_000_000 // len(piece)))
    assert time.process_time() - started < 5


def test_what_has_been_written_out_is_copied() -> None:
    """Wherever it stands, as often as it stands there, and beside a text that has to be mended."""
    first, second = Serialised([1], b"[1 ]"), Serialised({"x": None}, b'{"x":null }')
    result = CallToolResult(
        content=[TextContent(text="cut within \ud83d")], structuredContent={"result": first, "more": [second]}
    )
    assert encode(Response(7, result)) == (
        b'{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"cut within \xef\xbf\xbd"}],'
        b'"structuredContent":{"result":[1 ],"more":[{"x":null }]}}}'
    )
    assert encode(Notification("n", {"task": first})).endswith(b'"params":{"task":[1 ]}}')


def test_null_in_data_stays_and_absent_fields_of_models_go():
    result = CallToolResult(content=[], structuredContent={"a": None})
    assert json.loads(dumps(result)) == {"content": [], "structuredContent": {"a": None}}


@pytest.mark.parametrize("value", [object(), {"a": object()}], ids=["object", "nested"])
def test_what_has_no_json_form_is_a_type_error(value):
    with pytest.raises(TypeError):
        dumps({"value": value})


def test_a_cycle_is_a_type_error():
    cycle: list[object] = []
    cycle.append(cycle)
    with pytest.raises(TypeError):
        dumps(cycle)


# -- how much is parsed ----------------------------------------------------------------------------------


def lists(number: int) -> bytes:
    """JSON of so many lists, the outer one included."""
    return b"[" + b",".join([b"[]"] * (number - 1)) + b"]"


def test_as_many_lists_and_objects_pass_as_a_message_may_have():
    """The limit itself is allowed (1.26)."""
    assert len(parse(lists(MAX_CONTAINERS))) == MAX_CONTAINERS - 1
    records = b"[" + b",".join([b'{"a":"[{"}'] * (MAX_CONTAINERS - 1)) + b"]"
    assert len(parse(records)) == MAX_CONTAINERS - 1


@pytest.mark.parametrize(
    "bomb",
    [
        lists(MAX_CONTAINERS + 1),
        lists(MAX_CONTAINERS + 1).decode(),
        bytearray(lists(MAX_CONTAINERS + 1)),
        b"[" + b'{"":0},' * MAX_CONTAINERS,
        b"[" * (MAX_CONTAINERS + 1),
        b'["\\\\",' + lists(MAX_CONTAINERS),
        b'["\\\\\\"",' + lists(MAX_CONTAINERS),
        b'["' + b"]" * 5 + b'","[",' + lists(MAX_CONTAINERS),
        b'["a","b"' + b',["[",[' * MAX_CONTAINERS,
    ],
    ids=range(9),
)
def test_more_lists_and_objects_are_refused_unparsed(bomb):
    """One list too many costs no memory for the others (1.26)."""
    with pytest.raises(TooManyContainers, match=r"more than 100,000 lists and objects\.") as caught:
        parse(bomb)
    assert caught.value.code == INVALID_REQUEST


@pytest.mark.parametrize("source", ["[{", 'a["x"] = {}\n', "\\", '\\"[', '"["', "[[\ud83d\ude00", '""['])
def test_brackets_within_a_string_do_not_count(source):
    """The source of a program is an argument like others (1.26)."""
    text = source.encode("utf-16", "surrogatepass").decode("utf-16") * MAX_CONTAINERS
    assert parse(json.dumps({"cells": [text, text]})) == {"cells": [text, text]}


def counted(value: object) -> int:
    """How many lists and objects a value has."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return isinstance(value, dict | list) + sum(map(counted, inner))


_hard_text = st.text(alphabet=st.sampled_from('[]{}"\\\n, \u00e9'), max_size=8)
_hard_json = st.recursive(
    _hard_text | st.integers(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_hard_text, inner, max_size=3),
    max_leaves=20,
)


@given(_hard_json)
def test_lists_and_objects_are_counted_as_a_parser_finds_them(value):
    """As many more as are missing pass, and one more does not (1.26)."""
    text = json.dumps(value, ensure_ascii=False).encode()
    missing = MAX_CONTAINERS - 1 - counted(value)
    assert not has_too_many_containers(b"[" + text + b",[]" * missing + b"]")
    assert has_too_many_containers(b"[" + text + b",[]" * (missing + 1) + b"]")


PIECES = [
    b"[],",
    b'{"":0},',
    b"[",
    b'"[",',
    b'["[[",',
    b'"',
    b"\\",
    b'\\"',
    b'""[',
    b'"[',
    b"9,",
    b'{"a":[1,"]"]},',
]


def cost(text: bytes) -> float:
    """Processor seconds to parse or refuse a text; the best of five."""

    def once() -> float:
        started = time.process_time()
        with contextlib.suppress(FrameError):
            parse(text)
        return time.process_time() - started

    gc.collect()
    gc.disable()  # what it costs depends on all else that this process holds
    try:
        return min(once() for _ in range(5))
    finally:
        gc.enable()


@pytest.mark.alone
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map(b"".join))
@example(b"[],")
@example(b'"["')
@settings(max_examples=12, derandomize=True)
def test_twice_the_json_costs_at_most_two_and_a_half_times_the_time(piece):
    """T12 for JSON (1.26). Over three doublings, so that caches and other processes matter less."""
    eighth, whole = (b"[" + piece * (size // len(piece)) for size in (MAX_BODY_BYTES // 8, MAX_BODY_BYTES))
    assert cost(whole) <= 2.5**3 * cost(eighth) + 0.005


@pytest.mark.alone
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map(b"".join))
@example(b"[],")
@settings(max_examples=20, derandomize=True)
def test_refusing_json_takes_at_most_four_times_its_memory(piece):
    """T12 for JSON (1.26)."""
    bomb = b"[" + piece * (MAX_BODY_BYTES // len(piece))
    tracemalloc.start()
    try:
        with contextlib.suppress(FrameError):
            parse(bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= 4 * len(bomb)
