# SPDX-License-Identifier: BSD-3-Clause
"""Adapt the definition of a tool to the host that gets it.

Some hosts drop `$defs`, defaults or structured content. For them, references in input schemas are replaced,
and descriptions state the defaults; the rest follows the host's profile. Definitions are JSON here, as on the
wire, because the endpoint of all notebooks adapts the tools of every notebook with the same functions.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from .._util.json_schema import replace_subschemas
from ..protocol.frames import dumps
from .host_profiles import AGGREGATE, OWN, HostProfile

__all__ = [
    "ALWAYS_LOADED",
    "ALWAYS_LOADED_CHARS",
    "ALWAYS_LOADED_TOOLS",
    "ResultFacts",
    "always_loaded",
    "for_host",
    "self_contained",
]

JSONObject = dict[str, Any]

ALWAYS_LOADED: Final = {"anthropic/alwaysLoad": True}
ALWAYS_LOADED_TOOLS: Final = 10
ALWAYS_LOADED_CHARS: Final = 8_000
"""Claude Code shows its model only the names of tools until the model searches. A list of at most this many
tools and bytes of JSON asks to be loaded at once."""

UNSIZED_CHARS: Final = 50_000
"""Characters. Claude Code puts a longer result into a file, unless the tool declares a larger size."""

MAX_INLINED_PARTS: Final = 2_000
"""Subschemas of a schema after its references are replaced; references within references multiply them."""

MAX_DEFAULT_CHARS: Final = 60
"""Characters of JSON. A longer default is not repeated in the description."""

_FACTS: Final = "mcp-jupyter/results"
"""The member of `_meta` that carries `ResultFacts`."""

_PRINTED: Final = {"type": "string", "description": "What the call printed."}


@dataclass(frozen=True, slots=True)
class ResultFacts:
    """Facts about a tool's results that its adapted definition depends on.

    A notebook sends them to the endpoint of all notebooks, in the `_meta` of each tool.

    Attributes
    ----------
    wrapped : bool
        Whether we wrap the value for structured content: `{"result": value}`.
    prints : bool
        Whether results contain what the call printed.
    budget : int or None
        The user's limit for a result, in characters; None without one.
    """

    wrapped: bool = False
    prints: bool = False
    budget: int | None = None

    @classmethod
    def split(cls, definition: Mapping[str, Any]) -> tuple[ResultFacts, JSONObject]:
        """Return the facts in a definition's `_meta`, and the definition without them."""
        own = dict(definition)
        meta = _object(own.pop("_meta", None))
        found = _object(meta.get(_FACTS))
        if rest := {key: value for key, value in meta.items() if key != _FACTS}:
            own["_meta"] = rest
        budget = found.get("budget")
        return cls(
            found.get("wrapped") is True,
            found.get("prints") is True,
            budget if type(budget) is int and budget > 0 else None,
        ), own

    def beside(self, definition: JSONObject) -> JSONObject:
        """Return the definition with these facts in its `_meta`."""
        return _with_meta(
            definition,
            {_FACTS: {"wrapped": self.wrapped, "prints": self.prints, "budget": self.budget}},
        )


def for_host(definition: JSONObject, profile: HostProfile, facts: ResultFacts) -> JSONObject:
    """Return the definition of a tool as a host gets it.

    Parameters
    ----------
    definition : dict
        The definition as its author wrote it; it is not changed.
    profile : HostProfile
        The host's profile, without the user's limit for results.
    facts : ResultFacts
        The facts about the tool's results.
    """
    if profile.name == OWN.name:
        return definition
    if profile.name == AGGREGATE.name:
        return facts.beside(definition)
    shown = dict(definition)
    if profile.plain_schemas and isinstance(schema := shown.get("inputSchema"), dict):
        shown["inputSchema"] = self_contained(schema)
    output = shown.pop("outputSchema", None)
    is_dropped = profile.structure == "none" or (profile.structure == "typed" and _is_text(output, facts))
    if isinstance(output, dict) and not is_dropped:
        shown["outputSchema"] = output
        if facts.wrapped and facts.prints and profile.printed:
            properties = {**_object(output.get("properties")), "printed": _PRINTED}
            shown["outputSchema"] = {**output, "properties": properties}
    if profile.sizes_results and facts.budget is not None and facts.budget > UNSIZED_CHARS:
        sized = profile.within(facts.budget).result_chars
        shown = _with_meta(shown, {"anthropic/maxResultSizeChars": sized})
    return shown


