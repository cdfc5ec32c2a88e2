# SPDX-License-Identifier: BSD-3-Clause
"""The tools of a server as functions: `weather.tools.forecast(city="Paris")`. Sends nothing itself.

What there is, is looked up at each access, so a list that the server changes is the new one at once.
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

from .._ipython.cards import Card
from .._util.json_schema import (
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
from .._util.text import MAX_NAMED, MAX_PAGE_CHARS, is_safe_line, join_names, safe_block, safe_line
from ..errors import McpJupyterError, UncheckableSchema
from ..protocol.validation import JsonSchema
from ..server.content import columns, plain, readable, tables
from ..server.content.size_limits import MAX_PARTS, extent
from ..types import Tool
from .exports import fitted_names
from .tracebacks import ArgumentTypeError, ArgumentValueError

__all__ = [
    "NOT_GIVEN",
    "ToolFunction",
    "Tools",
    "attribute_names",
    "card_of",
    "checked",
    "compiled",
    "is_plain_name",
    "signature_of",
]


MAX_LISTED: Final = 100
"""Tools in a card: more than any one server that we know has, but for a few."""

Definitions = Callable[[], Mapping[str, Tool]]


def attribute_names(names: Iterable[str]) -> dict[str, str]:
    """The exact name of each tool by its attribute, in the order of the list.

    What Python does not take in a name becomes `_`. An attribute never begins with `_`: those belong to
    Python and IPython. A name that is one already keeps it; of others that come to the same, the first in
    alphabetical order has it and the next get `_2`, `_3`, ...
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
    """The tools of one server, as attributes, and by exact name as items.

    Parameters
    ----------
    definitions : callable
        Gives the tools as last listed; called at each access, on any thread.
    call : callable
        Given a tool's exact name and checked arguments, calls it. What it returns, a call returns.
    """

    def __init__(self, definitions: Definitions, call: Callable[[str, dict[str, Any]], Any]) -> None:
        self._definitions = definitions
        self._call = call

    def __getattr__(self, name: str) -> ToolFunction:
        if name.startswith("_"):  # of Python or IPython, which ask for many
            raise AttributeError(f"There is no tool {name!r}.")
        definitions = self._definitions()
        if name in definitions and _attribute(name) == name:
            return self._function(name)
        names = attribute_names(definitions)
        if name not in names:
            raise AttributeError(_unknown(name, names))
        return self._function(names[name])

    def __getitem__(self, name: str) -> ToolFunction:
        """A tool by its exact name, or as `tool_schemas` calls it."""
        definitions = self._definitions()
        if name in definitions:
            return self._function(name)
        for own, fitted in fitted_names(definitions).items():
            if fitted == name:
                return self._function(own)
        raise KeyError(_unknown(str(name), definitions))

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
    """Tools as a card, under a heading or their number."""
    names = list(attribute_names(definitions).items())
    lines = [
        (f"{attribute}{_short_signature(definitions[name])}", _summary(definitions[name]))
        for attribute, name in names[:MAX_LISTED]
    ]
    counted = f"{len(names)} tool{'' if len(names) == 1 else 's'}"
    more = len(names) - len(lines)
    return Card(heading or counted, lines, f"... and {more} more" if more else "")


class ToolFunction:
    """One tool, to be called with keywords. It keeps working, by name, when the server's list changes.

    Attributes
    ----------
    definition : Tool
        As last listed.
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

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call the tool.

        Raises
        ------
        TypeError
            An argument is missing, unknown or not named, or has no JSON form.
        ValueError
            A value does not fit the tool's schema.
        """
        __tracebackhide__ = True
        if args:
            first = next(iter(signature_of(self.definition).parameters), None)
            hint = f": {safe_line(self.__name__)}({first}=...)" if first and first != "arguments" else ""
            raise ArgumentTypeError(f"{safe_line(self.__name__)}() takes named arguments only{hint}.")
        return self._call(self.__name__, checked(self.definition, kwargs))

    def __repr__(self) -> str:
        return f"{safe_line(self.__name__)}{_short_signature(self.definition)}"


