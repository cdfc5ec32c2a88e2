# SPDX-License-Identifier: BSD-3-Clause
"""What a server offers, as things to choose, fill in and ask for. Draws nothing.

Tools, resources and prompts differ here, and nowhere above.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .. import types
from ..notebook_client.calls import Call
from ..notebook_client.connected import ConnectedServer
from ..protocol.uri_templates import UriTemplate, UriTemplateError
from .code import call_code, prompt_code, read_code

__all__ = ["Item", "prompts_of", "resources_of", "tools_of"]


@dataclass(frozen=True)
class Item:
    """One tool, resource or prompt. Its texts are the server's own, still to be made inert.

    Attributes
    ----------
    key : str
        By which it is found again in a new list.
    name, title, about : str
    schema : mapping
        Of what has to be filled in.
    start : function
        Given what was filled in, asks the server.
    code : function
        Given the same, the Python that asks.
    changes : sequence of str
        How it differs from what it was when the connection was made; it is not asked for until `accept`.
    accept : function
        Takes it for what it is now.
    """

    key: str
    name: str
    schema: Mapping[str, Any]
    start: Callable[[Mapping[str, Any]], Call] = field(compare=False)
    code: Callable[[Mapping[str, Any]], str] = field(compare=False)
    title: str = ""
    about: str = ""
    changes: Sequence[str] = ()
    accept: Callable[[], None] = field(default=lambda: None, compare=False)


def tools_of(server: ConnectedServer) -> list[Item]:
    """The tools as items."""
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
        changes=tuple(server.changed.get(tool.name, ())),
        accept=lambda: server.accept_changes(tool.name),
    )


def resources_of(server: ConnectedServer) -> list[Item]:
    """The resources, and the templates of more, as items."""
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
    except UriTemplateError:  # one that we cannot fill in: the person can
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
    """The prompts as items."""
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
    """The schema of some texts to fill in."""
    return {
        "type": "object",
        "properties": {name: {"type": "string", "description": about} for name, about in fields},
        "required": list(required),
        "additionalProperties": False,
    }
