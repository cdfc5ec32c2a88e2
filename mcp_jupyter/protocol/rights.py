# SPDX-License-Identifier: BSD-3-Clause
"""The rights of a principal: patterns for the tools and resources that it may use, and their matching.

An HTTP front that serves several principals checks the name in a request against these patterns. Only the
server can check a call of a tool that calls others (`use_tool`), so the front passes the rights on to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final, Literal, Self, TypeGuard, get_args

from .limits import MAX_URI_CHARS

__all__ = [
    "EVERY_RIGHT",
    "NO_RIGHT",
    "Floor",
    "Mode",
    "Rights",
    "any_matches",
    "any_matches_uri",
    "is_kept_result",
]

Mode = Literal["yes", "no", "auto"]
"""Which constant tools a client gets: all, none, or those that its host needs."""

Floor = Literal["marked", "writing", "all"]
"""For which tools the user is asked in any case: those that their author marked as destructive or
open-world; all that are not marked as read-only; all."""

_QUERY: Final = re.compile(r"\{?[?]")
"""The beginning of the query of a URI or of a template, as in `{?offset,limit}`."""

_KEPT_RESULT: Final = re.compile(r"result://[0-9a-f]{32}(?:\?.*)?", re.ASCII | re.DOTALL)
"""The URI of a kept result (`server.fastmcp.results`). Only the principal that made the call can read it."""


def any_matches(globs: Iterable[str], name: str) -> bool:
    """Whether any pattern matches a name. `*` stands for any characters, `?` for one."""
    return any(fnmatchcase(name, glob) for glob in globs)


def any_matches_uri(globs: Iterable[str], uri: str) -> bool:
    """Whether any pattern matches a URI or a URI template, with or without its query."""
    if len(uri) > MAX_URI_CHARS:
        return False
    globs = tuple(globs)
    return any_matches(globs, uri) or any_matches(globs, _QUERY.split(uri, maxsplit=1)[0])


def is_kept_result(uri: str) -> bool:
    """Whether a URI is that of a kept result, which only the principal that made the call can read."""
    return _KEPT_RESULT.fullmatch(uri) is not None


@dataclass(frozen=True, slots=True)
class Rights:
    """The tools and resources that a principal may use.

    Attributes
    ----------
    tools, resources : tuple of str
        Patterns for names and URIs.
    constant_tools : "yes", "no", "auto" or None
        Which constant tools the principal gets; None for the server's own setting.
    """

    tools: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    constant_tools: Mode | None = None

    def may_call(self, tool: str) -> bool:
        """Whether the principal may call a tool."""
        return any_matches(self.tools, tool)

    def may_read(self, uri: str) -> bool:
        """Whether the principal may read a resource. Kept results of its own calls are included."""
        return is_kept_result(uri) or any_matches_uri(self.resources, uri)

    @property
    def wire(self) -> dict[str, Any]:
        """The rights as JSON, for the envelope of a message."""
        mode = {} if self.constant_tools is None else {"constantTools": self.constant_tools}
        return {"tools": [*self.tools], "resources": [*self.resources], **mode}

    @classmethod
    def from_wire(cls, value: Any) -> Self | None:
        """Read the rights from a message's envelope; return None when they are malformed."""
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
