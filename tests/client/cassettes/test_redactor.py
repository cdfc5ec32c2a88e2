# SPDX-License-Identifier: BSD-3-Clause
"""What the redactor takes for a secret: names of parameters, schemas, shapes and strong values (1.17)."""

from __future__ import annotations

import json
import logging

import pytest

from mcp_jupyter.client.cassettes.redaction import MAX_FOUND, Redactor, is_strong
from mcp_jupyter.client.secrets import MARK
from mcp_jupyter.errors import ConfigError


@pytest.mark.parametrize(
    "name",
    ["password", "Password", "db_password", "accessToken", "access-token", "API_KEY", "apikey", "x-api-key",
     "clientSecret", "Authorization", "Cookie", "Mcp-Session-Id", "private_key", "credentials", "passwd",
     "passcode", "pin", "PIN", "cardPin", "pat", "github_pat", "creds", "dsn", "connection_string",
     "connectionString", "connectionstring", "database_url", "DATABASE_URL", "databaseURL", "mnemonic", "cvv",
     "sig"],
)  # fmt: skip
def test_telling_names(name: str) -> None:
    redactor = Redactor()
    value = {"a": [{name: "hush-4f7a91c2e0", "other": "it said hush-4f7a91c2e0"}]}
    kept = redactor.again(redactor.sent(value))
    assert kept == {"a": [{name: MARK, "other": f"it said {MARK}"}]}


@pytest.mark.parametrize(
    "name",
    ["name", "key", "author", "max_tokens", "passage", "monkey", "idea", "spinning", "pinned", "opinion",
     "path", "pattern", "patient", "patch", "design", "signal", "url", "database", "string", "recvv"],
)  # fmt: skip
def test_names_that_tell_nothing(name: str) -> None:
    for value in (12, "twelve"):
        if name != "max_tokens" or value == 12:
            assert Redactor().sent({name: value}) == {name: value}


def test_shapes_stay() -> None:
    value = {"credentials": {"user": "ada", "keys": ["k", 1, None, True], "more": {}}, "token": None}
    hidden = {"user": MARK, "keys": [MARK, MARK, None, True], "more": {}}
    assert Redactor().sent(value) == {"credentials": hidden, "token": None}


def test_pairs_of_name_and_value() -> None:
    pair = {"name": "password", "value": "hush"}
    assert Redactor().sent({"argument": pair}) == {"argument": {"name": "password", "value": MARK}}


SHAPES = {
    "https://example.com/a?token=abc&x=1": f"https://example.com/a?token={MARK}&x=1",
    "https://example.com/a?max_tokens=100": "https://example.com/a?max_tokens=100",
    "Authorization: Bearer abcdefgh": f"Authorization: {MARK}",
    "it sent Bearer abcdefghijk": f"it sent Bearer {MARK}",
    "postgres://ada:hunter2@db.example.com/sales": f"postgres://ada:{MARK}@db.example.com/sales",
    "see redis://:p@ss@cache:6379/0, then": f"see redis://:{MARK}@cache:6379/0, then",
    "https://ghp_0123456789abcdef@github.com/a.git": f"https://{MARK}@github.com/a.git",
    "git clone ssh://git@github.com/a/b.git": "git clone ssh://git@github.com/a/b.git",
    "http://localhost:8080/users/@me": "http://localhost:8080/users/@me",
    "http://localhost:80 or mail ada@example.com": "http://localhost:80 or mail ada@example.com",
}


@pytest.mark.parametrize("text", SHAPES)
def test_secrets_that_their_shape_tells(text: str) -> None:
    kept = SHAPES[text]
    assert Redactor().value({"a": f"( {text} )"}) == {"a": f"( {kept} )"}
    assert Redactor().sent([text]) == [kept]
    assert Redactor().value(kept) == kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("host=db user=ada password=hunter2 dbname=x", f"host=db user=ada password={MARK} dbname=x"),
        ("Server=db;Uid=ada;Pwd='hunter 2';", f"Server=db;Uid=ada;Pwd='{MARK}';"),
        ('{"a": {"password": "hush\\"hush"}}', f'{{"a": {{"password": "{MARK}"}}}}'),
        ('[{"pin": 1234}]', f'[{{"pin": {MARK}}}]'),
        ('"{\\"passcode\\": \\"x y\\"}"', f'"{{\\"passcode\\": \\"{MARK}\\"}}"'),
        ("a token: the smallest part of a text", "a token: the smallest part of a text"),
        ("spin=1 path=/tmp opinion=2 max_tokens=5", "spin=1 path=/tmp opinion=2 max_tokens=5"),
    ],
)
def test_names_within_a_parameters_text(text: str, kept: str) -> None:
    assert Redactor().sent(text) == kept
    assert Redactor().sent(kept) == kept
    assert Redactor().value(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "statistics",
        "production",
        "administration",
        "responsibility",
        "Sales2026",
        "the",
        "20261130",
        "gpt-4o-mini",
    ],
)
def test_an_ordinary_word_is_not_searched_for(text: str) -> None:
    assert not is_strong(text)
    redactor = Redactor()
    redactor.keep(text)
    redactor.sent({"token": text})
    assert redactor.text(f"All {text} of it.") == f"All {text} of it."


@pytest.mark.parametrize(
    "text", ["7f3c9d21", "k9Xq2vLp", "correct horse battery", "4556737586899855", "x" * 16]
)
def test_a_strong_secret_is_searched_for(text: str) -> None:
    assert is_strong(text)
    redactor = Redactor()
    redactor.keep(text)
    assert redactor.text(f"All {text} of it.") == f"All {MARK} of it."


