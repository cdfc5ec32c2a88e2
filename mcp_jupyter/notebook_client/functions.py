# SPDX-License-Identifier: BSD-3-Clause
"""The tools of a server as functions: `weather.tools.forecast(city="Paris")`.

Each access looks at the current list, so a change of the server's list takes effect at once.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import re
import reprlib
import unicodedata
from base64 import b64encode, urlsafe_b64encode
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from functools import lru_cache
from keyword import iskeyword
from textwrap import indent
from typing import Any, Final

from pydantic_core import from_json, to_json

from .._ipython.cards import Card, Row, counted
from .._util.json_schema import (
    MAX_TYPE_DEPTH,
    Properties,
    Schema,
    alternatives,
    branches,
    choices,
    kinds,
    members,
    properties,
    resolve,
)
from .._util.text import (
    MAX_LINE_CHARS,
    MAX_NAMED,
    MAX_PAGE_CHARS,
    is_safe_line,
    join_names,
    safe_block,
    safe_line,
)
from ..errors import McpJupyterError, UncheckableSchema
from ..protocol.validation import JsonSchema
from ..server.content import columns, plain, readable, tables
from ..server.content.size_limits import MAX_PARTS, extent
from ..types import Prompt, Tool
from .display import MAX_LISTED
from .exports import fitted_names
from .tracebacks import ArgumentTypeError, ArgumentValueError, UnknownTool

__all__ = [
    "NOT_GIVEN",
    "ToolFunction",
    "Tools",
    "attribute_names",
    "card_of",
    "check_prompt",
    "checked",
    "compiled",
    "is_plain_name",
    "signature_of",
]


Definitions = Callable[[], Mapping[str, Tool]]


def attribute_names(names: Iterable[str]) -> dict[str, str]:
    """Return each tool's exact name by its attribute name, in the order of the list.

    Characters that Python does not allow in a name become `_`. An attribute never begins with `_`: such names
    belong to Python and IPython. A name that is already a valid attribute stays. If several others lead to
    one attribute, the first in alphabetical order gets it and the next ones get `_2`, `_3`, ...
    """
    own = list(dict.fromkeys(names))
    exact = {name for name in own if _attribute(name) == name}
    chosen = {name: name for name in exact}
    taken, last = set(exact), Counter[str]()
    for name in sorted(set(own) - exact):
        base = candidate = _attribute(name)
        last[base] = max(last[base], 1)
        while candidate in taken:
            last[base] += 1
            candidate = f"{base}_{last[base]}"
        taken.add(candidate)
        chosen[name] = candidate
    return {chosen[name]: name for name in own}


def _attribute(name: str) -> str:
    text = re.sub(r"\W", "_", name, flags=re.ASCII).strip("_")
    if not text or text[0].isdigit():
        text = f"tool_{text}".rstrip("_")
    return f"{text}_" if iskeyword(text) else text


class Tools:
    """The tools of one server, as attributes and as items by exact name.

    Parameters
    ----------
    definitions : callable
        Returns the tools as last listed; called at each access, on any thread.
    call : callable
        Calls a tool, given its exact name and checked arguments. A tool function returns its return value.
    """

    def __init__(self, definitions: Definitions, call: Callable[[str, dict[str, Any]], Any]) -> None:
        self._definitions = definitions
        self._call = call

    def __getattr__(self, name: str) -> ToolFunction:
        if name.startswith("_"):  # Python and IPython look up many of these
            raise AttributeError(f"Unknown tool {name!r}.")
        definitions = self._definitions()
        if name in definitions and _attribute(name) == name:
            return self._function(name)
        names = attribute_names(definitions)
        if name not in names:
            raise UnknownTool(_unknown(name, names))
        return self._function(names[name])

    def __getitem__(self, name: str) -> ToolFunction:
        """Return a tool by its exact name, or by its name in `tool_schemas`."""
        definitions = self._definitions()
        if name in definitions:
            return self._function(name)
        for own, fitted in fitted_names(definitions).items():
            if fitted == name:
                return self._function(own)
        raise UnknownTool(_unknown(str(name), definitions))

    def _function(self, name: str) -> ToolFunction:
        return ToolFunction(name, self._definitions, self._call)

    def __dir__(self) -> list[str]:
        return list(attribute_names(self._definitions()))

    def __iter__(self) -> Iterator[ToolFunction]:
        return iter([self._function(name) for name in self._definitions()])

    def __len__(self) -> int:
        return len(self._definitions())

    def __contains__(self, name: object) -> bool:
        return name in self._definitions()

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._definitions())

    def __repr__(self) -> str:
        return repr(card_of(self._definitions()))

    def _repr_html_(self) -> str:
        return card_of(self._definitions())._repr_html_()


def card_of(definitions: Mapping[str, Tool], heading: str | None = None) -> Card:
    """Return a card of tools, headed by `heading` or by their number."""
    names = list(attribute_names(definitions).items())
    rows = [
        Row(f"{attribute}{_short_signature(definitions[name])}", _summary(definitions[name]))
        for attribute, name in names[:MAX_LISTED]
    ]
    more = len(names) - len(rows)
    return Card(heading or counted(len(names), "tool"), {"": rows}, f"... and {more} more" if more else "")


class ToolFunction:
    """One tool, called with keyword arguments. It keeps working, by name, when the server's list changes.

    Attributes
    ----------
    definition : Tool
        The definition as last listed.
    """

    def __init__(
        self, name: str, definitions: Definitions, call: Callable[[str, dict[str, Any]], Any]
    ) -> None:
        self.__name__ = self.__qualname__ = name
        self._definitions = definitions
        self._call = call
        self._last = definitions()[name]

    @property
    def definition(self) -> Tool:
        self._last = self._definitions().get(self.__name__, self._last)
        return self._last

    @property
    def __signature__(self) -> inspect.Signature:
        return signature_of(self.definition)

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        return docstring(self.definition)

    @property
    def __call__(self) -> Callable[..., Any]:
        """A function that calls the tool.

        Raises
        ------
        TypeError
            An argument is missing, unknown or positional, or has no JSON form.
        ValueError
            A value does not fit the tool's schema.
        """

        # `tool?` and Shift-Tab look at `tool` and at `tool.__call__`. Both have the tool's signature, and
        # the function has no docstring, so that each is shown once.
        def call(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            if args:
                first = next(iter(signature.parameters), None)
                hint = f": {safe_line(self.__name__)}({first}=...)" if first and first != "arguments" else ""
                raise ArgumentTypeError(f"{safe_line(self.__name__)}() takes named arguments only{hint}.")
            return self._call(self.__name__, checked(self.definition, kwargs))

        signature = call.__signature__ = self.__signature__  # type: ignore[attr-defined]
        return call

    def __repr__(self) -> str:
        return f"{safe_line(self.__name__)}{_short_signature(self.definition)}"


def _unknown(name: str, known: Iterable[str]) -> str:
    names = list(known)
    close = [safe_line(each) for each in get_close_matches(name, names, n=3)]
    hint = f"Did you mean {' or '.join(close)}?" if close else f"Known tools: {join_names(names) or 'none'}."
    return f"Unknown tool {safe_line(name)!r}. {hint}"


def _short_signature(tool: Tool) -> str:
    """Return the signature without the star that says "by keyword only", which holds for all tools."""
    return str(signature_of(tool)).replace("(*, ", "(", 1)


def _summary(tool: Tool) -> str:
    text = (tool.description or tool.title or "").strip()
    return safe_line(text.partition("\n")[0])


def docstring(tool: Tool) -> str:
    """Return a tool's docstring in numpydoc form, from its descriptions."""
    said = safe_block((tool.description or tool.title or "").strip())
    parts = [said or f"The tool {safe_line(tool.name)}."]
    arguments = properties(tool.inputSchema)
    lines = []
    for name, schema in list(arguments.schemas.items())[:MAX_LISTED]:
        optional = "" if name in arguments.required else ", optional"
        lines.append(f"{safe_line(name)} : {type_text(schema, tool.inputSchema)}{optional}")
        about = schema.get("description")
        if isinstance(about, str):
            lines.append(indent(safe_block(about.strip(), MAX_PAGE_CHARS), "    "))
    if lines:
        parts.append("Parameters\n----------\n" + "\n".join(lines))
    return "\n\n".join(parts)


