# SPDX-License-Identifier: BSD-3-Clause
"""What a handler's value becomes in an answer. Knows neither requests nor the table of handlers."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from typing import Any, Final

from pydantic_core import from_json

from ... import types
from ...protocol.frames import dumps
from ..content import Content, ContentTable, default_rows, plain, readable
from .helper_types import ReadResourceContents

__all__ = ["MAX_COMPLETIONS", "completed", "error_text", "explained", "read", "tool_result"]

MAX_ERROR_CHARS: Final = 8000
"""Of the text of a tool's error: most hosts hand on no more, and its beginning and its end say most."""

_ERROR_END_CHARS: Final = 1500

MAX_COMPLETIONS: Final = 100
"""Values in one answer (spec, server/utilities/completion)."""

_TABLE: Final = ContentTable(default_rows())


def tool_result(value: Any) -> types.CallToolResult:
    """The result of a tool: a result, content, structured output, (content, structured output), or any value.

    Raises
    ------
    TypeError
        Structured output without a JSON form.
    """
    if isinstance(value, types.CallToolResult):
        return value.model_copy()  # the handler's own stays as it is
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], dict):
        shown, structured = value
        result = types.CallToolResult(content=_content(shown).blocks)
        # Read back: what is structured must survive the other side's parser.
        result.structuredContent = from_json(dumps(plain(structured)))
        return result
    content = _content(value)
    result = types.CallToolResult(content=content.blocks)
    if content.structured is not None:  # set to None it would be sent as null
        result.structuredContent = content.structured
    return result


def _content(value: Any) -> Content:
    """As any value's, but an empty list is a list of content."""
    return Content([]) if isinstance(value, list) and not value else _TABLE.convert(value)


def read(uri: str, value: Any) -> types.ReadResourceResult:
    """The contents of a resource: of text, bytes, or parts.

    Raises
    ------
    TypeError
        It is none of these.
    """
    if isinstance(value, types.ReadResourceResult):
        return value.model_copy()
    if isinstance(value, str | bytes):
        value = [ReadResourceContents(value)]
    if not isinstance(value, Iterable):
        raise TypeError(f"A resource is str, bytes or ReadResourceContents, not {type(value).__name__}.")
    return types.ReadResourceResult(contents=[_part(uri, part) for part in value])


def _part(uri: str, part: Any) -> types.TextResourceContents | types.BlobResourceContents:
    if isinstance(part, types.TextResourceContents | types.BlobResourceContents):
        return part
    if not isinstance(part, ReadResourceContents):
        raise TypeError(f"A part of a resource is a ReadResourceContents, not {type(part).__name__}.")
    if isinstance(part.content, str):
        return types.TextResourceContents(
            uri=uri, text=part.content, mimeType=part.mime_type or "text/plain", meta=part.meta
        )
    return types.BlobResourceContents(
        uri=uri,
        blob=b64encode(part.content).decode("ascii"),
        mimeType=part.mime_type or "application/octet-stream",
        meta=part.meta,
    )


def completed(value: types.Completion | None) -> types.CompleteResult:
    """The answer to a request for completion; of more than `MAX_COMPLETIONS` values the first."""
    found = value or types.Completion(values=[])
    if len(found.values) > MAX_COMPLETIONS:
        total = found.total or len(found.values)
        found = types.Completion(values=found.values[:MAX_COMPLETIONS], total=total, hasMore=True)
    return types.CompleteResult(completion=found)


def explained(error: BaseException) -> str:
    """What a handler raised, in its own words; where they are no sentence, with the exception's name."""
    text = readable(error)
    if not text or isinstance(error, KeyError):  # its text is the key
        text = ": ".join(filter(None, (type(error).__name__, text)))
    return error_text(text)


def error_text(text: str) -> str:
    """The text of an error in at most `MAX_ERROR_CHARS` characters: its beginning and its end."""
    if len(text) <= MAX_ERROR_CHARS:
        return text
    between = f"\n[... of {len(text)} characters, those between are left out ...]\n"
    head = MAX_ERROR_CHARS - _ERROR_END_CHARS - len(between)
    return text[:head] + between + text[-_ERROR_END_CHARS:]
