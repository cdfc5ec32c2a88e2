# SPDX-License-Identifier: BSD-3-Clause
"""A tool's signature, and its arguments checked before they are sent. Sends nothing.

The schema is the server's and the values are the user's: of the first nothing is believed, the second
become JSON as the other direction makes it (a data frame is a list of records).
"""

from __future__ import annotations

import contextlib
import inspect
import os
import reprlib
import unicodedata
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from functools import lru_cache
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import from_json, to_json

from ...errors import McpJupyterError, UncheckableSchema
from ...server.content import columns, plain, readable, tables
from ...server.content.size_limits import MAX_PARTS, extent
from ...types import Tool
from ..text import clean, is_clean, one_line
from ..tracebacks import ArgumentTypeError, ArgumentValueError
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

if TYPE_CHECKING:
    from ...protocol.validation import JsonSchema

__all__ = ["NOT_GIVEN", "checked", "compiled", "is_plain_name", "signature_of"]

MAX_PARAMETERS: Final = 100
"""Shown in a signature; further ones are taken, too."""

MAX_NAMED: Final = 20
"""Arguments that an error names."""


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
        and is_clean(name)
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
            which = (
                f"{one_line(title)}, the nearest of them" if isinstance(title, str) else "the nearest of them"
            )
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
    from ...protocol.validation import JsonSchema  # slow to import: jsonschema may bring a grammar of IRIs

    return JsonSchema(from_json(schema))


def _check_names(tool: Tool, arguments: Arguments, values: Mapping[str, Any]) -> None:
    name = one_line(tool.name)
    for given in values:
        if given not in arguments.properties and given not in arguments.required and not arguments.is_open:
            close = get_close_matches(given, arguments.properties, n=3)
            hint = f"Did you mean {_joined(close, ' or ')}?" if close else _takes(arguments)
            raise ArgumentTypeError(f"{name}() takes no argument {one_line(given)!r}. {hint}")
    missing = [each for each in arguments.required if each not in values]
    if missing:
        texts = [_described(each, arguments.properties.get(each, {}), tool) for each in missing[:MAX_NAMED]]
        raise ArgumentTypeError(f"{name}() needs {_joined(texts, ' and ')}.")


def _takes(arguments: Arguments) -> str:
    names = list(arguments.properties)
    if not names:
        return "It takes none."
    more = ", ..." if len(names) > MAX_NAMED else "."
    return "It takes " + ", ".join(map(one_line, names[:MAX_NAMED])) + more


def _described(name: str, schema: Schema, tool: Tool) -> str:
    return f"{one_line(name)} ({type_text(schema, tool.inputSchema)})"


def _joined(texts: list[str], last: str) -> str:
    texts = [one_line(text) for text in texts]
    return last.join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def _problem(text: str) -> str:
    """A line of `JsonSchema.problems`, whose path begins with `$`, for an argument."""
    path, _, rest = text.partition(": ")
    path = path.removeprefix("$").removeprefix(".")
    return clean(f"{path}: {rest}" if path else rest)


# -- values ----------------------------------------------------------------------------------------------


def _json(name: str, value: Any, schema: Schema, root: Schema) -> Any:
    try:
        if extent(value).binary:
            value = _encoded(value, schema, root)
        return plain(value, _other)
    except (TypeError, ValueError) as exc:
        kind = ArgumentTypeError if isinstance(exc, TypeError) else ArgumentValueError
        raise kind(f"{one_line(name)}: {exc}") from None
    except McpJupyterError:  # of too many parts; its message is for who returns a value
        raise ValueError(
            f"{one_line(name)}: the value has more than {MAX_PARTS:,} parts, too many for one call."
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
