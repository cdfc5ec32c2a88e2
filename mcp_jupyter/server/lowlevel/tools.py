# SPDX-License-Identifier: BSD-3-Clause
"""What a low-level server listed as its tools, to check calls of them and their output against.

Owns the checks. Does not know how tools are listed or called.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ... import types
from ...errors import ToolError, UncheckableSchema
from ...protocol.headers import HeaderError, param_headers

if TYPE_CHECKING:
    from ...protocol.validation import JsonSchema

__all__ = ["KnownTool", "KnownTools"]


class KnownTool:
    """A tool's definition, with its schemas ready once they are needed.

    Attributes
    ----------
    headers : mapping
        The arguments that a client repeats in headers (`x-mcp-header`).
    """

    def __init__(self, definition: types.Tool) -> None:
        self.definition = definition
        self._schemas: dict[str, JsonSchema] = {}
        try:
            self.headers: Mapping[str, tuple[str, ...]] = param_headers(definition.inputSchema)
        except HeaderError:
            self.headers = {}  # clients drop the tool; one that does not has no headers for it

    def check_arguments(self, arguments: dict[str, Any]) -> None:
        """Check the arguments of a call.

        Raises
        ------
        ToolError
            They do not fit the `inputSchema`, in words that a caller can act on (SEP-1303).
        """
        self._check("inputSchema", self.definition.inputSchema, arguments, "Input")

    def check_output(self, result: types.CallToolResult) -> None:
        """Check the structured output of a call that did not fail.

        Raises
        ------
        ToolError
            It does not fit the `outputSchema`, or there is none where there should be.
        """
        schema = self.definition.outputSchema
        if schema is None or result.isError:
            return
        if "structuredContent" not in result.model_fields_set:
            raise ToolError(
                f"Output validation error: {self.definition.name} has an outputSchema, but returned no "
                "structured output."
            )
        self._check("outputSchema", schema, result.structuredContent, "Output")

    def _check(self, kind: str, schema: dict[str, Any], value: Any, what: str) -> None:
        try:
            problems = self._schema(kind, schema).problems(value)
        except UncheckableSchema as exc:
            raise ToolError(f"{what} validation error: the {kind} cannot be used. {exc}") from None
        if problems:
            raise ToolError(f"{what} validation error: {'; '.join(problems)}")

    def _schema(self, kind: str, schema: dict[str, Any]) -> JsonSchema:
        if kind not in self._schemas:
            # Here and not above: jsonschema takes a tenth of a second to import.
            from ...protocol.validation import JsonSchema

            self._schemas[kind] = JsonSchema(schema)
        return self._schemas[kind]


class KnownTools:
    """The tools by name, as they were listed last."""

    def __init__(self) -> None:
        self._tools: dict[str, KnownTool] = {}

    def get(self, name: str) -> KnownTool | None:
        """The tool of that name, if it was listed."""
        return self._tools.get(name)

    def learn(self, definitions: Iterable[types.Tool], *, more: bool = False) -> None:
        """Take in the list; with `more`, another page of it."""
        listed = dict(self._tools) if more else {}
        for definition in definitions:
            known = self._tools.get(definition.name)
            unchanged = known is not None and known.definition == definition
            listed[definition.name] = known if known and unchanged else KnownTool(definition)
        self._tools = listed

    def forget(self) -> None:
        """The list changed."""
        self._tools = {}
