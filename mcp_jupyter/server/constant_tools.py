# SPDX-License-Identifier: BSD-3-Clause
"""The three tools that served notebooks have for hosts that need them: definitions, arguments, texts. Pure.

`find_tools` and `use_tool` reach tools that a host which does not list again has not seen. `read_more` reads
a resource for a model that cannot. What they do is done by the requests that they stand for: `use_tool` is a
`tools/call` of the inner tool, `read_more` a `resources/read`. `fastmcp.constant_tools` answers them in a
notebook, `aggregate.constant_tools` at the endpoint of all notebooks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, TypeGuard

from pydantic_core import from_json

from .. import types
from .._util.text import MAX_MESSAGE_CHARS, join_names, safe_line, shorten
from ..errors import ToolError
from ..protocol.frames import dumps, has_too_many_containers
from ..protocol.rights import Mode
from .content.size_limits import beginning, first_lines, json_size
from .host_profiles import HostProfile

__all__ = [
    "CONSTANT_TOOLS",
    "FIND_TOOLS",
    "MAX_FOUND",
    "READ_MORE",
    "USE_TOOL",
    "found_tools",
    "inner_call",
    "is_constant",
    "is_name",
    "needed",
    "part_of",
    "query_in",
    "split_uri",
    "stands_for",
    "unreadable",
    "uri_in",
]


FIND_TOOLS: Final = "find_tools"
USE_TOOL: Final = "use_tool"
READ_MORE: Final = "read_more"

_MARK: Final = "mcp-jupyter/constant"
"""In the `_meta` of a definition: the tool is one of these, and not a user's of the same name."""

NOTE_CHARS: Final = 600
"""Kept free for the line that says how to read on: a URI, mostly."""

_PLACE: Final = re.compile(r"#char=([0-9]{1,12})\Z", re.ASCII)
"""Where a part begins, as a fragment (RFC 5147 has these for text)."""

_OFFSET: Final = re.compile(r"(?<=[?&])offset=[0-9]*", re.ASCII)


_READS: Final = types.ToolAnnotations(readOnlyHint=True, openWorldHint=False)
_DOES_ANYTHING: Final = types.ToolAnnotations(readOnlyHint=False, destructiveHint=True, openWorldHint=True)


def _definition(
    tool: str, description: str, hints: types.ToolAnnotations, required: Sequence[str], **arguments: Any
) -> types.Tool:
    schema: dict[str, Any] = {"type": "object", "properties": arguments}
    if required:
        schema["required"] = list(required)
    return types.Tool(
        name=tool, description=description, inputSchema=schema, annotations=hints, meta={_MARK: True}
    )


CONSTANT_TOOLS: Final[Mapping[str, types.Tool]] = {
    FIND_TOOLS: _definition(
        FIND_TOOLS,
        "Find the tools that there are now, by words of their names, descriptions or arguments. Tools may "
        "have been added after your list of tools was made. Gives each tool with the JSON Schema of its "
        "arguments; an empty query lists all names.",
        _READS,
        [],
        query={"type": "string", "description": "Words to look for. (default: all tools)"},
    ),
    USE_TOOL: _definition(
        USE_TOOL,
        "Call a tool that find_tools has found and that is not in your list of tools. It does what that tool "
        "does.",
        _DOES_ANYTHING,
        ["name"],
        name={"type": "string", "description": "The tool's name."},
        arguments={
            "type": "object",
            "description": "The tool's arguments, as its JSON Schema says. (default: none)",
            "additionalProperties": True,
        },
    ),
    READ_MORE: _definition(
        READ_MORE,
        "Read a resource by its URI, as text: the rest of a result that was too long (its last line has the "
        "URI), or any other resource. A long one comes in parts; each part says how to read on.",
        _READS,
        ["uri"],
        uri={"type": "string", "description": "Such as result://0123...?offset=200&limit=200"},
    ),
}


def needed(mode: Mode, profile: HostProfile) -> dict[str, types.Tool]:
    """The constant tools that a client gets."""
    if mode != "auto":
        return dict(CONSTANT_TOOLS) if mode == "yes" else {}
    names = [] if profile.refreshes_lists else [FIND_TOOLS, USE_TOOL]
    names += [] if profile.reads_results else [READ_MORE]
    return {name: CONSTANT_TOOLS[name] for name in names}


def is_name(name: object) -> TypeGuard[str]:
    """Whether a tool that is called by `name` may be one of these; a user's may be called so too."""
    return isinstance(name, str) and name in CONSTANT_TOOLS


