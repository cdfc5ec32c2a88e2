# SPDX-License-Identifier: BSD-3-Clause
"""Read description and parameters from a docstring in numpydoc, Google or Sphinx style.

It recognises common patterns and does not parse reStructuredText; the rest stays in the description.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

__all__ = ["Docstring", "docstring_of"]

_NUMPY: Final = re.compile(
    r"^(?P<name>(?:Other )?Parameters|Returns|Yields|Receives|Raises|Warns|Warnings|See Also|Notes|References"
    r"|Examples|Attributes|Methods)\n-{3,}[ \t]*$",
    re.MULTILINE,
)
_GOOGLE: Final = re.compile(
    r"^(?P<name>Args|Arguments|Parameters|Returns|Raises|Yields|Examples?|Notes?):[ \t]*$", re.MULTILINE
)
_SPHINX: Final = re.compile(r"^:(?:param|parameter|arg)\s+(?:[^:\n]*\s)?(?P<name>\w+):(?P<text>.*)$")
_GOOGLE_ITEM: Final = re.compile(r"^(?P<name>\*{0,2}\w+)\s*(?:\([^)\n]*\))?:\s*(?P<text>.*)$")
_PARAMETER_SECTIONS: Final = frozenset({"Parameters", "Args", "Arguments", "Other Parameters"})


@dataclass(frozen=True, slots=True)
class Docstring:
    """A parsed docstring: the text before its sections, and a description for each parameter."""

    description: str = ""
    parameters: dict[str, str] = field(default_factory=dict)


def docstring_of(function: Callable[..., Any]) -> Docstring:
    """Parse the docstring of `function`."""
    text = inspect.getdoc(_documented(function)) or ""
    for pattern, items in ((_NUMPY, _numpy_items), (_GOOGLE, _google_items)):
        heads = list(pattern.finditer(text))
        if not heads:
            continue
        found: dict[str, str] = {}
        for head, following in zip(heads, [*heads[1:], None], strict=True):
            if head["name"] in _PARAMETER_SECTIONS:
                found |= items(text[head.end() : following.start() if following else None])
        return Docstring(text[: heads[0].start()].strip(), found)
    return _sphinx(text)


def _documented(function: Callable[..., Any]) -> Any:
    """Return the object with the docstring: not a `partial`, nor the class of an undocumented callable."""
    while isinstance(function, partial):
        function = function.func
    if hasattr(function, "__name__") or type(function).__doc__:
        return function
    return type(function).__call__


def _numpy_items(section: str) -> dict[str, str]:
    items: dict[str, list[str]] = {}
    names: list[str] = []
    for line in section.splitlines():
        if line and not line[0].isspace():
            names = [name.strip().lstrip("*") for name in line.partition(":")[0].split(",")]
            items |= {name: [] for name in names}
        else:
            for name in names:
                items[name].append(line.strip())
    return {name: " ".join(lines).strip() for name, lines in items.items() if any(lines)}


def _google_items(section: str) -> dict[str, str]:
    items: dict[str, str] = {}
    name, depth = "", None
    for line in section.splitlines():
        stripped = line.strip()
        indent = len(line) - len(line.lstrip())
        if not stripped or indent == 0:
            continue
        depth = indent if depth is None else depth
        match = _GOOGLE_ITEM.match(stripped) if indent == depth else None
        if match:
            name = match["name"].lstrip("*")
            items[name] = match["text"]
        elif name:
            items[name] = f"{items[name]} {stripped}".strip()
    return items


def _sphinx(text: str) -> Docstring:
    kept: list[str] = []
    items: dict[str, str] = {}
    name, fields = "", False
    for line in text.splitlines():
        match = _SPHINX.match(line.strip())
        if match:
            name, fields = match["name"], True
            items[name] = match["text"].strip()
        elif fields and line.strip().startswith(":"):
            name = ""
        elif name and line.strip():
            items[name] = f"{items[name]} {line.strip()}".strip()
        elif not fields:
            kept.append(line)
    return Docstring("\n".join(kept).strip(), items)