# -- signatures ----------------------------------------------------------------------------------
#
# Make a tool's signature, and check arguments before they are sent.
#
# The schema comes from the server and is not trusted. The values come from the user and become JSON as
# results of the notebook's own tools do (a data frame is a list of records).

MAX_PARAMETERS: Final = 100
"""Parameters shown in a signature; further ones are accepted, too."""

MAX_ALTERNATIVES: Final = 8
"""Types of a union that are written out. With `MAX_TYPE_DEPTH` this bounds the work for one argument."""

MAX_LITERALS: Final = 12
"""Values of an enumeration that are written out in a type; completion offers more."""

MAX_LITERAL_CHARS: Final = 40
"""Characters of one such value."""

_TYPES: Final = {
    "string": "str", "integer": "int", "number": "float", "boolean": "bool", "array": "list",
    "object": "dict", "null": "None",
}  # fmt: skip

_ENCODINGS: Final = {"base64": "base64", "base64url": "base64url", "byte": "base64"}
"""By `contentEncoding` (JSON Schema, validation, 8.3), or by `format` as in pydantic and OpenAPI."""


class _Words:
    """An annotation or default that `inspect` prints without quotation marks."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


NOT_GIVEN: Final = _Words("...")
"""The default of an optional argument; it is never sent."""


def is_plain_name(name: str) -> bool:
    """Return whether a name can be used as a keyword argument and shows no misleading characters.

    Python normalises names to NFKC, so a name in another form would arrive as another name.
    """
    return (
        name.isidentifier()
        and not iskeyword(name)
        and unicodedata.normalize("NFKC", name) == name
        and is_safe_line(name)
    )


def signature_of(tool: Tool) -> inspect.Signature:
    """Return the signature of a call: keywords only, required ones first.

    Arguments whose names are not valid in Python are passed by `**{"x-y": 1}`. The signature ends in
    `**arguments` if there are such arguments, or if the tool takes arguments beyond its schema.
    """
    root = tool.inputSchema
    arguments = properties(root)
    names = [name for name in arguments.schemas if is_plain_name(name)][:MAX_PARAMETERS]
    first = [name for name in names if name in arguments.required]
    parameters = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=_Words(type_text(arguments.schemas[name], root)),
            default=_default(arguments, name),
        )
        for name in [*first, *(name for name in names if name not in arguments.required)]
    ]
    if arguments.is_open or len(names) < len(arguments.schemas):
        parameters.append(inspect.Parameter(_free("arguments", names), inspect.Parameter.VAR_KEYWORD))
    return inspect.Signature(parameters)


def _default(arguments: Properties, name: str) -> Any:
    schema = arguments.schemas[name]
    if name in arguments.required:
        return inspect.Parameter.empty
    if "default" not in schema:
        return NOT_GIVEN
    return _Words(reprlib.repr(schema["default"]))


def type_text(schema: Any, root: Schema) -> str:
    """Write a schema as a Python type, as in `Literal['c', 'f'] | None`; `Any` where it sets no type."""
    text = " | ".join(_unique(_types(schema, root, 0)))
    return text if len(text) <= MAX_LINE_CHARS else "Any"


def _types(schema: Any, root: Schema, depth: int) -> list[str]:
    """Return the alternatives of a type."""
    if depth > MAX_TYPE_DEPTH:
        return ["Any"]
    schema = resolve(schema, root)
    if values := choices(schema, root, MAX_LITERALS + 1):
        return _literal([value for _, value in values])
    if offered := alternatives(schema):
        if len(offered) > MAX_ALTERNATIVES:
            return ["Any"]
        return [text for each in offered for text in _types(each, root, depth + 1)]
    return [_type(kind, schema, root, depth) for kind in kinds(schema)] or ["Any"]


def _type(kind: str, schema: Schema, root: Schema, depth: int) -> str:
    if kind == "string" and _encoding([schema]) is not None:
        return "bytes"
    if kind == "array" and isinstance(schema.get("items"), Mapping):
        inner = " | ".join(_unique(_types(schema["items"], root, depth + 1)))
        return "list" if inner == "Any" else f"list[{inner}]"
    return _TYPES[kind]


def _unique(texts: Iterable[str]) -> list[str]:
    """Return each text once, `None` last; only `Any` if it is among them."""
    found = sorted(dict.fromkeys(texts), key="None".__eq__)
    return ["Any"] if "Any" in found else found


def _literal(values: list[Any]) -> list[str]:
    """Write values as one `Literal`; as types if they are too many, too long or not literals in Python."""
    null = ["None"] if None in values else []
    rest = [value for value in values if value is not None]
    plain = all(isinstance(value, str | int) for value in rest)
    texts = [*dict.fromkeys(map(repr, rest))] if plain else []
    if rest and (not plain or len(texts) > MAX_LITERALS or max(map(len, texts)) > MAX_LITERAL_CHARS):
        return [*dict.fromkeys(type(value).__name__ for value in rest), *null]
    return ([f"Literal[{', '.join(texts)}]"] if rest else []) + null


def _free(name: str, taken: list[str]) -> str:
    while name in taken:
        name += "_"
    return name


def checked(tool: Tool, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the arguments of a call to JSON values and check them against the tool's schema.

    A schema that is invalid or exceeds a bound is not checked here; the server checks the arguments.

    Raises
    ------
    TypeError
        An argument is missing or unknown, or its value has no JSON form.
    ValueError
        A value does not fit the schema; the message has one line per problem.
    """
    root = tool.inputSchema
    text = to_json(root, inf_nan_mode="constants")
    arguments = _properties(text)
    values = {
        name: _json(name, value, arguments.schemas.get(name, {}), root)
        for name, value in kwargs.items()
        if value is not NOT_GIVEN
    }
    try:
        schema = _compiled(text)
        _check_names(tool, arguments, values)
        problems = schema.problems(values)
    except UncheckableSchema:
        return values
    if problems:
        with contextlib.suppress(UncheckableSchema):  # the hint is optional
            problems += _nearest(schema, arguments, root, values)
        raise ArgumentValueError("\n".join(map(_problem, problems)))
    return values


