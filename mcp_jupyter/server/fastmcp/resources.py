# SPDX-License-Identifier: BSD-3-Clause
"""Resources: a URI or a template of URIs, and the function that returns the value."""

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
"""MIME types by return annotation; for other annotations the value decides at each read."""

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")


@dataclass(frozen=True, slots=True)
class Resource:
    """A function that returns the value of one URI, or of every URI that matches a template.

    Attributes
    ----------
    definition : types.Resource or types.ResourceTemplate
        The entry of the list; built once.
    function : callable
        The function.
    template : UriTemplate
        A plain URI is a template without variables.
    signature : Signature
        The function's parameters.
    mime_type : str or None
        The declared MIME type; None: derived from the value.
    concurrent, always : bool
        See `Invocation`.
    listed : bool
        Whether lists include it. An unlisted resource can be read by its URI.
    paths : bool
        Whether values of the template's variables may be absolute paths.
    ours : bool
        Whether the function belongs to this package and only looks up a value. It does not use the variables
        as paths, so they are not checked; its reads have threads of their own (see `Invocation.lookup`).
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
        """Whether the URI has variables."""
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
        """Make a resource of `function`; a template if the URI has variables.

        Raises
        ------
        ValueError
            The URI, its variables and the function's parameters do not fit together.
        """
        if not _SCHEME.match(uri):
            raise ValueError(f"{uri!r} is not a URI: it must begin with a scheme, as in data://{uri}")
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
        """Refuse values that could lead out of a folder if the function uses them as paths.

        Raises
        ------
        McpError
            INVALID_PARAMS; the message names the value and its fault.
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
        """Return the call for one URI; its value is the `ReadResourceResult`.

        Raises
        ------
        McpError
            INVALID_PARAMS: a variable does not fit the function's parameter, or could lead out of a folder.
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
            return value.model_copy()  # the function may keep and change its own object
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
    """Return one value as the answer to `resources/read`."""
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
