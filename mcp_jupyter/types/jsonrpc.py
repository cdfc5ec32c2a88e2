# SPDX-License-Identifier: BSD-3-Clause
"""JSON-RPC 2.0 messages as models, for programs that read or write whole messages.

The engine does not use them: it routes plain dicts (`protocol.frames`) and validates only the params of the
requested method.
"""

from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import Discriminator, Tag

from ..errors import (
    HEADER_MISMATCH,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    MISSING_CLIENT_CAPABILITY,
    PARSE_ERROR,
    RESOURCE_NOT_FOUND,
    UNSUPPORTED_PROTOCOL_VERSION,
)
from .base import JSONObject, NullableWireModel, RequestId, WireModel

__all__ = [
    "HEADER_MISMATCH",
    "INTERNAL_ERROR",
    "INVALID_PARAMS",
    "INVALID_REQUEST",
    "METHOD_NOT_FOUND",
    "MISSING_CLIENT_CAPABILITY",
    "PARSE_ERROR",
    "RESOURCE_NOT_FOUND",
    "UNSUPPORTED_PROTOCOL_VERSION",
    "ErrorData",
    "JSONRPCError",
    "JSONRPCMessage",
    "JSONRPCNotification",
    "JSONRPCRequest",
    "JSONRPCResponse",
]


class JSONRPCRequest(WireModel):
    """A request: the peer responds under the same id."""

    jsonrpc: Literal["2.0"] = "2.0"
    id: RequestId
    method: str
    params: JSONObject | None = None


class JSONRPCNotification(WireModel):
    """A message without a response."""

    jsonrpc: Literal["2.0"] = "2.0"
    method: str
    params: JSONObject | None = None


class JSONRPCResponse(WireModel):
    """A successful response."""

    jsonrpc: Literal["2.0"] = "2.0"
    id: RequestId
    result: JSONObject


class ErrorData(NullableWireModel):
    """An error: its code, a sentence, and any JSON value for programs."""

    nullable: ClassVar[frozenset[str]] = frozenset({"data"})

    code: int
    message: str
    data: Any = None


class JSONRPCError(NullableWireModel):
    """An error response; `id` is None when the request's id could not be read."""

    nullable: ClassVar[frozenset[str]] = frozenset({"id"})

    jsonrpc: Literal["2.0"] = "2.0"
    id: RequestId | None = None
    error: ErrorData


def _kind(message: Any) -> str | None:
    """Choose the model by the members, so that a request with a bad id is not read as a notification."""
    has = message.__contains__ if isinstance(message, dict) else lambda name: hasattr(message, name)
    if has("method"):
        return "request" if has("id") else "notification"
    return "error" if has("error") else "response"


JSONRPCMessage: TypeAlias = Annotated[
    Annotated[JSONRPCRequest, Tag("request")]
    | Annotated[JSONRPCNotification, Tag("notification")]
    | Annotated[JSONRPCResponse, Tag("response")]
    | Annotated[JSONRPCError, Tag("error")],
    Discriminator(_kind),
]
"""Any message; read one with `pydantic.TypeAdapter(JSONRPCMessage)`."""
