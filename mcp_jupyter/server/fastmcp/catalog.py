# SPDX-License-Identifier: BSD-3-Clause
"""Keep a server's tools, resources and prompts by name, and cut lists of them into pages.

A `Catalog` may be changed from any thread. Each of its three mappings is replaced, never mutated, so readers
need no lock. Telling clients about changes is left to `FastMCP`.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Final, TypeVar

from ...errors import INVALID_PARAMS, McpError
from ...protocol.seals import Seal, SealError
from ..context import RequestContext
from .prompts import Prompt
from .resources import Resource
from .tools import Tool

__all__ = [
    "PAGE_SIZE",
    "Catalog",
    "Pages",
]


class Catalog:
    """Tools and prompts by name, resources and templates by URI, in the order they were added.

    Attributes
    ----------
    tools, resources, prompts : mapping
        Snapshots; read them from any thread.
    """

    def __init__(self) -> None:
        self.tools: Mapping[str, Tool] = {}
        self.resources: Mapping[str, Resource] = {}
        self.prompts: Mapping[str, Prompt] = {}
        self._lock = threading.Lock()

    def add(self, *items: Tool | Resource | Prompt) -> set[str]:
        """Add items, replacing those of the same name or URI; return the kinds that changed."""
        kinds = set()
        with self._lock:
            for item in items:
                if isinstance(item, Tool):
                    self.tools = {**self.tools, item.name: item}
                    kinds.add("tools")
                elif isinstance(item, Resource):
                    self.resources = {**self.resources, item.uri: item}
                    kinds.add("resources")
                else:
                    self.prompts = {**self.prompts, item.name: item}
                    kinds.add("prompts")
        return kinds

    def remove(self, name: str, *, tools_only: bool = False) -> list[str]:
        """Remove every item of that name or URI, or only the tool; return the kinds that changed."""
        kinds = []
        with self._lock:
            if name in self.tools:
                self.tools = {key: item for key, item in self.tools.items() if key != name}
                kinds.append("tools")
            if tools_only:
                return kinds
            named = {uri for uri, item in self.resources.items() if name in (uri, item.definition.name)}
            if named:
                self.resources = {key: item for key, item in self.resources.items() if key not in named}
                kinds.append("resources")
            if name in self.prompts:
                self.prompts = {key: item for key, item in self.prompts.items() if key != name}
                kinds.append("prompts")
        return kinds

    def resource_at(self, uri: str) -> tuple[Resource, Mapping[str, str]] | None:
        """Return the resource for a URI, and the values of its variables; None if there is no such resource.

        A resource with exactly this URI comes before templates; of those, the first that matches is used.
        """
        exact = self.resources.get(uri)
        if exact is not None and not exact.is_template:
            return exact, {}
        for resource in self.resources.values():
            if resource.is_template and (variables := resource.template.match(uri)) is not None:
                return resource, variables
        return None


# -- pages ---------------------------------------------------------------------------------------
#
# Cut a list into pages, with cursors that are opaque to the client (spec, server/utilities/pagination).

PAGE_SIZE: Final = 1000
"""Items of a page: few servers have more, and a page of this size has some hundred kilobytes."""

CURSOR_SECONDS: Final = 24 * 3600.0
"""Seconds. Clients read all pages at once; one that keeps a cursor longer has to begin again."""

T = TypeVar("T")


class Pages:
    """Cut lists into pages.

    A cursor holds the key and the position of the last item sent. An item that stays in the list is therefore
    sent exactly once, even if others are added or removed between two pages.

    Parameters
    ----------
    size : int
        Items of a page.

    Raises
    ------
    ValueError
        The size is less than 1.
    """

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"page_size must be at least 1, not {size}")
        self._size = size
        self._seal = Seal()

    def page(
        self, request: RequestContext, known: Mapping[str, T], cursor: str | None
    ) -> tuple[list[T], str | None]:
        """Return the items after a cursor, and the cursor of the next page (None for the last page).

        Raises
        ------
        McpError
            INVALID_PARAMS: the cursor is not for this list and sender, has expired, or its item was removed.
        """
        if cursor is None and len(known) <= self._size:
            return [*known.values()], None
        keys = list(known)
        begin = 0 if cursor is None else self._place(request, keys, cursor)
        end = begin + self._size
        items = [known[key] for key in keys[begin:end]]
        if end >= len(keys):
            return items, None
        claims = [keys[end - 1], end]
        return items, self._seal.close(request.method, request.sender, claims, CURSOR_SECONDS)

    def _place(self, request: RequestContext, keys: list[str], cursor: str) -> int:
        try:
            last, place = self._seal.open(request.method, request.sender, cursor)
        except SealError as exc:
            raise McpError(INVALID_PARAMS, f"cursor: {exc}") from None
        if keys[place - 1 : place] == [last]:
            return int(place)
        try:
            return keys.index(last) + 1
        except ValueError:
            raise McpError(INVALID_PARAMS, "cursor: its place in the list is gone; begin again.") from None