def _unknown(name: str, known: Iterable[str]) -> str:
    names = list(known)
    close = [safe_line(each) for each in get_close_matches(name, names, n=3)]
    hint = f"Did you mean {' or '.join(close)}?" if close else f"There are {len(names)} others."
    return f"There is no tool {safe_line(name)!r}. {hint}"


def _short_signature(tool: Tool) -> str:
    """Without the star that says what all of them are: by keyword only."""
    return str(signature_of(tool)).replace("(*, ", "(", 1)


def _summary(tool: Tool) -> str:
    text = (tool.description or tool.title or "").strip()
    return safe_line(text.partition("\n")[0])


def docstring(tool: Tool) -> str:
    """What a tool says of itself and its arguments, in numpydoc form."""
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
# A tool's signature, and its arguments checked before they are sent. Sends nothing.
#
# The schema is the server's and the values are the user's: of the first nothing is believed, the second
# become JSON as the other direction makes it (a data frame is a list of records).

MAX_PARAMETERS: Final = 100
"""Shown in a signature; further ones are taken, too."""

MAX_TYPE_DEPTH: Final = 3
"""Types within types that are written out, as in list[list[str]]."""

MAX_ALTERNATIVES: Final = 8
"""Types of a union that are written out. With `MAX_TYPE_DEPTH` the bound on the work for one argument."""

MAX_LITERALS: Final = 12
"""Values of an enumeration that are written out in a type. Completion offers more."""

MAX_LITERAL_CHARS: Final = 40
"""Of one such value."""

MAX_TYPE_CHARS: Final = 200
"""Of a type in a signature."""

_TYPES: Final = {
    "string": "str", "integer": "int", "number": "float", "boolean": "bool", "array": "list",
    "object": "dict", "null": "None",
}  # fmt: skip

_ENCODINGS: Final = {"base64": "base64", "base64url": "base64url", "byte": "base64"}
"""Of `contentEncoding` (JSON Schema, validation, 8.3), and of `format` as pydantic and OpenAPI have it."""


class _Words:
    """What `inspect` puts into a signature as it stands."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


NOT_GIVEN: Final = _Words("...")
"""The default of an argument that may be left out; it is never sent."""


def is_plain_name(name: str) -> bool:
    """Whether a name can stand before `=` in a call, and looks like what it is.

    Python reads names in their NFKC form, so another form would arrive as another name.
    """
    return (
        name.isidentifier()
        and not iskeyword(name)
        and unicodedata.normalize("NFKC", name) == name
        and is_safe_line(name)
    )


def signature_of(tool: Tool) -> inspect.Signature:
    """The signature of a call: keywords only, those that are required first.

    Arguments whose names are none in Python go by `**{"x-y": 1}`; a signature with such ones, or of a
    tool that takes others, ends in `**arguments`.
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
    """A schema as a Python type, as in `Literal['c', 'f'] | None`; `Any` where it does not say."""
    text = " | ".join(_unique(_types(schema, root, 0)))
    return text if len(text) <= MAX_TYPE_CHARS else "Any"


def _types(schema: Any, root: Schema, depth: int) -> list[str]:
    """The alternatives of a type."""
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
    """Each text once, `None` last."""
    found = sorted(dict.fromkeys(texts), key="None".__eq__)
    return ["Any"] if "Any" in found else found


