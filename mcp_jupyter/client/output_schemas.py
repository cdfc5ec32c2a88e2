# SPDX-License-Identifier: BSD-3-Clause
"""What the tools of a server promise to return, and whether a result keeps it.

Owns the output schemas of the tools as they were listed last. Does not know how tools are listed or called.
Source: spec 2025-06-18 and later, server/tools, "Output Schema".
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from .. import types
from ..errors import InvalidToolOutput, UncheckableSchema
from .streams import printable

if TYPE_CHECKING:
    from ..protocol.validation import JsonSchema

__all__ = ["OutputSchemas"]

log = logging.getLogger(__name__)

MAX_TOOLS: Final = 10_000
"""Whose schemas are kept; what is listed beyond them is not checked."""

MAX_SHOWN_CHARS: Final = 500
"""Of what is wrong with a result; it may repeat parts of the result."""


class OutputSchemas:
    """Output schemas by the tool's name; each is made ready when its tool is first called."""

    def __init__(self) -> None:
        self._listed: dict[str, dict[str, Any]] = {}
        self._ready: dict[str, JsonSchema | None] = {}

    def learn(self, tools: Iterable[types.Tool]) -> None:
        """Take in a page of the list."""
        for tool in tools:
            schema = tool.outputSchema
            if self._listed.get(tool.name) == schema:
                continue
            self._ready.pop(tool.name, None)
            self._listed.pop(tool.name, None)
            if schema is not None and len(self._listed) < MAX_TOOLS:
                self._listed[tool.name] = schema

    def forget(self) -> None:
        """The list has changed."""
        self._listed.clear()
        self._ready.clear()

    def problem(self, name: str, result: types.CallToolResult) -> InvalidToolOutput | None:
        """What is wrong with the structured content of a call that did not fail; None when nothing is."""
        if result.isError or name not in self._listed:
            return None
        shown = printable(name, 100)
        if "structuredContent" not in result.model_fields_set:
            return InvalidToolOutput(
                f"The tool {shown!r} has an outputSchema, but gave no structured content."
            )
        wrong = self._wrong(name, result.structuredContent)
        if not wrong:
            return None
        text = (
            f"The structured content of the tool {shown!r} does not fit its outputSchema: {'; '.join(wrong)}"
        )
        return InvalidToolOutput(printable(text, MAX_SHOWN_CHARS))

    def _wrong(self, name: str, value: Any) -> list[str]:
        try:
            schema = self._schema(name)
            return [] if schema is None else schema.problems(value)
        except UncheckableSchema as exc:
            # Its author may use what our checks have not: the result is no worse for that.
            self._ready[name] = None
            log.warning("Results of the tool %s are not checked: %s", printable(name, 100), exc)
            return []

    def _schema(self, name: str) -> JsonSchema | None:
        if name not in self._ready:
            # Here and not above: jsonschema takes a tenth of a second to import.
            from ..protocol.validation import JsonSchema

            self._ready[name] = JsonSchema(self._listed[name])
        return self._ready[name]
