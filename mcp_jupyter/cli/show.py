# SPDX-License-Identifier: BSD-3-Clause
"""What a server has, as text for people: signatures, and the first line of each description.

Pure; all it returns may be printed (`terminal.visible`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Final, Protocol

from .. import types
from .terminal import visible

__all__ = ["heading", "listing", "prompt_signature", "resource_line", "tool_signature"]

MAX_DESCRIPTION_CHARS: Final = 100
"""Of the first line of a description: the whole is for the model."""

MAX_PARAMETERS: Final = 30
"""Of one signature."""

MAX_DEPTH: Final = 3
"""Of types within types that are spelled out."""

MAX_VALUES: Final = 6
"""Of an enumeration, or of alternatives."""


class _Described(Protocol):
    @property
    def description(self) -> str | None: ...


def heading(info: types.Implementation | None, version: str, instructions: str | None) -> list[str]:
    """Who the server is."""
    name = "A server without a name" if info is None else f"{info.title or info.name} {info.version}"
    lines = [_line(f"{name} (protocol {version})")]
    if instructions and instructions.strip():
        lines += ["", visible(instructions.strip())]
    return lines


def listing(title: str, items: Sequence[tuple[str, _Described]]) -> list[str]:
    """A section: each item's line, and under it what it is."""
    if not items:
        return []
    lines = ["", title]
    for line, item in items:
        lines.append(f"  {_line(line)}")
        description = _first_line(item.description)
        if description:
            lines.append(f"      {description}")
    return lines


def tool_signature(tool: types.Tool) -> str:
    """`top_customers(n: integer = 5, region?: string) -> {...}`."""
    schema = tool.inputSchema
    properties = schema.get("properties")
    required = schema.get("required")
    needed = required if isinstance(required, list) else []
    shown = [
        _parameter(str(name), part, name in needed)
        for name, part in islice(
            properties.items() if isinstance(properties, Mapping) else (), MAX_PARAMETERS
        )
    ]
    if isinstance(properties, Mapping) and len(properties) > MAX_PARAMETERS:
        shown.append("...")
    return f"{tool.name}({', '.join(shown)})"


def prompt_signature(prompt: types.Prompt) -> str:
    """`summarise(region, style?)`."""
    arguments = prompt.arguments or []
    shown = [each.name if each.required else f"{each.name}?" for each in arguments[:MAX_PARAMETERS]]
    return f"{prompt.name}({', '.join(shown + ['...'] * (len(arguments) > MAX_PARAMETERS))})"


def resource_line(item: types.Resource | types.ResourceTemplate) -> str:
    """`notebook://variables/sales (text/csv, 1,024 bytes)`."""
    uri = item.uri if isinstance(item, types.Resource) else item.uriTemplate
    size = item.size if isinstance(item, types.Resource) else None
    said = [item.mimeType or "", f"{size:,} bytes" if size is not None else ""]
    shown = ", ".join(word for word in said if word)
    return f"{uri} ({shown})" if shown else uri


def _parameter(name: str, schema: Any, needed: bool) -> str:
    kind = _kind(schema)
    typed = f": {kind}" if kind else ""
    if needed:
        return f"{name}{typed}"
    if isinstance(schema, Mapping) and schema.get("default") is not None:
        return f"{name}{typed} = {_json(schema['default'])}"
    return f"{name}?{typed}"


def _kind(schema: Any, depth: int = 0) -> str:
    """The type a JSON Schema describes, in a word or a few."""
    if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
        return "any" if depth else ""
    values = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if isinstance(values, list):
        return _either([_json(value) for value in values])
    for keyword in ("anyOf", "oneOf"):
        if isinstance(schema.get(keyword), list):
            kinds = [_kind(part, depth + 1) for part in schema[keyword][: MAX_VALUES + 1]]
            return _either([kind for kind in dict.fromkeys(kinds) if kind != "null"])
    said = schema.get("type")
    if isinstance(said, list):
        return _either([str(kind) for kind in said if kind != "null"])
    if said == "array":
        return f"[{_kind(schema.get('items'), depth + 1)}]"
    return said if isinstance(said, str) else "object" if "$ref" in schema else ""


def _either(kinds: Sequence[str]) -> str:
    return " | ".join([*kinds[:MAX_VALUES], *(["..."] if len(kinds) > MAX_VALUES else [])])


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_DESCRIPTION_CHARS else "..."


def _first_line(text: str | None) -> str:
    line = next((line.strip() for line in (text or "").splitlines() if line.strip()), "")
    return _line(line if len(line) <= MAX_DESCRIPTION_CHARS else f"{line[: MAX_DESCRIPTION_CHARS - 3]}...")


def _line(text: str) -> str:
    return visible(" ".join(text.split()))