def _literal(values: list[Any]) -> list[str]:
    """Values as one `Literal`; as their types where they are too many, too long or not literals in Python."""
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
    """The arguments of a call as JSON values, checked against the tool's schema.

    A schema that cannot be used, or not within bounds, checks nothing: the server will.

    Raises
    ------
    TypeError
        An argument is missing or unknown, or its value has no JSON form.
    ValueError
        A value does not fit the schema; the message has a line for each.
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
        with contextlib.suppress(UncheckableSchema):  # a hint, no more
            problems += _nearest(schema, arguments, root, values)
        raise ArgumentValueError("\n".join(map(_problem, problems)))
    return values


def _nearest(schema: JsonSchema, arguments: Properties, root: Schema, values: Mapping[str, Any]) -> list[str]:
    """Of arguments that fit none of several alternatives, what keeps them from fitting the nearest."""
    found = []
    for name, value in values.items():
        offered = alternatives(arguments.schemas.get(name, {}))
        if len(offered) > MAX_ALTERNATIVES:
            continue
        misfits = [schema.problems(value, each) for each in offered if isinstance(each, Mapping)]
        nearest = min((each for each in misfits if _is_inside(each)), key=len, default=[])
        if all(misfits) and nearest:
            titles = [resolve(each, root).get("title") for each in offered]
            title = titles[misfits.index(nearest)]
            which = "the nearest of them"
            if isinstance(title, str):
                which = f"{safe_line(title)}, {which}"
            found += [f"$.{name}{line.removeprefix('$')} (for {which})" for line in nearest]
    return found


def _is_inside(problems: list[str]) -> bool:
    """Whether they are about something in the value: another type altogether is no near one."""
    return not any(line.startswith("$: ") and " is not of type " in line for line in problems)


def compiled(schema: Mapping[str, Any]) -> JsonSchema:
    """A tool's schema, ready to check values.

    Raises
    ------
    UncheckableSchema
        It is none, or exceeds a bound.
    """
    return _compiled(to_json(schema, inf_nan_mode="constants"))


@lru_cache(maxsize=128)
def _compiled(schema: bytes) -> JsonSchema:
    """By content: a tool that is called in a loop is read once."""
    return JsonSchema(from_json(schema))


@lru_cache(maxsize=128)
def _properties(schema: bytes) -> Properties:
    """By content, as `_compiled`."""
    return properties(from_json(schema))


def _check_names(tool: Tool, arguments: Properties, values: Mapping[str, Any]) -> None:
    name = safe_line(tool.name)
    for given in values:
        if given not in arguments.schemas and given not in arguments.required and not arguments.is_open:
            close = get_close_matches(given, arguments.schemas, n=3)
            hint = f"Did you mean {_joined(close, ' or ')}?" if close else _takes(arguments)
            raise ArgumentTypeError(f"{name}() takes no argument {safe_line(given)!r}. {hint}")
    missing = [each for each in arguments.required if each not in values]
    if missing:
        texts = [_described(each, arguments.schemas.get(each, {}), tool) for each in missing[:MAX_NAMED]]
        raise ArgumentTypeError(f"{name}() needs {_joined(texts, ' and ')}.")


def _takes(arguments: Properties) -> str:
    return f"It takes {join_names(arguments.schemas) or 'none'}."


def _described(name: str, schema: Schema, tool: Tool) -> str:
    return f"{safe_line(name)} ({type_text(schema, tool.inputSchema)})"


def _joined(texts: list[str], last: str) -> str:
    texts = [safe_line(text) for text in texts]
    return last.join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def _problem(text: str) -> str:
    """A line of `JsonSchema.problems`, whose path begins with `$`, for an argument."""
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
    except McpJupyterError:  # of too many parts; its message is for who returns a value
        raise ValueError(
            f"{safe_line(name)}: the value has more than {MAX_PARTS:,} parts, too many for one call."
        ) from None


def _encoded(value: Any, parts: list[Schema], root: Schema) -> Any:
    """The same with its bytes as base64, in the alphabet that the schema asks for; else the common one.

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
    """How schemas want bytes: "base64" or "base64url" (RFC 4648, 4 and 5); None where they do not say."""
    said = (part.get(keyword) for part in parts for keyword in ("contentEncoding", "format"))
    return next((_ENCODINGS[each] for each in said if isinstance(each, str) and each in _ENCODINGS), None)


def _other(value: Any) -> Any:
    """A data frame as a list of records, a series as a list, a path as text; others have no JSON form."""
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
