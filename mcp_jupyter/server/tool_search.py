# SPDX-License-Identifier: BSD-3-Clause
"""Find tools by words, and show what was found to a model, as text. Pure: calls nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from ..protocol.frames import dumps

__all__ = ["MAX_FOUND", "found_tools"]

MAX_FOUND: Final = 20
"""Tools that are shown with their schemas: a model that needs more asks with other words."""

MAX_QUERY_CHARS: Final = 500
"""Of a query: a sentence or two. The rest is not looked at."""

MAX_SUMMARY_CHARS: Final = 400
"""Of a tool's description: its first paragraph, with most tools."""

MAX_LINE_CHARS: Final = 120
"""Of the same in a list with one line a tool."""

_NAME_WEIGHT, _TITLE_WEIGHT, _ARGUMENT_WEIGHT, _DESCRIPTION_WEIGHT = 8, 4, 3, 2
_WHOLE_NAME: Final = 100

_PARTS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+")
"""The words of a name or text: `topCustomers2` has three."""

_CALL: Final = "Call one by its name, or with use_tool(name, arguments) if it is not in your list of tools."


def found_tools(query: str, tools: Sequence[Mapping[str, Any]], chars: int) -> str:
    """The tools that a query finds, best first, as text.

    Parameters
    ----------
    query : str
        Words of names, titles, descriptions or arguments; empty for all tools.
    tools : sequence of mapping
        Definitions as `tools/list` gives them.
    chars : int
        The longest answer.
    """
    query = query.strip()[:MAX_QUERY_CHARS]
    if not tools:
        return "There are no tools now."
    if not query:
        head = f"{_count(tools)}. find_tools with a query shows their arguments. {_CALL}"
        return _listed(head, tools, chars)
    found = _ranked(query, tools)
    if not found:
        head = f"No tool matches {query!r}. There are {len(tools)}:"
        return _listed(head, tools, chars)
    return _described(f"{_count(found)} for {query!r}. {_CALL}", found, chars)


def _count(tools: Sequence[Any]) -> str:
    return "1 tool" if len(tools) == 1 else f"{len(tools)} tools"


# -- what matches ------------------------------------------------------------------------------------


def _ranked(query: str, tools: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those with a word of the query, the most and the best matches first, else in the order of the list."""
    words = _words(query)
    scored = [(_score(query, words, tool), tool) for tool in tools]
    return [tool for score, tool in sorted(scored, key=lambda pair: -pair[0]) if score > 0]


def _score(query: str, words: Sequence[str], tool: Mapping[str, Any]) -> int:
    name = _text(tool.get("name"))
    if name.casefold() == query.casefold():
        return _WHOLE_NAME * (len(words) + 1)
    fields = (
        (_NAME_WEIGHT, name),
        (_TITLE_WEIGHT, _title(tool)),
        (_ARGUMENT_WEIGHT, " ".join(_arguments(tool))),
        (_DESCRIPTION_WEIGHT, _text(tool.get("description"))),
    )
    places = [(weight, _words(text)) for weight, text in fields]
    return sum(_best(word, places) for word in words)


def _best(word: str, places: Iterable[tuple[int, Sequence[str]]]) -> int:
    """Twice a field's weight for the word itself, once for one that begins so or is a longer form of it."""
    best = 0
    for weight, words in places:
        if word in words:
            best = max(best, 2 * weight)
        elif len(word) > 2 and any(_akin(word, other) for other in words):
            best = max(best, weight)
    return best


def _akin(word: str, other: str) -> bool:
    return other.startswith(word) or (len(other) > 3 and word.startswith(other))


def _words(text: str) -> list[str]:
    return [part.casefold() for part in _PARTS.findall(text)]


# -- what is shown -----------------------------------------------------------------------------------


def _listed(head: str, tools: Sequence[Mapping[str, Any]], chars: int) -> str:
    """One line a tool."""
    lines, left = [head], chars - len(head) - 60
    for number, tool in enumerate(tools):
        line = _line(tool)
        left -= len(line) + 1
        if left < 0:
            return "\n".join([*lines, f"... and {len(tools) - number} more: ask with words of what they do."])
        lines.append(line)
    return "\n".join(lines)


def _described(head: str, tools: Sequence[Mapping[str, Any]], chars: int) -> str:
    """Each tool with its description and schema, as many as there is room for; the others in a line each."""
    parts, left = [head], chars - len(head) - chars // 5
    for number, tool in enumerate(tools):
        part = _entry(tool, left)
        left -= len(part) + 2
        if number == MAX_FOUND or (left < 0 and number):
            rest = chars - sum(map(len, parts)) - 2 * len(parts)
            return "\n\n".join([*parts, _listed(f"{len(tools) - number} more match:", tools[number:], rest)])
        parts.append(part)
    return "\n\n".join(parts)


def _line(tool: Mapping[str, Any]) -> str:
    about = _first_paragraph(tool) or _title(tool)
    name = _text(tool.get("name"))
    return f"{name}: {_cut(about, MAX_LINE_CHARS)}" if about else name


def _entry(tool: Mapping[str, Any], room: int) -> str:
    title = _title(tool)
    lines = [_text(tool.get("name")) + (f" ({title})" if title else "")]
    if about := _first_paragraph(tool):
        lines.append(_cut(about, MAX_SUMMARY_CHARS))
    schema = dumps(tool.get("inputSchema") or {}).decode("utf-8")
    if len(schema) > room:  # a part of it would be no JSON
        names = ", ".join(_arguments(tool))
        schema = _cut(f"too long to be shown ({len(schema)} characters); their names: {names}", room)
    lines.append(f"Arguments: {schema}")
    return "\n".join(lines)


def _first_paragraph(tool: Mapping[str, Any]) -> str:
    return " ".join(_text(tool.get("description")).strip().partition("\n\n")[0].split())


def _title(tool: Mapping[str, Any]) -> str:
    annotations = tool.get("annotations")
    said = annotations.get("title") if isinstance(annotations, Mapping) else None
    return _cut(_text(tool.get("title")) or _text(said), MAX_LINE_CHARS)


def _arguments(tool: Mapping[str, Any]) -> list[str]:
    schema = tool.get("inputSchema")
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    return list(properties) if isinstance(properties, Mapping) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _cut(text: str, chars: int) -> str:
    return text if len(text) <= chars else f"{text[: max(chars - 3, 0)]}..."
