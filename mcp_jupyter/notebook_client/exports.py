# SPDX-License-Identifier: BSD-3-Clause
"""Convert tools to the form that the APIs of models take.

Sources: Anthropic, "Implement tool use" (`name`, `description`, `input_schema`); OpenAI, "Function calling"
(`type`, `function` with `name`, `description`, `parameters`). Both refuse a whole request if one schema has
a top level that is not an object or that combines schemas.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from typing import Any, Final, Literal

from .._util.json_schema import properties
from .._util.names import MAX_NAME_CHARS, marked_name, plain_name
from .._util.text import safe_block
from ..types import Tool

__all__ = ["fitted_names", "tool_schemas"]

_COMBINING: Final = frozenset({"$schema", "$id", "allOf", "anyOf", "oneOf", "not", "enum", "const", "$ref"})
"""Removed at the top level: one API or both refuse these there, or they tell a model nothing."""


def tool_schemas(
    definitions: Mapping[str, Tool], style: Literal["anthropic", "openai"]
) -> list[dict[str, Any]]:
    """Return the `tools` of a request to a model.

    The names are those of `fitted_names`; `server.tools[name]` accepts the name in a model's answer.

    Parameters
    ----------
    style : "anthropic" or "openai"
        "anthropic" is for the Messages API, "openai" for the Chat Completions API.

    Returns
    -------
    list of dict
        Copies, which may be changed freely. At the top level of a schema `anyOf` and the like are replaced by
        the arguments of all alternatives; the whole schema is checked when the tool is called.

    Raises
    ------
    ValueError
        The style is unknown.
    """
    form = _FORMS.get(style)
    if form is None:
        raise ValueError(f"Unknown style {style!r}. Known styles: {', '.join(_FORMS)}.")
    names = fitted_names(definitions)
    return [form(names[name], _description(tool), _schema(tool)) for name, tool in definitions.items()]


def fitted_names(names: Iterable[str]) -> dict[str, str]:
    """Return the name under which a model sees each tool, by the tool's own name.

    A name that the APIs accept stays. In others, characters that they refuse become `_`. If the result is too
    long or equal to another tool's, it ends in a digest of the whole name: it is then the same in any order.
    """
    own = list(dict.fromkeys(names))
    fitted = {name: plain_name(name) for name in own}
    count = Counter(fitted.values())
    return {
        name: text
        if text == name != "" and len(name) <= MAX_NAME_CHARS
        else marked_name(text, name)
        if count[text] > 1 or not 0 < len(text) <= MAX_NAME_CHARS
        else text
        for name, text in fitted.items()
    }


def _description(tool: Tool) -> str:
    return safe_block(tool.description or tool.title or "")


def _schema(tool: Tool) -> dict[str, Any]:
    top = {name: value for name, value in tool.inputSchema.items() if name not in _COMBINING}
    arguments = properties(tool.inputSchema)
    named = tool.inputSchema.get("properties")
    own = named if isinstance(named, Mapping) else {}
    schema = {**top, "type": "object", "properties": {**arguments.schemas, **own}}
    if arguments.required:
        schema["required"] = list(arguments.required)
    else:
        schema.pop("required", None)
    return deepcopy(schema)


def _anthropic(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "description": description, "input_schema": schema}


def _openai(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {"name": name, "description": description, "parameters": schema},
    }


_FORMS: Final[Mapping[str, Callable[[str, str, dict[str, Any]], dict[str, Any]]]] = {
    "anthropic": _anthropic,
    "openai": _openai,
}
