# SPDX-License-Identifier: BSD-3-Clause
"""Completion of calls to other servers: tools, names and values of arguments, words of the magics' lines.

It looks names up in the notebook's namespace and evaluates no other code of the user's.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from IPython.core.completer import CompletionContext, SimpleMatcherResult

from .._ipython.completion import completions, matcher_of, no_completions
from .._util.json_schema import MAX_CHOICES, Schema, allowed_values, kinds, properties, resolve
from .._util.text import is_safe_line
from ..types import Prompt, Resource, ResourceTemplate, Tool
from .exports import fitted_names
from .functions import ToolFunction, Tools, attribute_names, is_plain_name

__all__ = [
    "Bracket",
    "Completion",
    "Place",
    "Server",
    "complete_line",
    "place_of",
]


MAX_EXPRESSION_CHARS: Final = 500
"""Characters before a bracket in which a path such as `weather.tools.forecast` is looked for."""


class Server(Protocol):
    """What completion reads of a connected server: its lists as last known, without waiting."""

    @property
    def definitions(self) -> Mapping[str, Tool]: ...
    @property
    def resources(self) -> Sequence[Resource]: ...
    @property
    def templates(self) -> Sequence[ResourceTemplate]: ...
    @property
    def prompts(self) -> Sequence[Prompt]: ...


Servers = Mapping[str, Server]

_MAGIC: Final = re.compile(r"\s*(?:\w+\s*=\s*)?(%{1,2}mcp_\w+)[ \t]+(.*)")
_PART: Final = re.compile(r"""\s*(?:\.\s*(\w+)|\[\s*(?:"([^"\\\n]*)"|'([^'\\\n]*)')\s*\])""")
_PATH: Final = re.compile(rf"""(?<![\w.])([^\W\d]\w*)((?:{_PART.pattern})*)\s*\Z""")
_NAME: Final = re.compile(r"\s*(\w*)\Z")
_VALUE: Final = re.compile(r"\s*(\w+)\s*=(?!=)\s*(.*)\Z", re.DOTALL)


