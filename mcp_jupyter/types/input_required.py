# SPDX-License-Identifier: BSD-3-Clause
"""A result that asks back instead of answering (2026-07-28, basic/patterns, multi-round-trip requests).

Owns the shapes. Signing `requestState` and fulfilling requests is the engine's.
"""

from typing import Annotated, TypeAlias

from pydantic import Field

from ._base import Result
from .elicitation import ElicitRequest, ElicitResult
from .roots import ListRootsRequest, ListRootsResult
from .sampling import CreateMessageRequest, CreateMessageResult

__all__ = ["InputRequest", "InputRequests", "InputRequiredResult", "InputResponse", "InputResponses"]

InputRequest: TypeAlias = ElicitRequest | CreateMessageRequest | ListRootsRequest
"""What a server may ask; here without id, as a member of a result."""

InputRequests: TypeAlias = dict[str, Annotated[InputRequest, Field(discriminator="method")]]
"""The questions, under keys of the server's choice."""

InputResponse: TypeAlias = ElicitResult | CreateMessageResult | ListRootsResult

InputResponses: TypeAlias = dict[str, InputResponse]
"""The answers, under the keys of the questions."""


class InputRequiredResult(Result):
    """Answer these and call again, with `requestState` exactly as given. At least one of the two is there."""

    resultType: str = "input_required"
    inputRequests: InputRequests | None = None
    requestState: str | None = None
