# SPDX-License-Identifier: BSD-3-Clause
"""What a server serves: its tools, resources and prompts by name. Knows no protocol and no clients.

May be changed from any thread. Each of the three is a dict that is replaced, never mutated, so readers
need no lock.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

from .prompts import Prompt
from .resources import Resource
from .tools import Tool

__all__ = ["Catalog"]


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
