# SPDX-License-Identifier: BSD-3-Clause
"""What a JSON Schema says of a value's members, and whether it calls one a secret.

Pure, and bounded whatever the schema: references lead nowhere outside of it, and not for ever within.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

__all__ = ["is_secret", "members_of", "parts"]

MAX_NESTED: Final = 8
"""References and alternatives that are followed, one within the other."""

MAX_ALTERNATIVES: Final = 20
"""Of one `anyOf`."""

MAX_PARTS: Final = 64
"""Schemas that apply to one value; what eight levels of twenty alternatives would come to, nobody writes."""


def is_secret(schema: Any) -> bool:
    """Whether a schema says that its value is not to be shown again."""
    return isinstance(schema, dict) and (
        schema.get("format") == "password" or schema.get("writeOnly") is True
    )


def parts(schema: Any, root: Any) -> list[Any]:
    """A schema, what it refers to, and its alternatives."""
    found: list[Any] = []
    _collect(schema, root, 0, found)
    return found


def _collect(schema: Any, root: Any, depth: int, found: list[Any]) -> None:
    if not isinstance(schema, dict) or depth > MAX_NESTED or len(found) >= MAX_PARTS:
        return
    found.append(schema)
    if isinstance(reference := schema.get("$ref"), str):
        _collect(_referenced(reference, root), root, depth + 1, found)
    for keyword in ("anyOf", "oneOf", "allOf"):
        members = schema.get(keyword)
        for member in members[:MAX_ALTERNATIVES] if isinstance(members, list) else ():
            _collect(member, root, depth + 1, found)


def members_of(described: Iterable[Any], name: str | None, root: Any) -> list[Any]:
    """The schemas of a member of an object, or (without a name) of the items of a list."""
    found: list[Any] = []
    for schema in described:
        properties = schema.get("properties")
        if name is None:
            member = schema.get("items")
        elif isinstance(properties, dict) and name in properties:
            member = properties[name]
        else:
            member = schema.get("additionalProperties")
        _collect(member, root, 0, found)
    return found


def _referenced(reference: str, root: Any) -> Any:
    """What a JSON Pointer within the document leads to; None for any other reference (RFC 6901)."""
    if not reference.startswith("#/"):
        return None
    found = root
    for step in reference[2:].split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        found = found.get(name) if isinstance(found, dict) else None
    return found
