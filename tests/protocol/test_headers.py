# SPDX-License-Identifier: BSD-3-Clause
"""The header rules of 2026-07-28, with tornado's headers: what servers of this package read them from."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.httputil import HTTPHeaders

from mcp_jupyter.protocol import headers as rules
from mcp_jupyter.protocol.headers import (
    GetAll,
    HeaderError,
    check_params,
    check_routing,
    decode_value,
    encode_value,
    mirror_params,
    name_of,
    param_headers,
)

VERSION = "2026-07-28"
META = {"_meta": {"io.modelcontextprotocol/protocolVersion": VERSION}}


def received(*lines: str) -> GetAll:
    """The headers of a request as it came over the wire."""
    headers = HTTPHeaders()
    for line in lines:
        headers.parse_line(line)
    return headers.get_list


# ---- values

EXAMPLES = [  # spec 2026-07-28, "Value Encoding"
    ("us-west1", "us-west1"),
    ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
    (" padded ", "=?base64?IHBhZGRlZCA=?="),
    ("line1\nline2", "=?base64?bGluZTEKbGluZTI=?="),
    ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
    ("", ""),
    ("us west 1", "us west 1"),
    ("a\tb", "=?base64?YQli?="),
    ("=?base64?SGVsbG8=", "=?base64?SGVsbG8="),
    ("=?base64?=", "=?base64?PT9iYXNlNjQ/PQ==?="),
]


@pytest.mark.parametrize(("value", "sent"), EXAMPLES)
def test_values_are_encoded_as_in_the_specification(value: str, sent: str) -> None:
    assert encode_value(value) == sent
    assert decode_value(sent) == value


@given(
    st.text(alphabet=st.characters(codec="utf-8"))
    | st.text(alphabet="=?base64 \t\r\nYQ", max_size=20)
    | st.text(alphabet=st.characters(codec="utf-8")).map(encode_value)
)
def test_every_text_survives_a_header(value: str) -> None:
    sent = encode_value(value)
    assert re.fullmatch(r"([!-~]([ -~]*[!-~])?)?", sent)
    assert decode_value(sent) == value
    assert decode_value(f" \t{sent}\t ") == value
    assert received(f"X: {sent}")("x") == [sent]


@given(st.text(max_size=30) | st.text(alphabet="=?base64YWJj+/-_", max_size=12).map("=?base64?{}?=".format))
def test_any_header_is_decoded_or_refused(value: str) -> None:
    try:
        decode_value(value)
    except HeaderError:
        return


@pytest.mark.parametrize(
    "value",
    [
        "=?base64?SGVsbG8?=",  # padding missing
        "=?base64?SGVs!!!bG8=?=",  # not of the alphabet
        "=?base64?SGVsbG9=?=",  # unused bits set
        "=?base64?SGVsbG8==?=",
        "=?base64?SGVs bG8=?=",
        "=?base64?_-8=?=",
        "=?base64?/w==?=",  # not UTF-8
        "=?base64?7aCA?=",  # a surrogate
        "caf\xe9",  # how a raw byte beyond ASCII arrives
        "a\x00b",
        "a\x7fb",
        "a\nb",
    ],
)
def test_malformed_values_are_refused(value: str) -> None:
    with pytest.raises(HeaderError):
        decode_value(value)


@pytest.mark.parametrize("value", ["SGVsbG8=", "=?base64?SGVsbG8=", "SGVsbG8=?=", "=?BASE64?SGVsbG8=?="])
def test_without_the_exact_marks_a_value_is_literal(value: str) -> None:
    assert decode_value(value) == value


def test_lone_surrogates_cannot_be_sent() -> None:
    with pytest.raises(HeaderError, match="surrogate"):
        encode_value("\ud800")


# ---- routing


@pytest.mark.parametrize(
    ("method", "params", "name"),
    [
        ("tools/call", {"name": "add", "uri": "u"}, "add"),
        ("prompts/get", {"name": "brief"}, "brief"),
        ("resources/read", {"uri": "data://x", "name": "n"}, "data://x"),
        ("tasks/get", {"taskId": "t1"}, "t1"),
        ("tasks/update", {"taskId": "t1"}, "t1"),
        ("tasks/cancel", {"taskId": "t1"}, "t1"),
        ("tools/list", {"name": "add"}, None),
        ("completion/complete", {"ref": {"name": "brief"}}, None),
        ("tools/call", {}, None),
        ("tools/call", {"name": 7}, None),
    ],
)
def test_which_value_the_name_header_mirrors(method: str, params: dict[str, Any], name: str | None) -> None:
    assert name_of(method, params) == name


GOOD = [f"MCP-Protocol-Version: {VERSION}", "mcp-method: tools/call", "MCP-NAME: add"]


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(GOOD, id="as sent"),
        pytest.param([*GOOD[:2], "Mcp-Name:    add \t "], id="white space around the value"),
        pytest.param([*GOOD[:2], "Mcp-Name: =?base64?YWRk?="], id="encoded without need"),
        pytest.param([*GOOD, "Mcp-Session-Id: 1", "Mcp-Session-Id: 2"], id="headers of no meaning here"),
    ],
)
def test_headers_that_agree_pass(lines: list[str]) -> None:
    check_routing(received(*lines), "tools/call", {"name": "add", **META})


def test_white_space_that_a_server_left_around_values_is_no_part_of_them() -> None:
    sent = {rules.PROTOCOL_VERSION: f" {VERSION}", rules.METHOD: "\ttools/call ", rules.NAME: " add\t"}
    check_routing(lambda name: [sent[name]], "tools/call", {"name": "add", **META})


def test_methods_without_a_name_need_no_name_header() -> None:
    check_routing(received(GOOD[0], "Mcp-Method: tools/list"), "tools/list", META)
    check_routing(received(GOOD[0], "Mcp-Method: tools/list", GOOD[2]), "tools/list", META)


def test_names_beyond_ascii_are_compared_decoded() -> None:
    name = "données ✓"
    sent = received(*GOOD[:2], f"Mcp-Name: {encode_value(name)}")
    check_routing(sent, "tools/call", {"name": name, **META})


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (GOOD[1:], "Mcp-Protocol-Version header is missing"),
        ([GOOD[0], GOOD[2]], "Mcp-Method header is missing"),
        (GOOD[:2], "Mcp-Name header is missing"),
        ([*GOOD, GOOD[0]], "Mcp-Protocol-Version header is given more than once"),
        ([*GOOD, GOOD[1]], "Mcp-Method header is given more than once"),
        ([*GOOD, GOOD[2]], "Mcp-Name header is given more than once"),
        (
            ["Mcp-Protocol-Version: 2025-11-25", *GOOD[1:]],
            "Mcp-Protocol-Version header value '2025-11-25' does not match body value '2026-07-28'",
        ),
        (
            [GOOD[0], "Mcp-Method: TOOLS/CALL", GOOD[2]],
            "Mcp-Method header value 'TOOLS/CALL' does not match body value 'tools/call'",
        ),
        ([*GOOD[:2], "Mcp-Name: Add"], "Mcp-Name header value 'Add' does not match body value 'add'"),
        ([*GOOD[:2], "Mcp-Name: =?base64?!?="], "Mcp-Name header: the value is not valid base64"),
        ([*GOOD[:2], "Mcp-Name:"], "Mcp-Name header value '' does not match body value 'add'"),
        ([GOOD[0], "Mcp-Method: =?base64?dG9vbHMvY2FsbA==?=", GOOD[2]], "Mcp-Method header value"),
    ],
)
def test_headers_that_disagree_are_named(lines: list[str], message: str) -> None:
    with pytest.raises(HeaderError, match=re.escape(message)):
        check_routing(received(*lines), "tools/call", {"name": "add", **META})


@pytest.mark.parametrize("meta", [{}, {"_meta": None}, {"_meta": {}}, {"_meta": []}])
def test_a_body_without_a_version_never_agrees(meta: dict[str, Any]) -> None:
    with pytest.raises(HeaderError, match="Mcp-Protocol-Version"):
        check_routing(received(*GOOD), "tools/call", {"name": "add", **meta})


def test_messages_show_hostile_values_short_and_escaped() -> None:
    sent = received(*GOOD[:2], f"Mcp-Name: {encode_value(chr(27) + chr(0x202E) + 'x' * 5000)}")
    with pytest.raises(HeaderError) as caught:
        check_routing(sent, "tools/call", {"name": "add", **META})
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


# ---- parameters


def schema(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def mirrored(name: Any, kind: Any = "string") -> dict[str, Any]:
    return {"type": kind, "x-mcp-header": name}


def test_annotations_are_read_with_their_paths() -> None:
    nested = {"type": "object", "properties": {"zone": mirrored("Zone", "integer")}}
    assert param_headers(
        schema(region=mirrored("Region"), dry=mirrored("Dry-Run", "boolean"), where=nested, query={})
    ) == {"Region": ("region",), "Dry-Run": ("dry",), "Zone": ("where", "zone")}
    assert param_headers({"type": "object"}) == {}


@pytest.mark.parametrize(
    "name", ["", " ", "My Region", "Region:Primary", "Région", "Region\t1", "a\r\nb", 7, None, ["a"]]
)
def test_names_that_no_header_can_have_are_refused(name: Any) -> None:
    with pytest.raises(HeaderError, match="property 'value': x-mcp-header must be a header name"):
        param_headers(schema(value=mirrored(name)))


@pytest.mark.parametrize("kind", ["number", "object", "array", "null", "text", ["string", "null"], None, 1])
def test_types_that_no_header_can_mirror_are_refused(kind: Any) -> None:
    with pytest.raises(HeaderError, match="needs the type string, integer or boolean"):
        param_headers(schema(value=mirrored("Value", kind)))


@pytest.mark.parametrize("other", ["Region", "region", "REGION"])
def test_a_name_used_twice_is_refused(other: str) -> None:
    with pytest.raises(HeaderError, match="given twice"):
        param_headers(
            schema(a=mirrored("Region"), b={"type": "object", "properties": {"c": mirrored(other)}})
        )


LEAF = mirrored("Value")


@pytest.mark.parametrize(
    "input_schema",
    [
        {"type": "string", "x-mcp-header": "Root"},
        schema(a={"type": "array", "items": LEAF}),
        schema(a={"type": "array", "items": {"type": "object", "properties": {"b": LEAF}}}),
        schema(a={"type": "array", "prefixItems": [{}, LEAF]}),
        schema(a={"type": "array", "contains": LEAF}),
        schema(a={"anyOf": [LEAF, {"type": "null"}]}),
        schema(a={"oneOf": [LEAF]}),
        {"type": "object", "allOf": [schema(a=LEAF)]},
        {"type": "object", "not": LEAF},
        {"type": "object", "if": {}, "then": schema(a=LEAF)},
        {"type": "object", "if": {}, "else": schema(a=LEAF)},
        {"type": "object", "if": schema(a=LEAF)},
        {"type": "object", "additionalProperties": LEAF},
        {"type": "object", "patternProperties": {"^a": LEAF}},
        {"type": "object", "propertyNames": LEAF},
        {"type": "object", "dependentSchemas": {"a": schema(b=LEAF)}},
        {"type": "object", "$defs": {"A": LEAF}, "properties": {"a": {"$ref": "#/$defs/A"}}},
        {"type": "object", "definitions": {"A": schema(b=LEAF)}},
    ],
    ids=json.dumps,
)
def test_annotations_off_the_properties_chain_are_refused(input_schema: dict[str, Any]) -> None:
    with pytest.raises(HeaderError, match="no chain of `properties`"):
        param_headers(input_schema)


def test_data_and_names_are_no_annotations() -> None:
    data = {"x-mcp-header": "not one"}
    assert (
        param_headers(
            {
                "type": "object",
                "properties": {
                    "x-mcp-header": {"type": "string"},
                    "a": {"default": data, "const": data, "enum": [data], "examples": [data]},
                    "b": True,
                },
                "$defs": {"x-mcp-header": {"type": "number"}},
                "additionalProperties": False,
            }
        )
        == {}
    )


def test_a_deep_schema_is_walked_without_recursion() -> None:
    deep: dict[str, Any] = mirrored("Deep")
    for _ in range(5000):
        deep = {"items": deep}
    with pytest.raises(HeaderError):
        param_headers(deep)


ANNOTATIONS = {"Region": ("region",), "Count": ("count",), "Dry": ("dry",), "Zone": ("where", "zone")}


@pytest.mark.parametrize(
    ("arguments", "headers"),
    [
        ({}, {}),
        ({"region": None, "where": None}, {}),
        ({"where": {"zone": "a"}}, {"Mcp-Param-Zone": "a"}),
        ({"where": "text"}, {}),
        ({"region": ""}, {"Mcp-Param-Region": ""}),
        ({"region": "Zürich"}, {"Mcp-Param-Region": "=?base64?WsO8cmljaA==?="}),
        ({"count": -7, "dry": True}, {"Mcp-Param-Count": "-7", "Mcp-Param-Dry": "true"}),
        ({"count": 42.0, "dry": False}, {"Mcp-Param-Count": "42", "Mcp-Param-Dry": "false"}),
        ({"count": 2**53 - 1}, {"Mcp-Param-Count": "9007199254740991"}),
        ({"count": 1.5, "dry": [True], "region": {"a": 1}}, {}),
        ({"count": float("inf"), "query": "select 1"}, {}),
    ],
)
def test_arguments_are_mirrored_and_the_server_agrees(
    arguments: dict[str, Any], headers: dict[str, str]
) -> None:
    assert mirror_params(ANNOTATIONS, arguments) == headers
    check_params(ANNOTATIONS, arguments, received(*(f"{name}: {value}" for name, value in headers.items())))


@pytest.mark.parametrize(
    "value", [2**53, -(2**53), 10**5000, 1e300], ids=["2**53", "-2**53", "10**5000", "1e300"]
)
def test_integers_beyond_the_safe_range_are_not_mirrored(value: float) -> None:
    with pytest.raises(HeaderError, match="Mcp-Param-Count"):
        mirror_params(ANNOTATIONS, {"count": value})
    with pytest.raises(HeaderError, match="Mcp-Param-Count"):
        check_params(ANNOTATIONS, {"count": value}, received(f"Mcp-Param-Count: {2**53}"))


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "region": st.none() | st.text(alphabet=st.characters(codec="utf-8")),
            "count": st.none() | st.integers(-(2**53) + 1, 2**53 - 1),
            "dry": st.none() | st.booleans(),
            "where": st.fixed_dictionaries({"zone": st.text(alphabet="ab \u20ac", max_size=4)}),
        },
    )
)
def test_what_a_client_mirrors_a_server_accepts(arguments: dict[str, Any]) -> None:
    sent = mirror_params(ANNOTATIONS, arguments)
    check_params(ANNOTATIONS, arguments, received(*(f"{name}: {value}" for name, value in sent.items())))


@pytest.mark.parametrize("said", ["42", "42.0", "42.000", "042", "=?base64?NDI=?="])
@pytest.mark.parametrize("value", [42, 42.0])
def test_integers_compare_as_numbers(said: str, value: float) -> None:
    check_params(ANNOTATIONS, {"count": value}, received(f"mcp-param-count: {said}"))


@pytest.mark.parametrize(
    ("arguments", "lines", "message"),
    [
        ({"region": "a"}, [], "Mcp-Param-Region header is missing"),
        ({"region": ""}, [], "Mcp-Param-Region header is missing"),
        ({"dry": False}, [], "Mcp-Param-Dry header is missing"),
        ({"region": "a"}, ["Mcp-Param-Region: b"], "Mcp-Param-Region header does not match"),
        ({"region": "a"}, ["Mcp-Param-Region: A"], "Mcp-Param-Region header does not match"),
        ({"region": "a"}, ["Mcp-Param-Region: a"] * 2, "Mcp-Param-Region header is given more than once"),
        ({}, ["Mcp-Param-Region: a"], "Mcp-Param-Region header is given, but the body has no value"),
        ({"region": None}, ["Mcp-Param-Region: null"], "Mcp-Param-Region header is given"),
        ({"region": ["a"]}, ["Mcp-Param-Region: a"], "Mcp-Param-Region header is given"),
        ({"region": "Hello"}, ["Mcp-Param-Region: =?base64?SGVsbG8?="], "not valid base64"),
        ({"region": "42"}, ["Mcp-Param-Region: 42.0"], "Mcp-Param-Region header does not match"),
        ({"count": 42}, ["Mcp-Param-Count: 42.1"], "Mcp-Param-Count header does not match"),
        ({"count": 42}, ["Mcp-Param-Count: 4.2e1"], "Mcp-Param-Count header does not match"),
        ({"count": 1}, ["Mcp-Param-Count: true"], "Mcp-Param-Count header does not match"),
        ({"count": 1}, ["Mcp-Param-Count: " + "1" * 10_000], "Mcp-Param-Count header does not match"),
        ({"dry": True}, ["Mcp-Param-Dry: True"], "Mcp-Param-Dry header does not match"),
        ({"dry": True}, ["Mcp-Param-Dry: 1"], "Mcp-Param-Dry header does not match"),
    ],
)
def test_parameters_that_disagree_are_named(
    arguments: dict[str, Any], lines: list[str], message: str
) -> None:
    with pytest.raises(HeaderError, match=re.escape(message)):
        check_params(ANNOTATIONS, arguments, received(*lines))


def test_messages_do_not_repeat_arguments() -> None:
    with pytest.raises(HeaderError) as caught:
        check_params(ANNOTATIONS, {"region": "secret-a"}, received("Mcp-Param-Region: secret-b"))
    assert "secret" not in str(caught.value)


def test_other_parameter_headers_are_ignored() -> None:
    check_params(ANNOTATIONS, {}, received("Mcp-Param-Other: x", "Mcp-Param-Other: y"))


def test_public_names_exist() -> None:
    assert [name for name in rules.__all__ if not hasattr(rules, name)] == []
