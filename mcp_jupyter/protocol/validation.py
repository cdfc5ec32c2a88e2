# SPDX-License-Identifier: BSD-3-Clause
"""Check values against a JSON Schema from outside, in bounded time and memory.

jsonschema does the checks, for the dialects 2020-12 (the protocol's own, SEP-1613), 2019-09 and draft 7. The
author of the schema or of the value may be hostile, so all of this has a bound: the schema's size; its
references, which must stay within it; its patterns, which run on an engine of linear time; and the CPU time
of a check. This module is cheap to import; jsonschema is imported with the first schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import UncheckableSchema
from .limits import MAX_SCHEMA_DEPTH, MAX_SCHEMA_PARTS

__all__ = ["JsonSchema"]


class JsonSchema:
    """A schema that values can be checked against.

    Parameters
    ----------
    schema : mapping
        The schema. Without `$schema` its dialect is 2020-12.

    Raises
    ------
    UncheckableSchema
        It is not a valid JSON Schema, or exceeds a bound.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        _measure(schema)
        from .schema_checker import Checker  # here: it takes a third of a second, and is seldom needed

        self._checker = Checker(schema)

    def problems(self, value: Any, part: Mapping[str, Any] | bool | None = None) -> list[str]:
        """Return the first `MAX_PROBLEMS` problems of a value; empty when it is valid.

        Parameters
        ----------
        value : Any
            A JSON value.
        part : mapping or bool, optional
            A subschema to check against instead, or a schema made of subschemas. Its references are resolved
            in the whole schema.

        Raises
        ------
        UncheckableSchema
            A reference leads out of the schema, a pattern has no bound on its time, or the check took too
            long.
        """
        return self._checker.problems(value, part)


def _measure(schema: Any) -> None:
    """Refuse a schema that is too large or too deep, before any code recurses into it."""
    parts, level = 0, [schema]
    words: set[str] = set()
    for _ in range(MAX_SCHEMA_DEPTH):
        within = [part for part in level if isinstance(part, Mapping | list)]
        parts += len(within)
        if parts > MAX_SCHEMA_PARTS:
            raise UncheckableSchema(f"It has more than {MAX_SCHEMA_PARTS} parts.")
        words.update(key for part in within if isinstance(part, Mapping) for key in part)
        level = [item for part in within for item in (part.values() if isinstance(part, Mapping) else part)]
    if level:
        raise UncheckableSchema(f"It is more than {MAX_SCHEMA_DEPTH} levels deep.")
    if words >= {"patternProperties", "unevaluatedProperties"}:
        # jsonschema finds the evaluated properties with `re`, whose time has no bound.
        raise UncheckableSchema("It has both patternProperties and unevaluatedProperties.")
