# SPDX-License-Identifier: BSD-3-Clause
"""Tools, resources and prompts as items to choose, fill in and request; the panes treat them alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .. import types
from ..notebook_client.calls import Call
from ..notebook_client.connected_server import ConnectedServer
from ..protocol.uri_templates import UriTemplate, UriTemplateError
from .html import call_code, prompt_code, read_code

__all__ = ["Item", "effect_of", "prompts_of", "resources_of", "tools_of"]


@dataclass(frozen=True)
class Item:
    """One tool, resource or prompt. Its texts are the server's and not yet escaped.

    Attributes
    ----------
    key : str
        Identifies the item when the list is read again.
    name, title, about : str
    schema : mapping
        The schema of the values to fill in.
    start : function
        Starts the request, given the entered values.
    code : function
        Returns the Python code of the request, given the entered values.
    effect : str
        What a call does to the server's data, in a word or two; empty if the server does not say it.
    asks : bool
        Whether the user must confirm a call.
    changes : sequence of str
        How the definition changed since the connection was made; requests are refused until `accept`.
    accept : function
        Accepts the present definition.
    """

    key: str
    name: str
    schema: Mapping[str, Any]
    start: Callable[[Mapping[str, Any]], Call] = field(compare=False)
    code: Callable[[Mapping[str, Any]], str] = field(compare=False)
    title: str = ""
    about: str = ""
    effect: str = ""
    asks: bool = False
    changes: Sequence[str] = ()
    accept: Callable[[], None] = field(default=lambda: None, compare=False)


def tools_of(server: ConnectedServer) -> list[Item]:
    """Return the tools as items."""
    names = list(server.definitions)
    return [_tool(server, names, tool) for tool in server.definitions.values()]


def _tool(server: ConnectedServer, names: list[str], tool: types.Tool) -> Item:
    return Item(
        key=tool.name,
        name=tool.name,
        schema=tool.inputSchema,
        start=lambda arguments: server.start_call(tool.name, arguments),
        code=lambda arguments: call_code(server.alias, tool.name, names, arguments, tool.inputSchema),
        title=tool.title or "",
        about=tool.description or "",
        effect=effect_of(tool.annotations),
        asks=tool.annotations is not None
        and bool(tool.annotations.destructiveHint)
        and not tool.annotations.readOnlyHint,
        changes=tuple(server.changed.get(tool.name, ())),
        accept=lambda: server.accept_changes(tool.name),
    )


def effect_of(hints: types.ToolAnnotations | None) -> str:
    """Return what a tool's annotations say that a call does to data: "reads only", "changes" or "deletes".

    A tool that changes data is destructive unless it says otherwise (spec, schema: ToolAnnotations). Without
    any of the two hints nothing is said.
    """
    if hints is None or (hints.readOnlyHint is None and hints.destructiveHint is None):
        return ""
    if hints.readOnlyHint:
        return "reads only"
    return "changes" if hints.destructiveHint is False else "deletes"


def resources_of(server: ConnectedServer) -> list[Item]:
    """Return the resources and resource templates as items."""
    return [
        *(_resource(server, resource) for resource in server.resources),
        *(_template(server, template) for template in server.templates),
    ]


def _resource(server: ConnectedServer, resource: types.Resource) -> Item:
    return Item(
        key=f"resource {resource.uri}",
        name=resource.title or resource.name,
        schema=_texts([], ()),
        start=lambda _: server.start_read(resource.uri),
        code=lambda _: read_code(server.alias, resource.uri),
        title=_with_kind(resource.uri, resource.mimeType),
        about=resource.description or "",
    )


def _template(server: ConnectedServer, template: types.ResourceTemplate) -> Item:
    try:
        known = UriTemplate(template.uriTemplate)
        schema = _texts([(name, "") for name in known.variables], known.required)
        expand: Callable[[Mapping[str, Any]], str] = known.expand
    except UriTemplateError:  # a template that we cannot fill in: the user enters the whole URI
        schema = _texts([("uri", f"as in {template.uriTemplate}")], ("uri",))

        def expand(arguments: Mapping[str, Any]) -> str:
            return str(arguments["uri"])

    return Item(
        key=f"template {template.uriTemplate}",
        name=f"{template.title or template.name} {{…}}",
        schema=schema,
        start=lambda arguments: server.start_read(expand(arguments)),
        code=lambda arguments: read_code(server.alias, expand(arguments)),
        title=_with_kind(template.uriTemplate, template.mimeType),
        about=template.description or "",
    )


def _with_kind(uri: str, kind: str | None) -> str:
    return f"{uri} ({kind})" if kind else uri


def prompts_of(server: ConnectedServer) -> list[Item]:
    """Return the prompts as items."""
    return [_prompt(server, prompt) for prompt in server.prompts]


def _prompt(server: ConnectedServer, prompt: types.Prompt) -> Item:
    arguments = prompt.arguments or []
    return Item(
        key=prompt.name,
        name=prompt.name,
        schema=_texts(
            [(each.name, each.description or "") for each in arguments],
            [each.name for each in arguments if each.required],
        ),
        start=lambda filled: server.start_prompt(prompt.name, dict(filled)),
        code=lambda filled: prompt_code(server.alias, prompt.name, filled),
        title=prompt.title or "",
        about=prompt.description or "",
    )


def _texts(fields: list[tuple[str, str]], required: Any) -> dict[str, Any]:
    """Return a schema with these text fields."""
    return {
        "type": "object",
        "properties": {name: {"type": "string", "description": about} for name, about in fields},
        "required": list(required),
        "additionalProperties": False,
    }
