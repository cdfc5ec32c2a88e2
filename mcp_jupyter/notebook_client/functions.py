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

from .._util.text import MAX_NAMED, MAX_PAGE_CHARS, is_safe_line, join_names, safe_block, safe_line
from ..errors import McpJupyterError, UncheckableSchema
from ..protocol.validation import JsonSchema
from ..server.content import columns, plain, readable, tables
from ..server.content.size_limits import MAX_PARTS, extent
from ..types import Tool
from .display import Listing
from .exports import fitted_names
from .schemas import (
    MAX_ALTERNATIVES,
    Arguments,
    Schema,
    arguments_of,
    encoding_of,
    part_of,
    resolved,
    type_text,
)
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


def card_of(definitions: Mapping[str, Tool], heading: str | None = None) -> Listing:
    """Tools as a card, under a heading or their number."""
    names = list(attribute_names(definitions).items())
    lines = [
        (f"{attribute}{_short_signature(definitions[name])}", _summary(definitions[name]))
        for attribute, name in names[:MAX_LISTED]
    ]
    counted = f"{len(names)} tool{'' if len(names) == 1 else 's'}"
    more = len(names) - len(lines)
    return Listing(heading or counted, lines, f"... and {more} more" if more else "")


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
    arguments = arguments_of(tool)
    lines = []
    for name, schema in list(arguments.properties.items())[:MAX_LISTED]:
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
    arguments = arguments_of(tool)
    root = tool.inputSchema
    names = [name for name in arguments.properties if is_plain_name(name)][:MAX_PARAMETERS]
    first = [name for name in names if name in arguments.required]
    parameters = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=_Words(type_text(arguments.properties[name], root)),
            default=_default(arguments, name),
        )
        for name in [*first, *(name for name in names if name not in arguments.required)]
    ]
    if arguments.is_open or len(names) < len(arguments.properties):
        parameters.append(inspect.Parameter(_free("arguments", names), inspect.Parameter.VAR_KEYWORD))
    return inspect.Signature(parameters)


def _default(arguments: Arguments, name: str) -> Any:
    schema = arguments.properties[name]
    if name in arguments.required:
        return inspect.Parameter.empty
    if "default" not in schema:
        return NOT_GIVEN
    return _Words(reprlib.repr(schema["default"]))


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
    arguments = arguments_of(tool)
    values = {
        name: _json(name, value, arguments.properties.get(name, {}), tool.inputSchema)
        for name, value in kwargs.items()
        if value is not NOT_GIVEN
    }
    try:
        schema = compiled(tool.inputSchema)
        _check_names(tool, arguments, values)
        problems = schema.problems(values)
    except UncheckableSchema:
        return values
    if problems:
        with contextlib.suppress(UncheckableSchema):  # a hint, no more
            problems += _nearest(schema, tool, arguments, values)
        raise ArgumentValueError("\n".join(map(_problem, problems)))
    return values


def _nearest(schema: JsonSchema, tool: Tool, arguments: Arguments, values: Mapping[str, Any]) -> list[str]:
    """Of arguments that fit none of several alternatives, what keeps them from fitting the nearest."""
    found = []
    for name, value in values.items():
        part = arguments.properties.get(name, {})
        choices = part.get("anyOf", part.get("oneOf"))
        if not isinstance(choices, list) or len(choices) > MAX_ALTERNATIVES:
            continue
        misfits = [schema.problems(value, choice) for choice in choices if isinstance(choice, Mapping)]
        nearest = min((each for each in misfits if _is_inside(each)), key=len, default=[])
        if all(misfits) and nearest:
            titles = [resolved(choice, tool.inputSchema).get("title") for choice in choices]
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


def _check_names(tool: Tool, arguments: Arguments, values: Mapping[str, Any]) -> None:
    name = safe_line(tool.name)
    for given in values:
        if given not in arguments.properties and given not in arguments.required and not arguments.is_open:
            close = get_close_matches(given, arguments.properties, n=3)
            hint = f"Did you mean {_joined(close, ' or ')}?" if close else _takes(arguments)
            raise ArgumentTypeError(f"{name}() takes no argument {safe_line(given)!r}. {hint}")
    missing = [each for each in arguments.required if each not in values]
    if missing:
        texts = [_described(each, arguments.properties.get(each, {}), tool) for each in missing[:MAX_NAMED]]
        raise ArgumentTypeError(f"{name}() needs {_joined(texts, ' and ')}.")


def _takes(arguments: Arguments) -> str:
    return f"It takes {join_names(arguments.properties) or 'none'}."


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
            value = _encoded(value, schema, root)
        return plain(value, _other)
    except (TypeError, ValueError) as exc:
        kind = ArgumentTypeError if isinstance(exc, TypeError) else ArgumentValueError
        raise kind(f"{safe_line(name)}: {exc}") from None
    except McpJupyterError:  # of too many parts; its message is for who returns a value
        raise ValueError(
            f"{safe_line(name)}: the value has more than {MAX_PARTS:,} parts, too many for one call."
        ) from None


def _encoded(value: Any, schema: Schema, root: Schema) -> Any:
    """The same with its bytes as base64, in the alphabet that the schema asks for; else the common one."""
    if isinstance(value, bytes | bytearray | memoryview):
        is_url = encoding_of(schema, root) == "base64url"
        return (urlsafe_b64encode if is_url else b64encode)(value).decode("ascii")
    if isinstance(value, dict):
        return {key: _encoded(item, part_of(schema, str(key), root), root) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encoded(item, part_of(schema, at, root), root) for at, item in enumerate(value)]
    if is_dataclass(value) and not isinstance(value, type):
        members = {field.name: getattr(value, field.name) for field in fields(value)}
        return _encoded(members, schema, root)
    return value


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
