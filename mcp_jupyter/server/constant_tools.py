# SPDX-License-Identifier: BSD-3-Clause
"""Define the three constant tools, check their arguments and write their results. Pure functions.

`find_tools` and `use_tool` give access to tools that were added after a host listed the tools for the last
time. `read_more` reads a resource for a model whose host has no way to read one. Each stands for a request:
`use_tool` for a `tools/call` of the inner tool, `read_more` for a `resources/read`. `fastmcp.constant_tools`
answers them in a notebook, `aggregate.constant_tools` at the endpoint of all notebooks.
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
"""Member of a definition's `_meta` that tells a constant tool from a user's tool of the same name."""

NOTE_CHARS: Final = 600
"""Characters reserved for the line that says how to read on, which is mostly a URI."""

_PLACE: Final = re.compile(r"#char=([0-9]{1,12})\Z", re.ASCII)
"""The fragment of a URI that says at which character a part begins (RFC 5147)."""

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
    """Return the constant tools for a client, by name."""
    if mode != "auto":
        return dict(CONSTANT_TOOLS) if mode == "yes" else {}
    names = [] if profile.refreshes_lists else [FIND_TOOLS, USE_TOOL]
    names += [] if profile.reads_results else [READ_MORE]
    return {name: CONSTANT_TOOLS[name] for name in names}


def is_name(name: object) -> TypeGuard[str]:
    """Whether `name` is that of a constant tool; a user's tool may have the same name."""
    return isinstance(name, str) and name in CONSTANT_TOOLS


def is_constant(definition: object) -> bool:
    """Whether a definition, as on the wire, belongs to a constant tool."""
    meta = definition.get("_meta") if isinstance(definition, Mapping) else None
    return isinstance(meta, Mapping) and meta.get(_MARK) is True


