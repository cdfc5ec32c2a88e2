# SPDX-License-Identifier: BSD-3-Clause
"""Definitions of notebooks' tools as one host is to have them.

The hub knows them as our own client gets them, and each notebook makes its results for the host that calls: a
host that gets no structured results must not be promised any.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..server.host_profiles import OWN, HostProfile

__all__ = ["always_loaded", "definition_for"]


def definition_for(profile: HostProfile, definition: Mapping[str, Any]) -> Mapping[str, Any]:
    """A tool's definition, as on the wire, for a host."""
    if profile is OWN:
        return definition
    shown = dict(definition)
    if profile.plain_schemas and isinstance(schema := shown.get("inputSchema"), dict):
        from ..server.fastmcp.definitions import (
            self_contained,  # a Jupyter Server has no use for FastMCP else
        )

        shown["inputSchema"] = self_contained(schema)
    is_typed = profile.structure == "typed" and _is_text(shown.get("outputSchema"))
    if profile.structure == "none" or is_typed:
        shown.pop("outputSchema", None)
    return shown


def always_loaded(profile: HostProfile, definitions: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The tools of a list, marked so that the host always shows them to its model where they are few."""
    if not profile.loads_always or not definitions:
        return definitions
    from ..server.fastmcp.definitions import ALWAYS_LOADED, are_few

    if not are_few(definitions):
        return definitions
    return [{**each, "_meta": {**ALWAYS_LOADED, **_object(each.get("_meta"))}} for each in definitions]


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _is_text(schema: object) -> bool:
    """Whether an output schema is that of a text and nothing else."""
    properties = _object(_object(schema).get("properties"))
    if properties.keys() != {"result"}:
        return False
    result = properties["result"]
    return isinstance(result, Mapping) and result.get("type") == "string"