def test_results_are_data_whatever_their_names() -> None:
    """The words that a tokenizer gives back are not secrets, and are not cut out of other texts."""
    redactor = Redactor()
    result = {"tokens": ["the", "statistics"], "token": "of", "auth": "basic", "session_id": "main"}
    texts = [{"type": "text", "text": json.dumps(result)}, {"type": "text", "text": "the statistics of the"}]
    whole = {"content": texts, "structuredContent": result}
    assert redactor.result(whole, {}) == whole
    assert redactor.value(result) == result
    assert redactor.generation == 0


def test_what_an_output_schema_calls_secret_is_left_out_of_the_text_too() -> None:
    hidden = {"type": "string", "format": "password"}
    schema = {
        "type": "object",
        "properties": {"key": hidden, "pin": {"writeOnly": True}, "token": {"type": "string"}},
    }
    result = {"key": "hush", "pin": 1234, "token": "noun"}
    kept = {"key": MARK, "pin": MARK, "token": "noun"}
    for indent in (None, 2):
        whole = {
            "structuredContent": result,
            "content": [{"type": "text", "text": json.dumps(result, indent=indent)}],
        }
        made = Redactor().result(whole, {"outputSchema": schema})
        assert made["structuredContent"] == kept
        assert made["content"][0]["text"] == json.dumps(kept, indent=indent)
    wrapped = {"structuredContent": {"result": "hush"}, "content": [{"type": "text", "text": "hush"}]}
    made = Redactor().result(wrapped, {"outputSchema": {"type": "object", "properties": {"result": hidden}}})
    assert made == {"structuredContent": {"result": MARK}, "content": [{"type": "text", "text": MARK}]}


def test_the_user_may_exempt_a_name() -> None:
    schema = {"properties": {"session_id": {"format": "password"}}}
    tools = {"t": {"name": "t", "inputSchema": schema}}
    arguments = {"tokens": ["a", "b"], "sessionId": "main", "session_id": "main", "password": "hush"}
    kept = Redactor(exempt=["tokens", "session_id"]).params(
        "tools/call", {"name": "t", "arguments": arguments}, tools
    )
    assert kept["arguments"] == arguments | {"password": MARK}


@pytest.mark.parametrize("names", [[""], ["x"] * 101])
def test_exempt_names_that_cannot_be_used(names: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"no_redact="):
        Redactor(exempt=names)


def test_what_a_schema_calls_secret() -> None:
    hidden = {"type": "string", "format": "password"}
    schema = {
        "properties": {
            "pin": {"writeOnly": True}, "one": {"$ref": "#/$defs/Hidden"}, "plain": {"type": "string"},
            "list": {"items": {"anyOf": [{"type": "null"}, hidden]}}, "inner": {"properties": {"x": hidden}},
        },
        "$defs": {"Hidden": hidden, "Loop": {"$ref": "#/$defs/Loop"}},
    }  # fmt: skip
    tools = {"t": {"name": "t", "inputSchema": schema}}
    arguments = {"pin": 1234, "one": "o", "plain": "p", "list": [["l"], "m"], "inner": {"x": "i", "y": "j"}}
    kept = Redactor().params("tools/call", {"name": "t", "arguments": arguments}, tools)
    assert kept["arguments"] == {
        "pin": MARK, "one": MARK, "plain": "p", "list": [[MARK], MARK], "inner": {"x": MARK, "y": "j"},
    }  # fmt: skip


def test_definitions_stay_usable() -> None:
    schema = {
        "properties": {"password": {"type": "string", "default": "hush-hush"}, "token": {"type": "object"}}
    }
    page = {"tools": [{"name": "t", "inputSchema": schema}]}
    kept = Redactor().page(page)
    properties = kept["tools"][0]["inputSchema"]["properties"]
    assert properties == {"password": {"type": "string", "default": MARK}, "token": {"type": "object"}}


def test_a_default_within_an_alternative_is_as_secret_as_its_property() -> None:
    """Pydantic writes `str | None` as two alternatives."""
    secret = {
        "anyOf": [{"type": "string", "default": "hush-hush"}, {"type": "null"}],
        "items": {"examples": ["hush-too"]},
    }
    schema = {"properties": {"password": secret, "plain": {"anyOf": [{"default": "seen"}]}}}
    kept = Redactor().page({"tools": [{"name": "t", "inputSchema": schema}]})
    properties = kept["tools"][0]["inputSchema"]["properties"]
    assert properties["password"]["anyOf"][0]["default"] == MARK
    assert properties["password"]["items"]["examples"] == [MARK]
    assert properties["plain"]["anyOf"][0]["default"] == "seen"


def test_the_default_of_a_count_stays() -> None:
    schema = {"properties": {"maxTokens": {"type": "number", "default": 100}}}
    page = {"tools": [{"name": "sample", "inputSchema": schema}]}
    assert Redactor().page(page) == page


def test_the_names_of_results_are_no_secrets_in_their_schema_either() -> None:
    page = {
        "tools": [
            {"name": "t", "outputSchema": {"properties": {"tokens": {"type": "array", "default": ["a"]}}}}
        ]
    }
    assert Redactor().page(page) == page


@pytest.mark.parametrize("pattern", ["(", "x" * 501, "a*"])
def test_patterns_that_cannot_be_used(pattern: str) -> None:
    with pytest.raises(ConfigError, match=r"redact="):
        Redactor(patterns=[pattern])


def test_what_is_found_is_bounded_and_said(caplog: pytest.LogCaptureFixture) -> None:
    redactor = Redactor()
    with caplog.at_level(logging.WARNING):
        for number in range(MAX_FOUND + 10):
            assert redactor.sent({"password": f"hush-hush-hush-{number:05}"}) == {"password": MARK}
    assert len(caplog.records) == 1
