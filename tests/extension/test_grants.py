# SPDX-License-Identifier: BSD-3-Clause
"""What the bearer of a token may say and see."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_jupyter.extension.grants import Grant
from mcp_jupyter.extension.tokens import mint
from mcp_jupyter.protocol.frames import ErrorResponse, Message, Notification, Request, Response


def grant(*tools: str) -> Grant:
    return Grant.of(mint(label="", servers=["sales"], tools=tools, issuer="ann")[0])


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


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tools/list", {}),
        ("resources/read", {"uri": "data://x"}),
        ("prompts/get", {"name": "ask"}),
        ("resources/subscribe", {"uri": "data://x"}),
        ("tools/call", {"name": 7}),  # the server says what is wrong with it
        ("tools/call", {}),
    ],
)
def test_reading_needs_no_more_than_the_notebook(method: str, params: dict[str, Any]) -> None:
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