def _nearest(schema: JsonSchema, arguments: Properties, root: Schema, values: Mapping[str, Any]) -> list[str]:
    """For arguments that fit none of several alternatives, return what does not fit in the nearest one."""
    found = []
    for name, value in values.items():
        offered = alternatives(arguments.schemas.get(name, {}))
        if len(offered) > MAX_ALTERNATIVES:
            continue
        misfits = [schema.problems(value, each) for each in offered if isinstance(each, Mapping)]
        nearest = min((each for each in misfits if _is_inside(each)), key=len, default=[])
        # If one alternative fits, the problem is elsewhere.
        if all(misfits) and nearest:
            titles = [resolve(each, root).get("title") for each in offered]
            title = titles[misfits.index(nearest)]
            which = "the nearest of them"
            if isinstance(title, str):
                which = f"{safe_line(title)}, {which}"
            found += [f"$.{name}{line.removeprefix('$')} (for {which})" for line in nearest]
    return found


def _is_inside(problems: list[str]) -> bool:
    """Return whether the value has the type of this alternative, so that its problems are worth showing."""
    return not any(line.startswith("$: ") and " is not of type " in line for line in problems)


def compiled(schema: Mapping[str, Any]) -> JsonSchema:
    """Return a tool's schema, compiled to check values.

    Raises
    ------
    UncheckableSchema
        The schema is invalid or exceeds a bound.
    """
    return _compiled(to_json(schema, inf_nan_mode="constants"))


