# SPDX-License-Identifier: BSD-3-Clause
"""A resource: a URI, or a template of URIs, and the function that gives its value."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ... import types
from ..._util.absent import absent
from ..._util.text import safe_line
from ...errors import INVALID_PARAMS, McpError, ToolError
from ...protocol.uri_templates import UriTemplate, path_fault
from ..content import ContentTable, ResourceValue, to_resource
from ..runner import Invocation, converted
from .context import Context
from .signatures import Signature

__all__ = ["Resource"]

_MIME_TYPES: Final[Mapping[Any, str]] = {str: "text/plain", bytes: "application/octet-stream"}
"""Of the values that a return annotation promises; for others it follows from the value, when it is read."""

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")


@dataclass(frozen=True, slots=True)
class Resource:
    """A function that gives the value of one URI, or of every URI that fits a template.

    Attributes
    ----------
    definition : types.Resource or types.ResourceTemplate
        As the lists give it; built once.
    template : UriTemplate
        A plain URI is a template without variables.
    concurrent, always : bool
        See `Invocation`.
    listed : bool
        Whether the lists have it; else who knows its URI can read it.
    paths : bool
        Whether values of the template may be absolute paths.
    ours : bool
        Whether its function is ours and only looks a value up: it makes no path of any value of the template,
        so these are not checked; and its reads have threads of their own (see `Invocation.lookup`).
    """

    definition: types.Resource | types.ResourceTemplate
    function: Callable[..., Any]
    template: UriTemplate
    signature: Signature
    mime_type: str | None
    concurrent: bool = False
    always: bool = False
    listed: bool = True
    paths: bool = False
    ours: bool = False

    @property
    def uri(self) -> str:
        """The URI or template."""
        return self.template.template

    @property
    def is_template(self) -> bool:
        """Whether it stands for many URIs."""
        return isinstance(self.definition, types.ResourceTemplate)

    @classmethod
    def of(
        cls,
        uri: str,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        mime_type: str | None = None,
        icons: list[types.Icon] | None = None,
        annotations: types.Annotations | None = None,
        meta: dict[str, Any] | None = None,
        concurrent: bool = False,
        paths: bool = False,
    ) -> Resource:
        """A resource made of `function`; a template when the URI has variables.

        Raises
        ------
        ValueError
            When the URI, its variables and the function's parameters do not go together.
        """
        if not _SCHEME.match(uri):
            raise ValueError(f"{uri!r} is no URI: it must begin with a scheme, as in data://{uri}")
        template, signature = UriTemplate(uri), Signature(function, Context)
        _check_parameters(template, signature)
        said: dict[str, Any] = {
            "name": name or signature.name or uri,
            "title": title,
            "description": description if description is not None else signature.doc.description or None,
            "mimeType": mime_type or _MIME_TYPES.get(signature.returns),
            "icons": icons,
            "annotations": annotations,
            "meta": meta,
        }
        definition: types.Resource | types.ResourceTemplate
        if template.variables:
            definition = types.ResourceTemplate(uriTemplate=uri, **said)
        else:
            definition = types.Resource(uri=uri, **said)
        return cls(definition, function, template, signature, mime_type, concurrent, paths=paths)

    def check_values(self, variables: Mapping[str, str]) -> None:
        """Refuse values that would lead out of a folder, before a function makes a path of them.

        Raises
        ------
        McpError
            INVALID_PARAMS: which value, and what is wrong with it.
        """
        if self.ours:
            return
        for name, value in variables.items():
            if (fault := path_fault(value, absolute=self.paths)) is not None:
                raise McpError(
                    INVALID_PARAMS, f"The value {safe_line(value)!r} of {name} in {self.uri} {fault}."
                )

    def invocation(
        self, uri: str, variables: Mapping[str, str], context: Context, table: ContentTable
    ) -> Invocation:
        """The call for one URI; its value is the `ReadResourceResult`.

        Raises
        ------
        McpError
            INVALID_PARAMS, when a variable is not what the function takes, or leads out of a folder.
        """
        self.check_values(variables)
        try:
            signature = self.signature.current()
            bound = signature.bind(variables)
        except (ToolError, ValueError) as exc:
            raise McpError(INVALID_PARAMS, str(exc)) from None
        if signature.injected is not None:
            bound[signature.injected] = context
        function = converted(self.function, lambda value: self._result(uri, value, table))
        request = context.request_context
        return Invocation(
            self.definition.name,
            function,
            bound,
            self.concurrent,
            always=self.always,
            lookup=self.ours,
            report=request.waiting,
            running=request.running,
        )

    def _result(self, uri: str, value: Any, table: ContentTable) -> types.ReadResourceResult:
        if isinstance(value, types.ReadResourceResult):
            return value.model_copy()  # it stays the function's own
        return _contents(uri, to_resource(value, table, self.mime_type))


def _check_parameters(template: UriTemplate, signature: Signature) -> None:
    properties = signature.schema["properties"].keys()
    required = set(signature.schema.get("required", ()))
    variables = set(template.variables)
    unknown, missing = variables - properties, required - template.required
    if unknown:
        raise ValueError(
            f"{template.template!r} has {_names(unknown)}, but the function has no such parameter."
        )
    if missing:
        raise ValueError(
            f"The function needs {_names(missing)}, which {template.template!r} does not give; "
            "put it into the URI as {name} or give the parameter a default."
        )


def _names(names: set[str]) -> str:
    return ", ".join(sorted(names))


def _contents(uri: str, value: ResourceValue) -> types.ReadResourceResult:
    """One value as the answer to `resources/read`."""
    item: types.TextResourceContents | types.BlobResourceContents
    if isinstance(value.data, str):
        item = types.TextResourceContents(uri=uri, mimeType=value.mime_type, text=value.data, meta=value.meta)
    else:
        blob = b64encode(value.data).decode("ascii")
        item = types.BlobResourceContents(uri=uri, mimeType=value.mime_type, blob=blob, meta=value.meta)
    return types.ReadResourceResult(contents=[item])


_CLASSES: Final = "@mcp.resource(URI) makes a function a resource: text, bytes, a frame, any value."

__getattr__ = absent(
    __name__,
    dict.fromkeys(
        (
            "BinaryResource",
            "DirectoryResource",
            "FileResource",
            "FunctionResource",
            "HttpResource",
            "TextResource",
        ),
        _CLASSES,
    ),
)
