# SPDX-License-Identifier: BSD-3-Clause
"""Read the usable part of a result: a malformed tool or an unknown content block costs only itself.

An item of a list (a tool, a resource, a prompt) is left out and named in the log. Content of a result is
replaced by a text that says what was there, so the reader of the result knows.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from .. import types
from .._util.text import join_names, safe_line

__all__ = ["partial_result"]

log = logging.getLogger(__name__)

_LISTS: Final[Mapping[str, str]] = {
    "prompts": "prompt",
    "resourceTemplates": "resource template",
    "resources": "resource",
    "tools": "tool",
}
_KNOWN: Final = ("audio", "image", "resource", "resource_link", "text")
_CONTENT: Final = ("content", "contents", "messages")

_Result = TypeVar("_Result", bound=types.Result)


def partial_result(
    method: str, wire: Mapping[str, Any], model: type[_Result], error: ValidationError
) -> _Result | None:
    """Read a result without its malformed items.

    Parameters
    ----------
    method : str
        The method of the request, for the log.
    wire : mapping
        The result as received.
    model : type
        The model of the result.
    error : ValidationError
        The error of reading the whole result.

    Returns
    -------
    Result or None
        None when something other than items of a list or content is malformed.
    """
    bad: dict[str, set[int]] = {}
    for fault in error.errors(include_url=False, include_input=False, include_context=False):
        member, index = (*fault["loc"][:2], None, None)[:2]
        if member not in (*_LISTS, *_CONTENT) or not isinstance(index, int):
            return None
        bad.setdefault(str(member), set()).add(index)
    repaired = dict(wire)
    for member, indices in bad.items():
        items = wire[member]
        if member in _LISTS:
            _warn(method, member, [items[index] for index in sorted(indices)])
            repaired[member] = [item for index, item in enumerate(items) if index not in indices]
        else:
            repaired[member] = [
                _placeholder(member, item) if index in indices else item for index, item in enumerate(items)
            ]
    try:
        return model.from_wire(repaired)
    except ValidationError:
        return None


def _warn(method: str, member: str, items: list[Any]) -> None:
    kind = _LISTS[member] + ("" if len(items) == 1 else "s")
    log.warning(
        "The server's answer to %s has %d malformed %s, left out: %s.",
        method,
        len(items),
        kind,
        join_names(map(_name, items)),
    )


def _name(item: Any) -> str:
    if isinstance(item, dict):
        for key in ("name", "uri", "uriTemplate"):
            if isinstance(item.get(key), str):
                return str(item[key])
    return "without a name"


def _placeholder(member: str, item: Any) -> dict[str, Any]:
    """Return content that replaces an item that cannot be read."""
    given = item if isinstance(item, dict) else {}
    if member == "messages":
        role = given.get("role")
        content = given.get("content")
        message = {"role": role if role in ("assistant", "user") else "user", "content": content}
        try:
            types.PromptMessage.from_wire(message)
        except ValidationError:
            message["content"] = _text(content)
        return message
    if member == "contents":
        uri = given.get("uri")
        return {"uri": uri if isinstance(uri, str) else "", "text": _text(item)["text"]}
    return _text(item)


def _text(block: Any) -> dict[str, Any]:
    """Return the block's text as a text block, or a text that says what the block was."""
    given = block if isinstance(block, dict) else {}
    kind = safe_line(str(given.get("type", "")))
    if isinstance(given.get("text"), str):
        words = given["text"]
    elif kind and kind not in _KNOWN:
        words = f"[The server sent content of the type {kind!r}, which this client does not know.]"
    else:
        words = f"[The server sent malformed content{f' of the type {kind!r}' if kind else ''}.]"
    return {"type": "text", "text": words}
