# SPDX-License-Identifier: BSD-3-Clause
"""A person's answer to a form, before it is sent: defaults filled in, and checked against what was asked.

Owns the flat schemas of forms and which modes a callback can do. Does not draw forms, and follows no `$ref`
and no `pattern`: a form's schema comes from the server, and should have neither.

Source: spec 2025-11-25 and 2026-07-28, client/elicitation.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin

from pydantic import ValidationError

from .. import types
from ..errors import McpError
from ..protocol.codes import INTERNAL_ERROR, INVALID_PARAMS
from .answering import Answerer, Callback, RequestContext, malformed
from .streams import printable

__all__ = ["Elicitor", "problems", "with_defaults"]

MAX_SHOWN_CHARS: Final = 300
"""Of what is wrong with an answer."""


class Elicitor(Answerer):
    """A user's function that answers `elicitation/create`.

    Attributes
    ----------
    capability : dict
        What the client declares. Forms always; URLs when the function's annotation says that it takes them:
        `types.ElicitRequestParams`, or a union with `types.ElicitRequestURLParams`.
    """

    def __init__(self, function: Callback) -> None:
        super().__init__(function, types.ElicitRequestParams)
        self.capability: dict[str, Any] = {"form": {}}
        if types.ElicitRequestURLParams in _annotated(function):
            self.capability["url"] = {}

    async def __call__(self, context: RequestContext, params: Mapping[str, Any]) -> types.ElicitResult:
        """The answer; of an accepted form with its defaults.

        Raises
        ------
        McpError
            Also for a mode that was not declared, and for an answer that does not fit the form.
        """
        asked = self._read(params)
        if isinstance(asked, types.ElicitRequestURLParams):
            if "url" not in self.capability:
                raise McpError(INVALID_PARAMS, "This client did not declare elicitation by URL.")
            return types.ElicitResult(action=(await self._result(context, asked)).action)
        result = await self._result(context, asked)
        if result.action != "accept":
            return types.ElicitResult(action=result.action)
        result.content = with_defaults(asked.requestedSchema, result.content or {})
        if wrong := "; ".join(problems(asked.requestedSchema, result.content)):
            text = f"The elicitation callback's answer does not fit the form: {wrong}."
            raise McpError(INTERNAL_ERROR, printable(text, MAX_SHOWN_CHARS))
        return result

    async def _result(self, context: RequestContext, asked: Any) -> types.ElicitResult:
        try:
            return types.ElicitResult.model_validate(await self._ask(context, asked))
        except ValidationError as exc:
            text = malformed("The elicitation callback's answer is", exc)
            raise McpError(INTERNAL_ERROR, text) from None


def _annotated(function: Callback) -> tuple[Any, ...]:
    """The types in the annotations of a function's parameters, unions taken apart."""
    try:
        signature = inspect.signature(function, eval_str=True)
    except (NameError, SyntaxError, TypeError, AttributeError):  # a name that exists for type checkers only
        return ()
    found: list[Any] = []
    for parameter in signature.parameters.values():
        kind = parameter.annotation
        found += get_args(kind) if get_origin(kind) in (Union, UnionType) else [kind]
    return tuple(found)


def with_defaults(schema: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, Any]:
    """`content` with the form's default for each field that it leaves out (SEP-1034)."""
    defaults = {
        name: field["default"]
        for name, field in _fields(schema).items()
        if isinstance(field, dict) and "default" in field
    }
    return {**defaults, **content}


def problems(schema: Mapping[str, Any], content: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with an answer to a form, a phrase for each field; values are not repeated.

    Formats (`email`, `uri`, `date`, `date-time`) are left to the server, which alone knows how strict it is.
    """
    fields, required = _fields(schema), schema.get("required")
    for name in required if isinstance(required, list) else []:
        if content.get(name) is None:
            yield f"{name!r} is missing"
    for name, value in content.items():
        field = fields.get(name)
        if value is not None and isinstance(field, dict) and (wrong := _wrong(field, value)):
            yield f"{name!r} {wrong}"


def _fields(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    fields = schema.get("properties")
    return fields if isinstance(fields, dict) else {}


def _wrong(field: Mapping[str, Any], value: Any) -> str | None:
    """What is wrong with one value; None when nothing is, or when the field's type is not one of a form's."""
    check = _CHECKS.get(str(field.get("type")))
    return None if check is None else check(field, value)


def _string(field: Mapping[str, Any], value: Any) -> str | None:
    if not isinstance(value, str):
        return "must be text"
    choices = _choices(field, "oneOf")
    if choices is not None and value not in choices:
        return "is none of the choices"
    return _range(len(value), field.get("minLength"), field.get("maxLength"), "characters")


def _number(field: Mapping[str, Any], value: Any) -> str | None:
    whole = field.get("type") == "integer"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "must be a number"
    if whole and isinstance(value, float) and not value.is_integer():
        return "must be an integer"
    return _range(value, field.get("minimum"), field.get("maximum"), "")


def _boolean(field: Mapping[str, Any], value: Any) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _array(field: Mapping[str, Any], value: Any) -> str | None:
    if not isinstance(value, list):
        return "must be a list"
    items = field.get("items")
    choices = _choices(items, "anyOf") if isinstance(items, dict) else None
    if choices is not None and not all(item in choices for item in value):
        return "has a member that is none of the choices"
    return _range(len(value), field.get("minItems"), field.get("maxItems"), "members")


_CHECKS: Final[Mapping[str, Callable[[Mapping[str, Any], Any], str | None]]] = {
    "string": _string,
    "number": _number,
    "integer": _number,
    "boolean": _boolean,
    "array": _array,
}


def _choices(field: Mapping[str, Any], titled: str) -> list[Any] | None:
    """The values to choose from, plain or with titles; None where any will do."""
    if isinstance(plain := field.get("enum"), list):
        return plain
    if isinstance(options := field.get(titled), list):
        return [option.get("const") for option in options if isinstance(option, dict)]
    return None


def _range(value: float, least: Any, most: Any, unit: str) -> str | None:
    if isinstance(least, int | float) and value < least:
        return f"must be at least {least} {unit}".rstrip()
    if isinstance(most, int | float) and value > most:
        return f"must be at most {most} {unit}".rstrip()
    return None