def stands_for(params: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """Return the method and params of the request that a call of a constant tool stands for.

    Access checks use this. A call of `find_tools` and a malformed call use no tool or resource: for them the
    method is "ping", which every sender may use. None for a call of any other tool.
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
    """Return the query of a call of `find_tools`.

    Raises
    ------
    ToolError
        The arguments are invalid; the message says how to correct them. The same holds for `inner_call` and
        `uri_in`.
    """
    found = _only(FIND_TOOLS, arguments or {}, ("query",)).get("query")
    return "" if found is None else _string(FIND_TOOLS, "query", "words to look for", found)


def inner_call(arguments: Mapping[str, Any] | None) -> tuple[str, dict[str, Any]]:
    """Return the inner tool's name and arguments from a call of `use_tool`."""
    arguments = arguments or {}
    if arguments.get("name") is None:
        raise ToolError(
            f"{USE_TOOL}: 'name' is missing: the tool to call. {FIND_TOOLS} shows which there are."
        )
    name = _string(USE_TOOL, "name", "the name of a tool", arguments["name"])
    if extra := sorted(arguments.keys() - {"name", "arguments"}):
        raise ToolError(
            f"{USE_TOOL}: Unknown argument {safe_line(extra[0])!r}. Put the arguments of "
            f"{safe_line(name)!r} into 'arguments', an object."
        )
    if name in CONSTANT_TOOLS:
        raise ToolError(f"{USE_TOOL}: Call {name} itself, not with {USE_TOOL}.")
    return name, _object(name, arguments.get("arguments"))


def _object(name: str, value: Any) -> dict[str, Any]:
    """Return the arguments as a dict. Some hosts send objects as JSON text."""
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
    """Return the URI of a call of `read_more`."""
    arguments = _only(READ_MORE, arguments or {}, ("uri",))
    if arguments.get("uri") is None:
        raise ToolError(f"{READ_MORE}: 'uri' is missing: the URI of the resource to read.")
    return _string(READ_MORE, "uri", "the URI of a resource", arguments["uri"])


def _only(tool: str, arguments: Mapping[str, Any], names: Sequence[str]) -> Mapping[str, Any]:
    if extra := sorted(arguments.keys() - set(names)):
        raise ToolError(f"{tool}: Unknown argument {safe_line(extra[0])!r}. Known arguments: {names[0]}.")
    return arguments


def _string(tool: str, name: str, what: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ToolError(f"{tool}: {name!r} must be {what}, as a string; got {_kind(value)}.")
    return value


def _kind(value: Any) -> str:
    kinds = {str: "a string", bool: "a boolean", int: "a number", float: "a number", list: "a list"}
    return kinds.get(type(value), "an object")


# -- read_more ---------------------------------------------------------------------------------------


def split_uri(uri: str) -> tuple[str, int]:
    """Split a URI into the URI without its `#char=` fragment and the offset that this names (default 0)."""
    uri = uri.strip()
    match = _PLACE.search(uri)
    return (uri, 0) if match is None else (uri[: match.start()], int(match[1]))


def part_of(contents: Sequence[Any], uri: str, start: int, profile: HostProfile) -> str:
    """Return the next part of a resource that fits the host, and a line that says how to read on.

    Parameters
    ----------
    contents : sequence of mapping
        The contents of a `resources/read` result, as on the wire.
    uri : str
        The URI that was read, without fragment.
    start : int
        Offset of the part in the text, in characters.
    profile : HostProfile
        The host's profile, which limits the part.

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
    size = len(blob) * 3 // 4 if isinstance(blob, str) else 0  # base64 has four characters for three bytes
    kind = item.get("mimeType")
    return f"{uri} is not text ({kind if isinstance(kind, str) else 'no type'}, about {size} bytes)."


def _fitting(text: str, profile: HostProfile) -> str:
    """Return the longest beginning that the host hands on uncut, up to the end of a line if there is one."""
    room = min(profile.text_chars, profile.result_chars) - NOTE_CHARS
    if len(text) <= room and json_size(text) <= room and text.count("\n") < profile.text_lines:
        return text
    return first_lines(beginning(text, room), profile.text_lines)


def _next_page(items: Sequence[Mapping[str, Any]], uri: str) -> str:
    """Return the line that says how to read the next page of rows or text; empty after the last page."""
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
    """Return the last line of a part, in the wording of a result that was cut."""
    where = f"{unit.capitalize()} {start} to {end - 1} of {total}."
    return f"\n... {where} To read on, call the tool {READ_MORE} with {uri}"


def unreadable(uri: str, reason: str, known: Sequence[str]) -> ToolError:
    """Return the error for a URI that cannot be read: the reason, and what URIs look like.

    Parameters
    ----------
    known : sequence of str
        URIs that the caller may read; at most `MAX_NAMED` are shown.
    """
    known_uris = f" Known URIs: {join_names(known)}." if known else ""
    return ToolError(
        f"{READ_MORE}: Cannot read {safe_line(uri)!r}: {reason} The URI of a long result stands in the "
        f"result's last line and looks like result://{'0123456789abcdef' * 2}?offset=200&limit=200. A result "
        f"is kept for a while: when it is gone, call its tool again.{known_uris}"
    )


# -- find_tools ----------------------------------------------------------------------------------
#
# Find tools by words and describe them to a model as text.

MAX_FOUND: Final = 20
"""Tools shown with their schemas; for others, the model calls again with a narrower query."""

MAX_SEARCH_CHARS: Final = 500
"""Characters of a query: a sentence or two. The rest is ignored."""

_NAME_WEIGHT, _TITLE_WEIGHT, _ARGUMENT_WEIGHT, _DESCRIPTION_WEIGHT = 8, 4, 3, 2
_WHOLE_NAME: Final = 100

_PARTS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+")
"""Matches one word of a name or text: `topCustomers2` has three."""

_CALL: Final = "Call one by its name, or with use_tool(name, arguments) if it is not in your list of tools."


def found_tools(query: str, tools: Sequence[Mapping[str, Any]], chars: int) -> str:
    """Return the tools that match a query as text, best first.

    Parameters
    ----------
    query : str
        Words of names, titles, descriptions or arguments; empty for all tools.
    tools : sequence of mapping
        Definitions as `tools/list` has them.
    chars : int
        About the most characters of the text.
    """
    query = query.strip()[:MAX_SEARCH_CHARS]
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


# -- ranking -----------------------------------------------------------------------------------------


def _ranked(query: str, tools: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the tools that match a word of the query, best first; equal ones in the order of the list."""
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
    """Return a word's best score in the fields.

    An equal word counts twice the field's weight; if one word begins with the other, it counts once.
    """
    best = 0
    for weight, words in places:
        if word in words:
            best = max(best, 2 * weight)
        elif len(word) > 2 and any(_is_similar(word, other) for other in words):
            best = max(best, weight)
    return best


def _is_similar(word: str, other: str) -> bool:
    return other.startswith(word) or (len(other) > 3 and word.startswith(other))


def _words(text: str) -> list[str]:
    return [part.casefold() for part in _PARTS.findall(text)]


# -- text of the result ------------------------------------------------------------------------------


def _listed(head: str, tools: Sequence[Mapping[str, Any]], chars: int) -> str:
    """Return one line for each tool, as many as fit in `chars`."""
    lines, left = [head], chars - len(head) - 60  # for the line that counts the rest
    for number, tool in enumerate(tools):
        line = _line(tool)
        left -= len(line) + 1
        if left < 0:
            return "\n".join([*lines, f"... and {len(tools) - number} more: ask with words of what they do."])
        lines.append(line)
    return "\n".join(lines)


def _described(head: str, tools: Sequence[Mapping[str, Any]], chars: int) -> str:
    """Return tools with description and schema, as many as fit, and the others in one line each."""
    parts, left = [head], chars - len(head) - chars // 5  # the last fifth is for those in one line
    for number, tool in enumerate(tools):
        part = _entry(tool, left)
        left -= len(part) + 2
        if number == MAX_FOUND or (left < 0 and number):  # the best match is always described
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
    if len(schema) > room:  # part of a schema is invalid JSON: the names of the arguments help more
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
