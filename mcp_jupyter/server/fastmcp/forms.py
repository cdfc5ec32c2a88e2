# SPDX-License-Identifier: BSD-3-Clause
"""A form to be filled in by a person: its JSON Schema from a class, and what was entered as that class.

The protocol allows flat objects of strings, numbers, booleans and choices (spec, client/elicitation,
"Requested Schema"). Knows pydantic and JSON Schema; does not know who is asked, nor how.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import PydanticUserError, TypeAdapter, ValidationError

from ...errors import ToolError
from ..parameters import describe
from .signatures import Untitled

__all__ = ["Elicited", "Form"]

_FIELD_TYPES: Final = ("string", "number", "integer", "boolean")


@dataclass(frozen=True, slots=True)
class Elicited:
    """What a person did with a question, and what they entered where they accepted it."""

    action: Literal["accept", "decline", "cancel"]
    data: Any = None


class Form:
    """A form.

    Parameters
    ----------
    wanted : class or mapping
        A class that pydantic can read, or a JSON Schema, which is sent as it is.

    Attributes
    ----------
    schema : mapping
        JSON Schema, as the client gets it.

    Raises
    ------
    TypeError
        A form cannot have such a field; the message names it.
    """

    def __init__(self, wanted: type[Any] | Mapping[str, Any]) -> None:
        self._adapter: TypeAdapter[Any] | None = None
        if isinstance(wanted, Mapping):
            self.schema: Mapping[str, Any] = wanted
            return
        try:
            self._adapter = TypeAdapter(wanted)
            schema = self._adapter.json_schema(schema_generator=Untitled)
        except PydanticUserError as exc:
            raise TypeError(f"{wanted!r} is no form: {exc}") from None
        if schema.get("type") != "object":
            raise TypeError(f"{wanted!r} is no form: it has no fields.")
        definitions = schema.pop("$defs", {})
        fields = {
            name: _field(name, part, definitions) for name, part in schema.get("properties", {}).items()
        }
        self.schema = {**schema, "properties": fields}

    def read(self, content: Mapping[str, Any] | None) -> Any:
        """What was entered, checked: as the class, or a dict where the form was a schema.

        Raises
        ------
        ToolError
            It does not fit; the message names the fields.
        """
        entered = content or {}
        if self._adapter is None:
            return _checked(entered, self.schema)
        try:
            return self._adapter.validate_python(entered)
        except ValidationError as exc:
            raise ToolError(f"What was entered does not fit: {describe(exc)}") from None


def _checked(entered: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    from ...protocol.validation import JsonSchema  # slow to import, and most servers never ask

    problems = JsonSchema(schema).problems(dict(entered))
    if problems:
        raise ToolError(f"What was entered does not fit: {'; '.join(problems)}")
    return dict(entered)


def _field(name: str, part: dict[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """One property without references and without null: a form's field is entered or left out."""
    if "$ref" in part:
        reference = part["$ref"].rpartition("/")[2]
        part = {**definitions[reference], **{key: value for key, value in part.items() if key != "$ref"}}
    choices = [choice for choice in part.get("anyOf", ()) if choice.get("type") != "null"]
    if len(choices) == 1:
        rest = {key: value for key, value in part.items() if key != "anyOf"}
        if rest.get("default", ...) is None:
            del rest["default"]
        return _field(name, {**choices[0], **rest}, definitions)
    if "const" in part:
        part = {"type": "string", "enum": [part.pop("const")], **part}
    if "items" in part:
        part = {**part, "items": _field(name, part["items"], definitions)}
    if not _is_field(part):
        raise TypeError(
            f"A form cannot have the field {name!r}: use str, int, float, bool, dates, a choice of strings "
            "(Literal, enum) or a list of such a choice."
        )
    return part


def _is_field(part: Mapping[str, Any]) -> bool:
    """Whether a form may have such a property: a value, a choice of strings, or a list of such a choice.

    A choice has an `enum`, or alternatives with a `const` and a title (spec 2025-11-25, SEP-1330).
    """
    is_list = part.get("type") == "array"
    chosen = part.get("items", {}) if is_list else part
    titled = chosen.get("oneOf", chosen.get("anyOf", ()))
    values = chosen.get("enum", [choice.get("const") for choice in titled])
    if not values:
        return not is_list and part.get("type") in _FIELD_TYPES
    return all(isinstance(value, str) for value in values)
