# SPDX-License-Identifier: BSD-3-Clause
"""What a server serves: its tools, resources and prompts by name. Knows no protocol and no clients.

May be changed from any thread. Each of the three is a dict that is replaced, never mutated, so readers
need no lock.
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
        Snapshots.
    """

    def __init__(self) -> None:
        self.tools: Mapping[str, Tool] = {}
        self.resources: Mapping[str, Resource] = {}
        self.prompts: Mapping[str, Prompt] = {}
        self._lock = threading.Lock()

    def add(self, *items: Tool | Resource | Prompt) -> set[str]:
        """Add items, replacing those of the same name or URI; gives the kinds that changed."""
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
        """Remove every item of that name or URI, or the tool; gives the kinds that changed."""
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
        """The resource of a URI and the values of its variables: one of that very URI, else the first
        template that fits.
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
# A list in pages, under cursors that say nothing to a client (spec, server/utilities/pagination).
#
# Does not know what is listed.

PAGE_SIZE: Final = 1000
"""Items of a page: few servers have more, and so many are some hundred kilobytes."""

CURSOR_SECONDS: Final = 24 * 3600.0
"""Who pages through a list does so at once; a client that keeps a cursor longer begins anew."""

T = TypeVar("T")


class Pages:
    """Cuts lists into pages.

    A cursor names the last item given and where it stood, so that no item is left out or given twice when
    others come and go between two pages.

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
        """The items after a cursor, and the cursor of those that follow.

        Raises
        ------
        McpError
            INVALID_PARAMS: the cursor is none of this list, or its place is gone.
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