@lru_cache(maxsize=128)
def _compiled(schema: bytes) -> JsonSchema:
    """Cached by content, so that a tool called in a loop is compiled once."""
    return JsonSchema(from_json(schema))


@lru_cache(maxsize=128)
def _properties(schema: bytes) -> Properties:
    """Cached by content, as `_compiled`."""
    return properties(from_json(schema))


def _check_names(tool: Tool, arguments: Properties, values: Mapping[str, Any]) -> None:
    name = safe_line(tool.name)
    for given in values:
        if given not in arguments.schemas and given not in arguments.required and not arguments.is_open:
            close = get_close_matches(given, arguments.schemas, n=3)
            hint = f"Did you mean {_joined(close, ' or ')}?" if close else _takes(arguments.schemas)
            raise ArgumentTypeError(f"{name}() takes no argument {safe_line(given)!r}. {hint}")
    missing = [each for each in arguments.required if each not in values]
    if missing:
        texts = [_described(each, arguments.schemas.get(each, {}), tool) for each in missing[:MAX_NAMED]]
        raise ArgumentTypeError(f"{name}() needs {_joined(texts, ' and ')}.")


def check_prompt(prompt: Prompt | None, given: Iterable[str]) -> None:
    """Check the names of a prompt's arguments before they are sent.

    A prompt that is not listed, or lists no arguments, is left to the server.

    Parameters
    ----------
    prompt : Prompt or None
        The prompt as last listed.
    given : iterable of str
        The names of the arguments of the call.

    Raises
    ------
    TypeError
        An argument is missing or unknown.
    """
    if prompt is None or not prompt.arguments:
        return
    known, given = [each.name for each in prompt.arguments], list(given)
    name = f"The prompt {safe_line(prompt.name)}"
    for each in given:
        if each not in known:
            close = get_close_matches(each, known, n=3)
            hint = f"Did you mean {_joined(close, ' or ')}?" if close else _takes(known)
            raise ArgumentTypeError(f"{name} takes no argument {safe_line(each)!r}. {hint}")
    if missing := [each.name for each in prompt.arguments if each.required and each.name not in given]:
        raise ArgumentTypeError(f"{name} needs {_joined(missing[:MAX_NAMED], ' and ')}.")


