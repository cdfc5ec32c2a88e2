# SPDX-License-Identifier: BSD-3-Clause
"""A person's answer to a form, before it is sent: defaults filled in, and checked against what was asked.

Owns what is done with a form's schema, and which modes a callback can do. Does not draw forms. Formats
(`email`, `date`) are left to the server, which alone knows how strict it is.

Source: spec 2025-11-25 and 2026-07-28, client/elicitation.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import UnionType
from typing import TYPE_CHECKING, Any, Final, Union, get_args, get_origin

from pydantic import ValidationError

from .. import types
from ..errors import McpError, UncheckableSchema
from ..protocol.codes import INTERNAL_ERROR, INVALID_PARAMS
from .answering import Answerer, Callback, RequestContext, malformed
from .streams import printable

if TYPE_CHECKING:
    from ..protocol.validation import JsonSchema

__all__ = ["Elicitor", "with_defaults"]

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
            Also for a mode that was not declared, a form that is no JSON Schema, and an answer that does not
            fit the form.
        """
        asked = self._read(params)
        if isinstance(asked, types.ElicitRequestURLParams):
            if "url" not in self.capability:
                raise McpError(INVALID_PARAMS, "This client did not declare elicitation by URL.")
            return types.ElicitResult(action=(await self._result(context, asked)).action)
        form = _checkable(asked.requestedSchema)  # before anybody fills it in
        result = await self._result(context, asked)
        if result.action != "accept":
            return types.ElicitResult(action=result.action)
        result.content = with_defaults(asked.requestedSchema, result.content or {})
        _check(form, result.content)
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


def _fields(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    fields = schema.get("properties")
    return fields if isinstance(fields, dict) else {}


def _checkable(schema: Mapping[str, Any]) -> JsonSchema:
    """The form's schema, ready to check answers. jsonschema is slow to import, and most clients never ask."""
    from ..protocol.validation import JsonSchema

    try:
        return JsonSchema(schema)
    except UncheckableSchema as exc:
        raise McpError(INVALID_PARAMS, f"The form's schema cannot be used. {exc}") from None


def _check(form: JsonSchema, content: Mapping[str, Any]) -> None:
    try:
        wrong = "; ".join(form.problems(content))
    except UncheckableSchema as exc:
        wrong = str(exc)
    if wrong:
        text = f"The elicitation callback's answer does not fit the form: {wrong}"
        raise McpError(INTERNAL_ERROR, printable(text, MAX_SHOWN_CHARS))