def _is_text(output: object, facts: ResultFacts) -> bool:
    """Whether the structured content is only a text."""
    result = _object(_object(output).get("properties")).get("result")
    return facts.wrapped and _object(result).get("type") == "string"


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _with_meta(definition: JSONObject, meta: Mapping[str, Any]) -> JSONObject:
    """Return the definition with `meta` added to its `_meta`; the author's own members take precedence."""
    return {**definition, "_meta": {**meta, **_object(definition.get("_meta"))}}


def always_loaded(profile: HostProfile, definitions: list[JSONObject]) -> list[JSONObject]:
    """Return the definitions of a list; if they are few, mark them so that the host loads them all."""
    if not profile.loads_always or not _are_few(definitions):
        return definitions
    return [_with_meta(each, ALWAYS_LOADED) for each in definitions]


def _are_few(definitions: Collection[JSONObject]) -> bool:
    """Whether a list is within `ALWAYS_LOADED_TOOLS` and `ALWAYS_LOADED_CHARS`."""
    if len(definitions) > ALWAYS_LOADED_TOOLS:
        return False
    return sum(len(dumps(each)) for each in definitions) <= ALWAYS_LOADED_CHARS


def self_contained(schema: dict[str, Any]) -> dict[str, Any]:
    """Replace the references in an input schema, and add defaults to the descriptions.

    References that are recursive stay, and so do all of them if the schema would become too large.
    """
    try:
        inlined = _Inliner(schema).schema
    except _TooLarge:
        inlined = schema
    described: dict[str, Any] = _described(inlined)
    return described


class _TooLarge(Exception):
    """The schema would have more than `MAX_INLINED_PARTS` subschemas."""


class _Inliner:
    """Replaces the references of one schema to its own `$defs`; `schema` is the result."""

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
        if not isinstance(schema, dict):
            return schema
        name = self._named(schema)
        if name is None:
            return replace_subschemas(schema, lambda part: self._inlined(part, within))
        if name in within:  # the definition contains itself: this reference and `$defs` stay
            self._recursive.add(name)
            return schema
        target = self._inlined(self._definitions[name], (*within, name))
        # Keywords beside the reference, such as a description, take precedence over the definition's.
        beside = {key: part for key, part in schema.items() if key != "$ref"}
        return {**target, **beside}

    def _named(self, schema: dict[str, Any]) -> str | None:
        """Return the name of the definition that a schema refers to, or None."""
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/$defs/"):
            return None
        name = reference.removeprefix("#/$defs/")
        return name if isinstance(self._definitions.get(name), dict) else None


def _described(schema: Any) -> Any:
    """Return the schema with the default of each property added to its description."""
    if not isinstance(schema, dict):
        return schema
    described = replace_subschemas(schema, _described)
    if isinstance(properties := described.get("properties"), dict):
        described["properties"] = {name: _with_default(each) for name, each in properties.items()}
    return described


def _with_default(schema: Any) -> Any:
    if not isinstance(schema, dict) or schema.get("default") is None:
        return schema
    shown = dumps(schema["default"]).decode("utf-8")
    said = schema.get("description", "")
    if len(shown) > MAX_DEFAULT_CHARS or not isinstance(said, str) or "default" in said.lower():
        return schema
    return {**schema, "description": f"{said} (default {shown})".lstrip()}
