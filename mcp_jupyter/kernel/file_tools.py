# SPDX-License-Identifier: BSD-3-Clause
"""The tools of a notebook's file, as far as they can be read there without running it.

For a host that takes only the tools it is told of in its first second, when no kernel is up yet. A definition
has the function's name, docstring and parameters; a parameter's type is given where it is a plain one.
Nothing of the file is evaluated.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeAlias

from .. import types

__all__ = ["ToolCell", "file_tools"]

ToolCell: TypeAlias = tuple[tuple[str, ...], str]
"""The options of a `%%mcp_tool` cell, and the code below it."""

MAX_DESCRIPTION_CHARS: Final = 10_000
"""Of one tool: the longest that hosts were seen to pass on whole."""

MAX_DEPTH: Final = 8
"""Types within types that are read."""

_PLAIN: Final = {
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "str": {"type": "string"},
    "bool": {"type": "boolean"},
    "list": {"type": "array"},
    "dict": {"type": "object"},
}

_HINTS: Final = {
    "--read-only": "readOnlyHint",
    "--destructive": "destructiveHint",
    "--idempotent": "idempotentHint",
    "--open-world": "openWorldHint",
}

_INJECTED: Final = "Context"

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


def file_tools(cells: Iterable[ToolCell]) -> list[types.Tool]:
    """The definitions of the tools in `%%mcp_tool` cells; of two with one name the last."""
    tools = {tool.name: tool for options, source in cells for tool in _tools(options, source)}
    return list(tools.values())


def _tools(options: tuple[str, ...], source: str) -> Iterator[types.Tool]:
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # magics, or what will fail in the kernel
        return
    functions = [each for each in body if isinstance(each, Function) and not each.name.startswith("_")]
    named = options[options.index("--name") + 1 : options.index("--name") + 2] if "--name" in options else ()
    said = {hint: True for option, hint in _HINTS.items() if option in options}
    for function in functions:
        if function.args.vararg or function.args.kwarg or function.args.posonlyargs:
            continue  # no tool can be made of it
        description = inspect.cleandoc(ast.get_docstring(function) or "")[:MAX_DESCRIPTION_CHARS]
        yield types.Tool(
            name=named[0] if named and len(functions) == 1 else function.name,
            description=description or None,
            inputSchema=_schema(function),
            annotations=types.ToolAnnotations.model_validate(said) if said else None,
        )


def _schema(function: Function) -> dict[str, Any]:
    arguments = function.args
    padding: list[ast.expr | None] = [None] * (len(arguments.args) - len(arguments.defaults))
    defaults = [*padding, *arguments.defaults, *arguments.kw_defaults]
    properties: dict[str, Any] = {}
    required: list[str] = []
    for argument, default in zip([*arguments.args, *arguments.kwonlyargs], defaults, strict=True):
        if argument.annotation is not None and _is_injected(argument.annotation):
            continue
        properties[argument.arg] = _type(argument.annotation)
        if default is None:
            required.append(argument.arg)
        elif isinstance(default, ast.Constant) and isinstance(default.value, str | int | float | bool):
            said = {"default": default.value, "description": f"(default {default.value!r})"}
            properties[argument.arg] = {**properties[argument.arg], **said}
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    return {**schema, "required": required} if required else schema


def _is_injected(annotation: ast.expr) -> bool:
    """Whether a parameter is the `Context`, which no caller gives."""
    return any(
        (isinstance(node, ast.Name) and node.id == _INJECTED)
        or (isinstance(node, ast.Attribute) and node.attr == _INJECTED)
        for node in ast.walk(annotation)
    )


def _type(annotation: ast.expr | None, depth: int = 0) -> dict[str, Any]:
    """The schema of a plain type; an empty one, which takes anything, for all others."""
    if depth > MAX_DEPTH:
        return {}
    match annotation:
        case ast.Constant(value=None):
            return {"type": "null"}
        case ast.Name(id=name):
            return dict(_PLAIN.get(name, {}))
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _any_of(_type(left, depth + 1), _type(right, depth + 1))
        case ast.Subscript(value=ast.Name(id="list"), slice=inner):
            return {"type": "array", "items": _type(inner, depth + 1)}
        case ast.Subscript(value=ast.Name(id="dict"), slice=ast.Tuple(elts=[_, inner])):
            return {"type": "object", "additionalProperties": _type(inner, depth + 1) or True}
        case ast.Subscript(value=ast.Name(id="Optional"), slice=inner):
            return _any_of(_type(inner, depth + 1), {"type": "null"})
        case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[inner, *_])):
            return _type(inner, depth + 1)
        case ast.Subscript(value=ast.Name(id="Literal"), slice=inner):
            choices = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            values = [each.value for each in choices if isinstance(each, ast.Constant)]
            plain = [value for value in values if isinstance(value, str | int | bool)]
            return {"enum": plain} if len(plain) == len(choices) else {}
    return {}


def _any_of(*schemas: dict[str, Any]) -> dict[str, Any]:
    """A union; one with a part that takes anything takes anything."""
    if not all(schemas):
        return {}
    return {"anyOf": [part for schema in schemas for part in schema.get("anyOf", [schema])]}
