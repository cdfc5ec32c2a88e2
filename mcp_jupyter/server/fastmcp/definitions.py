# SPDX-License-Identifier: BSD-3-Clause
"""The definitions of tools as each host is to have them.

Some hosts drop `$defs`, defaults or structured content. Input schemas have no references and say their
defaults in words; the rest follows the host's profile. Lists are made once for each state of the catalogue.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Final

from ... import types
from ...protocol.frames import dumps
from ..host_profiles import OWN, HostProfile

if TYPE_CHECKING:
    from .tools import Tool

__all__ = [
    "ALWAYS_LOADED",
    "ALWAYS_LOADED_CHARS",
    "ALWAYS_LOADED_TOOLS",
    "Definitions",
    "are_few",
    "for_hosts",
    "self_contained",
]

ALWAYS_LOADED: Final = {"anthropic/alwaysLoad": True}
ALWAYS_LOADED_TOOLS: Final = 10
ALWAYS_LOADED_CHARS: Final = 8_000
"""Claude Code shows its model only the names of tools until it searches. Few, small ones are always there."""

UNSIZED_CHARS: Final = 50_000
"""Claude Code puts a longer result into a file, unless the tool says that its results may be longer."""

MAX_INLINED_PARTS: Final = 2_000
"""Schemas that one with its references replaced may have. References within references multiply."""

MAX_DEFAULT_CHARS: Final = 60
"""A longer default is not repeated in words."""

MAX_KEPT_LISTS: Final = 32
"""Lists of definitions kept ready: one for each profile that has asked."""

_PRINTED: Final = {"type": "string", "description": "What the call printed."}

_BY_NAME: Final = frozenset({"properties", "patternProperties", "dependentSchemas"})
"""Keywords whose keys are an author's names."""

_VALUES: Final = frozenset({"default", "const", "enum", "examples"})
"""Keywords that hold values, not schemas."""


class Definitions:
    """Makes and keeps the definitions that each host gets. The event loop's thread."""

    def __init__(self) -> None:
        self._kept: dict[HostProfile, tuple[Mapping[str, Tool], dict[str, types.Tool]]] = {}

    def of(
        self, tools: Mapping[str, Tool], profile: HostProfile, budget: int | None, *, prints: bool
    ) -> dict[str, types.Tool]:
        """The definitions by name.

        Parameters
        ----------
        tools : mapping
            A snapshot of the catalogue's, which is replaced when one changes.
        profile : HostProfile
            The host's, within the budget.
        budget : int or None
            What the user has set for the size of results.
        prints : bool
            Whether results have what a call printed.
        """
        if profile is OWN:
            return {name: tool.definition for name, tool in tools.items()}
        kept = self._kept.get(profile)
        if kept is not None and kept[0] is tools:
            return kept[1]
        meta: dict[str, Any] = {}
        if profile.sizes_results and budget is not None and budget > UNSIZED_CHARS:
            meta["anthropic/maxResultSizeChars"] = profile.result_chars
        made = {name: _shown(tool, profile, meta, prints) for name, tool in tools.items()}
        if profile.loads_always and are_few(made.values()):
            made = {name: _with_meta(definition, ALWAYS_LOADED) for name, definition in made.items()}
        if len(self._kept) >= MAX_KEPT_LISTS:
            self._kept.clear()
        self._kept[profile] = tools, made
        return made


def _shown(tool: Tool, profile: HostProfile, meta: Mapping[str, Any], prints: bool) -> types.Tool:
    definition = tool.for_hosts if profile.plain_schemas else tool.definition
    output = tool.output
    if output is None:
        return _with_meta(definition, meta)
    if profile.structure == "none" or (profile.structure == "typed" and output.is_text):
        definition = definition.model_copy(update={"outputSchema": None})
    elif prints and output.wrapped:
        properties = {**output.schema["properties"], "printed": _PRINTED}
        definition = definition.model_copy(
            update={"outputSchema": {**output.schema, "properties": properties}}
        )
    return _with_meta(definition, meta)


def _with_meta(definition: types.Tool, meta: Mapping[str, Any]) -> types.Tool:
    """The definition with more in its `_meta`; what its author has put there stays."""
    if not meta:
        return definition
    return definition.model_copy(update={"meta": {**meta, **(definition.meta or {})}})


def are_few(definitions: Collection[Any]) -> bool:
    """Whether the tools of a list are so few and small that a host may always load them all."""
    if len(definitions) > ALWAYS_LOADED_TOOLS:
        return False
    return sum(len(dumps(each)) for each in definitions) <= ALWAYS_LOADED_CHARS


def self_contained(schema: dict[str, Any]) -> dict[str, Any]:
    """An input schema without references, but for recursive ones, whose descriptions say the defaults."""
    try:
        inlined = _Inliner(schema).schema
    except _TooLarge:
        inlined = schema
    described = _described(inlined)
    assert isinstance(described, dict)
    return described


class _TooLarge(Exception):
    """A schema would have too many parts."""


class _Inliner:
    """Replaces the references of one schema to its own `$defs`."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._definitions = schema.get("$defs") or {}
        self._parts = 0
        self._recursive: set[str] = set()
        inner = {key: part for key, part in schema.items() if key != "$defs"}
        self.schema: dict[str, Any] = self._inlined(inner, ()) if self._definitions else schema
        if self._recursive:
            self.schema["$defs"] = self._definitions

    def _inlined(self, schema: Any, within: tuple[str, ...]) -> Any:
        self._parts += 1
        if self._parts > MAX_INLINED_PARTS:
            raise _TooLarge
        if isinstance(schema, list):
            return [self._inlined(part, within) for part in schema]
        if not isinstance(schema, dict):
            return schema
        name = self._named(schema)
        if name is None:
            return {key: self._part(key, part, within) for key, part in schema.items()}
        if name in within:
            self._recursive.add(name)
            return schema
        target = self._inlined(self._definitions[name], (*within, name))
        beside = {key: part for key, part in schema.items() if key != "$ref"}
        return {**target, **beside}

    def _part(self, key: str, part: Any, within: tuple[str, ...]) -> Any:
        if key in _VALUES:
            return part
        if key in _BY_NAME and isinstance(part, dict):
            return {name: self._inlined(inner, within) for name, inner in part.items()}
        return self._inlined(part, within)

    def _named(self, schema: dict[str, Any]) -> str | None:
        """The definition that a schema refers to."""
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/$defs/"):
            return None
        name = reference.removeprefix("#/$defs/")
        return name if isinstance(self._definitions.get(name), dict) else None


def _described(schema: Any) -> Any:
    """A schema in which each property with a default says it in its description."""
    if isinstance(schema, list):
        return [_described(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    described: dict[str, Any] = {}
    for key, part in schema.items():
        if key in _VALUES:
            described[key] = part
        elif key in _BY_NAME and isinstance(part, dict):
            described[key] = {name: _with_default(_described(inner)) for name, inner in part.items()}
        else:
            described[key] = _described(part)
    return described


def _with_default(schema: Any) -> Any:
    if not isinstance(schema, dict) or schema.get("default") is None:
        return schema
    shown = dumps(schema["default"]).decode("utf-8")
    said = schema.get("description", "")
    if len(shown) > MAX_DEFAULT_CHARS or not isinstance(said, str) or "default" in said.lower():
        return schema
    return {**schema, "description": f"{said} (default {shown})".lstrip()}


def for_hosts(definition: types.Tool) -> types.Tool:
    """The definition with its input schema self-contained."""
    shown = self_contained(definition.inputSchema)
    if shown == definition.inputSchema:
        return definition
    return definition.model_copy(update={"inputSchema": shown})