def _takes(names: Iterable[str]) -> str:
    return f"It takes {join_names(names) or 'none'}."


def _described(name: str, schema: Schema, tool: Tool) -> str:
    return f"{safe_line(name)} ({type_text(schema, tool.inputSchema)})"


def _joined(texts: list[str], last: str) -> str:
    texts = [safe_line(text) for text in texts]
    return last.join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def _problem(text: str) -> str:
    """Rewrite a line of `JsonSchema.problems`, whose path begins with `$`, to name an argument."""
    path, _, rest = text.partition(": ")
    path = path.removeprefix("$").removeprefix(".")
    return safe_block(f"{path}: {rest}" if path else rest)


# -- values ----------------------------------------------------------------------------------------------


def _json(name: str, value: Any, schema: Schema, root: Schema) -> Any:
    try:
        if extent(value).binary:
            value = _encoded(value, branches(schema, root), root)
        return plain(value, _other)
    except (TypeError, ValueError) as exc:
        kind = ArgumentTypeError if isinstance(exc, TypeError) else ArgumentValueError
        raise kind(f"{safe_line(name)}: {exc}") from None
    except McpJupyterError:  # too many parts; the original message is for a function that returns a value
        raise ValueError(
            f"{safe_line(name)}: the value has more than {MAX_PARTS:,} parts, too many for one call."
        ) from None


def _encoded(value: Any, parts: list[Schema], root: Schema) -> Any:
    """Encode the bytes in a value as base64, in the alphabet that the schema asks for, else the standard one.

    Parameters
    ----------
    parts : list of mapping
        The branches of the value's schema.
    """
    if isinstance(value, bytes | bytearray | memoryview):
        is_url = _encoding(parts) == "base64url"
        return (urlsafe_b64encode if is_url else b64encode)(value).decode("ascii")
    if is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, dict):
        return {key: _encoded(item, members(parts, str(key), root), root) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encoded(item, members(parts, at, root), root) for at, item in enumerate(value)]
    return value


def _encoding(parts: Iterable[Schema]) -> str | None:
    """Return the encoding that schemas ask for, "base64" or "base64url" (RFC 4648, 4 and 5), or None."""
    said = (part.get(keyword) for part in parts for keyword in ("contentEncoding", "format"))
    return next((_ENCODINGS[each] for each in said if isinstance(each, str) and each in _ENCODINGS), None)


def _other(value: Any) -> Any:
    """Convert a data frame to records, a series to a list, a path to text; other types have no JSON form."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if not tables.is_frame(value):
        raise TypeError(f"a {type(value).__name__} has no JSON form: pass text, numbers, lists or dicts")
    cells = len(value) * max(1, tables.width(value))
    if cells > MAX_PARTS:
        raise ValueError(f"a data frame of {cells:,} cells is too large for one call: pass a part of it")
    if not hasattr(value, "columns"):
        return plain(columns.cells(value), readable)
    page = tables.to_page(value, limit=len(value), cells=cells)
    return [dict(zip(page["columns"], row, strict=True)) for row in page["rows"]]
