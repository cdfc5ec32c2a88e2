# SPDX-License-Identifier: BSD-3-Clause
"""Derive the JSON Schema of structured output from a return annotation, and write values in that form.

A value that does not fit the schema makes the call fail with the reason, because clients validate structured
content (spec, server/tools, "Output Schema").
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
"""Types of values that become content blocks and have no JSON form."""

_UNSAID: Final[tuple[dict[str, Any], ...]] = ({}, {"type": "array", "items": {}})
"""Schemas of `object` and of `list`, which tell a client nothing."""


class _Serialized(Untitled):
    """Schemas of values as they are sent."""

    def bytes_schema(self, schema: Any) -> dict[str, Any]:
        """Return the schema of bytes: base64 with the URL-safe alphabet, as pydantic writes it."""
        return {"type": "string", "format": "base64url"}

    def float_schema(self, schema: Any) -> dict[str, Any]:
        """Return the schema of floats. JSON has no NaN and no infinities: they become null and a text."""
        return {"anyOf": [super().float_schema(schema), {"enum": [None, "Infinity", "-Infinity"]}]}


@dataclass(frozen=True, slots=True)
class Output:
    """How a return annotation becomes structured output.

    Attributes
    ----------
    schema : dict
        JSON Schema of `structuredContent`, an object in every era.
    promise : _DeclaredForm or None
        The JSON form of other values; None for data frames.
    wrapped : bool
        Whether the value is put under the key "result", because it is not a JSON object.
    """

    schema: dict[str, Any]
    promise: _DeclaredForm | None
    wrapped: bool

    @classmethod
    def of(cls, annotation: Any) -> Output | None:
        """Return the output that a return annotation promises.

        The result is None for a missing annotation, None, Any, content types, and types without a schema.
        `Annotated[CallToolResult, Model]` promises that the result's structured content is a `Model`.
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
            return cls(schema, _DeclaredForm(adapter), wrapped=False)
        definitions = schema.pop("$defs", None)
        outer: dict[str, Any] = {"type": "object", "properties": {"result": schema}, "required": ["result"]}
        if definitions:
            outer["$defs"] = definitions
        return cls(outer, _DeclaredForm(adapter), wrapped=True)

    def check(self, result: types.CallToolResult) -> None:
        """Check the structured content of a `CallToolResult` that the function returned.

        Raises
        ------
        ToolError
            It does not fit the annotation.
        """
        if self.promise is not None and not result.isError:
            given = result.structuredContent
            self.written(given.get("result") if self.wrapped and isinstance(given, dict) else given)

    @property
    def is_text(self) -> bool:
        """Whether the annotation promises a text."""
        return self.wrapped and self.schema["properties"]["result"].get("type") == "string"

    @property
    def is_ours(self) -> bool:
        """Whether this package defines the outer object: a data frame's page, or the wrapper of a value."""
        return self.promise is None or self.wrapped

    def written(self, value: Any) -> Serialised | None:
        """Return the value in the promised JSON form; None for a data frame, whose page has that form.

        Raises
        ------
        ToolError
            The value does not fit the annotation, or has no JSON form.
        """
        if self.promise is None:
            if not tables.is_frame(value):
                raise ToolError(f"The tool promised a data frame and returned {type(value).__name__}.")
            return None
        try:
            # Read it back, because the client's parser must accept it too (numbers of 5,000 digits fail).
            text = dumps(self.promise.form(value))
            return Serialised(from_json(text), text)
        except ValidationError as exc:
            raise ToolError(
                f"The tool's result does not fit its return annotation: {describe(exc)}"
            ) from None
        except (TypeError, ValueError, RecursionError) as exc:
            raise ToolError(f"The tool's result has no JSON form: {exc}") from None


class _DeclaredForm:
    """The JSON form that an annotation promises."""

    def __init__(self, adapter: TypeAdapter[Any]) -> None:
        self._adapter = adapter

    def form(self, value: Any) -> Any:
        """Return the value's JSON form. Raises ValidationError, TypeError, ValueError or RecursionError."""
        # Before validation: pydantic would follow an endless iterator until the memory is full.
        seen = extent(value)
        is_common = not (seen.special or seen.binary)
        ways = (self._taken, self._read)
        # NumPy numbers go through JSON first: there a float32 of 0.1 is written as 0.1.
        first, second = reversed(ways) if seen.numpy else ways
        try:
            return self._written(first(value, seen.iterators), is_common)
        except (ValidationError, PydanticSerializationError, UnicodeError, TypeError) as exc:
            try:
                return self._written(second(value, seen.iterators), is_common)
            except TypeError:
                raise exc from None

    def _taken(self, value: Any, iterators: bool) -> Any:
        """Validate the value as a Python object."""
        return self._adapter.validator.validate_python(plain(value, tables.to_part) if iterators else value)

    def _read(self, value: Any, iterators: bool) -> Any:
        """Validate the value's JSON form, where NumPy's numbers are plain and surrogates are replaced."""
        return self._reader.validate_json(dumps(plain(value)))

    def _written(self, kept: Any, is_common: bool) -> Any:
        write = self._adapter.serializer if is_common else self._writer
        return write.to_python(kept, mode="json", by_alias=True, warnings="error", fallback=tables.to_part)

    # Both take about a millisecond to make, and most values need neither.

    @cached_property
    def _reader(self) -> SchemaValidator:
        """Validator of JSON forms."""
        return values.result_validator(self._adapter.core_schema)

    @cached_property
    def _writer(self) -> SchemaSerializer:
        """Serializer of values whose JSON form differs from pydantic's."""
        return values.serializer(self._adapter.core_schema, partial(plain, other=tables.to_part))
