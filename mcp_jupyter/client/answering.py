# SPDX-License-Identifier: BSD-3-Clause
"""One function of the user's as the answer to one method of the server's.

Owns how such a function is called and what its result may be. Does not know whether the question came as a
request or as an input request, nor what is done with the answer.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pydantic import TypeAdapter, ValidationError

from .. import types
from ..errors import McpError
from ..protocol.codes import INVALID_PARAMS
from .streams import printable

if TYPE_CHECKING:
    from .session import ClientSession

__all__ = ["Answerer", "Callback", "RequestContext", "malformed"]

Callback: TypeAlias = Callable[..., Awaitable[Any]]
"""An async function of the user's."""

MAX_SHOWN_CHARS: Final = 200
"""Of what is wrong with a message; it may repeat parts of the message."""


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What a callback may know of the request it answers.

    Attributes
    ----------
    session : ClientSession
        The session it came in on; it may be used to call the server back.
    request_id
        Its id; of an input request, the key it has in the server's result.
    meta : mapping
        The `_meta` of its params.
    lifespan_context : None
        Only servers have one.
    """

    session: ClientSession
    request_id: types.RequestId
    meta: Mapping[str, Any]
    lifespan_context: None = None


class Answerer:
    """A user's function for one method of the server's.

    It takes the params, or a `RequestContext` and the params, as its signature has it.

    Parameters
    ----------
    function : async function
        Returns the result, or `types.ErrorData` to refuse.
    params : type, optional
        What the method's params are; without it the function takes none.
    """

    def __init__(self, function: Callback, params: Any = None) -> None:
        required = [
            p
            for p in inspect.signature(function).parameters.values()
            if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        self._function = function
        self._with_context = len(required) > (params is not None)
        self._params: TypeAdapter[Any] | None = None if params is None else TypeAdapter(params)

    async def __call__(self, context: RequestContext, params: Mapping[str, Any]) -> Any:
        """The answer.

        Raises
        ------
        McpError
            The params are malformed, or the function refused.
        """
        return await self._ask(context, self._read(params))

    def _read(self, params: Mapping[str, Any]) -> Any:
        if self._params is None:
            return None
        try:
            return self._params.validate_python(params)
        except ValidationError as exc:
            raise McpError(INVALID_PARAMS, malformed("The params are", exc)) from None

    async def _ask(self, context: RequestContext, params: Any) -> Any:
        arguments = [context] if self._with_context else []
        result = await self._function(*arguments, *([] if self._params is None else [params]))
        if isinstance(result, types.ErrorData):
            raise McpError(result.code, result.message, result.data)
        return result


def malformed(what: str, error: ValidationError) -> str:
    """One sentence on what is wrong with a message."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return printable(f"{what} malformed: {place}: {first['msg']}", MAX_SHOWN_CHARS)
