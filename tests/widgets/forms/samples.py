# SPDX-License-Identifier: BSD-3-Clause
"""Values made up for a schema of a public server: what its keywords say, and nothing of how forms read it."""

from __future__ import annotations

from random import Random
from typing import Any

__all__ = ["sample"]

WORDS = ["", "word", "two words", "line\nline", "ünï ☃", '"quoted"', " \t", "1", "null"]
FORMATS = {"uri": "https://example.com/a?b=c"}


def sample(schema: dict[str, Any], random: Random) -> Any:
    """A value that fits; what is optional is there every other time."""
    if "enum" in schema:
        return random.choice(schema["enum"])
    if "anyOf" in schema:
        return sample(random.choice(schema["anyOf"]), random)
    kind = schema["type"]
    return _MAKERS[random.choice(kind) if isinstance(kind, list) else kind](schema, random)


def _object(schema: dict[str, Any], random: Random) -> dict[str, Any]:
    required = schema.get("required", ())
    return {
        name: sample(within, random)
        for name, within in schema.get("properties", {}).items()
        if name in required or random.random() < 0.5
    }


def _array(schema: dict[str, Any], random: Random) -> list[Any]:
    least = schema.get("minItems", 0)
    return [sample(schema["items"], random) for _ in range(random.randint(least, least + 3))]


def _integer(schema: dict[str, Any], random: Random) -> int:
    return random.randint(schema.get("minimum", -(10**18)), schema.get("maximum", 10**18))


def _number(schema: dict[str, Any], random: Random) -> float:
    return random.uniform(schema.get("minimum", -1e9), schema.get("maximum", 1e9))


def _string(schema: dict[str, Any], random: Random) -> str:
    word = random.choice([word for word in WORDS if len(word) >= schema.get("minLength", 0)])
    return FORMATS.get(schema.get("format", ""), word)


_MAKERS = {
    "object": _object,
    "array": _array,
    "integer": _integer,
    "number": _number,
    "string": _string,
    "boolean": lambda schema, random: random.random() < 0.5,
    "null": lambda schema, random: None,
}
