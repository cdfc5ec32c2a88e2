# SPDX-License-Identifier: BSD-3-Clause
"""What the bearer of a token may say and see."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_jupyter.errors import UnknownName
from mcp_jupyter.extension.grants import Grant
from mcp_jupyter.extension.tokens import mint
from mcp_jupyter.protocol.frames import ErrorResponse, Message, Notification, Request, Response


def grant(*tools: str) -> Grant:
    return Grant.of(mint(label="", servers=["sales"], tools=tools, issuer="ann")[0])


def scoped(**scopes: list[str]) -> Grant:
    return Grant.of(mint(label="", servers=["sales"], issuer="ann", **scopes)[0])


def listing(*names: object) -> Message:
    return Message.of(Response(1, {"tools": [{"name": name} for name in names], "nextCursor": "x"}), 1)


def test_a_tool_in_scope_may_be_called() -> None:
    assert grant("top_*").check(Request(1, "tools/call", {"name": "top_customers"})) is None


def test_a_tool_out_of_scope_is_refused() -> None:
    refusal = grant("top_*").check(Request(1, "tools/call", {"name": "erase"}))
    assert refusal is not None
    assert refusal.status == 403
    assert 'error="insufficient_scope"' in refusal.headers["WWW-Authenticate"]
    assert "erase" not in str(refusal)


REQUESTS: list[tuple[str, dict[str, Any], str]] = [
    ("resources/read", {"uri": "data://sales"}, "resource"),
    ("resources/subscribe", {"uri": "data://sales"}, "resource"),
    ("resources/unsubscribe", {"uri": "data://sales"}, "resource"),
    ("subscriptions/listen", {"notifications": {"resourceSubscriptions": ["data://sales"]}}, "resource"),
    ("completion/complete", {"ref": {"type": "ref/resource", "uri": "data://sales"}}, "resource"),
    ("completion/complete", {"ref": {"type": "ref/prompt", "name": "ask"}}, "prompt"),
    ("prompts/get", {"name": "ask"}, "prompt"),
    ("tools/call", {"name": "top"}, "tool"),
]


@pytest.mark.parametrize(("method", "params", "kind"), REQUESTS)
def test_each_kind_has_a_scope_of_its_own(method: str, params: dict[str, Any], kind: str) -> None:
    """A token reads, subscribes, listens, gets and completes only what its scopes name (1.27)."""
    scopes = {"tools": ["*"], "resources": ["*"], "prompts": ["*"]}
    assert scoped(**{f"{kind}s": ["*"]}).check(Request(1, method, params)) is None
    refusal = scoped(**(scopes | {f"{kind}s": []})).check(Request(1, method, params))
    assert refusal is not None
    assert (refusal.status, "sales" in str(refusal)) == (403, False)


@pytest.mark.parametrize(
    ("glob", "uri", "opens"),
    [
        ("data://sales", "data://sales", True),
        ("data://sales", "data://sales?offset=10&limit=5", True),
        ("data://sales", "data://sales{?offset,limit}", True),
        ("data://sales", "data://sales2", False),
        ("data://sales", "data://sales/schema", False),
        ("data://sales*", "data://sales/schema", True),
        ("data://s?les", "data://sales", True),
        ("data://sales?offset=0", "data://sales", False),
        ("data://public/*", "data://private/x?data://public/x", False),
        ("*", "data://\u00fc", True),
        ("*", "data://" + "x" * 3000, False),
        ("data://x", "result://" + "0" * 32, True),  # what the token's own call left
        ("data://x", "result://" + "0" * 32 + "?format=csv", True),
        ("data://x", "result://mine", False),
    ],
)
def test_which_resources_a_pattern_opens(glob: str, uri: str, opens: bool) -> None:
    refusal = scoped(resources=[glob]).check(Request(1, "resources/read", {"uri": uri}))
    assert (refusal is None) is opens


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tools/list", {}),
        ("server/discover", {}),
        ("subscriptions/listen", {"notifications": {"toolsListChanged": True}}),
        # The server says what is wrong with these:
        ("tools/call", {"name": 7}),
        ("tools/call", {}),
        ("resources/read", {"uri": None}),
        ("completion/complete", {"ref": 1}),
        ("subscriptions/listen", {"notifications": {"resourceSubscriptions": 1}}),
    ],
)
def test_what_names_nothing_passes(method: str, params: dict[str, Any]) -> None:
    assert grant().check(Request(1, method, params)) is None


def test_notifications_pass() -> None:
    assert grant().check(Notification("tools/call", {"name": "erase"})) is None


def test_a_list_names_only_what_may_be_called() -> None:
    message = grant("top_*").filter(Request(1, "tools/list"), listing("top_5", "erase", None, 7))
    assert isinstance(message.frame, Response)
    assert message.frame.result == {"tools": [{"name": "top_5"}], "nextCursor": "x"}
    assert b"erase" not in message.raw
    assert message.related == 1


@pytest.mark.parametrize(
    ("method", "key", "named_by", "scope", "items", "seen"),
    [
        ("prompts/list", "prompts", "name", {"prompts": ["a*"]}, ["ask", "tell"], ["ask"]),
        ("resources/list", "resources", "uri", {"resources": ["x://1"]}, ["x://1", "x://2"], ["x://1"]),
        (
            "resources/templates/list",
            "resourceTemplates",
            "uriTemplate",
            {"resources": ["x://rows/2026-*", "y://a"]},
            ["x://rows/{day}", "x://{day}", "y://{n}", "y://a{?offset}", "z://{n}", "broken{"],
            ["x://rows/{day}", "y://{n}", "y://a{?offset}"],
        ),
    ],
)
def test_every_list_names_only_what_may_be_used(
    method: str, key: str, named_by: str, scope: dict[str, list[str]], items: list[str], seen: list[str]
) -> None:
    message = Message.of(Response(1, {key: [{named_by: item} for item in items]}))
    for names, own in ((seen, scope), ([], {})):
        frame = scoped(**own).filter(Request(1, method), message).frame
        assert isinstance(frame, Response)
        assert [item[named_by] for item in frame.result[key]] == names


@pytest.mark.parametrize(("kind", "name"), [("tool", "a1"), ("prompt", "a1"), ("resource", "a://1")])
def test_an_error_names_only_what_may_be_used(kind: str, name: str) -> None:
    """The error for an unknown name lists no name outside of the token's scope (1.27)."""
    error = UnknownName(kind, "ax", [name, "secret"])
    message = Message.of(ErrorResponse(1, error.to_dict()))
    passed = scoped(**{f"{kind}s": ["a*"]}).filter(Request(1, "any"), message)
    assert isinstance(passed.frame, ErrorResponse)
    assert passed.frame.error["message"] == f"Unknown {kind} 'ax'. Known {kind}s: {name}."
    assert b"secret" not in passed.raw
    everything = scoped(tools=["*"], resources=["*"], prompts=["*"])
    assert everything.filter(Request(1, "any"), message) is message


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("tools/list", listing("a", "b")),
        ("prompts/list", Message.of(Response(1, {"tools": [{"name": "x"}]}))),
        ("tools/list", Message.of(Response(1, {"tools": "none"}))),
        ("tools/list", Message.of(ErrorResponse(1, {"code": -32600, "message": "no"}))),
    ],
)
def test_all_else_passes_as_the_bytes_it_came_in(method: str, message: Message) -> None:
    assert grant("a", "b").filter(Request(1, method), message) is message
