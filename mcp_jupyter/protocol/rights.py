# SPDX-License-Identifier: BSD-3-Clause
"""What a sender may use, as patterns of names and URIs, and gets; and how a pattern matches.

A front that lets several senders in decides by the name in a request. Where the name may be that of a tool
which stands for others (`use_tool`), only the server knows: the front sends the sender's rights along.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final, Literal, Self, TypeGuard, get_args

__all__ = [
    "EVERY_RIGHT",
    "MAX_URI_CHARS",
    "NO_RIGHT",
    "Mode",
    "Rights",
    "any_matches",
    "any_matches_uri",
    "is_kept_result",
]

Mode = Literal["yes", "no", "auto"]
"""Whether a client gets the constant tools: all, none, or those that its host needs."""

MAX_URI_CHARS: Final = 2048
"""Of a resource's URI, and of a pattern for URIs: what HTTP servers and browsers take."""

_QUERY: Final = re.compile(r"\{?[?]")
"""Where the query of a URI begins, or that of a template: `{?offset,limit}`."""

_KEPT_RESULT: Final = re.compile(r"result://[0-9a-f]{32}(?:\?.*)?", re.ASCII | re.DOTALL)
"""The URI of a kept result (`server.fastmcp.results`). Only the sender whose call left it can read it."""


def any_matches(globs: Iterable[str], name: str) -> bool:
    """Whether a pattern, with `*` for any characters and `?` for one, matches a name."""
    return any(fnmatchcase(name, glob) for glob in globs)


def any_matches_uri(globs: Iterable[str], uri: str) -> bool:
    """The same for a URI, or a template of URIs: with its query, or without it."""
    if len(uri) > MAX_URI_CHARS:
        return False
    globs = tuple(globs)
    return any_matches(globs, uri) or any_matches(globs, _QUERY.split(uri, maxsplit=1)[0])


def is_kept_result(uri: str) -> bool:
    """Whether a URI is that of a result which is kept for the sender of its call."""
    return _KEPT_RESULT.fullmatch(uri) is not None


@dataclass(frozen=True, slots=True)
class Rights:
    """What a sender may use.

    Attributes
    ----------
    tools, resources : tuple of str
        Patterns of names and URIs.
    constant_tools : "yes", "no", "auto" or None
        Whether the sender gets the constant tools; None: as the server has it.
    """

    tools: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    constant_tools: Mode | None = None

    def may_call(self, tool: str) -> bool:
        """Whether the sender may call a tool."""
        return any_matches(self.tools, tool)

    def may_read(self, uri: str) -> bool:
        """Whether the sender may read a resource, also one that its own call left."""
        return is_kept_result(uri) or any_matches_uri(self.resources, uri)

    @property
    def wire(self) -> dict[str, Any]:
        """As it travels in the envelope of a message."""
        mode = {} if self.constant_tools is None else {"constantTools": self.constant_tools}
        return {"tools": [*self.tools], "resources": [*self.resources], **mode}

    @classmethod
    def from_wire(cls, value: Any) -> Self | None:
        """What a message's envelope says; None when it is malformed."""
        if not isinstance(value, Mapping):
            return None
        tools, resources = value.get("tools"), value.get("resources")
        mode = value.get("constantTools")
        if not _are_texts(tools) or not _are_texts(resources) or mode not in (None, *get_args(Mode)):
            return None
        return cls(tuple(tools), tuple(resources), mode)


def _are_texts(value: Any) -> TypeGuard[list[str]]:
    return type(value) is list and all(type(item) is str for item in value)


EVERY_RIGHT: Final = Rights(("*",), ("*",))
NO_RIGHT: Final = Rights()
