# SPDX-License-Identifier: BSD-3-Clause
"""Content for clients of versions that do not know its kind: said in words, so that nothing is lost unseen.

Does not know which kinds a version lacks: that is the `Era`'s.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from .. import types

__all__ = ["understood"]


def understood(result: Any, unknown: Collection[str]) -> Any:
    """A result whose blocks of unknown types are text; changed in place.

    Parameters
    ----------
    result : Any
        Of `tools/call` and `prompts/get` the blocks are looked at; any other is given back.
    unknown : collection of str
        The types of blocks that the client's version does not have.
    """
    if isinstance(result, types.CallToolResult):
        result.content = [_in_words(block) if block.type in unknown else block for block in result.content]
    elif isinstance(result, types.GetPromptResult):
        result.messages = [
            message.model_copy(update={"content": _in_words(message.content)})
            if message.content.type in unknown
            else message
            for message in result.messages
        ]
    return result


def _in_words(block: Any) -> types.TextContent:
    if isinstance(block, types.ResourceLink):
        described = f" ({block.description})" if block.description else ""
        return types.TextContent(text=f"{block.name}{described}: read the resource {block.uri}")
    kind = getattr(block, "mimeType", None) or block.type
    return types.TextContent(
        text=f"[{block.type} content, {kind}, which this version of the protocol has not]"
    )