def is_constant(definition: object) -> bool:
    """Whether a definition, as on the wire, is that of a constant tool."""
    meta = definition.get("_meta") if isinstance(definition, Mapping) else None
    return isinstance(meta, Mapping) and meta.get(_MARK) is True


def stands_for(params: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """The method and the params that say what a call of a constant tool uses; None for any other call.

    For who asks whether a sender may. What is malformed uses nothing, and neither does `find_tools`: its
    method is "ping" then, which everybody may.
    """
    name, arguments = params.get("name"), params.get("arguments")
    if not is_name(name):
        return None
    arguments = arguments if isinstance(arguments, Mapping) else {}
    if name == USE_TOOL and isinstance(arguments.get("name"), str):
        return "tools/call", {"name": arguments["name"]}
    if name == READ_MORE and isinstance(arguments.get("uri"), str):
        return "resources/read", {"uri": split_uri(arguments["uri"])[0]}
    return "ping", {}


# -- arguments ---------------------------------------------------------------------------------------


def query_in(arguments: Mapping[str, Any] | None) -> str:
    """The query of a call of `find_tools`.

    Raises
    ------
    ToolError
        What is wrong with the arguments, in words that a model can act on. So do the others here.
    """
    found = _only(FIND_TOOLS, arguments or {}, ("query",)).get("query")
    return "" if found is None else _string(FIND_TOOLS, "query", "words to look for", found)


def inner_call(arguments: Mapping[str, Any] | None) -> tuple[str, dict[str, Any]]:
    """The inner tool's name and arguments in a call of `use_tool`."""
    arguments = arguments or {}
    if arguments.get("name") is None:
        raise ToolError(
            f"{USE_TOOL}: 'name' is missing: the tool to call. {FIND_TOOLS} shows which there are."
        )
    name = _string(USE_TOOL, "name", "the name of a tool", arguments["name"])
    if extra := sorted(arguments.keys() - {"name", "arguments"}):
        raise ToolError(
            f"{USE_TOOL}: There is no argument {safe_line(extra[0])!r}. Put the arguments of "
            f"{safe_line(name)!r} into 'arguments', an object."
        )
    if name in CONSTANT_TOOLS:
        raise ToolError(f"{USE_TOOL}: Call {name} itself, not with {USE_TOOL}.")
    return name, _object(name, arguments.get("arguments"))


def _object(name: str, value: Any) -> dict[str, Any]:
    """Some hosts send objects as JSON text."""
    read = value
    if isinstance(value, str) and not has_too_many_containers(value):
        with suppress(ValueError):
            read = from_json(value.strip() or "{}")
    if read is None:
        return {}
    if not isinstance(read, dict):
        raise ToolError(
            f"{USE_TOOL}: 'arguments' must be an object with the arguments of {safe_line(name)!r}, or "
            f"a JSON text of one; got {_kind(value)}."
        )
    return read


def uri_in(arguments: Mapping[str, Any] | None) -> str:
    """The URI of a call of `read_more`."""
    arguments = _only(READ_MORE, arguments or {}, ("uri",))
    if arguments.get("uri") is None:
        raise ToolError(f"{READ_MORE}: 'uri' is missing: the URI of the resource to read.")
    return _string(READ_MORE, "uri", "the URI of a resource", arguments["uri"])


def _only(tool: str, arguments: Mapping[str, Any], names: Sequence[str]) -> Mapping[str, Any]:
    if extra := sorted(arguments.keys() - set(names)):
        raise ToolError(
            f"{tool}: There is no argument {safe_line(extra[0])!r}; its only one is {names[0]!r}."
        )
    return arguments


def _string(tool: str, name: str, what: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ToolError(f"{tool}: {name!r} must be {what}, as a string; got {_kind(value)}.")
    return value


def _kind(value: Any) -> str:
    kinds = {str: "a string", bool: "a boolean", int: "a number", float: "a number", list: "a list"}
    return kinds.get(type(value), "an object")


# -- what is read ------------------------------------------------------------------------------------


def split_uri(uri: str) -> tuple[str, int]:
    """The URI without the place in the text that it names, and that place."""
    uri = uri.strip()
    match = _PLACE.search(uri)
    return (uri, 0) if match is None else (uri[: match.start()], int(match[1]))


def part_of(contents: Sequence[Any], uri: str, start: int, profile: HostProfile) -> str:
    """What a host's model reads of a resource at once, and how to read on.

    Parameters
    ----------
    contents : sequence of mapping
        Of a `resources/read` result, as on the wire.
    uri : str
        As it was read; `start` is where this part begins.

    Raises
    ------
    ToolError
        The text ends before `start`.
    """
    items = [item for item in contents if isinstance(item, Mapping)]
    text = "\n\n".join(_as_text(item, uri) for item in items)
    if start and start >= len(text):
        raise ToolError(f"{uri} has only {len(text)} characters.")
    part = _fitting(text[start:], profile)
    end = start + len(part)
    if end < len(text):
        return part + _on("characters", start, end, len(text), f"{uri}#char={end}")
    return part + _next_page(items, uri)


def _as_text(item: Mapping[str, Any], uri: str) -> str:
    text = item.get("text")
    if isinstance(text, str):
        return text
    blob = item.get("blob")
    size = len(blob) * 3 // 4 if isinstance(blob, str) else 0
    kind = item.get("mimeType")
    return f"{uri} is not text ({kind if isinstance(kind, str) else 'no type'}, about {size} bytes)."


def _fitting(text: str, profile: HostProfile) -> str:
    """The longest beginning that the host takes whole; to the end of a line where it has lines."""
    room = min(profile.text_chars, profile.result_chars) - NOTE_CHARS
    if len(text) <= room and json_size(text) <= room and text.count("\n") < profile.text_lines:
        return text
    return first_lines(beginning(text, room), profile.text_lines)


def _next_page(items: Sequence[Mapping[str, Any]], uri: str) -> str:
    """How to read what follows a page, of rows or of a text, where it is one of more."""
    meta = items[0].get("_meta") if len(items) == 1 else None
    if not isinstance(meta, Mapping):
        return ""
    unit = "characters" if "characters" in meta else "rows"
    offset, count, total = (meta.get(key) for key in ("offset", unit, "total"))
    if type(offset) is not int or type(count) is not int or type(total) is not int:
        return ""
    end = offset + count
    return _on(unit, offset, end, total, _at(uri, end)) if count > 0 and end < total else ""


def _at(uri: str, offset: int) -> str:
    if _OFFSET.search(uri):
        return _OFFSET.sub(f"offset={offset}", uri, count=1)
    return f"{uri}{'&' if '?' in uri else '?'}offset={offset}"


def _on(unit: str, start: int, end: int, total: int, uri: str) -> str:
    """The last line of a part, in the words of a result that was cut."""
    where = f"{unit.capitalize()} {start} to {end - 1} of {total}."
    return f"\n... {where} To read on, call the tool {READ_MORE} with {uri}"


def unreadable(uri: str, reason: str, known: Sequence[str]) -> ToolError:
    """The error for a URI that cannot be read: why, and what URIs look like.

    Parameters
    ----------
    known : sequence of str
        URIs that the caller may read; `MAX_NAMED` are shown.
    """
    there_are = f" There are: {join_names(known)}." if known else ""
    return ToolError(
        f"{READ_MORE}: Cannot read {safe_line(uri)!r}: {reason} The URI of a long result stands in the "
        f"result's last line and looks like result://{'0123456789abcdef' * 2}?offset=200&limit=200. A result "
        f"is kept for a while: when it is gone, call its tool again.{there_are}"
    )


# -- tool search ---------------------------------------------------------------------------------
#
# Find tools by words, and show what was found to a model, as text. Pure: calls nothing.

MAX_FOUND: Final = 20
"""Tools that are shown with their schemas: a model that needs more asks with other words."""

MAX_QUERY_CHARS: Final = 500
"""Of a query: a sentence or two. The rest is not looked at."""

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
    return f"{name}: {shorten(about)}" if about else name


def _entry(tool: Mapping[str, Any], room: int) -> str:
    title = _title(tool)
    lines = [_text(tool.get("name")) + (f" ({title})" if title else "")]
    if about := _first_paragraph(tool):
        lines.append(shorten(about, MAX_MESSAGE_CHARS))
    schema = dumps(tool.get("inputSchema") or {}).decode("utf-8")
    if len(schema) > room:  # a part of it would be no JSON
        names = ", ".join(_arguments(tool))
        schema = shorten(f"too long to be shown ({len(schema)} characters); their names: {names}", room)
    lines.append(f"Arguments: {schema}")
    return "\n".join(lines)


def _first_paragraph(tool: Mapping[str, Any]) -> str:
    return " ".join(_text(tool.get("description")).strip().partition("\n\n")[0].split())


def _title(tool: Mapping[str, Any]) -> str:
    annotations = tool.get("annotations")
    said = annotations.get("title") if isinstance(annotations, Mapping) else None
    return shorten(_text(tool.get("title")) or _text(said))


def _arguments(tool: Mapping[str, Any]) -> list[str]:
    schema = tool.get("inputSchema")
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    return list(properties) if isinstance(properties, Mapping) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
