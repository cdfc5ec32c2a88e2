# SPDX-License-Identifier: BSD-3-Clause
"""From bytes to frames and back."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_jupyter.errors import FrameError
from mcp_jupyter.protocol.codes import INVALID_REQUEST, PARSE_ERROR
from mcp_jupyter.protocol.frames import (
    ErrorResponse,
    Message,
    Notification,
    Request,
    Response,
    decode,
    dumps,
    encode,
)
from mcp_jupyter.protocol.limits import MAX_REQUEST_ID_CHARS
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
        ('"\\ud800"', PARSE_ERROR, None),
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
    ],
)
def test_what_is_no_message_is_one_typed_error_with_the_id_where_it_can_be_read(text, code, request_id):
    with pytest.raises(FrameError) as caught:
        decode(text)
    assert (caught.value.code, caught.value.request_id) == (code, request_id)


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
