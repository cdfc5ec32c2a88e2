# SPDX-License-Identifier: BSD-3-Clause
"""The official SDK's own types (`mcp-types`) read what we write, and write what we read."""

from __future__ import annotations

import functools
from typing import Any

import mcp_types
import pytest
from pydantic import TypeAdapter
from pydantic_core import from_json

from mcp_jupyter import types
from tests.types import official
from tests.types.official import read, wire

ENVELOPE = {"id", "jsonrpc"}
"""Unknown to their requests and notifications, and so lost."""

DEFAULTS = {"cacheScope", "isError", "mode", "resultType", "ttlMs"}
"""Written by them where the message did not have them."""

OTHER_NAME = {"CreateMessageResult": "CreateMessageResultWithTools"}

SHARED = [
    pytest.param(definition, message, id=name)
    for definition, name, message in official.examples()
    if hasattr(mcp_types, definition)
]


@functools.cache
def _adapter(definition: str) -> TypeAdapter[Any]:
    return TypeAdapter(getattr(mcp_types, OTHER_NAME.get(definition, definition)))


def _without_defaults(theirs: Any, message: Any) -> Any:
    """What they wrote, less the defaults they added."""
    if isinstance(theirs, dict) and isinstance(message, dict):
        return {
            name: _without_defaults(value, message.get(name))
            for name, value in theirs.items()
            if name in message or name not in DEFAULTS
        }
    if isinstance(theirs, list) and isinstance(message, list):
        return [_without_defaults(*pair) for pair in zip(theirs, message, strict=True)]
    return theirs


def _without_envelope(message: Any) -> Any:
    return {name: value for name, value in message.items() if name not in ENVELOPE or "method" not in message}


@pytest.mark.parametrize(("definition", "message"), SHARED)
def test_both_read_and_write_the_same(definition: str, message: Any) -> None:
    ours = from_json(wire(read(definition, message)))
    adapter = _adapter(definition)
    theirs = from_json(adapter.dump_json(adapter.validate_python(ours), by_alias=True, exclude_none=True))
    assert _without_defaults(theirs, message) == _without_envelope(ours)


def test_the_comparison_covers_most_examples() -> None:
    assert len(SHARED) > 80


def test_they_read_messages_made_with_our_constructors() -> None:
    result = types.CallToolResult(
        content=[
            types.TextContent(text="one"),
            types.ImageContent(data="AAAA", mimeType="image/png"),
            types.ResourceLink(name="r", uri="data:,x"),
            types.EmbeddedResource(resource=types.TextResourceContents(uri="a:b", text="t")),
        ],
        structuredContent={"n": 1},
        isError=False,
        meta={"k": "v"},
    )
    theirs = mcp_types.CallToolResult.model_validate_json(wire(result))
    assert [type(block).__name__ for block in theirs.content] == [
        type(block).__name__ for block in result.content
    ]
    assert (theirs.structured_content, theirs.is_error, theirs.meta) == ({"n": 1}, False, {"k": "v"})
