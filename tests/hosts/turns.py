# SPDX-License-Identifier: BSD-3-Clause
"""What a model is given at its turn and what it answers, in no host's format."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Answer", "Call", "Handed", "Turn", "handed"]

_PICTURES = ("image", "image_url", "input_image")
_LABELS = ("type", "id", "name", "mimeType")  # members of a content block that are not content


@dataclass(frozen=True)
class Call:
    """The model calls a tool, by the name that the host gave it."""

    tool: str
    arguments: Mapping[str, Any]


Answer = Call | str
"""A call, or a text that ends the turn."""


@dataclass(frozen=True)
class Handed:
    """A call's result as the model gets it.

    Attributes
    ----------
    text : str
        All texts in it.
    pictures : int
        Pictures that the model can look at. Base64 in a text is none.
    """

    text: str
    pictures: int = 0


@dataclass(frozen=True)
class Turn:
    """One request to the model: the tools it may call, and the results of all calls so far."""

    tools: tuple[str, ...]
    results: tuple[Handed, ...]

    def find(self, name: str) -> str | None:
        """The tool that ends in `name`: ``mcp__orchard__NAME``, ``orchard-NAME``, ``orchard::NAME``."""
        ends = re.compile(rf"(?:^|[-_.:/]){re.escape(name)}$")
        return min((tool for tool in self.tools if ends.search(tool)), key=len, default=None)


def handed(*contents: Any) -> Handed:
    """Sort the content of a result into texts and pictures, whatever the format nests it in."""
    parts = list(_parts(contents))
    return Handed("\n".join(part for part in parts if part is not None), parts.count(None))


def _parts(value: Any) -> Iterator[str | None]:
    """Each text; None for a picture."""
    if isinstance(value, Mapping):
        if value.get("type") in _PICTURES or str(value.get("mimeType")).startswith("image/"):
            yield None
            return
        for name, item in value.items():
            if name not in _LABELS:
                yield from _parts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _parts(item)
    elif value is not None:
        yield str(value)