class Completion:
    """The completer of one shell's calls.

    Parameters
    ----------
    namespace : mapping
        The notebook's live namespace.
    servers : callable
        Returns the connected servers by name.
    options : mapping of str to sequence of str
        The options of each magic, as in ``{"%mcp_call": ["--into"]}``.

    Attributes
    ----------
    matcher : callable
        For ``shell.Completer.custom_matchers``; always the same object, so that it can be removed.
    """

    def __init__(
        self,
        namespace: Mapping[str, Any],
        servers: Callable[[], Servers],
        options: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self._namespace = namespace
        self._servers = servers
        self._options = options or {}

        self.matcher = matcher_of(self._match)

    def _match(self, context: CompletionContext) -> SimpleMatcherResult:
        line = context.text_until_cursor
        magic = _MAGIC.fullmatch(line)
        if magic is not None:
            return self._in_line(magic[1], magic[2], context.token)
        before = "\n".join([*context.full_text.split("\n")[: context.cursor_line], line])
        place = place_of(before)
        if place is None:
            return no_completions()
        after = context.line_with_cursor[context.cursor_position :]
        if place.string is None and (found := self._attributes(place.text)) is not None:
            return completions(*found, context.token, "function")
        return self._in_bracket(place, after, context.token)

    def _in_line(self, magic: str, rest: str, token: str) -> SimpleMatcherResult:
        words = rest.split()
        if not words or rest[-1:].isspace():
            words.append("")
        name = magic.replace("%%", "%")
        if words[-1].startswith("-"):
            return completions(words[-1], self._options.get(name, ()), token, "magic")
        return completions(words[-1], complete_line(self._servers(), name, words), token, "magic")

    def _attributes(self, text: str) -> tuple[str, list[str]] | None:
        """Return the part of a tool's name typed after `weather.tools.`, and the possible names."""
        path, dot, partial = text.rpartition(".")
        if not dot or not re.fullmatch(r"\w*", partial):
            return None
        found = self._at(path)
        return (partial, list(attribute_names(found))) if isinstance(found, Mapping) else None

    def _in_bracket(self, place: Place, after: str, token: str) -> SimpleMatcherResult:
        bracket = place.bracket
        if bracket is None or bracket.kind == "{":
            return no_completions()
        found = self._at(place.text[: bracket.before])
        # weather.tools["fo
        if bracket.kind == "[" and isinstance(found, Mapping) and place.string is not None:
            typed = place.text[bracket.before + 1 :].lstrip()
            return completions(typed, _all_quoted(found, typed[:1], after), token, "function")
        # weather.tools.forecast(ci
        if bracket.kind == "(" and isinstance(found, Tool):
            return _arguments(found, place, after, token)
        # weather.tools.forecast(units=[
        if bracket.kind == "[" and found is None and place.outer is not None and place.outer.kind == "(":
            tool = self._at(place.text[: place.outer.before])
            return _items(tool, place, after, token) if isinstance(tool, Tool) else no_completions()
        return no_completions()

    def _at(self, text: str) -> Tool | Mapping[str, Tool] | None:
        """Return the tool, or the tools of a server, that a path at the end of `text` means, or None."""
        path = _PATH.search(text[-MAX_EXPRESSION_CHARS:])
        if path is None:
            return None
        parts = [next(filter(None, each), "") for each in _PART.findall(path[2])]
        value = self._namespace.get(path[1])
        if isinstance(value, ToolFunction):
            return None if parts else value.definition
        if isinstance(value, Tools):
            return _down(value._definitions(), parts)
        server = next((each for each in self._servers().values() if each is value), None)
        if server is None:
            return None
        if parts[:1] == ["aio"]:
            parts.pop(0)
        return _down(server.definitions, parts[1:]) if parts[:1] == ["tools"] else None


def _down(definitions: Mapping[str, Tool], parts: list[str]) -> Tool | Mapping[str, Tool] | None:
    if not parts:
        return definitions
    if len(parts) > 1:
        return None
    name = attribute_names(definitions).get(parts[0], parts[0])
    if name in definitions:
        return definitions[name]
    fitted = {text: own for own, text in fitted_names(definitions).items()}
    return definitions.get(fitted.get(name, ""))


def _arguments(tool: Tool, place: Place, after: str, token: str) -> SimpleMatcherResult:
    """Complete the names of arguments or, after `name=`, the values of that argument."""
    assert place.bracket is not None
    *given, begun = place.bracket.parts
    arguments = properties(tool.inputSchema)
    typed = place.text[begun:]
    if place.string is None and (name := _NAME.match(typed)):
        ends = [*given, begun][1:]
        others = (place.text[start:end] for start, end in zip(given, ends, strict=True))
        used = {match[1] for text in others if (match := _VALUE.match(text))}
        free = [each for each in arguments.schemas if is_plain_name(each) and each not in used]
        ordered = sorted(free, key=lambda each: each not in arguments.required)
        return completions(name[1], [f"{each}=" for each in ordered], token, "param")
    value = _VALUE.match(typed)
    if value is None or value[1] not in arguments.schemas:
        return no_completions()
    values = _offered(arguments.schemas[value[1]], tool.inputSchema)
    return _values(values, value[2], after, token)


def _items(tool: Tool, place: Place, after: str, token: str) -> SimpleMatcherResult:
    """Complete the items of an argument that is a list, as in `forecast(units=[`."""
    assert place.outer is not None
    assert place.bracket is not None
    name = _VALUE.match(place.text[place.outer.parts[-1] : place.bracket.before])
    schema = properties(tool.inputSchema).schemas.get(name[1], {}) if name else {}
    partial = place.text[place.bracket.parts[-1] :].lstrip()
    return _values(_offered(schema.get("items"), tool.inputSchema), partial, after, token)


def _offered(schema: Any, root: Schema) -> list[Any]:
    """Return values to offer for an argument: those it is limited to, else its default and examples."""
    schema = resolve(schema, root)
    if kinds(schema) == ["array"]:
        return []
    examples = schema.get("examples")
    suggested = [schema.get("default"), *(examples[:MAX_CHOICES] if isinstance(examples, list) else ())]
    values = allowed_values(schema, root) or [each for each in suggested if each is not None]
    return [value for value in values if value is None or isinstance(value, str | int | float)]


def _values(values: list[Any], partial: str, after: str, token: str) -> SimpleMatcherResult:
    quote = partial[:1] if partial[:1] in ("'", '"') else ""
    texts = [_python(each, quote, after) for each in values]
    found = [text for text in texts if text is not None]
    if not quote and partial == token != "":  # text typed without an opening quotation mark
        found = [text for text in found if text.startswith(partial) or text[1:].startswith(partial)]
        return completions("", found, "", "value")
    return completions(partial, found, token, "value")


def _python(value: Any, quote: str, after: str) -> str | None:
    """Return a value as Python source; None when it cannot follow the given quotation mark."""
    if isinstance(value, str):
        return _quoted(value, quote or '"', after if quote else "")
    return None if quote else repr(value)


def _all_quoted(texts: Iterable[str], quote: str, after: str) -> list[str]:
    found = [_quoted(text, quote, after) for text in texts]
    return [text for text in found if text is not None]


def _quoted(text: str, quote: str, after: str) -> str | None:
    if not is_safe_line(text) or quote in text or "\\" in text:
        return None
    return f"{quote}{text}" if after.startswith(quote) else f"{quote}{text}{quote}"


# -- lines of magics ---------------------------------------------------------------------------------------


def complete_line(servers: Servers, magic: str, words: Sequence[str]) -> list[str]:
    """Return candidates for the last word of a magic's line, not yet filtered by what is typed.

    Parameters
    ----------
    magic : str
        As in "%mcp_call".
    words : sequence of str
        The words after the magic; the last one is being typed.
    """
    *given, last = _positional(words)
    if magic == "%mcp_disconnect":
        return sorted(set(servers) - set(given))
    find = _LINES.get(magic)
    if find is None:
        return []
    if not given:
        return sorted(servers)
    server = servers.get(given[0])
    return [] if server is None else find(server, given[1:], last)


def _positional(words: Sequence[str]) -> list[str]:
    """Return the words that are neither options nor their values; the last word always stays."""
    kept: list[str] = []
    is_value = False
    for word in words[:-1]:
        if not is_value and not word.startswith("-"):
            kept.append(word)
        is_value = word.startswith("--") and "=" not in word and word not in _FLAGS
    return [*kept, words[-1]]


_FLAGS: Final = ("--json", "--help")


def _call_words(server: Server, given: list[str], last: str) -> list[str]:
    if not given:
        return list(server.definitions)
    tool = server.definitions.get(given[0])
    if tool is None:
        return []
    schemas = properties(tool.inputSchema).schemas
    name, equals, _ = last.partition("=")
    if equals:
        values = _offered(schemas.get(name, {}), tool.inputSchema)
        return [f"{name}={_word(value)}" for value in values]
    return _unused(schemas, given)


def _prompt_words(server: Server, given: list[str], last: str) -> list[str]:
    if not given:
        return [prompt.name for prompt in server.prompts]
    found = next((prompt for prompt in server.prompts if prompt.name == given[0]), None)
    names = [each.name for each in (found.arguments or [])] if found else []
    return [] if "=" in last else _unused(names, given)


def _unused(names: Iterable[str], given: list[str]) -> list[str]:
    used = {word.partition("=")[0] for word in given[1:]}
    return [f"{name}=" for name in names if name not in used and not re.search(r"\s|=", name)]


def _read_words(server: Server, given: list[str], last: str) -> list[str]:
    if given:
        return []
    # A template is completed up to its first variable.
    templates = [template.uriTemplate.partition("{")[0] for template in server.templates]
    return [uri for uri in [*(each.uri for each in server.resources), *templates] if uri]


def _word(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return shlex.quote(value) if isinstance(value, str) else repr(value)


_LINES: Final[Mapping[str, Callable[[Server, list[str], str], list[str]]]] = {
    "%mcp_call": _call_words,
    "%mcp_read": _read_words,
    "%mcp_prompt": _prompt_words,
}


# -- scanning ------------------------------------------------------------------------------------
#
# Find the cursor's place in unfinished Python code: only brackets, strings and commas matter, and a parser
# would need a whole program. The scan evaluates nothing and never fails.

MAX_LOOK_CHARS: Final = 20_000
"""Characters before the cursor that are scanned: completion runs at each key press."""

_TOKEN: Final = re.compile(r"\"{3}|'{3}|[\"'()\[\]{},#\n\\]")
_CLOSES: Final = {")": "(", "]": "[", "}": "{"}


@dataclass(slots=True)
class Bracket:
    """A bracket that is open at the cursor.

    Attributes
    ----------
    kind : {"(", "[", "{"}
    before : int
        Its index in the text.
    parts : list of int
        The index at which each of its comma-separated parts begins.
    """

    kind: str
    before: int
    parts: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the cursor stands.

    Attributes
    ----------
    text : str
        The scanned text; it ends at the cursor.
    bracket : Bracket or None
        The innermost one.
    outer : Bracket or None
        The bracket around that one.
    string : int or None
        The index of the opening quotation mark of a string that is open at the cursor.
    """

    text: str
    bracket: Bracket | None
    string: int | None
    outer: Bracket | None = None


def place_of(text: str) -> Place | None:
    """Return the place at the end of `text`; None in a comment."""
    text = text[-MAX_LOOK_CHARS:]
    scan = _Scan()
    for match in _TOKEN.finditer(text):
        if match.start() >= scan.skip_to:
            scan.take(match[0], match.start())
    if scan.quote == "#":
        return None
    outer, bracket = [None, None, *scan.open][-2:]
    return Place(text, bracket, scan.begun if scan.quote else None, outer)


class _Scan:
    def __init__(self) -> None:
        self.open: list[Bracket] = []
        self.quote = ""  # the quotation mark of the open string; "#" in a comment
        self.begun = 0
        self.skip_to = 0

    def take(self, mark: str, at: int) -> None:
        if self.quote:
            self._within(mark, at)
        elif mark in "([{":
            self.open.append(Bracket(mark, at, [at + 1]))
        elif mark in _CLOSES:
            if self.open and self.open[-1].kind == _CLOSES[mark]:
                self.open.pop()
        elif mark == ",":
            if self.open:
                self.open[-1].parts.append(at + 1)
        elif mark not in "\n\\":
            self.quote, self.begun = mark, at

    def _within(self, mark: str, at: int) -> None:
        if mark == "\\" and self.quote != "#":
            self.skip_to = at + 2
        elif mark == "\n":
            if len(self.quote) == 1:  # a line's end ends a comment and an unterminated string
                self.quote = ""
        elif mark == self.quote != "#":
            self.quote = ""
        elif len(mark) == 3 and mark[0] == self.quote:  # one string ends, and one is empty or begins
            self.quote = ""
            self.skip_to = at + 1
