# SPDX-License-Identifier: BSD-3-Clause
"""From a return annotation: the JSON Schema of structured output, and values in that form.

What is sent keeps to the schema, or the call fails with the reason: clients check (spec, server/tools,
"Output Schema"). Knows pydantic; does not know what a tool is.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Annotated, Any, Final, get_args, get_origin

from pydantic import PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import (
    PydanticSerializationError,
    SchemaSerializer,
    SchemaValidator,
    from_json,
)

from ... import types
from ...errors import ToolError
from ...protocol.frames import Serialised, dumps
from ..content import Audio, Image, plain, tables, values
from ..content.size_limits import extent
from ..models import describe
from .signatures import Untitled, adapter_of, mentions

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
        """JSON has no NaN and no infinities: they are sent as null and as text, and the schema says so."""
        return {"anyOf": [super().float_schema(schema), {"enum": [None, "Infinity", "-Infinity"]}]}


@dataclass(frozen=True, slots=True)
class Output:
    """How a return annotation becomes structured output.

    Attributes
    ----------
    schema : dict
        JSON Schema of `structuredContent`, an object in every era.
    promise : _Promise or None
        None for data frames.
    wrapped : bool
        Whether the value stands under "result", because it is no JSON object itself.
    """

    schema: dict[str, Any]
    promise: _Promise | None
    wrapped: bool

    @classmethod
    def of(cls, annotation: Any) -> Output | None:
        """The output a return annotation promises; None for none, for content, for what has no schema.

        `Annotated[CallToolResult, Model]` promises that of the result that the function returns.
        """
        if get_origin(annotation) is Annotated and get_args(annotation)[0] is types.CallToolResult:
            annotation = get_args(annotation)[1]
        if annotation in (inspect.Signature.empty, None, type(None), Any) or mentions(annotation, *_CONTENT):
            return None
        if isinstance(annotation, type) and tables.is_frame_class(annotation):
            return cls(tables.FRAME_SCHEMA, None, wrapped=False)
        try:
            adapter = adapter_of(annotation)
            schema = adapter.json_schema(mode="serialization", schema_generator=_Serialized)
        except PydanticUserError:
            return None
        if schema in _UNSAID:
            return None
        if schema.get("type") == "object":
            return cls(schema, _Promise(adapter), wrapped=False)
        definitions = schema.pop("$defs", None)
        outer: dict[str, Any] = {"type": "object", "properties": {"result": schema}, "required": ["result"]}
        if definitions:
            outer["$defs"] = definitions
        return cls(outer, _Promise(adapter), wrapped=True)

    def check(self, result: types.CallToolResult) -> None:
        """Check the structured content of a result that a function made by itself.

        Raises
        ------
        ToolError
            It is not what the annotation promised.
        """
        if self.promise is not None and not result.isError:
            given = result.structuredContent
            self.written(given.get("result") if self.wrapped and isinstance(given, dict) else given)

    @property
    def is_text(self) -> bool:
        """Whether it is a text and nothing else."""
        return self.wrapped and self.schema["properties"]["result"].get("type") == "string"

    @property
    def is_ours(self) -> bool:
        """Whether the object is ours: a data frame's page, or what stands around a value."""
        return self.promise is None or self.wrapped

    def written(self, value: Any) -> Serialised | None:
        """The value in the form that was promised; None for a data frame, whose content has it.

        Raises
        ------
        ToolError
            When the value is not what the annotation promised.
        """
        if self.promise is None:
            if not tables.is_frame(value):
                raise ToolError(f"The tool promised a data frame and returned {type(value).__name__}.")
            return None
        try:
            # Read back: the other side's parser must take it too (it takes no numbers of 5,000 digits).
            text = dumps(self.promise.form(value))
            return Serialised(from_json(text), text)
        except ValidationError as exc:
            raise ToolError(f"The tool returned something else than it promised: {describe(exc)}") from None
        except (TypeError, ValueError, RecursionError) as exc:
            raise ToolError(f"What the tool returned has no JSON form: {exc}") from None


class _Promise:
    """The JSON form that an annotation promises."""

    def __init__(self, adapter: TypeAdapter[Any]) -> None:
        self._adapter = adapter

    def form(self, value: Any) -> Any:
        """The value's form. Raises ValidationError, TypeError, ValueError or RecursionError."""
        # Before pydantic looks: it would follow an endless iterator until the memory is full.
        seen = extent(value)
        is_common = not (seen.special or seen.binary)
        ways = (self._taken, self._read)
        # NumPy's numbers by their JSON form: there a float32 is 0.1.
        first, second = reversed(ways) if seen.numpy else ways
        try:
            return self._written(first(value, seen.iterators), is_common)
        except (ValidationError, PydanticSerializationError, UnicodeError, TypeError) as exc:
            try:
                return self._written(second(value, seen.iterators), is_common)
            except TypeError:
                raise exc from None

    def _taken(self, value: Any, iterators: bool) -> Any:
        """The value as it is, validated."""
        return self._adapter.validator.validate_python(plain(value, tables.to_part) if iterators else value)

    def _read(self, value: Any, iterators: bool) -> Any:
        """What its JSON form is read as: NumPy's numbers are numbers there, and no surrogate is left."""
        return self._reader.validate_json(dumps(plain(value)))

    def _written(self, kept: Any, is_common: bool) -> Any:
        write = self._adapter.serializer if is_common else self._writer
        return write.to_python(kept, mode="json", by_alias=True, warnings="error", fallback=tables.to_part)

    # Both are made when they are needed, which takes about a millisecond.

    @cached_property
    def _reader(self) -> SchemaValidator:
        """For JSON forms."""
        return values.result_validator(self._adapter.core_schema)

    @cached_property
    def _writer(self) -> SchemaSerializer:
        """For values of which pydantic's JSON form is not ours."""
        return values.serializer(self._adapter.core_schema, partial(plain, other=tables.to_part))
