# SPDX-License-Identifier: BSD-3-Clause
"""From a return annotation: the JSON Schema of structured output, and values in that form.

What is sent keeps to the schema, or the call fails with the reason: clients check (spec, server/tools,
"Output Schema"). Knows pydantic; does not know what a tool is.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, Final

from pydantic import PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, from_json

from ... import types
from ...errors import ToolError
from ...protocol.frames import dumps, without_surrogates
from ..content import Audio, Image, frames, plain
from ..content.extent import extent
from ..parameters import describe
from .signatures import Untitled, mentions

__all__ = ["Output"]

_CONTENT: Final = (
    types.TextContent,
    types.ImageContent,
    types.AudioContent,
    types.ResourceLink,
    types.EmbeddedResource,
    types.CallToolResult,
    Image,
    Audio,
    bytes,
    bytearray,
    memoryview,
)
"""What becomes content of its own and has no JSON form."""

_UNSAID: Final[tuple[dict[str, Any], ...]] = ({}, {"type": "array", "items": {}})
"""Schemas of `object` and of `list`, which promise nothing."""


class _Serialized(Untitled):
    """JSON as it is sent."""

    def bytes_schema(self, schema: Any) -> dict[str, Any]:
        """Base64 in the alphabet of URLs, which is pydantic's."""
        return {"type": "string", "format": "base64url"}

    def float_schema(self, schema: Any) -> dict[str, Any]:
        """JSON has no NaN: it is sent as null, and the schema says so."""
        return {"anyOf": [super().float_schema(schema), {"type": "null"}]}


@dataclass(frozen=True, slots=True)
class Output:
    """How a return annotation becomes structured output.

    Attributes
    ----------
    schema : dict
        JSON Schema of `structuredContent`, an object in every era.
    adapter : TypeAdapter or None
        None for data frames.
    wrapped : bool
        Whether the value stands under "result", because it is no JSON object itself.
    """

    schema: dict[str, Any]
    adapter: TypeAdapter[Any] | None
    wrapped: bool

    @classmethod
    def of(cls, annotation: Any) -> Output | None:
        """The output a return annotation promises; None for none, for content, for what has no schema."""
        if annotation in (inspect.Signature.empty, None, type(None), Any) or mentions(annotation, *_CONTENT):
            return None
        if isinstance(annotation, type) and frames.is_frame_class(annotation):
            return cls(frames.FRAME_SCHEMA, None, wrapped=False)
        try:
            adapter = TypeAdapter(annotation)
            schema = adapter.json_schema(mode="serialization", schema_generator=_Serialized)
        except PydanticUserError:
            return None
        if schema in _UNSAID:
            return None
        if schema.get("type") == "object":
            return cls(schema, adapter, wrapped=False)
        definitions = schema.pop("$defs", None)
        outer: dict[str, Any] = {"type": "object", "properties": {"result": schema}, "required": ["result"]}
        if definitions:
            outer["$defs"] = definitions
        return cls(outer, adapter, wrapped=True)

    def structured(self, value: Any) -> dict[str, Any] | None:
        """The value as `structuredContent`; None for a data frame, whose content has it.

        Raises
        ------
        ToolError
            When the value is not what the annotation promised.
        """
        if self.adapter is None:
            if not frames.is_frame(value):
                raise ToolError(f"The tool promised a data frame and returned {type(value).__name__}.")
            return None
        try:
            form = self._form(self.adapter, value)
            # Read back: the other side's parser must take it too (it takes no numbers of 5,000 digits).
            sent = from_json(dumps(form))
        except ValidationError as exc:
            raise ToolError(f"The tool returned something else than it promised: {describe(exc)}") from None
        except (TypeError, ValueError, RecursionError) as exc:
            raise ToolError(f"What the tool returned has no JSON form: {exc}") from None
        return {"result": sent} if self.wrapped else sent

    @staticmethod
    def _form(adapter: TypeAdapter[Any], value: Any) -> Any:
        try:
            # Before pydantic looks: it would follow an endless iterator until the memory is full, and take
            # bytes for text where they happen to be UTF-8.
            seen = extent(value)
            return _dumped(adapter, plain(value) if seen.iterators or seen.binary else value)
        except (ValidationError, PydanticSerializationError, UnicodeError, TypeError) as exc:
            try:
                form = without_surrogates(plain(value))
            except TypeError:
                raise exc from None
            # Once more from the JSON form: NumPy's numbers in a dataclass are numbers there, bytes a text.
            return _dumped(adapter, form)


def _dumped(adapter: TypeAdapter[Any], value: Any) -> Any:
    kept = adapter.validator.validate_python(value)
    return adapter.serializer.to_python(
        kept, mode="json", by_alias=True, warnings="error", fallback=frames.to_part
    )
