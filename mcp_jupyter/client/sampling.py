# SPDX-License-Identifier: BSD-3-Clause
"""The client's model, before it is asked: tools go to it only where the client has said that it takes them.

Owns what is declared of it. Asks no model.

Source: spec 2025-11-25 and 2026-07-28, client/sampling.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import types
from ..errors import McpError
from ..protocol.codes import INVALID_PARAMS
from .answering import Answerer, Callback, RequestContext

__all__ = ["Sampler"]


class Sampler(Answerer):
    """A user's function that answers `sampling/createMessage`.

    Attributes
    ----------
    capability : dict
        What the client declares.
    """

    def __init__(self, function: Callback, capability: types.SamplingCapability | None) -> None:
        super().__init__(function, types.CreateMessageRequestParams)
        self.capability: dict[str, Any] = {}
        if capability is not None:
            self.capability = capability.model_dump(by_alias=True, exclude_none=True, mode="json")

    async def __call__(self, context: RequestContext, params: Mapping[str, Any]) -> Any:
        """The answer.

        Raises
        ------
        McpError
            Also for tools where that was not declared, which the specification asks for.
        """
        asked = self._read(params)
        given = (asked.tools, asked.toolChoice)
        if "tools" not in self.capability and any(value is not None for value in given):
            raise McpError(INVALID_PARAMS, "This client did not declare that its model takes tools.")
        return await self._ask(context, asked)
